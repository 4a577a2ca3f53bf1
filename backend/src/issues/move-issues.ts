// One fingerprint becomes another's -> its issues go along, service by service, and keep their identity: an issue whose
// new key is free takes it with its id, and one that meets an older issue there becomes part of that.

import { advisoryLocks } from '../db/advisory-locks.ts';
import type { PoolClient } from '../db/pool.ts';

/**
 * From here to the end of its transaction nobody else changes which issue is part of which: two merges in opposite
 * directions would each go by what the other has changed, and an issue would become part of itself.
 */
export async function lockMerges(client: PoolClient): Promise<void> {
  await client.query('select pg_advisory_xact_lock($1)', [advisoryLocks.merges]);
}

/**
 * Moves the issues of `from` to `to`, and what was counted on them since they were moved before. Call inside a transaction;
 * calling it again changes nothing.
 */
export async function moveIssues(client: PoolClient, from: string, to: string): Promise<void> {
  if (from === to) return;
  await lockMerges(client);
  const { rows } = await client.query<Source>(
    `select ${sourceColumns}
    from issues
    where fingerprint = $1 and (merged_into is null or count > 0)
    order by service
    for update`,
    [from],
  );
  for (const source of rows) {
    const target = await leadingIssue(client, to, source.service);
    if (!target) await rekey(client, from, to, source.service);
    else if (target.id !== source.id) await joinIssues(client, { ...source, fingerprint: from }, target);
  }
}

export interface IssueKey {
  id: string;
  fingerprint: string;
  service: string;
}

/** The issue that this key leads to by now, merges followed; undefined when there is none. Its row is locked. */
async function leadingIssue(
  client: PoolClient,
  fingerprint: string,
  service: string,
): Promise<IssueKey | undefined> {
  const { rows } = await client.query<IssueKey & { merged_into: string | null }>(
    'select id, fingerprint, service, merged_into from issues where fingerprint = $1 and service = $2 for update',
    [fingerprint, service],
  );
  const row = rows[0];
  if (!row || row.merged_into === null) return row;
  const { rows: targets } = await client.query<IssueKey>(
    'select id, fingerprint, service from issues where id = $1',
    [row.merged_into],
  );
  // merged_into never points at an issue that was merged itself: joinIssues moves what pointed there.
  return targets[0];
}

/** The key cannot be updated (it is the distribution column on Citus): the row is written anew under it. */
async function rekey(client: PoolClient, from: string, to: string, service: string): Promise<void> {
  const { rows } = await client.query<Record<string, unknown>>(
    'delete from issues where fingerprint = $1 and service = $2 returning *',
    [from, service],
  );
  const row = rows[0];
  if (!row) return;
  // What the server makes of the others itself is not written.
  const { fingerprint: _, seen_from: _seen, count_size: _size, ...rest } = row;
  const names = Object.keys(rest);
  await client.query(
    `insert into issues (fingerprint, ${names.join(', ')})
    values ($1, ${names.map((_name, index) => `$${index + 2}`).join(', ')})`,
    [to, ...Object.values(rest)],
  );
  await followAlerts(
    client,
    { fingerprint: from, service },
    { id: String(row.id), fingerprint: to, service },
  );
}

/** Alerts that wait, and episodes that go on, name their issue by its key. */
async function followAlerts(
  client: PoolClient,
  from: Pick<IssueKey, 'fingerprint' | 'service'>,
  to: IssueKey,
): Promise<void> {
  const values = [from.fingerprint, from.service, to.fingerprint, to.service, to.id];
  // In the dispatcher's order, or the two could wait for each other.
  await client.query(
    `update episodes
    set fingerprint = $3, service = $4, issue_id = $5
    where fingerprint = $1 and service = $2 and ended_at is null`,
    values,
  );
  await client.query(
    `update alerts
    set fingerprint = $3, service = $4, issue_id = $5
    where fingerprint = $1 and service = $2 and status = 'waiting'`,
    values,
  );
}

