// A filter -> the ids of the newest records that pass it, without reading more than a page needs, however many records there are:
// counts say where the page is, or what is searched is walked back through in steps that end in time.

import type { Pool } from '../db/pool.ts';
import { timeOfId } from '../db/record-id.ts';
import { isCounted, type RecordFilter } from './filter.ts';
import { findByCounts } from './find-by-counts.ts';
import { findText } from './find-text.ts';
import { type Found, inSession, searchBack } from './search-back.ts';
import { hourMs, lastMs, minuteMs } from './sums.ts';
import type { Totals } from './total.ts';

export interface Page {
  filter: RecordFilter;
  /** Only records before this id. */
  beforeId?: string | undefined;
  limit: number;
  offset: number;
  /** Milliseconds since the epoch. */
  now: number;
}

/** The page's ids, and how many were found, those it skips among them. */
export type FoundPage = Found & { found: number };

export async function findPage(pool: Pool, totals: Totals, page: Page): Promise<FoundPage> {
  const stretch = stretchOf(page);
  if (stretch.fromMs >= stretch.toMs) return { ids: [], found: 0 };
  if (isCounted(page.filter)) {
    const ids = await findByCounts(pool, totals, page, stretch);
    return { ids, found: page.offset + ids.length };
  }
  const depth = { ...page, limit: page.offset + page.limit };
  const found =
    page.filter.q === undefined
      ? await findOfIssue(pool, depth, stretch)
      : await findText(pool, depth, stretch);
  return { ...found, ids: found.ids.slice(page.offset), found: found.ids.length };
}

/** What time the page can be of, in milliseconds since the epoch. */
export interface Stretch {
  fromMs: number;
  toMs: number;
}

function stretchOf({ filter, beforeId }: Page): Stretch {
  const cursorMs = beforeId === undefined ? lastMs : timeOfId(beforeId) + 1;
  return {
    fromMs: Math.max(0, filter.sinceMs ?? 0),
    toMs: Math.min(filter.untilMs ?? lastMs, cursorMs, lastMs),
  };
}

/** An issue knows when it was seen first and last, which may be long ago, and how often: its page is in the first step. */
export async function findOfIssue(pool: Pool, page: Page, stretch = stretchOf(page)): Promise<Found> {
  const { issueSeen: seen } = page.filter;
  if (seen === undefined) return { ids: [] };
  const usualMs = (page.limit * (seen.lastMs - seen.firstMs)) / Math.max(1, seen.count);
  // With an hour to spare, for clocks that differ.
  const walk = {
    fromMs: Math.max(stretch.fromMs, seen.firstMs - hourMs),
    toMs: Math.min(stretch.toMs, seen.lastMs + hourMs),
    firstStepMs: hourMs + Math.max(minuteMs, 4 * usualMs),
  };
  if (walk.fromMs >= walk.toMs) return { ids: [] };
  return inSession(pool, (session) => searchBack(session, page, walk));
}
