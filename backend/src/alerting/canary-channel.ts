// The channel that canaries go to: it looks whether the mail was rendered with their line, notes the time, and sends nothing.

import type { Channel } from '../channels/channel.ts';
import { NotificationError } from '../channels/notification-error.ts';
import { firstIdOf } from '../db/partitions.ts';
import type { Pool } from '../db/pool.ts';
import { canaryIn, dropCanary, noteCanary, sourceOf } from './canary.ts';

export function canaryNoteTaker(pool: Pool): Channel {
  return {
    name: 'canary (nobody)',
    async send({ to, text, facts }) {
      const canary = canaryIn(text);
      if (!canary) throw new NotificationError('the mail of a canary lacks its line', 'never');
      try {
        await noteCanary(pool, { ...canary, ...sourceOf(to), stage: 'delivered' });
        if (facts?.recordId) await dropCanary(pool, facts.recordId);
      } catch (cause) {
        throw new NotificationError('cannot note a canary', 'later', cause);
      }
      return canary.id;
    },
    close() {},
  };
}

/** So long one may be on its way. */
const recordsKeptMs = 60_000;

/** What canaries leave in the queue and its history is of no use after an hour. @param now ms since the epoch. */
export async function sweepCanaries(pool: Pool, now: number): Promise<void> {
  const old = `channel = 'canary' and created_at < now() - interval '1 hour'`;
  await pool.query(`delete from notifications where ${old}`);
  await pool.query(`delete from alerts where ${old}`);
  // Those whose alert another one stood for, or that nothing was dispatched of.
  await pool.query(
    `delete from log_records
     where issue_id = any(array(select id from issues where fingerprint like 'own:canary:%'))
       and id < $1
       and reason = 'canary'`,
    [firstIdOf(now - recordsKeptMs)],
  );
}
