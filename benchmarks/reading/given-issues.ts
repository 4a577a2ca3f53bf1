// Adds issues to those of the records, as a large fleet would have them after a year: most seen long ago, a few muted, many
// resolved, most of them rare. They have no records of their own.

import type { Pool } from '../../backend/src/db/pool.ts';
import { servicesOf } from './given-records.ts';

const prefix = 'bench:';
const atATime = 20_000;

/** Words that the benchmark looks for in titles. */
export const titleWords = { common: 'timed out', rare: 'part-f1c1592588', none: 'zebra crossing' };
/** A service that few issues are of. */
export const rareService = 'archive';

const titles = [
  'upstream <…> timed out after <…> while reading response header',
  'could not obtain a lease on job <…>, will try again in <…>',
  'payment of order <…> failed: card issuer declined (code <…>)',
  'connection to <…> refused: too many clients already',
  'Unhandled exception in request handler: only <…> of <…> left',
  'cache shard <…> does not answer, falling back to the database',
];

/** Makes as many as are missing for `count` in all. */
export async function makeIssues(pool: Pool, count: number, now: number): Promise<void> {
  const { rows } = await pool.query<{ n: number }>(
    `select count(*) as n from issues where fingerprint like '${prefix}%'`,
  );
  const there = rows[0]!.n;
  if (there >= count) return;
  // Made again by upkeep, faster than it takes them in.
  await pool.query('drop index if exists issues_title_text');
  const list = (texts: readonly string[]) => `array[${texts.map((text) => `'${text}'`).join(', ')}]`;
  const make = (from: number, to: number) =>
    pool.query(
      `insert into issues (fingerprint, service, id, title, severity, state, muted_until, first_seen, last_seen, count, hosts,
       containers, last_record_id)
     select '${prefix}' || i,
       case when i % 20011 = 7 then '${rareService}' else (${list(servicesOf)})[1 + i % ${servicesOf.length}] end,
       gen_random_uuid(),
       (${list(titles)})[1 + i % ${titles.length}] || ' in part-' || substr(md5(i::text), 1, 10),
       case when i % 13 = 0 then 'fatal' when i % 7 = 0 then 'warning' else 'error' end,
       case when i % 50 = 1 then 'muted' when i % 3 = 1 then 'resolved' else 'open' end,
       case when i % 100 = 1 then to_timestamp($1::float8 / 1000) - interval '1 day' end,
       to_timestamp($1::float8 / 1000) - interval '365 days' * (age + random() * (1 - age)),
       to_timestamp($1::float8 / 1000) - interval '365 days' * age,
       floor(1 / (1 - random() * 0.999999)),
       array['web-' || i % 50],
       array['api-' || i % 9],
       gen_random_uuid()
     from (select i, power(random(), 2) as age from generate_series($2::int, $3::int) as i offset 0) as made`,
      [now, from, to],
    );
  for (let from = there + 1; from <= count; from += atATime)
    await make(from, Math.min(count, from + atATime - 1));
}
