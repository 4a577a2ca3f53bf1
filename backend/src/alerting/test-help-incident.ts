// The day of docs/incident.md: a database refuses connections for 70 minutes, twice, and its clients with it.

import type { Pool } from '../db/pool.ts';
import { hours, minutes, seconds, Timeline } from './test-help-timeline.ts';

const trace = `Traceback (most recent call last):
  File "/srv/api/db.py", line 41, in connect
    return psycopg.connect(dsn, connect_timeout=2)
  File "/srv/api/orders.py", line 88, in load
    with connect() as connection:
psycopg.OperationalError: connection to server at "10.0.4.7", port 5432 failed: Connection refused`;

const refused = {
  issue: 'OperationalError: connection to server at <…>, port <…> failed: Connection refused',
  message: trace,
  severity: 'fatal',
  contextBefore: ['10:00:00,102 INFO GET /orders/1841', '10:00:00,106 DEBUG pool is empty, connecting'],
  contextAfter: ['10:00:02,109 INFO GET /orders/1841 500 in 2007 ms'],
  image: 'registry.example.com/shop/api:2.14.1',
  fields: {
    image_id: 'sha256:8c1e2f70b9d6a4c35e0f7a91d2b84c6e17f3059ab2d8c4e6f1a07b93c5d2e8f4',
    started_at: '2026-11-22T09:41:12Z',
    restart_count: 2,
  },
};
const timeout = {
  issue: 'upstream timed out after <…> calling <…>',
  message: 'ERROR upstream timed out after 2.0s calling http://orders/1841',
  contextBefore: [],
  container: 'gateway',
  host: 'web-1',
};
const diskFull = {
  issue: 'could not write block <…>: No space left on device',
  message: 'ERROR could not write block 181: No space left on device',
  contextBefore: [],
  container: 'db',
  host: 'db-1',
};

/** The day, to be run until `dayMs`. */
export function incidentDay(pool: Pool): Timeline {
  const line = new Timeline(pool, {
    start: Date.parse('2026-11-22T06:00:00Z'),
    policy: { whenOver: true },
    recipients: ['ops@example.org'],
  });
  // A database refuses connections for 70 minutes, and its clients with it; towards the end everybody retries at once.
  line
    .every(seconds(30), hours(4), hours(4) + minutes(70), { ...refused, host: 'web-3' })
    .every(seconds(40), hours(4) + seconds(4), hours(4) + minutes(70), timeout)
    .every(seconds(45), hours(4) + seconds(9), hours(4) + minutes(70), {
      ...refused,
      container: 'worker',
      host: 'web-4',
    })
    .every(seconds(5), hours(4) + minutes(50), hours(4) + minutes(56), { ...timeout, times: 40 })
    // In the evening it comes back, together with its cause.
    .every(minutes(1), hours(13), hours(13) + minutes(20), { ...refused, host: 'web-3' })
    .every(seconds(20), hours(13) + minutes(2), hours(13) + minutes(20), diskFull);
  return line;
}

/** When it has ended. */
export const dayMs = hours(18);
