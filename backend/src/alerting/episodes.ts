// From an issue's first alert, or its coming back, until it is quiet: one episode, one thread of mails. Episodes are looked
// at when they may be over, so that ingest never has to touch them.
//
//   goes on --quiet, resolved, or its cause is gone--> ended, and told --an alert of what came after--> goes on

import type { PoolClient } from '../db/pool.ts';
import type { NewAlert } from '../ingest/types.ts';
import { type AlertMemory, tellableAt } from './decide.ts';
import type { GatheredIssue, WaitingAlert } from './gather.ts';
import { issueSubject } from './issue-mail.ts';
import { alertsChannel, insertAlerts } from './keep-alerts.ts';
import { lastingIssues } from './lasting-issues.ts';
import { noiseReason } from './noise-alerts.ts';
import { type AlertPolicy, quietMs } from './policy.ts';
import { type AlertChannel, isPager, type Target } from './targets.ts';
import { readIssues } from './write-mail.ts';

/** Most episodes looked at in one transaction; the rest follows at once. */
const maxChecked = 500;
/** What lasts though its issue is quiet is looked at so often, in case it is no longer watched. */
const lastingCheckMs = 60_000;

/**
 * Writes down the episodes that these begin or go on with, and ends the ones that they follow.
 * @returns the subject of each issue, by its id: that of its first episode, whatever its title became since.
 */
export async function beginEpisodes(
  client: PoolClient,
  shown: readonly GatheredIssue[],
): Promise<Map<string, string>> {
  const issueIds = [...new Set(shown.map(({ alert }) => alert.issueId))];
  const known = await client.query<{ issue_id: string; subject: string }>(
    `select distinct on (issue_id) issue_id, subject
     from episodes
     where issue_id = any($1::uuid[])
     order by issue_id, began_at`,
    [issueIds],
  );
  const subjects = new Map(known.rows.map(({ issue_id, subject }) => [issue_id, subject]));
  const unknown = issueIds.filter((id) => !subjects.has(id));
  for (const [id, issue] of await readIssues(client, unknown)) subjects.set(id, issueSubject(issue));

  // What did not stay begins nothing that could be over.
  const lasting = shown.filter(({ alert }) => alert.reason !== noiseReason);
  const rows = [...new Map(lasting.map((issue) => [issue.alert.episode, issue])).values()];
  const begun = await client.query<{ id: string }>(
    `insert into episodes (id, issue_id, fingerprint, service, subject, began_at, began_count, check_at)
     select e.id, e.issue_id, e.fingerprint, e.service, e.subject, e.began_at, e.began_count,
       least(e.began_at, clock_timestamp()) -- looked at now, also where a clock ran ahead
     from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::bigint[])
       as e (id, issue_id, fingerprint, service, subject, began_at, began_count)
     on conflict (id) do nothing
     returning id`,
    [
      rows.map(({ alert }) => alert.episode),
      rows.map(({ alert }) => alert.issueId),
      rows.map(({ alert }) => alert.fingerprint),
      rows.map(({ alert }) => alert.service),
      rows.map(({ alert }) => subjects.get(alert.issueId) ?? ''),
      rows.map(({ began }) => began.createdAt),
      rows.map(({ began }) => beganCountOf(began)),
    ],
  );
  // Ended, and it goes on: a person opened it again, or it came back while it was muted. An alert from before the end, which
  // only now goes out, says nothing of that.
  const goingOn = rows.filter(({ alert }) => alert.reason !== 'over');
  await client.query(
    `update episodes as e
     set ended_at = null, check_at = n.at
     from unnest($1::uuid[], $2::timestamptz[]) as n (id, at)
     where e.id = n.id and e.ended_at < n.at`,
    [goingOn.map(({ alert }) => alert.episode), goingOn.map(({ alert }) => alert.createdAt)],
  );
  // The one that came back began a new episode; what it was before has ended. Of merged issues each had its own, and these go
  // on beside each other.
  await client.query(
    `update episodes as e
     set ended_at = n.began_at
     from episodes as n
     where n.id = any($1::uuid[])
       and e.issue_id = n.issue_id
       and e.id <> n.id
       and e.began_at < n.began_at
       and e.ended_at is null`,
    [begun.rows.map(({ id }) => id)],
  );
  return subjects;
}

/** Records of the issue before its episode. A place may hear of an issue first when it comes back. */
export function beganCountOf({ count, isFirst, reason }: WaitingAlert): number {
  return isFirst && reason !== 'regressed' ? 0 : count;
}

/**
 * Ends the episodes whose issues have gone quiet, and with ALERT_WHEN_OVER makes alerts that say so.
 * @returns when to look again, in ms since the epoch; null: no episode is open.
 */
