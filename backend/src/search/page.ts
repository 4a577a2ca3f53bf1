// A filter -> ids of the newest records that pass it, without reading more than a page needs, however many records there
// are: counts say where the page is, or what is searched is walked back through in steps that end in time.

import type { Pool } from '../db/pool.ts';
import { timeOfId } from '../db/record-id.ts';
import { isCounted, type RecordFilter } from './filter.ts';
import { findByCounts } from './find-by-counts.ts';
import { findText } from './find-text.ts';
import { type Found, inSession, searchBack } from './search-back.ts';
import { dayMs, hourMs, lastMs } from './sums.ts';
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

/** The ids of the page, and how many records were found for it, those it skips among them. */
export async function findPage(pool: Pool, totals: Totals, page: Page): Promise<Found & { found: number }> {
  const stretch = stretchOf(page);
  if (stretch.fromMs >= stretch.toMs) return { ids: [], found: 0 };
  if (isCounted(page.filter)) {
    const ids = await findByCounts(pool, totals, page, stretch);
    return { ids, found: page.offset + ids.length };
  }
  // Records of what no count says are looked for only where there are any.
  const there = { ...stretch, toMs: Math.min(stretch.toMs, page.now + dayMs) };
  there.fromMs = Math.max(stretch.fromMs, await oldestMs(pool));
  const depth = { ...page, limit: page.offset + page.limit };
  const found =
    page.filter.q === undefined ? await findOfIssue(pool, depth, there) : await findText(pool, depth, there);
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

/** An issue knows when it was seen first and last, which may be long ago. */
async function findOfIssue(pool: Pool, page: Page, stretch: Stretch): Promise<Found> {
  const { rows } = await pool.query<{ first: string | null; last: string | null }>(
    'select min(first_seen) as first, max(last_seen) as last from issues where id = any($1::uuid[])',
    [page.filter.issueIds],
  );
  const { first, last } = rows[0]!;
  if (first === null || last === null) return { ids: [] };
  // With an hour to spare, for clocks that differ.
  const walk = {
    fromMs: Math.max(stretch.fromMs, Date.parse(first) - hourMs),
    toMs: Math.min(stretch.toMs, Date.parse(last) + hourMs),
    firstStepMs: 2 * hourMs,
  };
  return inSession(pool, (session) => searchBack(session, page, walk));
}

/** When the oldest counted minute began. */
async function oldestMs(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ minute: string | null }>({
    name: 'oldest-minute',
    text: 'select min(minute) as minute from log_counts',
  });
  return rows[0]?.minute ? Date.parse(rows[0].minute) : 0;
}
