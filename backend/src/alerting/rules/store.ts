// The table of rules: read, added to, removed from. What it holds was checked before; see check.ts.

import type { Pool, PoolClient } from '../../db/pool.ts';
import type { StoredRule } from './types.ts';

const columns = 'id, rule, source, created_at';

/** Newest first: the order that they are asked in. */
export async function listRules(pool: Pool | PoolClient): Promise<StoredRule[]> {
  const { rows } = await pool.query<StoredRule>(`select ${columns} from rules order by id desc`);
  return rows;
}

/**
 * Adds a rule, as the first to be asked.
 * @param rule as RULES_FILE would have it, checked by `checkRule`. @param source who adds it: `api`, `mail`.
 * @param newId makes its id.
 */
export async function addRule(
  pool: Pool | PoolClient,
  rule: Record<string, unknown>,
  source: string,
  newId: () => string,
): Promise<StoredRule> {
  const { rows } = await pool.query<StoredRule>(
    `insert into rules (id, rule, source, created_at) values ($1, $2, $3, now()) returning ${columns}`,
    [newId(), JSON.stringify(rule), source],
  );
  return rows[0]!;
}

/** @returns the rule that was removed, or undefined when there is none with this id. */
export async function removeRule(pool: Pool | PoolClient, id: string): Promise<StoredRule | undefined> {
  const { rows } = await pool.query<StoredRule>(`delete from rules where id = $1 returning ${columns}`, [id]);
  return rows[0];
}

/** Changes whenever a rule was added or removed. */
export async function rulesVersion(pool: Pool): Promise<string> {
  const { rows } = await pool.query<{ version: string }>(
    `select coalesce(md5(string_agg(id::text, ',' order by id)), '') as version from rules`,
  );
  return rows[0]!.version;
}
