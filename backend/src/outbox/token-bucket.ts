// A token bucket as a value: what is left and since when. Pure. Of its capacity a part is a reserve, which only those may
// draw on who are let. In T ms it gives out at most `capacity + perMs * T` tokens, the reserve included.

import { isFarAhead } from '../db/clock.ts';

export interface BucketLimits {
  /** Most tokens; a new bucket is full. */
  capacity: number;
  /** Tokens that come back in a millisecond. */
  perMs: number;
  /** Tokens of the capacity that are left to those who may draw on the reserve. */
  reserve: number;
}

export interface Bucket {
  tokens: number;
  /** When it held so many, in ms since the epoch. */
  at: number;
}

export type Taken = { taken: true; bucket: Bucket } | { taken: false; until: number };

/**
 * The bucket as it is at `now`. A clock that stepped back a little gives nothing and takes nothing; what one left that ran far
 * ahead is of no known age, and counts as new.
 */
export function refill(bucket: Bucket | undefined, limits: BucketLimits, now: number): Bucket {
  if (!bucket || isFarAhead(bucket.at, now)) return { tokens: limits.capacity, at: now };
  const elapsedMs = Math.max(0, now - bucket.at);
  return {
    tokens: Math.min(limits.capacity, bucket.tokens + elapsedMs * limits.perMs),
    at: Math.max(bucket.at, now),
  };
}

/**
 * Takes one token, or says when one will be there.
 * @param mayUseReserve whether the last `reserve` tokens may go too.
 */
export function take(
  bucket: Bucket | undefined,
  limits: BucketLimits,
  now: number,
  mayUseReserve: boolean,
): Taken {
  const { tokens, at } = refill(bucket, limits, now);
  const needed = mayUseReserve ? 1 : 1 + limits.reserve;
  // A sum of many small refills misses the whole number by a hair.
  if (tokens >= needed - 1e-9) return { taken: true, bucket: { tokens: Math.max(0, tokens - 1), at } };
  return { taken: false, until: Math.ceil(at + (needed - tokens) / limits.perMs) };
}
