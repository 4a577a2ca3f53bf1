// When the latest canary of each source came to each stage.

import type { Pool, PoolClient } from '../db/pool.ts';

/** @returns whether there were any. */
export async function forgetCanaries(pool: Pool, host: string): Promise<boolean> {
  const { rowCount } = await pool.query('delete from canaries where host = $1', [host]);
  return (rowCount ?? 0) > 0;
}

export interface CanaryAtStage {
  host: string;
  container: string;
  stage: 'stored' | 'dispatched' | 'delivered';
  canaryId: string;
  /** ISO 8601: Docker's timestamp of its line. */
  printedAt: string;
}

/** The clock is the database's. */
export async function noteCanary(client: Pool | PoolClient, canary: CanaryAtStage): Promise<void> {
  const { host, container, stage, canaryId, printedAt } = canary;
  await client.query(
    `insert into canaries as c (host, container, stage, canary_id, printed_at, at)
     values ($1, $2, $3, $4, $5, clock_timestamp())
     on conflict (host, container, stage) do update
     set canary_id = excluded.canary_id, printed_at = excluded.printed_at, at = excluded.at
     where c.printed_at <= excluded.printed_at`,
    [host, container, stage, canaryId, printedAt],
  );
}