export async function endQuietEpisodes(
  client: PoolClient,
  settings: OverSettings,
  now: number,
  newId: () => string,
): Promise<number | null> {
  const { rows: due } = await client.query<OpenEpisode>(
    `select id, issue_id, fingerprint, service
     from episodes
     where ended_at is null and check_at <= $1
     order by check_at, id
     limit ${maxChecked}`,
    [new Date(now)],
  );
  if (due.length > 0) await checkEpisodes(client, due, settings, now, newId);
  const { rows } = await client.query<{ next: string | null }>(
    'select min(check_at) as next from episodes where ended_at is null',
  );
  const next = rows[0]?.next ?? null;
  return next === null ? null : Date.parse(next);
}

/**
 * Ends an issue whose cause is known to be gone (an agent is back), and tells those who were told of it, whatever
 * ALERT_WHEN_OVER says. In the transaction of lockBudgets.
 * @param note how it is now, in words. @returns whether there was something to end.
 */
export async function endEpisodeOf(
  client: PoolClient,
  fingerprint: string,
  note: string,
  { channels = [] }: Pick<OverSettings, 'channels'>,
  now: number,
  newId: () => string,
): Promise<boolean> {
  const { rows: issues } = await client.query<PausedIssue & { service: string }>(
    `select id, service, last_seen, previous_seen, rhythm, count, notified_count, last_record_id, state
     from issues
     where fingerprint = $1 and merged_into is null
     for update`,
    [fingerprint],
  );
  const issue = issues[0];
  if (!issue) return false;
  const { rows: ended } = await client.query<{ id: string }>(
    `update episodes set ended_at = $2 where issue_id = $1 and ended_at is null returning id`,
    [issue.id, new Date(now)],
  );
  // An alert that no mail carries yet has an episode that is not written down: one mail will tell both.
  const { rows: waiting } = await client.query<{ id: string }>(
    `select distinct episode as id from alerts where issue_id = $1 and status = 'waiting' and reason <> 'over'`,
    [issue.id],
  );
  await client.query(
    `update issues
     set state = 'resolved', resolved_at = $3
     where fingerprint = $1 and service = $2 and state = 'open'`,
    [fingerprint, issue.service, new Date(now)],
  );
  const id = (waiting[0] ?? ended[0])?.id;
  if (id === undefined) return false;
  const episode = { id, issue_id: issue.id, fingerprint, service: issue.service };
  const isForAll = isUnhandled(issue);
  if (isForAll || ended.length > 0)
    await tellOver(client, [{ episode, issue, isForAll, note }], channels, now, newId);
  return true;
}

/** Has the dispatcher look at once whether the issue's episodes are over. */
export async function lookAtEpisodesOf(client: PoolClient, issueId: string): Promise<void> {
  await client.query('update episodes set check_at = began_at where issue_id = $1 and ended_at is null', [
    issueId,
  ]);
  await client.query(`select pg_notify($1, '')`, [alertsChannel]);
}

export interface OverSettings {
  channels?: readonly AlertChannel[];
  policy: AlertPolicy;
}

interface OpenEpisode {
  id: string;
  issue_id: string;
  fingerprint: string;
  service: string;
}

interface PausedIssue {
  id: string;
  last_seen: string;
  previous_seen: string | null;
  rhythm: number;
  count: number;
  notified_count: number | null;
  last_record_id: string;
  state: string;
  alert_state?: AlertMemory | null;
}

async function checkEpisodes(
  client: PoolClient,
  due: readonly OpenEpisode[],
  settings: OverSettings,
  now: number,
  newId: () => string,
): Promise<void> {
  await followMerges(client, due);
  const { rows: issues } = await client.query<PausedIssue>(
    `select id, last_seen, previous_seen, rhythm, count, notified_count, last_record_id, state, alert_state
     from issues
     where id = any($1::uuid[]) and merged_into is null`,
    [due.map(({ issue_id }) => issue_id)],
  );
  const byId = new Map(issues.map((issue) => [issue.id, issue]));
  const lasting = await lastingIssues(
    client,
    due.map(({ fingerprint }) => fingerprint),
  );
  const ended: { id: string; at: string }[] = [];
  const checkLater: { id: string; at: Date }[] = [];
  const over: OverEpisode[] = [];
  for (const episode of due) {
    const issue = byId.get(episode.issue_id);
    if (!issue) {
      ended.push({ id: episode.id, at: new Date(now).toISOString() }); // nothing is left of it
      continue;
    }
    const memory = issue.alert_state ?? null;
    const cooldownMs = Math.max(settings.policy.cooldownMs, memory?.cooldownMs ?? 0);
    const quietAt = Date.parse(issue.last_seen) + quietMs(longestPauseMs(issue), cooldownMs);
    const lastsUntil = lasting.has(episode.fingerprint) ? now + lastingCheckMs : 0;
    const overAt = Math.max(quietAt, lastsUntil, tellableAt(memory, now));
    if (overAt > now && issue.state !== 'resolved') checkLater.push({ id: episode.id, at: new Date(overAt) });
    else {
      ended.push({ id: episode.id, at: issue.last_seen });
      over.push({ episode, issue, isForAll: settings.policy.whenOver && isUnhandled(issue) });
    }
  }
  await client.query(
    `update episodes as e set ended_at = n.at
     from unnest($1::uuid[], $2::timestamptz[]) as n (id, at)
     where e.id = n.id`,
    [ended.map(({ id }) => id), ended.map(({ at }) => at)],
  );
  await client.query(
    `update episodes as e set check_at = n.at
     from unnest($1::uuid[], $2::timestamptz[]) as n (id, at)
     where e.id = n.id`,
    [checkLater.map(({ id }) => id), checkLater.map(({ at }) => at)],
  );
  await tellOver(client, over, settings.channels ?? [], now, newId);
}

