// What a pager is to close: the threads of the episodes that a message says are over, of the roll-ups all of whose episodes
// have ended with them, and of what came back before anyone could say that it was over.

import type { PoolClient } from '../db/pool.ts';
import type { Gathered } from './gather.ts';
import type { Target } from './targets.ts';

/** The threads, as `MessageFacts.threadId` named them when they were opened. */
export async function endedThreads(
  client: PoolClient,
  target: Target,
  { shown, unshown }: Gathered,
): Promise<string[]> {
  const alerts = [...shown, ...unshown].map(({ alert }) => alert);
  const over = alerts.filter(({ reason }) => reason === 'over').map(({ episode }) => episode);
  const back = alerts.filter(({ reason }) => reason === 'regressed');
  const replaced = back.length > 0 ? await replacedEpisodes(client, target, back) : [];
  const episodes = [...over, ...replaced];
  return episodes.length > 0 ? [...episodes, ...(await endedRollUps(client, target, episodes))] : [];
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
         where l.episode = e.id and l.channel = $3 and l.to_address = $4 and l.status <> 'dropped'
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
         select from alerts b
         left join episodes e on e.id = b.episode
         where b.notification_id = n.id
           and e.ended_at is null
           and b.episode <> all($1::uuid[])
       )`,
    [episodes, channel, toAddress],
  );
  return rows.map(({ id }) => id);
}
