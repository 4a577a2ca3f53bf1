// When a mute is over: at its time, at its count, when the issue is twice as bad, or when another image is deployed. Pure.
// "Twice as bad" is a rate, not a total: an issue of 100,000 records would be silent for ever, and one of a single record for
// one record more. It is measured in the five minutes that issues are counted in anyway.

import type { Issue, Mute, StoredRecord } from '../ingest/types.ts';
import { windowMs } from './window.ts';

/** What ended a mute. */
export type MuteEnd = 'time' | 'count' | 'worse' | 'deployed';
export type MuteState = 'none' | 'holds' | MuteEnd;

type Deployed = Pick<StoredRecord, 'image' | 'fields'>;

/** @param records of the issue, in this batch. @param now ms since the epoch. */
export function muteStateOf(
  issue: Pick<Issue, 'state' | 'mutedUntil' | 'mutedUntilCount' | 'mute' | 'count' | 'windowCount'>,
  records: readonly Deployed[],
  now: number,
): MuteState {
  if (issue.state !== 'muted') return 'none';
  const { mute } = issue;
  if (issue.mutedUntil !== null && now >= Date.parse(issue.mutedUntil)) return 'time';
  if (issue.mutedUntilCount !== null && issue.count >= issue.mutedUntilCount) return 'count';
  if (mute?.limit !== undefined && issue.windowCount >= mute.limit) return 'worse';
  if (mute?.until === 'deployed' && records.some((record) => isOfAnotherImage(record, mute)))
    return 'deployed';
  return 'holds';
}

/** An image's id tells two builds of one tag apart; its name is what there is without. */
function isOfAnotherImage({ image, fields }: Deployed, { images = [], image_ids = [] }: Mute): boolean {
  const id = fields?.image_id;
  if (typeof id === 'string' && image_ids.length > 0) return !image_ids.includes(id);
  return image !== null && images.length > 0 && !images.includes(image);
}

/** What is known of an issue's rate. Times in ms since the epoch. */
export interface RateFacts {
  count: number;
  firstSeenAt: number;
  /** Which five minutes `windowCount` counts, since the epoch. */
  windowNo: number;
  windowCount: number;
  windowPeak: number;
}

/** So few in five minutes are never "twice as bad". */
const leastLimit = 10;
/** A rate is not told from less time than this: whoever mutes in the first seconds has seen only the beginning. */
const leastElapsedMs = 30_000;

/**
 * So many records in five minutes are twice as bad as now: twice the most that it ever made in five minutes (halved each
 * week), or twice what it is making at the moment, where that is more; at least 10.
 */
export function worseLimit(facts: RateFacts, now: number): number {
  return Math.max(leastLimit, Math.ceil(2 * Math.max(facts.windowPeak, currentRate(facts, now))));
}

/** Records in five minutes, at the rate of the current five minutes so far. */
function currentRate({ firstSeenAt, windowNo, windowCount }: RateFacts, now: number): number {
  const beganAt = Math.max(windowNo * windowMs, firstSeenAt);
  if (now - windowNo * windowMs >= windowMs) return windowCount;
  return (windowCount * windowMs) / Math.min(windowMs, Math.max(now - beganAt, leastElapsedMs));
}
