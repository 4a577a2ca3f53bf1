// A page of a host, container, severity or of all -> the ids of its records. The counts say in which minutes and buckets
// they are, and how many to skip, so that no record is read in vain: not for a rare one, and not for an offset of
// millions. One statement asks the counts, and one finds the page, be it of one minute or of fifty far apart.

import type { Pool } from '../db/pool.ts';
import { bucketOf } from '../db/record-id.ts';
import { type Conditions, idRange, namesSource, ofCounts, ofRecords, type RecordFilter } from './filter.ts';
import type { Page, Stretch } from './page.ts';
import { lastMs, minuteMs } from './sums.ts';
import type { Totals } from './total.ts';

/** Up to so many records are skipped by reading them; more, by their counts. */
const nearOffset = 500;
/** Of a minute that a cursor divides, the counts are more than what is wanted: so many are asked for beside. */
const ofDividedMinute = 200;
/** More buckets than this are as good as all. */
const fewBuckets = 20;

/** What is read newest first, until there is enough. Without buckets: in all of them. */
interface Run extends Stretch {
  buckets?: readonly number[];
}

/** A minute of a bucket, of which everything that passes is wanted. */
interface Spot {
  atMs: number;
  bucket: number;
}

interface Places {
  runs: Run[];
  spots: Spot[];
}

export async function findByCounts(
  pool: Pool,
  totals: Totals,
  page: Page,
  { fromMs, toMs }: Stretch,
): Promise<string[]> {
  const { filter, limit, offset } = page;
  if (offset <= nearOffset) return newest(pool, page, { fromMs, toMs }, limit, offset);

  const head: Run = { fromMs: wholeBefore(fromMs, toMs), toMs };
  const inHead = head.fromMs < head.toMs ? await countHead(pool, page, head) : 0;
  if (inHead > offset) return readOn(pool, page, fromMs, head, offset);
  const firstWhole = Math.ceil(fromMs / minuteMs) * minuteMs;
  const place = await totals.sums.skip(filter, firstWhole, head.fromMs, offset - inHead);
  if ('left' in place) {
    const rest: Run = { fromMs, toMs: Math.min(firstWhole, head.fromMs) };
    return read(pool, page, { runs: [rest], spots: [] }, limit, place.left);
  }
  const minute: Run = { fromMs: place.beforeMs - minuteMs, toMs: place.beforeMs };
  return readOn(pool, page, fromMs, minute, place.offset);
}

/** A page that begins within a run. */
async function readOn(pool: Pool, page: Page, fromMs: number, run: Run, offset: number): Promise<string[]> {
  const ids = await read(pool, page, { runs: [run], spots: [] }, page.limit, offset);
  const left = page.limit - ids.length;
  if (left === 0) return ids;
  return [...ids, ...(await newest(pool, page, { fromMs, toMs: run.fromMs }, left))];
}

async function newest(
  pool: Pool,
  page: Page,
  stretch: Stretch,
  limit: number,
  offset = 0,
): Promise<string[]> {
  if (stretch.fromMs >= stretch.toMs) return [];
  return read(pool, page, await findPlaces(pool, page, stretch, limit + offset), limit, offset);
}

/** Where the newest `most` records of a stretch are. */
async function findPlaces(
  pool: Pool,
  { filter }: Page,
  { fromMs, toMs }: Stretch,
  most: number,
): Promise<Places> {
  const wholeTo = wholeBefore(fromMs, toMs);
  const isDivided = wholeTo < toMs;
  if (filter.severity === undefined && (isOfEverything(filter) || namesSource(filter))) {
    // They follow each other in an index: what lies between two of their minutes costs nothing.
    const counts = await readCounts(pool, filter, fromMs, wholeTo, most);
    const last = counts[Math.min(placeOf(counts, most), counts.length - 1)];
    const run = { fromMs: last ? Math.max(fromMs, last.atMs) : wholeTo, toMs };
    return { runs: run.fromMs < run.toMs ? [run] : [], spots: [] };
  }
  const counts: Count[] = [];
  const head = isDivided ? floorMinute(wholeTo) : undefined;
  const asked = most + (isDivided ? ofDividedMinute : 0);
  for (let beforeMs = toMs; ; ) {
    const older = await readCounts(pool, filter, fromMs, beforeMs, asked);
    counts.push(...older);
    if (older.length < asked || placeOf(counts, most, head) < counts.length) break;
    beforeMs = older.at(-1)!.atMs;
  }
  return placesOf(counts, most, { fromMs, toMs }, head);
}

/** @param head when the minute began whose counts say more than what is wanted of it. */
function placesOf(
  counts: readonly Count[],
  most: number,
  stretch: Stretch,
  head: number | undefined,
): Places {
  const last = counts[Math.min(placeOf(counts, most, head), counts.length - 1)]?.atMs;
  const places: Places = { runs: [], spots: [] };
  const buckets = new Map<number, Set<number>>();
  for (const { atMs, bucket } of counts) {
    if (atMs < last!) break;
    const there = buckets.get(atMs) ?? new Set();
    buckets.set(atMs, there.add(bucket));
  }
  for (const [atMs, there] of buckets) {
    // A minute of which not all is wanted may be one of a flood: it is read only as far as it has to be.
    if (atMs === last || atMs === head) {
      const run = { fromMs: Math.max(atMs, stretch.fromMs), toMs: Math.min(atMs + minuteMs, stretch.toMs) };
      places.runs.push(there.size > fewBuckets ? run : { ...run, buckets: [...there] });
    } else places.spots.push(...[...there].map((bucket) => ({ atMs, bucket })));
  }
  return places;
}

