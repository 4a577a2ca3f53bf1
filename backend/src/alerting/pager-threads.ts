// What a pager is to close: the threads of the episodes that a message says are over, of the roll-ups all of whose episodes
// have ended with them, and of what came back before anyone could say that it was over. What it was told of in roll-ups
// alone has no thread of its own: a flood of hundreds is closed by a few calls.

import { messageId } from '../channels/mail-headers.ts';
import type { PoolClient } from '../db/pool.ts';
import type { NewNotification } from '../ingest/types.ts';
import { noFacts } from './facts.ts';
import type { Gathered, WaitingAlert } from './gather.ts';
import { isOwnIssue } from './own-records.ts';
import { counted } from './states.ts';
import type { Target } from './targets.ts';

/** Most threads that one message ends: each is a call to the pager, and the calls of a message share one time limit. */
export const maxEnded = 10;

/** The threads, as `MessageFacts.threadId` named them when they were opened. */
export async function endedThreads(
  client: PoolClient,
  target: Target,
  { shown, unshown }: Gathered,
): Promise<string[]> {
  const issues = [...shown, ...unshown];
  const over = issues.flatMap((issue) => [...issue.over]);
  const back = issues.map(({ alert }) => alert).filter(({ reason }) => reason === 'regressed');
  const replaced = back.length > 0 ? await replacedEpisodes(client, target, back) : [];
  const episodes = [...new Set([...over, ...replaced])];
  if (episodes.length === 0) return [];
  return [
    ...(await withOwnThread(client, target, episodes)),
    ...(await endedRollUps(client, target, episodes)),
  ];
}

/**
 * What a pager is told now of what waits for it. An end alone shows nothing there, so that of an episode that it was not told
 * of yet waits for the next message, unless the issue is back already: then it is told of that. What was amiss with Log Detector itself, and is in order again, wakes nobody.
 */
export function withoutEarlyEnds(waiting: readonly WaitingAlert[]): WaitingAlert[] {
  const beginning = waiting.filter(
    ({ reason, fingerprint }) => (reason === 'new' || reason === 'regressed') && !isOwnIssue(fingerprint),
  );
  const untold = new Set(beginning.map(({ episode }) => episode));
  const isBack = (from: number, issueId: string) =>
    waiting.slice(from).some((later) => later.issueId === issueId && later.reason !== 'over');
  return waiting.filter(
    ({ reason, episode, issueId }, index) =>
      reason !== 'over' || !untold.has(episode) || isBack(index + 1, issueId),
  );
}

/** Whether it tells a pager of nothing but ends. */
export function isAllOver({ shown, unshown }: Gathered): boolean {
  return [...shown, ...unshown].every(({ alert }) => alert.reason === 'over');
}

/**
 * Messages that end what one message does not: `maxEnded` threads each.
 * @param mail what they are the rest of.
 */
export function closingMessages(
  { recordId, bucket, channel, toAddress }: NewNotification,
  ended: readonly string[],
  { from, baseUrl }: { from: string; baseUrl: string },
  newId: () => string,
): NewNotification[] {
  const messages: NewNotification[] = [];
  for (let n = 0; n < ended.length; n += maxEnded) {
    const threads = ended.slice(n, n + maxEnded);
    const id = newId();
    const title = `${counted(threads.length, 'incident is', 'incidents are')} over`;
    messages.push({
      id,
      recordId,
      bucket,
      issueId: null,
      channel,
      toAddress,
      subject: `[OVER] ${title}`,
      body: `${title}.\n`,
      html: null,
      reason: 'over',
      messageId: messageId(id, from),
      coalesceId: null,
      headers: null,
      facts: { ...noFacts, state: 'over', title, url: baseUrl, ended: threads },
    });
  }
  return messages;
}

/** Those that a message told of alone. */
async function withOwnThread(
  client: PoolClient,
  { channel, toAddress }: Target,
  episodes: readonly string[],
): Promise<string[]> {
  const { rows } = await client.query<{ id: string }>(
    `select e.id
     from episodes e
     left join alerts a on a.episode = e.id and a.channel = $2 and a.to_address = $3
     left join notifications n on n.id = a.notification_id
     where e.id = any($1::uuid[])
     group by e.id
     -- Of what began before what retention kept nobody knows: closing what is not open does no harm.
     having bool_or(n.reason <> 'roll-up') or bool_or(a.created_at <= e.began_at) is not true
     order by e.id`,
    [episodes, channel, toAddress],
  );
  return rows.map(({ id }) => id);
}

/** Episodes that ended with the coming of these, and of whose end the pager was not told. */
async function replacedEpisodes(
  client: PoolClient,
  { channel, toAddress }: Target,
  back: readonly Gathered['shown'][number]['alert'][],
): Promise<string[]> {
  const { rows } = await client.query<{ id: string }>(
    `select e.id
     from episodes e
     where e.issue_id = any($1::uuid[])
       and e.id <> all($2::uuid[])
       and e.ended_at is not null
       and exists (
         select from alerts a
         where a.episode = e.id and a.channel = $3 and a.to_address = $4 and a.status = 'mailed'
       )
       and (
         select l.reason
         from alerts l
         where l.episode = e.id and l.channel = $3 and l.to_address = $4 and l.status = 'mailed'
         order by l.id desc
         limit 1
       ) <> 'over'
     order by e.began_at desc
     limit 20`,
    [back.map(({ issueId }) => issueId), back.map(({ episode }) => episode), channel, toAddress],
  );
  return rows.map(({ id }) => id);
}

async function endedRollUps(
  client: PoolClient,
  { channel, toAddress }: Target,
  episodes: readonly string[],
): Promise<string[]> {
  const { rows } = await client.query<{ id: string }>(
    `select distinct n.id
     from alerts a
     join notifications n on n.id = a.notification_id
     where a.episode = any($1::uuid[])
       and n.channel = $2
       and n.to_address = $3
       and n.reason = 'roll-up'
       and not exists (
         -- What a roll-up counts without showing it may have no episode; it opens one when it is told of again.
         select from alerts b
         join episodes e on e.id = b.episode
         where b.notification_id = n.id
           and e.ended_at is null
           and b.episode <> all($1::uuid[])
       )`,
    [episodes, channel, toAddress],
  );
  return rows.map(({ id }) => id);
}
