// What a person does to issues: open, mute or resolve one, merge some into one, split one off again.

import type { IssueState } from '@log-detector/contract';
import { inTransaction, type Pool, type PoolClient } from '../db/pool.ts';
import { HttpError, notFound } from '../http/errors.ts';
import { fingerprintVersion } from '../ingest/fingerprint.ts';
import { type IssueKey, joinIssues, type Source } from '../issues/move-issues.ts';

export interface StateChange {
  state: IssueState;
  /** ISO 8601; only for `muted`. Without it and `mutedUntilCount` it is muted until someone opens it. */
  mutedUntil: string | null;
  /** Muted until it has so many records. */
  mutedUntilCount: number | null;
}

/** @throws {HttpError} 404. */
export async function changeState(pool: Pool, id: string, change: StateChange, now: string): Promise<string> {
  const { state, mutedUntil, mutedUntilCount } = change;
  return inTransaction(pool, async (client) => {
    const { fingerprint, service, ...leader } = await leaderOf(client, id);
    if (mutedUntilCount !== null && mutedUntilCount <= leader.count) {
      throw new HttpError(422, [
        {
          loc: ['body', 'muted_until_count'],
          msg: `Input should be greater than the issue's count, which is ${leader.count}`,
          type: 'greater_than',
        },
      ]);
    }
    await client.query(
      `update issues
      set state = $3,
        muted_until = $4,
        muted_until_count = $5,
        resolved_at = case when $3 = 'resolved' then $6::timestamptz else resolved_at end
      where fingerprint = $1 and service = $2`,
      [fingerprint, service, state, mutedUntil, mutedUntilCount, now],
    );
    return leader.id;
  });
}

/** Merges the issues `ids` into `id`. @returns the id of the one that has them all. @throws {HttpError} 404. */
export async function mergeIssues(pool: Pool, id: string, ids: readonly string[]): Promise<string> {
  return inTransaction(pool, async (client) => {
    const target = await leaderOf(client, id);
    const sources = new Map<string, Leader>();
    for (const each of ids) {
      const source = await leaderOf(client, each);
      if (source.id !== target.id) sources.set(source.id, source);
    }
    for (const source of sources.values()) await joinIssues(client, source, target);
    return target.id;
  });
}

/** Takes the issues `ids`, which were merged into `id`, out of it again. @throws {HttpError} 404, or 409 where it cannot be. */
export async function splitIssues(pool: Pool, id: string, ids: readonly string[]): Promise<void> {
  await inTransaction(pool, async (client) => {
    const leader = await leaderOf(client, id);
    for (const each of ids) await splitOff(client, leader, each);
  });
}

interface Leader extends IssueKey, Source {}

/** The issue, or the one that took it over; its row is locked. */
async function leaderOf(client: PoolClient, id: string): Promise<Leader> {
  const { rows } = await client.query<Leader & { merged_into: string | null }>(
    `select id, fingerprint, service, first_seen, last_seen, count, hosts, containers, notified_at, merged_into
    from issues
    where id = $1`,
    [id],
  );
  const row = rows[0];
  if (!row) throw notFound('Issue');
  if (row.merged_into !== null) return leaderOf(client, row.merged_into);
  // By its key: that is one shard, where a lock by id alone would ask all of them.
  await client.query('select 1 from issues where fingerprint = $1 and service = $2 for update', [
    row.fingerprint,
    row.service,
  ]);
  return row;
}

async function splitOff(client: PoolClient, leader: Leader, id: string): Promise<void> {
  const { rows } = await client.query<IssueKey>(
    'select id, fingerprint, service from issues where id = $1 and merged_into = $2',
    [id, leader.id],
  );
  const issue = rows[0];
  if (!issue) throw notFound('Merged issue');
  await refuseIfCovered(client, issue);
  // The records that it had before the merge kept its id.
  const { rows: counts } = await client.query<{ count: number }>(
    'select count(*) as count from log_records where issue_id = $1',
    [id],
  );
  const count = counts[0]?.count ?? 0;
  await client.query(
    'update issues set merged_into = null, count = $3 where fingerprint = $1 and service = $2',
    [issue.fingerprint, issue.service, count],
  );
  await client.query(
    'update issues set count = greatest(count - $3::bigint, 0) where fingerprint = $1 and service = $2',
    [leader.fingerprint, leader.service, count],
  );
}

/** A template that another one covers meets no message any more: split off, its issue would stay empty for ever. */
async function refuseIfCovered(client: PoolClient, issue: IssueKey): Promise<void> {
  const { rows } = await client.query<{ keys: string[] }>(
    'select t.keys from templates as s join templates as t on t.id = s.merged_into where s.id = $1',
    [issue.fingerprint.slice(fingerprintVersion.length + 1)],
  );
  if (rows.length === 0) return;
  throw new HttpError(
    409,
    `the messages of this issue are covered by the template "${rows[0]!.keys.join('')}"; split off the message of one record instead, with record_id`,
  );
}
