// Words for tests of searching: records of some days, as if they had been received then, with counts that agree.

import { makePartitions } from '../db/partitions.ts';
import type { Pool } from '../db/pool.ts';
import { bucketOf, idMaker } from '../db/record-id.ts';

export interface PastRecord {
  id: string;
  ms: number;
  host: string;
  container: string;
  severity: string;
  message: string;
  issueId: string;
}

/** Pseudo-random numbers in [0, 1), the same each run. */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** An issue for each container, so that tests know them. */
export const issueOf = (container: string) =>
  `019a0000-0000-7000-8000-${Buffer.from(container.padEnd(6, '.')).toString('hex').slice(0, 12)}`;

/** Stores `count` records spread over [fromMs, toMs), some hosts and severities rarer than others. @returns them, newest first. */
export async function givenPast(
  pool: Pool,
  given: { fromMs: number; toMs: number; count: number; message?: (n: number) => string; seed?: number },
): Promise<PastRecord[]> {
  const { fromMs, toMs, count, message = (n) => `message ${n}`, seed = 1 } = given;
  const random = randomFrom(seed);
  const makeId = idMaker();
  const times = Array.from({ length: count }, () => Math.floor(fromMs + random() * (toMs - fromMs)));
  const records = times
    .sort((a, b) => a - b)
    .map((ms, n): PastRecord => {
      const host = `host-${Math.floor(random() ** 2 * 5)}`;
      const container = `app-${Math.floor(random() ** 2 * 4)}`;
      const severity = random() < 0.05 ? 'fatal' : 'error';
      const id = makeId(ms, bucketOf(host, container));
      return { id, ms, host, container, severity, message: message(n), issueId: issueOf(container) };
    });
  await makePartitions(pool, fromMs, toMs);
  await pool.query(
    `insert into log_records (id, bucket, host, container, severity, message, log_hash, received_at, is_duplicate, issue_id, notify, reason)
     select id, bucket, host, container, severity, message, '', at, false, issue_id, true, 'new'
     from unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::uuid[])
       as r (id, bucket, host, container, severity, message, at, issue_id)`,
    [
      records.map((r) => r.id),
      records.map((r) => bucketOf(r.host, r.container)),
      records.map((r) => r.host),
      records.map((r) => r.container),
      records.map((r) => r.severity),
      records.map((r) => r.message),
      records.map((r) => new Date(r.ms)),
      records.map((r) => r.issueId),
    ],
  );
  await pool.query(
    `insert into log_counts (bucket, minute, host, container, severity, n, duplicates, held)
     select bucket, date_trunc('minute', received_at), host, container, severity, count(*), 0, 0
     from log_records
     where received_at >= $1 and received_at < $2
     group by 1, 2, 3, 4, 5
     on conflict do nothing`,
    [new Date(fromMs), new Date(toMs)],
  );
  await pool.query(
    `insert into issues (fingerprint, service, id, title, severity, first_seen, last_seen, count, hosts, containers, last_record_id)
     select 'v1:' || issue_id, 'app', issue_id, 'an issue', 'error', min(received_at), max(received_at), count(*), '{}', '{}', max(id::text)::uuid
     from log_records
     group by issue_id
     on conflict (fingerprint, service) do update
     set last_seen = excluded.last_seen, count = excluded.count`,
  );
  return records.reverse();
}
