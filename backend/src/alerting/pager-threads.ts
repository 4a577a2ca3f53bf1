// What a pager is to close: the threads of the episodes that a message says are over, and of the roll-ups all of whose
// episodes have ended with them.

import type { PoolClient } from '../db/pool.ts';
import type { Gathered } from './gather.ts';
import type { Target } from './targets.ts';

/** The threads, as `MessageFacts.threadId` named them when they were opened. */
export async function endedThreads(
  client: PoolClient,
  { channel, toAddress }: Target,
  { shown, unshown }: Gathered,
): Promise<string[]> {
  const episodes = [...shown, ...unshown].flatMap(({ alert }) =>
    alert.reason === 'over' ? [alert.episode] : [],
  );
  if (episodes.length === 0) return [];
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
  return [...episodes, ...rows.map(({ id }) => id)];
}