/** An episode that was written down while its issue was merged into another went unseen by that, and goes along now. */
async function followMerges(client: PoolClient, due: readonly OpenEpisode[]): Promise<void> {
  const { rows: merged } = await client.query<{ id: string; merged_into: string }>(
    'select id, merged_into from issues where id = any($1::uuid[]) and merged_into is not null',
    [due.map(({ issue_id }) => issue_id)],
  );
  if (merged.length === 0) return;
  const { rows: leaders } = await client.query<Omit<OpenEpisode, 'id'>>(
    'select id as issue_id, fingerprint, service from issues where id = any($1::uuid[])',
    [merged.map(({ merged_into }) => merged_into)],
  );
  for (const { id, merged_into } of merged) {
    const leader = leaders.find(({ issue_id }) => issue_id === merged_into);
    for (const episode of due.filter(({ issue_id }) => leader && issue_id === id)) {
      Object.assign(episode, leader);
      await client.query('update episodes set issue_id = $2, fingerprint = $3, service = $4 where id = $1', [
        episode.id,
        episode.issue_id,
        episode.fingerprint,
        episode.service,
      ]);
    }
  }
}

/** Who muted or resolved it knows already; a pager has something open. */
function isUnhandled({ state }: PausedIssue): boolean {
  return state === 'open';
}

function longestPauseMs({ rhythm, last_seen, previous_seen }: PausedIssue): number {
  const latest = previous_seen === null ? 0 : Date.parse(last_seen) - Date.parse(previous_seen);
  return Math.max(rhythm * 1000, latest);
}

interface OverEpisode {
  episode: OpenEpisode;
  issue: PausedIssue;
  /** Else for pagers alone. */
  isForAll: boolean;
  /** How it is now, in words; left out: it is known from the silence alone. */
  note?: string;
}

/**
 * As what it is told that an episode is over: what quiet hours let through is said to be over in them too.
 * @param told the severities of its alerts.
 */
export function severityOver(told: readonly (string | null)[]): string | undefined {
  const known = told.filter((severity) => severity !== null).toSorted();
  return known.find((severity) => severity.toLowerCase() === 'fatal') ?? known[0];
}

/** Tells those who were told of the episode, or are about to be, and not that it is over. */
async function tellOver(
  client: PoolClient,
  over: readonly OverEpisode[],
  channels: readonly AlertChannel[],
  now: number,
  newId: () => string,
): Promise<void> {
  if (over.length === 0) return;
  const { rows: told } = await client.query<Target & { episode: string; severities: (string | null)[] }>(
    `select episode, channel, to_address as "toAddress", array_agg(distinct severity) as severities
     from alerts
     where episode = any($1::uuid[]) and status <> 'dropped'
     group by episode, channel, to_address
     having (array_agg(reason order by id desc))[1] <> 'over'
     order by min(id::text)`,
    [over.map(({ episode }) => episode.id)],
  );
  const alerts = over.map(
    ({ episode, issue, isForAll, note }): NewAlert => ({
      recordId: issue.last_record_id,
      bucket: Number.parseInt(issue.last_record_id.slice(-3), 16),
      partIds: [],
      issueId: episode.issue_id,
      fingerprint: episode.fingerprint,
      service: episode.service,
      reason: 'over',
      isFirst: false,
      episode: episode.id,
      held: Math.max(0, issue.count - (issue.notified_count ?? 0)),
      count: issue.count,
      note: note ?? null,
      severity: severityOver(
        told.filter((each) => each.episode === episode.id).flatMap(({ severities }) => severities),
      ),
      recipients: told
        .filter((each) => each.episode === episode.id && (isForAll || isPager(each.channel, channels)))
        .map(({ channel, toAddress }) => ({ id: newId(), channel, toAddress })),
    }),
  );
  await insertAlerts(client, alerts, new Date(now).toISOString());
}
