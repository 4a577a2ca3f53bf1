// Templates that nothing has matched for long -> forgotten, so that the limit on their number is never reached by mere age.
// First a row says so (`live` is false), for the other backends to hear; a month later it is deleted.

import { inTransaction, type Pool } from '../db/pool.ts';
import { versioned } from './fingerprint.ts';
import { lockTemplates } from './template-store.ts';
import { defaultLimits } from './templates.ts';

const dayMs = 86_400_000;
/** Unused for so long. */
const unusedDays = 30;
/** Merged and forgotten ones are kept as rows for so long: every backend has heard of them by then. */
const rowsKeptDays = 30;
const atATime = 1000;

/**
 * @param above how many may be alive before any is forgotten.
 * @returns how many were forgotten or deleted.
 */
export async function forgetTemplates(
  pool: Pool,
  now: number,
  above: number = defaultLimits.maxTemplates / 2,
): Promise<number> {
  const { rowCount } = await pool.query('delete from templates where not live and changed_at < $1', [
    new Date(now - rowsKeptDays * dayMs),
  ]);
  const { rows } = await pool.query<{ alive: number }>('select count(*) as alive from templates where live');
  if (rows[0]!.alive <= above) return rowCount ?? 0;
  let forgotten = 0;
  const before = new Date(now - unusedDays * dayMs);
  for (let after = ''; ; ) {
    const { rows: candidates } = await pool.query<{ id: string; root: string }>(
      `select id, coalesce(merged_into, id) as root
      from templates
      where live and not pinned and changed_at < $1 and id > $2
      order by id
      limit $3`,
      [before, after, atATime],
    );
    const last = candidates.at(-1);
    if (!last) return forgotten + (rowCount ?? 0);
    after = last.id;
    const used = await usedSince(
      pool,
      candidates.map(({ root }) => versioned(root)),
      before,
    );
    const unused = candidates.filter(({ root }) => !used.has(versioned(root))).map(({ id }) => id);
    if (unused.length > 0) await forget(pool, unused, new Date(now));
    forgotten += unused.length;
  }
}

async function usedSince(pool: Pool, fingerprints: string[], since: Date): Promise<Set<string>> {
  const { rows } = await pool.query<{ fingerprint: string }>(
    'select distinct fingerprint from issues where fingerprint = any($1) and last_seen >= $2',
    [fingerprints, since],
  );
  return new Set(rows.map(({ fingerprint }) => fingerprint));
}

async function forget(pool: Pool, ids: string[], at: Date): Promise<void> {
  await inTransaction(pool, async (client) => {
    await lockTemplates(client);
    await client.query(
      `update templates as t
      set live = false, seq = n.seq, changed_at = $2
      from (
        select id, (select coalesce(max(seq), 0) from templates) + row_number() over (order by id) as seq
        from unnest($1::text[]) as id
      ) as n
      where t.id = n.id`,
      [ids, at],
    );
  });
}
