// One channel's way from the queue to the world: lease what is due, send it, settle it, several at a time. Only as much is
// leased as can be sent at once, so a lease never waits in a line of its own. A send that only waits for a late answer gives
// its place to another, and keeps its lease. While the channel fails, one at a time goes out to see whether it works again;
// while it asked to be left alone (Retry-After), none.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Channel } from '../channels/channel.ts';
import { NotificationError } from '../channels/notification-error.ts';
import type { Pool } from '../db/pool.ts';
import {
  backOffMs,
  type LeasedNotification,
  type NextState,
  type Outcome,
  type RetryPolicy,
  settle,
  wasAbandoned,
} from './notification.ts';
import { leaseDueNotifications, renewLease, writeOutcome } from './queue.ts';
import type { DeliveryReport } from './report.ts';

export interface LaneOptions {
  pool: Pool;
  channelName: string;
  channel: Channel;
  worker: string;
  report: DeliveryReport;
  policy: RetryPolicy;
  /** Sends at a time; as many more may wait for a late answer. */
  concurrency: number;
  /** How long one send may take, unless its channel says; then it is late after this. Well under `leaseMs`. */
  sendTimeoutMs: number;
  leaseMs: number;
  /** The longest wait before looking again, when no NOTIFY comes. */
  pollMs: number;
  onTurn?: (() => void) | undefined;
  onSettled?: OnSettled | undefined;
  /** Waits until the provider's rate lets one more go. */
  waitForTurn?: (signal: AbortSignal) => Promise<void>;
}

/** Told after each attempt. */
export type OnSettled = (channel: string, notification: LeasedNotification, next: NextState) => void;

interface UnderWay {
  done: Promise<void>;
  /** Breaks the send off. */
  cut: AbortController;
  isLate: boolean;
}

export class Lane {
  readonly #options: LaneOptions;
  /** By notification id. */
  readonly #underWay = new Map<string, UnderWay>();
  /** Leases nothing more. */
  #isStopping = false;
  /** Sends under way are broken off too, and settling is no longer waited for. */
  #isCut = false;
  readonly #running: Promise<void>;
  #failuresInARow = 0;
  /** Ms since the epoch: the channel asked to be left alone until then. */
  #leaveAloneUntil = 0;
  #isWoken = false;
  #wake: () => void = () => {};

  constructor(options: LaneOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  /** Looks for what is due at once. */
  wake(): void {
    this.#isWoken = true;
    this.#wake();
  }

  /** Leases nothing more, lets what is under way finish for `graceMs`, then breaks it off and settles it. */
  async stop(graceMs: number): Promise<void> {
    this.#isStopping = true;
    this.wake();
    const grace = setTimeout(() => this.#cutAll(), graceMs);
    await this.#running;
    await Promise.all([...this.#underWay.values()].map(({ done }) => done));
    clearTimeout(grace);
  }

  #cutAll(): void {
    this.#isCut = true;
    for (const { cut } of this.#underWay.values()) cut.abort();
  }

  async #run(): Promise<void> {
    const { report, channelName } = this.#options;
    while (!this.#isStopping) {
      this.#isWoken = false;
      const room = this.#room();
      try {
        const leased = room > 0 ? await this.#lease(room) : [];
        for (const notification of leased) this.#start(notification);
        this.#options.onTurn?.();
      } catch (error) {
        report.troubled(`cannot read the outbox (${channelName})`, error as Error);
      }
      await this.#wakeOrPoll();
    }
  }

  #room(): number {
    if (Date.now() < this.#leaveAloneUntil) return 0;
    const { concurrency } = this.#options;
    const places = this.#failuresInARow > concurrency ? 1 : concurrency;
    const late = [...this.#underWay.values()].filter(({ isLate }) => isLate).length;
    return Math.max(0, places + Math.min(late, concurrency) - this.#underWay.size);
  }

  #lease(limit: number): Promise<LeasedNotification[]> {
    const { pool, channelName, worker, leaseMs } = this.#options;
    const except = [...this.#underWay.keys()];
    return leaseDueNotifications(pool, { channel: channelName, limit, worker, leaseMs, except });
  }

  async #wakeOrPoll(): Promise<void> {
    if (this.#isWoken) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      timer = setTimeout(resolve, this.#options.pollMs);
    });
    clearTimeout(timer);
  }

  #start(notification: LeasedNotification): void {
    const sending: UnderWay = { done: Promise.resolve(), cut: new AbortController(), isLate: false };
    this.#underWay.set(notification.id, sending);
    sending.done = this.#deliver(notification, sending).finally(() => {
      this.#underWay.delete(notification.id);
      this.wake(); // a place is free
    });
    if (this.#isCut) sending.cut.abort();
  }

  async #deliver(notification: LeasedNotification, sending: UnderWay): Promise<void> {
    const { policy, report, channelName } = this.#options;
    const startedAt = performance.now();
    const outcome: Outcome = wasAbandoned(notification, Date.now(), policy)
      ? { result: 'failed', error: new NotificationError('every attempt ended with its process', 'never') }
      : await this.#send(notification, sending);
    const now = Date.now();
    const mayRetry = outcome.result === 'failed' && outcome.error.retry === 'later';
    this.#failuresInARow = mayRetry ? this.#failuresInARow + 1 : 0;
    if (mayRetry && outcome.error.retryAfterMs !== undefined)
      this.#leaveAloneUntil = now + outcome.error.retryAfterMs;
    const next =
      mayRetry && this.#isCut ? brokenOff : settle(notification, outcome, now, Math.random(), policy);
    await this.#write(notification, next, now);
    this.#options.onSettled?.(channelName, notification, next);
    report.notificationSettled(channelName, notification, next, Math.round(performance.now() - startedAt));
  }

