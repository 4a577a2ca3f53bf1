// The channel that canaries go to: it looks whether the mail was rendered with their line, notes the time, and sends nothing.

import type { Channel } from '../channels/channel.ts';
import { NotificationError } from '../channels/notification-error.ts';
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

/** What canaries leave in the queue and its history is of no use after an hour. */
export async function sweepCanaries(pool: Pool): Promise<void> {
  const old = `channel = 'canary' and created_at < now() - interval '1 hour'`;
  await pool.query(`delete from notifications where ${old}`);
  await pool.query(`delete from alerts where ${old}`);
}
