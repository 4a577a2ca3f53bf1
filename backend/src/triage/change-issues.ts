// What a person does to issues: open, mute or resolve one, merge some into one, split one off again.

import type { IssueState } from '@log-detector/contract';
import { lookAtEpisodesOf } from '../alerting/episodes.ts';
import { addHistory, type HistoryEntry } from '../alerting/issue-history.ts';
import { type RateFacts, worseLimit } from '../alerting/mute.ts';
import { readableTime } from '../alerting/states.ts';
import { inTransactionDespiteDeadlocks, type Pool, type PoolClient } from '../db/pool.ts';
import { HttpError, notFound } from '../http/errors.ts';
import { fingerprintVersion } from '../ingest/fingerprint.ts';
import type { Mute } from '../ingest/types.ts';
import { type IssueKey, joinIssues, lockMerges, type Source, sourceColumns } from '../issues/move-issues.ts';

export interface StateChange {
  state: IssueState;
  /** ISO 8601; only for `muted`. With none of these it is muted until someone opens it. */
  mutedUntil?: string | null;
  /** Muted until it has so many records. */
  mutedUntilCount?: number | null;
  /** Muted until it is twice as bad, or until a record of another image comes. */
  mutedUntilState?: 'worse' | 'deployed' | null;
}

/** Who does it, and what the history says. */
export interface Doer {
  /** A recipient, or `api`. */
  who: string;
  /** Where it was done: `from a mail`. */
  how: string;
}

/** @throws {HttpError} 404, 409 or 422. */
export async function changeState(
  pool: Pool,
  id: string,
  change: StateChange,
  now: string,
  doer: Doer = { who: 'api', how: 'by the API' },
): Promise<string> {
  return inTransactionDespiteDeadlocks(pool, (client) => changeStateIn(client, id, change, now, doer));
}

/** The same, in the caller's transaction. @returns the id of the issue, or of the one that took it over. */
export async function changeStateIn(
  client: PoolClient,
  id: string,
  change: StateChange,
  now: string,
  doer: Doer,
): Promise<string> {
  const { state, mutedUntil = null, mutedUntilCount = null } = change;
  const leader = await leaderOf(client, id);
  if (mutedUntilCount !== null && mutedUntilCount <= leader.count) {
    throw new HttpError(422, [
      {
        loc: ['body', 'muted_until_count'],
        msg: `Input should be greater than the issue's count, which is ${leader.count}`,
        type: 'greater_than',
      },
    ]);
  }
  const mute = state === 'muted' ? await muteOf(client, leader, change, now, doer.who) : null;
  // What a mute held back until now is told by the issue's next mail, whoever ends the mute.
  await client.query(
    `update issues
    set muted_held = muted_held
        + case when state = 'muted' and mute is not null then greatest(count - (mute->>'count')::bigint, 0) else 0 end,
      state = $3,
      mute = $7,
      muted_until = $4,
      muted_until_count = $5,
      resolved_at = case when $3 = 'resolved' then $6::timestamptz else resolved_at end,
      -- What is resolved is told if it comes back, though it used up its alerts.
      alert_state = case
        when $3 = 'resolved'
        then jsonb_set(
          alert_state, '{bucket,tokens}', greatest((alert_state #>> '{bucket,tokens}')::float8, 1)::text::jsonb)
        else alert_state
      end
    where fingerprint = $1 and service = $2`,
    [
      leader.fingerprint,
      leader.service,
      state,
      mutedUntil,
      mutedUntilCount,
      now,
      mute && JSON.stringify(mute),
    ],
  );
  // A pager closes what it has open.
  if (state === 'resolved') await lookAtEpisodesOf(client, leader.id);
  const { what, detail } = wordsOf(change, mute);
  const said = [detail, doer.how].filter((part) => part !== '').join(', ');
  await addHistory(client, { issueId: leader.id, at: now, who: doer.who, what, detail: said });
  return leader.id;
}

async function muteOf(
  client: PoolClient,
  { id, fingerprint, service }: IssueKey,
  change: StateChange,
  now: string,
  by: string,
): Promise<Mute> {
  const { rows } = await client.query<Rate>(
    `select count, first_seen, window_no, window_count, window_peak
    from issues
    where fingerprint = $1 and service = $2`,
    [fingerprint, service],
  );
  const rate = rows[0]!;
  const mute = { by, at: now, count: rate.count };
  switch (change.mutedUntilState) {
    case 'worse':
      return { ...mute, until: 'worse', limit: worseLimit(rateFacts(rate), Date.parse(now)) };
    case 'deployed':
      return { ...mute, until: 'deployed', ...(await imagesOf(client, id)) };
    default:
      return {
        ...mute,
        until: change.mutedUntil ? 'time' : change.mutedUntilCount ? 'count' : 'ever',
      };
  }
}