  async #send(notification: LeasedNotification, sending: UnderWay): Promise<Outcome> {
    const { channel, sendTimeoutMs } = this.#options;
    const { cut } = sending;
    try {
      await this.#options.waitForTurn?.(cut.signal);
    } catch (error) {
      return { result: 'failed', error: asNotificationError(error, channel) };
    }
    const timeLimit = setTimeout(() => cut.abort(), channel.maxSendMs ?? sendTimeoutMs);
    const keeping = setInterval(() => this.#keepLate(notification, sending), sendTimeoutMs);
    // A channel that forgets its signal must not keep the place for ever.
    const forgotten = new Promise<never>((_resolve, reject) => {
      const giveUp = () => reject(new NotificationError(`${channel.name}: no answer in time`, 'later'));
      cut.signal.addEventListener('abort', () => setTimeout(giveUp, 500), { once: true });
    });
    try {
      const providerMessageId = await Promise.race([channel.send(notification, cut.signal), forgotten]);
      return { result: 'sent', providerMessageId };
    } catch (error) {
      return { result: 'failed', error: asNotificationError(error, channel) };
    } finally {
      clearTimeout(timeLimit);
      clearInterval(keeping);
    }
  }

  #keepLate({ id }: LeasedNotification, sending: UnderWay): void {
    const { pool, worker, leaseMs, report } = this.#options;
    if (sending.cut.signal.aborted) return;
    if (!sending.isLate) {
      sending.isLate = true;
      this.wake(); // its place is free
    }
    renewLease(pool, id, worker, leaseMs).catch((error: Error) =>
      report.troubled('cannot keep a notification whose answer is late', error),
    );
  }

  /** Tries for as long as it takes: an outcome that is not written repeats the mail. Only a stop ends it early. */
  async #write(notification: LeasedNotification, next: NextState, sentAt: number): Promise<void> {
    const { pool, worker, report } = this.#options;
    for (let attempt = 1; ; attempt += 1) {
      try {
        await writeOutcome(pool, notification.id, worker, next, sentAt);
        return;
      } catch (error) {
        report.troubled('cannot settle a notification', error as Error);
        if (this.#isCut) return;
        const pauseMs = backOffMs(attempt, Math.random(), {
          ...this.#options.policy,
          firstDelayMs: 100,
          maxDelayMs: 2000,
        });
        await sleep(pauseMs);
      }
    }
  }
}

function asNotificationError(error: unknown, channel: Channel): NotificationError {
  if (error instanceof NotificationError) return error;
  return new NotificationError(`bug: ${channel.name} threw ${String(error)}`, 'later', error);
}

/** Stopped in the middle: due again at once, for another worker or the next start. */
const brokenOff: NextState = {
  status: 'pending',
  delayMs: 0,
  errorMessage: 'the backend stopped while sending; sending again',
};
