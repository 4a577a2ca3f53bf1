// A filter -> ids of the newest records that pass it, without reading more than a page needs, however many records there
// are. Where the filter names a source in part, log_counts tells in which minutes and buckets to look; else windows of
// time widen until the page is full.

import type { Pool } from '../db/pool.ts';
import { bucketOf } from '../db/record-id.ts';
import { idRange, isCounted, namesSource, ofCounts, ofRecords, type RecordFilter } from './filter.ts';

export interface Page {
  filter: RecordFilter;
  /** Only records before this id. */
  beforeId?: string | undefined;
  limit: number;
  offset: number;
  /** Milliseconds since the epoch. */
  now: number;
}

const hourMs = 3_600_000;
const minuteMs = 60_000;
/** The end of the year 9999. */
const lastMs = 253402300799999;
/** With more buckets than this, one scan of all is cheaper than a look into each. */
const mostBuckets = 100;

/** @returns the ids of the page, newest first. */
export async function findPage(pool: Pool, page: Page): Promise<string[]> {
  const { filter } = page;
  if (namesSource(filter)) return findInWindows(pool, page, [bucketOf(filter.host, filter.container)]);
  const isPartOfSource =
    filter.host !== undefined || filter.container !== undefined || filter.severity !== undefined;
  return isPartOfSource && isCounted(filter) ? findByCounts(pool, page) : findInWindows(pool, page);
}

/** An hour, eight, 64 … until the page is full or nothing older can be. */
async function findInWindows(pool: Pool, page: Page, buckets?: readonly number[]): Promise<string[]> {
  const untilMs = Math.min(page.filter.untilMs ?? Number.POSITIVE_INFINITY, timeBound(page));
  const sinceMs = Math.max(page.filter.sinceMs ?? 0, await oldestMs(pool));
  for (let windowMs = hourMs; ; windowMs *= 8) {
    const fromMs = Math.max(sinceMs, untilMs - windowMs);
    const ids = await findBetween(pool, page, fromMs, untilMs, buckets);
    if (ids.length === page.limit || fromMs <= sinceMs) return ids;
  }
}

/** The counts of a host, container or severity name the minutes and buckets that hold the page. */
async function findByCounts(pool: Pool, page: Page): Promise<string[]> {
  const { filter, limit, offset } = page;
  const untilMs = Math.min(filter.untilMs ?? Number.POSITIVE_INFINITY, timeBound(page), lastMs);
  const sinceMs = filter.sinceMs ?? 0;
  const firstMinute = new Date(Math.floor(sinceMs / minuteMs) * minuteMs);
  const lastMinute = new Date(Math.floor(untilMs / minuteMs) * minuteMs);

  // Each row counts at least one record, so as many rows as the page is deep reach far enough. Rows of the last minute do
  // not count: their records may be newer than the page.
  const far = ofCounts(filter).add('minute >= $', firstMinute).add('minute < $', lastMinute);
  const depth = far.parameter(offset + limit);
  const { rows: minutes } = await pool.query<{ minute: string }>(
    `select minute from log_counts ${far} order by minute desc limit ${depth}`,
    far.values,
  );
  const fromMs = minutes.length < offset + limit ? sinceMs : Date.parse(minutes.at(-1)!.minute);

  const near = ofCounts(filter)
    .add('minute >= $', new Date(Math.floor(fromMs / minuteMs) * minuteMs))
    .add('minute <= $', lastMinute);
  const { rows } = await pool.query<{ bucket: number }>(
    `select distinct bucket from log_counts ${near}`,
    near.values,
  );
  if (rows.length === 0) return [];
  const buckets = rows.map(({ bucket }) => bucket);
  return findBetween(pool, page, Math.max(sinceMs, fromMs), untilMs, buckets);
}

async function findBetween(
  pool: Pool,
  page: Page,
  fromMs: number,
  toMs: number,
  buckets?: readonly number[],
): Promise<string[]> {
  const { firstId, lastId } = idRange(fromMs, Math.min(toMs, 2 ** 48 - 1));
  const conditions = ofRecords(page.filter)
    .add('id >= $', firstId)
    .add('id < $', page.beforeId !== undefined && page.beforeId < lastId ? page.beforeId : lastId);
  const depth = conditions.parameter(page.offset + page.limit);
  const [limit, offset] = [conditions.parameter(page.limit), conditions.parameter(page.offset)];
  const text =
    buckets !== undefined && buckets.length <= mostBuckets
      ? // The newest of each bucket come off its index in order; the newest of all are among them.
        `select id
         from (
           ${buckets.map((bucket) => `(select id from log_records ${conditions} and bucket = ${bucket} order by id desc limit ${depth})`).join('\n           union all\n           ')}
         ) newest
         order by id desc
         limit ${limit}
         offset ${offset}`
      : `select id from log_records ${conditions} and ${depth}::bigint is not null order by id desc limit ${limit} offset ${offset}`;
  const { rows } = await pool.query<{ id: string }>(text, conditions.values);
  return rows.map(({ id }) => id);
}

/** Nothing is newer than a moment from now; a cursor says more. */
function timeBound({ beforeId, now }: Page): number {
  const cursorMs =
    beforeId === undefined
      ? Number.POSITIVE_INFINITY
      : Number.parseInt(beforeId.replace('-', '').slice(0, 12), 16) + 1;
  return Math.min(cursorMs, now + 24 * hourMs);
}

/** When the oldest counted minute began. */
async function oldestMs(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ minute: string | null }>(
    'select min(minute) as minute from log_counts',
  );
  return rows[0]?.minute ? Date.parse(rows[0].minute) : Date.now();
}
