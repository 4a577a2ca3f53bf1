// A page of a host, container, severity or of all -> its ids. The counts say in which minutes and buckets its records are,
// and how many to skip, so that no record is read in vain: not for a rare one, and not for an offset of millions.

import type { Pool } from '../db/pool.ts';
import { bucketOf } from '../db/record-id.ts';
import { idRange, namesSource, ofCounts, ofRecords, type RecordFilter } from './filter.ts';
import type { Page, Stretch } from './page.ts';
import { lastMs, minuteMs } from './sums.ts';
import type { Totals } from './total.ts';

/** Up to so many records are skipped by reading their ids; more, by their counts. */
const nearOffset = 500;
/** Runs of minutes looked at in one statement: each costs the planner some 0.1 ms. */
const runsAtATime = 25;

/** Minutes that follow each other, and where their records lie. */
interface Run extends Stretch {
  /** Undefined: not all are known. */
  buckets?: Set<number>;
}

export async function findByCounts(
  pool: Pool,
  totals: Totals,
  page: Page,
  { fromMs, toMs }: Stretch,
): Promise<string[]> {
  const { filter, limit } = page;
  const look = (runs: readonly Run[], most: number, offset = 0) => lookInto(pool, page, runs, most, offset);
  const wholeTo = Math.max(toMs === lastMs ? lastMs : floorMinute(toMs), fromMs);
  const head: Run = { fromMs: wholeTo, toMs };
  if (page.offset <= nearOffset) {
    const depth = page.offset + limit;
    const ids = head.fromMs < head.toMs ? await look([head], depth) : [];
    ids.push(...(await newest(pool, page, fromMs, wholeTo, depth - ids.length, look)));
    return ids.slice(page.offset);
  }

  const inHead = head.fromMs < head.toMs ? await countHead(pool, page, head) : 0;
  if (inHead > page.offset) {
    const ids = await look([head], limit, page.offset);
    return [...ids, ...(await newest(pool, page, fromMs, wholeTo, limit - ids.length, look))];
  }
  const firstWhole = Math.ceil(fromMs / minuteMs) * minuteMs;
  const place = await totals.sums.skip(filter, firstWhole, wholeTo, page.offset - inHead);
  if ('left' in place) return look([{ fromMs, toMs: Math.min(firstWhole, wholeTo) }], limit, place.left);
  const minute = place.beforeMs - minuteMs;
  const ids = await look([{ fromMs: minute, toMs: place.beforeMs }], limit, place.offset);
  return [...ids, ...(await newest(pool, page, fromMs, minute, limit - ids.length, look))];
}

/** The newest records before a whole minute. */
async function newest(
  pool: Pool,
  page: Page,
  fromMs: number,
  beforeMs: number,
  most: number,
  look: (runs: readonly Run[], most: number) => Promise<string[]>,
): Promise<string[]> {
  if (most <= 0 || fromMs >= beforeMs) return [];
  const runs = await findRuns(pool, page, fromMs, beforeMs, most);
  const ids: string[] = [];
  for (let n = 0; n < runs.length && ids.length < most; n += runsAtATime)
    ids.push(...(await look(runs.slice(n, n + runsAtATime), most - ids.length)));
  return ids;
}

/** The minutes that hold the newest `most` records, newest first. Each row counts one at least, so as many reach. */
async function findRuns(
  pool: Pool,
  { filter }: Page,
  fromMs: number,
  beforeMs: number,
  most: number,
): Promise<Run[]> {
  const conditions = ofCounts(filter)
    .add('minute >= $', new Date(floorMinute(fromMs)))
    .add('minute < $', new Date(beforeMs))
    .add('n >= $', 1);
  const { rows } = await pool.query<{ minute: string; bucket: number; n: number }>(
    `select minute, bucket, n
     from log_counts ${conditions}
     order by minute desc
     limit ${conditions.parameter(most)}`,
    conditions.values,
  );
  // One source's records follow each other in the index by bucket: what lies between its minutes costs nothing.
  const gapMs = namesSource(filter) && filter.severity === undefined ? lastMs : minuteMs;
  const runs: Run[] = [];
  let left = most;
  for (const { minute, bucket, n } of rows) {
    const atMs = Date.parse(minute);
    const run = runs.at(-1);
    if (left <= 0 && atMs < run!.fromMs) return runs;
    left -= n;
    if (run && run.fromMs - atMs <= gapMs) {
      run.fromMs = Math.max(fromMs, atMs);
      run.buckets?.add(bucket);
    } else runs.push({ fromMs: Math.max(fromMs, atMs), toMs: atMs + minuteMs, buckets: new Set([bucket]) });
  }
  // The last minute may have more rows than were asked for. And where every source passes, no bucket says more.
  if (rows.length === most) delete runs.at(-1)?.buckets;
  if (isOfEverything(filter)) for (const run of runs) delete run.buckets;
  return runs;
}

async function lookInto(
  pool: Pool,
  page: Page,
  runs: readonly Run[],
  most: number,
  offset: number,
): Promise<string[]> {
  const values: unknown[] = [most + offset];
  const parts = runs.map((run) => {
    const conditions = conditionsOf(page, run, values);
    return `(select id from log_records ${conditions} order by id desc limit $1)`;
  });
  values.push(most, offset);
  const { rows } = await pool.query<{ id: string }>(
    `select id from (${parts.join(' union all ')}) as newest
     order by id desc
     limit $${values.length - 1}
     offset $${values.length}`,
    values,
  );
  return rows.map(({ id }) => id);
}

async function countHead(pool: Pool, page: Page, head: Run): Promise<number> {
  const conditions = conditionsOf(page, head, []);
  const { rows } = await pool.query<{ n: number }>(
    `select count(*) as n from log_records ${conditions}`,
    conditions.values,
  );
  return rows[0]!.n;
}

function conditionsOf({ filter, beforeId }: Page, { fromMs, toMs, buckets }: Run, values: unknown[]) {
  const { firstId, lastId } = idRange(fromMs, toMs);
  const conditions = ofRecords(filter, values)
    .add('id >= $', firstId)
    .add('id < $', beforeId !== undefined && beforeId < lastId ? beforeId : lastId);
  if (namesSource(filter)) conditions.add('bucket = $', bucketOf(filter.host, filter.container));
  else if (buckets?.size === 1) conditions.add('bucket = $', [...buckets][0]);
  else if (buckets) conditions.add('bucket = any($::int[])', [...buckets]);
  return conditions;
}

function isOfEverything({ host, container, severity }: RecordFilter): boolean {
  return host === undefined && container === undefined && severity === undefined;
}

function floorMinute(ms: number): number {
  return Math.floor(ms / minuteMs) * minuteMs;
}
