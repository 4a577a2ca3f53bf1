// What the text indexes of the day under way cost those who insert: none of them takes in a new record, but each is looked
// at for every record. Two tables alike, one with indexes of minutes that are over; the same rows into both, in turn.

import type { Pool } from '../../backend/src/db/pool.ts';

const indexes = 3;
const rounds = 12;

export interface InsertCost {
  /** Microseconds for each record, the best of the rounds. */
  withoutUs: number;
  withUs: number;
}

/** @param perStatement records of one insert. */
export async function insertCost(pool: Pool, perStatement: number, statements: number): Promise<InsertCost> {
  const client = await pool.connect();
  try {
    await client.query('create temp table bench_rows as select * from log_records limit 500');
    for (const table of ['bench_plain', 'bench_indexed'])
      await client.query(`create table ${table} (like log_records including all)`);
    await client.query('create extension if not exists pg_trgm');
    for (let n = 0; n < indexes; n += 1)
      await client.query(
        `create index on bench_indexed using gin (message collate "C" gin_trgm_ops) with (fastupdate = off)
         where id < '0000000${n + 1}-0000-0000-0000-000000000000' and id >= '0000000${n}-0000-0000-0000-000000000000'`,
      );
    const took: Record<string, number[]> = { bench_plain: [], bench_indexed: [] };
    for (let round = 0; round < rounds; round += 1)
      for (const table of round % 2 === 0
        ? ['bench_plain', 'bench_indexed']
        : ['bench_indexed', 'bench_plain']) {
        const began = performance.now();
        for (let n = 0; n < statements; n += 1)
          await client.query({
            name: `${table}-${perStatement}`,
            text: `insert into ${table} select gen_random_uuid() as id, bucket, host, container, severity, message, log_hash,
              occurred_at, received_at, is_duplicate, duplicate_of_id, issue_id, event_id, stream, image, labels, fields,
              context_before, context_after, coalesce_id, notify, reason from bench_rows limit $1`,
            values: [perStatement],
          });
        if (round > 1) took[table]!.push(((performance.now() - began) * 1000) / (statements * perStatement));
        await client.query(`truncate ${table}`);
      }
    return { withoutUs: Math.min(...took.bench_plain!), withUs: Math.min(...took.bench_indexed!) };
  } finally {
    await client.query('drop table if exists bench_rows, bench_plain, bench_indexed');
    client.release();
  }
}