/** `source` becomes part of `target`. */
export async function joinIssues(
  client: PoolClient,
  source: Source & { fingerprint: string },
  target: IssueKey,
): Promise<void> {
  // Its count moves too, and begins anew: what a backend that has not heard of this still counts on it is moved later.
  await client.query(
    `update issues
    set merged_into = $3, count = 0, notified_count = case when notified_count is not null then 0 end
    where fingerprint = $1 and service = $2`,
    [source.fingerprint, source.service, target.id],
  );
  // What was merged into it before goes along.
  await client.query('update issues set merged_into = $2 where merged_into = $1', [source.id, target.id]);
  const { rows } = await client.query<{ count: number }>(
    `update issues as i
    set first_seen = least(i.first_seen, $3::timestamptz),
      last_seen = greatest(i.last_seen, $4::timestamptz),
      count = i.count + $5::bigint,
      hosts = (array(select distinct h from unnest(i.hosts || $6::text[]) as h order by h limit 50)),
      containers = (array(select distinct c from unnest(i.containers || $7::text[]) as c order by c limit 50)),
      -- What was told of either was told, and what either was used to is no spike.
      notified_at = greatest(i.notified_at, $8::timestamptz),
      notified_count = coalesce(i.notified_count + $9::bigint, i.notified_count, $9::bigint),
      alert_state = case when i.notified_at is null then coalesce($10::jsonb, i.alert_state) else i.alert_state end,
      window_peak = greatest(i.window_peak, $11::float8),
      -- What a mute counts from, and up to, is as far away as before. (to_jsonb is not immutable: Citus would refuse it.)
      muted_until_count = i.muted_until_count + $5::bigint,
      mute = jsonb_set(i.mute, '{count}', ((i.mute->>'count')::bigint + $5::bigint)::text::jsonb)
    where fingerprint = $1 and service = $2
    returning count`,
    [
      target.fingerprint,
      target.service,
      source.first_seen,
      source.last_seen,
      source.count,
      source.hosts,
      source.containers,
      source.notified_at,
      source.notified_count,
      source.alert_state === null ? null : JSON.stringify(source.alert_state),
      source.peak,
    ],
  );
  await joinEpisodes(client, source, { id: target.id, count: (rows[0]?.count ?? 0) - source.count });
  await followAlerts(client, source, target);
}

/** What either had before its episode, or in all where none goes on, was before the episode of both. */
async function joinEpisodes(
  client: PoolClient,
  source: Pick<Source, 'id' | 'count'>,
  target: Pick<Source, 'id' | 'count'>,
): Promise<void> {
  await client.query(
    `update episodes
    set began_count = (
      select coalesce(min(o.began_count) filter (where o.issue_id = $1), $3::bigint)
        + coalesce(min(o.began_count) filter (where o.issue_id = $2), $4::bigint)
      from episodes as o
      where o.issue_id in ($1, $2) and o.ended_at is null)
    where issue_id in ($1, $2) and ended_at is null`,
    [source.id, target.id, source.count, target.count],
  );
}

/** What of an issue goes into another. */
export interface Source {
  service: string;
  id: string;
  first_seen: string;
  last_seen: string;
  count: number;
  hosts: string[];
  containers: string[];
  notified_at: string | null;
  notified_count: number | null;
  alert_state: unknown;
  /** Most records of any five minutes. */
  peak: number;
}

export const sourceColumns = `service, id, first_seen, last_seen, count, hosts, containers, notified_at, notified_count,
  alert_state, greatest(window_peak, window_count) as peak`;

/** A template that grew more general names its issues so. */
export async function retitleIssues(client: PoolClient, fingerprint: string, title: string): Promise<void> {
  await client.query('update issues set title = $2 where fingerprint = $1 and title <> $2', [
    fingerprint,
    title,
  ]);
}
