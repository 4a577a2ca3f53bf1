// Whether a channel works, from what became of its sends: pure. A row is what all backends together know; news is what one
// of them saw since it last wrote.
//
//   works --an attempt fails--> fails --a send succeeds--> works
//
// Others are told when it has failed for some minutes or lost a notification for good, once an hour at most; and when it
// works again, if they were told that it fails.

import { isLongAgo } from '../db/clock.ts';

export interface ChannelHealth {
  channel: string;
  /** Ms since the epoch: the first failure after the last success; null: it works. */
  failingSince: number | null;
  /** Attempts that failed since then. */
  attempts: number;
  lastError: string | null;
  /** Notifications that failed for good, of which nobody was told yet. */
  lost: number;
  /** The first few recipients of those. */
  lostTo: readonly string[];
  toldAt: number | null;
  /** Others know that it fails, and not yet that it works again. */
  isTold: boolean;
}

/** What happened to a channel since the last look. */
export interface HealthNews {
  channel: string;
  /** There was a success, and none of the failures below came before it. */
  didSucceed: boolean;
  failedSince: number | null;
  attempts: number;
  lastError: string | null;
  lost: number;
  lostTo: readonly string[];
}

export type HealthTold = 'fails' | 'works' | null;

/** A channel fails when no attempt succeeded for so long. */
export const failingMs = 3 * 60_000;
export const tellAgainMs = 3_600_000;
const maxLostTo = 5;

export function newHealth(channel: string): ChannelHealth {
  return {
    channel,
    failingSince: null,
    attempts: 0,
    lastError: null,
    lost: 0,
    lostTo: [],
    toldAt: null,
    isTold: false,
  };
}

export function newNews(channel: string): HealthNews {
  return { channel, didSucceed: false, failedSince: null, attempts: 0, lastError: null, lost: 0, lostTo: [] };
}

/** The news with one more outcome. @param error undefined: it was sent. @param isLost it will not be tried again. */
export function addOutcome(
  news: HealthNews,
  to: string,
  error: string | undefined,
  isLost: boolean,
  now: number,
): HealthNews {
  if (error === undefined) return { ...news, didSucceed: true, failedSince: null, attempts: 0 };
  return {
    ...news,
    failedSince: news.failedSince ?? now,
    attempts: news.attempts + 1,
    lastError: error,
    lost: news.lost + (isLost ? 1 : 0),
    lostTo: isLost ? union(news.lostTo, [to]) : news.lostTo,
  };
}

/** The row after the news. */
export function healthAfter(health: ChannelHealth, news: HealthNews): ChannelHealth {
  const before = news.didSucceed ? { ...health, failingSince: null, attempts: 0 } : health;
  return {
    ...before,
    failingSince: before.failingSince ?? news.failedSince,
    attempts: before.attempts + news.attempts,
    lastError: news.lastError ?? before.lastError,
    lost: before.lost + news.lost,
    lostTo: union(before.lostTo, news.lostTo),
  };
}

/**
 * Whether others are to be told now, and the row when they are.
 * @param isShared it has many recipients, as mail has: that one of them is lost does not mean that it fails.
 */
export function tellOfHealth(
  health: ChannelHealth,
  now: number,
  isShared: boolean,
): { tell: HealthTold; health: ChannelHealth } {
  const { failingSince, lost, toldAt, isTold } = health;
  const isFailing = failingSince !== null && isLongAgo(failingSince, failingMs, now);
  const mayTell = toldAt === null || isLongAgo(toldAt, tellAgainMs, now);
  if ((isFailing || lost > 0) && mayTell) {
    const isWhole = isFailing || (!isShared && failingSince !== null);
    return {
      tell: 'fails',
      health: { ...health, toldAt: now, isTold: isTold || isWhole, lost: 0, lostTo: [] },
    };
  }
  if (isTold && failingSince === null)
    return { tell: 'works', health: { ...health, isTold: false, attempts: 0 } };
  return { tell: null, health };
}

function union(some: readonly string[], others: readonly string[]): string[] {
  return [...new Set([...some, ...others])].slice(0, maxLostTo);
}