interface Rate {
  count: number;
  first_seen: string;
  window_no: number;
  window_count: number;
  window_peak: number;
}

function rateFacts({ count, first_seen, window_no, window_count, window_peak }: Rate): RateFacts {
  return {
    count,
    firstSeenAt: Date.parse(first_seen),
    windowNo: window_no,
    windowCount: window_count,
    windowPeak: window_peak,
  };
}

/** So many of its latest records say which images are deployed: of several hosts, or in the midst of a rollout. */
const imageRecords = 200;

/** @throws {HttpError} 409 when no image is known. */
async function imagesOf(client: PoolClient, id: string): Promise<{ images: string[]; image_ids: string[] }> {
  const { rows } = await client.query<{ image: string | null; image_id: string | null }>(
    `select distinct image, fields->>'image_id' as image_id
    from (
      select image, fields
      from log_records
      where issue_id in (select id from issues where id = $1 or merged_into = $1)
      order by id desc
      limit ${imageRecords}
    ) as latest`,
    [id],
  );
  const images = [...new Set(rows.flatMap(({ image }) => image ?? []))];
  const imageIds = [...new Set(rows.flatMap(({ image_id }) => image_id ?? []))];
  if (images.length === 0)
    throw new HttpError(
      409,
      'no record of this issue names its image, so that a deployment would not be seen; mute it for a time instead',
    );
  return { images, image_ids: imageIds };
}

/** What was done, for the history. */
function wordsOf(
  { state, mutedUntil, mutedUntilCount }: StateChange,
  mute: Mute | null,
): Pick<HistoryEntry, 'what' | 'detail'> {
  if (state !== 'muted') return { what: state === 'resolved' ? 'resolved' : 'opened', detail: '' };
  const until = {
    time: `until ${readableTime(mutedUntil ?? '')}`,
    count: `until it has ${mutedUntilCount} records`,
    worse: `until it is twice as bad: ${mute?.limit} records in five minutes`,
    deployed: 'until the next deployment',
    ever: 'until someone opens it',
  };
  return { what: 'muted', detail: mute ? until[mute.until] : '' };
}

/** Merges the issues `ids` into `id`. @returns the id of the one that has them all. @throws {HttpError} 404. */
export async function mergeIssues(pool: Pool, id: string, ids: readonly string[]): Promise<string> {
  return inTransactionDespiteDeadlocks(pool, async (client) => {
    await lockMerges(client);
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
  await inTransactionDespiteDeadlocks(pool, async (client) => {
    await lockMerges(client);
    const leader = await leaderOf(client, id);
    for (const each of ids) await splitOff(client, leader, each);
  });
}

interface Leader extends IssueKey, Source {}

/** The issue, or the one that took it over; its row is locked. */
async function leaderOf(client: PoolClient, id: string): Promise<Leader> {
  const { rows: found } = await client.query<
    Pick<IssueKey, 'fingerprint' | 'service'> & { merged_into: string | null }
  >('select fingerprint, service, merged_into from issues where id = $1', [id]);
  const key = found[0];
  if (!key) throw notFound('Issue');
  // Only the leader's row is locked: whoever locked others on the way could wait for one who waits for them.
  if (key.merged_into !== null) return leaderOf(client, key.merged_into);
  // By its key: that is one shard, where a lock by id alone would ask all of them.
  const { rows } = await client.query<Leader & { merged_into: string | null }>(
    `select ${sourceColumns}, fingerprint, merged_into
    from issues
    where fingerprint = $1 and service = $2
    for update`,
    [key.fingerprint, key.service],
  );
  const row = rows[0];
  // A template that grew gave it another key meanwhile, or it became part of another.
  return row?.id === id && row.merged_into === null ? row : leaderOf(client, id);
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
  // Which of them were told of is not known: those of the issue count as told, and the leader keeps what is left.
  await client.query(
    `update issues
    set merged_into = null, count = $3, notified_count = case when notified_at is not null then $3::bigint end
    where fingerprint = $1 and service = $2`,
    [issue.fingerprint, issue.service, count],
  );
  await client.query(
    `update issues
    set count = greatest(count - $3::bigint, 0),
      notified_count = case when notified_count is not null then greatest(notified_count - $3::bigint, 0) end,
      muted_until_count = case
        when muted_until_count is not null then greatest(muted_until_count - $3::bigint, 1)
      end,
      mute = jsonb_set(mute, '{count}', greatest((mute->>'count')::bigint - $3::bigint, 0)::text::jsonb)
    where fingerprint = $1 and service = $2`,
    [leader.fingerprint, leader.service, count],
  );
  // So do its episodes, or one would end with fewer records than it began with.
  await client.query(
    'update episodes set began_count = greatest(began_count - $2::bigint, 0) where issue_id = $1 and ended_at is null',
    [leader.id, count],
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
