// What the mail provider lets the account send (SES: 1 a second and 200 a day in the sandbox) -> the budget that the
// dispatcher spends, and the pace at which a lane sends. Asked at the start and every hour; a provider that does not say
// (SMTP, or SES without the permission ses:GetAccount) sets no bound of its own, and what another one said before is
// forgotten.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Channel, SendQuota } from '../channels/channel.ts';
import { NotificationError } from '../channels/notification-error.ts';
import { inTransaction, type Pool } from '../db/pool.ts';
import { lockBudgets, readBudgets, writeBudgets } from './budgets.ts';
import { type BucketLimits, refill } from './token-bucket.ts';

const dayMs = 24 * 3_600_000;

/**
 * What a provider grants in 24 hours: half at once and half spread over the day, which together never exceed it; a fifth of
 * what is given at once is kept for issues never told of.
 */
export function quotaLimits(perDay: number): BucketLimits {
  const capacity = Math.max(1, Math.floor(perDay / 2));
  return { capacity, perMs: perDay / 2 / dayMs, reserve: Math.floor(capacity / 5) };
}

/** Notes what the provider said; what is left of the day bounds what may still be spent. @param now ms since the epoch. */
export async function noteQuota(
  pool: Pool,
  channelName: string,
  quota: SendQuota,
  now: number,
): Promise<void> {
  const name = `quota:${channelName}`;
  await inTransaction(pool, async (client) => {
    await lockBudgets(client);
    const known = (await readBudgets(client, [name])).get(name);
    const { perDay, sentLastDay } = quota;
    const bucket = perDay === null ? { tokens: 0, at: now } : refill(known, quotaLimits(perDay), now);
    const left = perDay === null ? 0 : Math.max(0, perDay - sentLastDay);
    await writeBudgets(client, [
      { name, tokens: Math.min(bucket.tokens, left), at: bucket.at, gatherUntil: null, quota },
    ]);
  });
}

/** The channel has no quota, whatever it had before. */
export async function forgetQuota(pool: Pool, channelName: string): Promise<void> {
  await inTransaction(pool, async (client) => {
    await lockBudgets(client);
    await client.query('delete from mail_budgets where name = $1', [`quota:${channelName}`]);
  });
}

/** Longest wait for a turn: well within a lease. */
const maxWaitMs = 20_000;

export interface QuotaWatch {
  /** Resolves when one more may be sent. @throws {NotificationError} `later`, when that is too far off. */
  waitForTurn(signal: AbortSignal): Promise<void>;
  stop(): Promise<void>;
}

export interface QuotaOptions {
  pool: Pool;
  channelName: string;
  channel: Channel;
  onTrouble: (error: Error) => void;
  everyMs?: number;
}

/** Asks in the background. Until the first answer, and while there is none, nothing is held up. */
export function watchQuota(options: QuotaOptions): QuotaWatch {
  const { pool, channelName, channel, onTrouble, everyMs = 3_600_000 } = options;
  const stopping = new AbortController();
  let perSecond: number | undefined;
  const ask = async () => {
    const quota = await channel.quota?.(AbortSignal.any([stopping.signal, AbortSignal.timeout(30_000)]));
    perSecond = quota?.perSecond;
    if (quota) await noteQuota(pool, channelName, quota, Date.now());
    else await forgetQuota(pool, channelName);
  };
  const running = (async () => {
    while (!stopping.signal.aborted) {
      await ask().catch((error: Error) => {
        if (!stopping.signal.aborted) onTrouble(error);
      });
      await sleep(everyMs, undefined, { signal: stopping.signal, ref: false }).catch(() => {});
    }
  })();
  return {
    async waitForTurn(signal) {
      if (perSecond === undefined) return;
      const waitMs = await takeTurn(pool, channelName, perSecond).catch((error: Error) => {
        throw new NotificationError(`cannot take a turn to send: ${error.message}`, 'later', error);
      });
      if (waitMs === 0) return;
      if (waitMs > maxWaitMs) {
        await giveBack(pool, channelName);
        throw new NotificationError(
          `${channel.name}: ${perSecond} a second are allowed, and others come first`,
          'later',
        );
      }
      await sleep(waitMs, undefined, { signal }).catch((error: Error) => {
        throw new NotificationError(`${channel.name}: stopped while waiting for a turn`, 'later', error);
      });
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

/**
 * Takes the next turn of all backends together: the bucket may go below nothing, and how far says how long to wait.
 * @returns ms.
 */
export async function takeTurn(pool: Pool, channelName: string, perSecond: number): Promise<number> {
  const { rows } = await pool.query<{ tokens: number }>(
    `insert into mail_budgets as b (name, tokens, at)
     values ($1, $2::float8 - 1, clock_timestamp())
     on conflict (name) do update
     set tokens = least($2::float8, b.tokens + greatest(extract(epoch from clock_timestamp() - b.at), 0)::float8 * $3::float8) - 1,
       at = clock_timestamp()
     returning tokens`,
    [`rate:${channelName}`, Math.max(1, perSecond), perSecond],
  );
  return Math.max(0, Math.ceil((-rows[0]!.tokens / perSecond) * 1000));
}

async function giveBack(pool: Pool, channelName: string): Promise<void> {
  await pool.query('update mail_budgets set tokens = tokens + 1 where name = $1', [`rate:${channelName}`]);
}