/** Records of a minute that pass, of one bucket. */
interface Count {
  atMs: number;
  bucket: number;
  n: number;
}

/** Which of the counts, newest first, completes `most` records; as many as there are when none does. */
function placeOf(counts: readonly Count[], most: number, head?: number): number {
  let left = most;
  const place = counts.findIndex(({ atMs, n }) => {
    if (atMs !== head) left -= n;
    return left <= 0;
  });
  return place < 0 ? counts.length : place;
}

/** The newest counts, at least `most` where there are so many, and of each minute all. */
async function readCounts(
  pool: Pool,
  filter: RecordFilter,
  fromMs: number,
  beforeMs: number,
  most: number,
): Promise<Count[]> {
  if (fromMs >= beforeMs) return [];
  const conditions = ofCounts(filter)
    .add('minute >= $', new Date(floorMinute(fromMs)))
    .add('minute < $', new Date(beforeMs))
    .add('n >= $', 1);
  // Each row counts one record at least, so as many reach.
  const limit = conditions.parameter(most);
  const { rows } = await pool.query<{ minute: string; bucket: number; n: number }>(
    `select minute, bucket, n
     from log_counts ${conditions}
     order by minute desc
     ${isOfEverything(filter) ? `limit ${limit}` : `fetch first (${limit}::bigint) rows with ties`}`,
    conditions.values,
  );
  return rows.map(({ minute, bucket, n }) => ({ atMs: Date.parse(minute), bucket, n }));
}

async function read(
  pool: Pool,
  page: Page,
  places: Places,
  limit: number,
  offset: number,
): Promise<string[]> {
  const values: unknown[] = [limit, offset];
  const parts = places.runs.map((run) => {
    const conditions = conditionsOf(page, run, values, run.buckets);
    return `select id from log_records ${conditions} order by id desc`;
  });
  const isOnePart = parts.length === 1 && places.spots.length === 0;
  const depth = isOnePart ? '' : `$${values.push(limit + offset)}`;
  const whole = parts.map((part) => `(${part} limit ${depth})`);
  if (places.spots.length > 0) whole.push(`(${partOfSpots(page, places.spots, values)})`);
  if (whole.length === 0) return [];
  const all = isOnePart
    ? parts[0]
    : `select id from (${whole.join(' union all ')}) as newest order by id desc`;
  const { rows } = await pool.query<{ id: string }>(`${all} limit $1 offset $2`, values);
  return rows.map(({ id }) => id);
}

/** One plan for all spots, however many: a statement for each would cost the planner some 0.1 ms a spot. */
function partOfSpots(page: Page, spots: readonly Spot[], values: unknown[]): string {
  const times = spots.map(({ atMs }) => atMs);
  const around = { fromMs: Math.min(...times), toMs: Math.max(...times) + minuteMs };
  // Bounds for all: only the partitions between them are planned for.
  const conditions = conditionsOf(page, around, values, [...new Set(spots.map(({ bucket }) => bucket))]);
  const ids = spots.map(({ atMs }) => idRange(atMs, atMs + minuteMs));
  const buckets = conditions.parameter(spots.map(({ bucket }) => bucket));
  const first = conditions.parameter(ids.map(({ firstId }) => firstId));
  const last = conditions.parameter(ids.map(({ lastId }) => lastId));
  return `select id
    from unnest(${buckets}::int[], ${first}::uuid[], ${last}::uuid[]) as spot (spot_bucket, first_id, last_id)
    join log_records on bucket = spot_bucket and id >= first_id and id < last_id
    ${conditions}`;
}

async function countHead(pool: Pool, page: Page, head: Run): Promise<number> {
  const conditions = conditionsOf(page, head, []);
  const { rows } = await pool.query<{ n: number }>(
    `select count(*) as n from log_records ${conditions}`,
    conditions.values,
  );
  return rows[0]!.n;
}

function conditionsOf(
  { filter, beforeId }: Page,
  { fromMs, toMs }: Stretch,
  values: unknown[],
  buckets?: readonly number[],
): Conditions {
  const { firstId, lastId } = idRange(fromMs, toMs);
  const conditions = ofRecords(filter, values)
    .add('id >= $', firstId)
    .add('id < $', beforeId !== undefined && beforeId < lastId ? beforeId : lastId);
  if (namesSource(filter)) conditions.add('bucket = $', bucketOf(filter.host, filter.container));
  else if (buckets?.length === 1) conditions.add('bucket = $', buckets[0]);
  else if (buckets) conditions.add('bucket = any($::int[])', buckets);
  return conditions;
}

function isOfEverything({ host, container, severity }: RecordFilter): boolean {
  return host === undefined && container === undefined && severity === undefined;
}

function floorMinute(ms: number): number {
  return Math.floor(ms / minuteMs) * minuteMs;
}

/** The last whole minute of a stretch ends here. */
function wholeBefore(fromMs: number, toMs: number): number {
  return Math.max(toMs === lastMs ? lastMs : floorMinute(toMs), fromMs);
}
