// Token buckets and digest windows in the database, so that several backends spend the same ones. Read and written in a
// transaction that began with lockBudgets.

import type { SendQuota } from '../channels/channel.ts';
import { advisoryLocks } from '../db/advisory-locks.ts';
import type { PoolClient } from '../db/pool.ts';
import { byText, upsert } from '../db/values.ts';
import type { Bucket } from './token-bucket.ts';

export interface BudgetRow extends Bucket {
  /** `to:<address>`, `whole`, `quota:<channel>`. */
  name: string;
  /** End of the digest window, in ms since the epoch. */
  gatherUntil: number | null;
  quota: SendQuota | null;
}

interface Row {
  name: string;
  tokens: number;
  at: string;
  gather_until: string | null;
  quota: SendQuota | null;
}

/** One transaction at a time, of all backends, spends budgets; it is held until the transaction ends. */
export async function lockBudgets(client: PoolClient): Promise<void> {
  await client.query('select pg_advisory_xact_lock($1)', [advisoryLocks.budgets]);
}

/** Those that exist; a bucket without a row is full. */
export async function readBudgets(
  client: PoolClient,
  names: readonly string[],
): Promise<Map<string, BudgetRow>> {
  const { rows } = await client.query<Row>(
    'select name, tokens, at, gather_until, quota from mail_budgets where name = any($1::text[])',
    [names],
  );
  return new Map(
    rows.map(({ name, tokens, at, gather_until, quota }) => [
      name,
      {
        name,
        tokens,
        at: Date.parse(at),
        gatherUntil: gather_until === null ? null : Date.parse(gather_until),
        quota,
      },
    ]),
  );
}

export async function writeBudgets(client: PoolClient, rows: readonly BudgetRow[]): Promise<void> {
  await upsert(
    client,
    rows
      .toSorted((a, b) => byText(a.name, b.name))
      .map(({ name, tokens, at, gatherUntil, quota }) => [
        name,
        tokens,
        new Date(at),
        gatherUntil === null ? null : new Date(gatherUntil),
        quota === null ? null : JSON.stringify(quota),
      ]),
    (values) => `
      insert into mail_budgets (name, tokens, at, gather_until, quota)
      values ${values}
      on conflict (name) do update
      set tokens = excluded.tokens, at = excluded.at, gather_until = excluded.gather_until, quota = excluded.quota`,
  );
}
