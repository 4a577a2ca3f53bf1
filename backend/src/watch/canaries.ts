// The canaries of a host where none is to come any more.

import type { Pool } from '../db/pool.ts';

/** @returns whether there were any. */
export async function forgetCanaries(pool: Pool, host: string): Promise<boolean> {
  const { rowCount } = await pool.query('delete from canaries where host = $1', [host]);
  return (rowCount ?? 0) > 0;
}
