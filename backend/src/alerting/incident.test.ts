// A day's incident, and the mails that it makes: docs/incident.md is what they say, and this test keeps it true. To write it anew:
// npx vitest run backend/src/alerting/incident.test.ts -u

import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test-kit/src/postgres.ts';
import { hours, minutes, seconds, Timeline, type TimelineMail } from './test-help-timeline.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

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

it('makes the mails of docs/incident.md, and no others', async () => {
  const line = new Timeline(database.pool, {
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
  await line.run(hours(18));
  await expect(documentOf(line)).toMatchFileSnapshot('../../../docs/incident.md');
}, 120_000);

function documentOf(line: Timeline): string {
  const names = new Map<string, string>();
  // Ids differ from run to run.
  const steady = (text: string) =>
    text.replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, (id) => {
      if (!names.has(id)) names.set(id, `0000-${String(names.size + 1).padStart(4, '0')}`);
      return names.get(id)!;
    });
  return steady(
    [
      '# The mails of one day',
      'A database refuses connections for 70 minutes, twice; `ALERT_GROUPING=on`, `ALERT_WHEN_OVER=true`, the rest as by default. Written by [incident.test.ts](../backend/src/alerting/incident.test.ts), which keeps it true; ids are shortened.',
      `${line.mails.length} mails for several hundred records:`,
      ...line.mails.map((mail) => `- ${timeOf(line, mail)} ${mail.subject}`),
      ...line.mails.map(
        (mail) => `## ${timeOf(line, mail)}\n${fence}\n${headOf(mail)}\n\n${mail.body.trimEnd()}\n${fence}`,
      ),
    ]
      .join('\n\n')
      .replace(/(\n- .*)\n(?=\n- )/g, '$1')
      .concat('\n'),
  );
}

const fence = '````';

function timeOf(line: Timeline, mail: TimelineMail): string {
  return new Date(line.start + mail.at).toISOString().slice(11, 19);
}

function headOf({ to, subject, headers }: TimelineMail): string {
  const fields = { To: to, Subject: subject, ...headers };
  return Object.entries(fields)
    .map(([name, value]) => `${name}: ${value}`)
    .join('\n');
}
