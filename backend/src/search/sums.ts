// Counts over any whole minutes, read from the largest units that fit: days, hours and minutes that upkeep has summed up,
// and log_counts for the rest. So a total costs the same for a day and for a year.

import type { Pool } from '../db/pool.ts';
import { ofCounts, ofSums, type RecordFilter } from './filter.ts';

/** What is counted: records, or those without a notification of their own. */
export type Counted = 'n' | 'held';

/** A stretch of whole units, and the table that has them. `minute` of log_counts itself is `open`. */
interface Stretch {
  level: Level;
  fromMs: number;
  toMs: number;
}
type Level = 'day' | 'hour' | 'minute' | 'open';

export const minuteMs = 60_000;
export const hourMs = 60 * minuteMs;
export const dayMs = 24 * hourMs;
const unitMs: Record<Level, number> = { day: dayMs, hour: hourMs, minute: minuteMs, open: minuteMs };
/** The end of the year 9999. */
export const lastMs = 253402300799999;
const marksKeptMs = 10_000;

export class Sums {
  readonly #pool: Pool;
  #marks: { upto: Map<string, number>; readAt: number } | undefined;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** Both ends are whole minutes. */
  async sum(counted: Counted, filter: RecordFilter, fromMs: number, toMs: number): Promise<number> {
    const stretches = await this.#cover(filter, fromMs, toMs);
    if (stretches.length === 0) return 0;
    const values: unknown[] = [];
    const parts = stretches.map(
      (stretch) => `select sum(${counted}) as n from ${tableOf(stretch, filter, values)}`,
    );
    const { rows } = await this.#pool.query<{ n: number | null }>(
      `select sum(n) as n from (${parts.join(' union all ')}) as parts`,
      values,
    );
    return rows[0]?.n ?? 0;
  }

  /**
   * Counts by severity in steps of time.
   * @param stepMs whole minutes; steps begin at multiples of it since 1970. Both ends are such multiples.
   * @returns only steps that have records.
   */
  async histogram(
    filter: RecordFilter,
    fromMs: number,
    toMs: number,
    stepMs: number,
  ): Promise<{ atMs: number; severity: string; n: number }[]> {
    const stretches = await this.#cover(filter, fromMs, toMs, stepMs);
    if (stretches.length === 0) return [];
    // Whole numbers: the same by `extract(epoch …)` takes several times as long.
    const values: unknown[] = [`${stepMs / 1000} seconds`];
    const parts = stretches.map(
      (stretch) => `select ${timeOf(stretch)} as at, severity, n from ${tableOf(stretch, filter, values)}`,
    );
    const { rows } = await this.#pool.query<{ at: string; severity: string; n: number }>(
      `select date_bin($1::interval, at, '1970-01-01 00:00:00+00') as at, severity, sum(n) as n
       from (${parts.join(' union all ')}) as parts
       group by 1, 2`,
      values,
    );
    return rows.map(({ at, severity, n }) => ({ atMs: Date.parse(at), severity, n }));
  }

  /**
   * Skips the newest records.
   * @param beforeMs a whole minute.
   * @returns where the record after the `offset` newest before `beforeMs` is: before that whole minute, after so many more;
   * or how many of `offset` are left when there are fewer.
   */
  async skip(
    filter: RecordFilter,
    fromMs: number,
    beforeMs: number,
    offset: number,
  ): Promise<{ beforeMs: number; offset: number } | { left: number }> {
    let left = offset;
    for (const { level, atMs, n } of await this.#units(filter, await this.#cover(filter, fromMs, beforeMs))) {
      if (left < n) {
        const endMs = atMs + unitMs[level];
        if (level === 'minute' || level === 'open') return { beforeMs: endMs, offset: left };
        return this.#skipWithin(filter, level, atMs, endMs, left);
      }
      left -= n;
    }
    return { left };
  }

  /** The record is in this day or hour: its hours or minutes say where. */
  async #skipWithin(
    filter: RecordFilter,
    level: Level,
    fromMs: number,
    beforeMs: number,
    offset: number,
  ): Promise<{ beforeMs: number; offset: number }> {
    const finer: Level = level === 'day' ? 'hour' : isOfAll(filter) ? 'minute' : 'open';
    let left = offset;
    for (const { atMs, n } of await this.#units(filter, [{ level: finer, fromMs, toMs: beforeMs }])) {
      if (left < n) {
        const endMs = atMs + unitMs[finer];
        if (finer === 'hour') return this.#skipWithin(filter, finer, atMs, endMs, left);
        return { beforeMs: endMs, offset: left };
      }
      left -= n;
    }
    return { beforeMs: fromMs, offset: left };
  }

  /** The units of some stretches that have records, newest first. */
  async #units(
    filter: RecordFilter,
    stretches: readonly Stretch[],
  ): Promise<{ level: Level; atMs: number; n: number }[]> {
    if (stretches.length === 0) return [];
    const values: unknown[] = [];
    const parts = stretches.map(
      (stretch) =>
        `select '${stretch.level}' as level, ${timeOf(stretch)} as at, sum(n) as n
         from ${tableOf(stretch, filter, values)}
         group by ${timeOf(stretch)}`,
    );
    const { rows } = await this.#pool.query<{ level: Level; at: string; n: number }>(
      `${parts.join(' union all ')} order by at desc`,
      values,
    );
    return rows.map(({ level, at, n }) => ({ level, atMs: Date.parse(at), n }));
  }

  /** @returns stretches, oldest first, that together are [fromMs, toMs). */
  async #cover(
    filter: RecordFilter,
    fromMs: number,
    toMs: number,
    longestMs = Number.POSITIVE_INFINITY,
  ): Promise<Stretch[]> {
    const upto = await this.#readMarks();
    const summed: Level[] = isOfAll(filter) ? ['day', 'hour', 'minute'] : ['day', 'hour'];
    const levels = summed.filter((level) => longestMs % unitMs[level] === 0 || longestMs === Infinity);
    const cover = (from: number, to: number, [level, ...finer]: Level[]): Stretch[] => {
      if (from >= to) return [];
      if (level === undefined) return [{ level: 'open', fromMs: from, toMs: to }];
      const unit = unitMs[level];
      const first = Math.ceil(from / unit) * unit;
      const last = Math.floor(Math.min(to, upto.get(level) ?? 0) / unit) * unit;
      if (first >= last) return cover(from, to, finer);
      return [...cover(from, first, finer), { level, fromMs: first, toMs: last }, ...cover(last, to, finer)];
    };
    return cover(fromMs, toMs, levels);
  }

  /** A mark moves on, unless a clock ran ahead, so one read a moment ago is as right as one read now. */
  async #readMarks(): Promise<Map<string, number>> {
    const known = this.#marks;
    if (known && performance.now() - known.readAt < marksKeptMs) return known.upto;
    const { rows } = await this.#pool.query<{ name: string; upto: string }>({
      name: 'read-sums-upto',
      text: 'select name, upto from sums_upto',
    });
    const upto = new Map(rows.map(({ name, upto }) => [name, Date.parse(upto)]));
    this.#marks = { upto, readAt: performance.now() };
    return upto;
  }

  /** Everything received before this is in issue_sums, and nothing else. Milliseconds since the epoch. */
  async issuesUpto(): Promise<number> {
    return (await this.#readMarks()).get('issue') ?? 0;
  }
}

/** Whether the filter leaves every source in. */
function isOfAll({ host, container }: RecordFilter): boolean {
  return host === undefined && container === undefined;
}

function timeOf({ level }: Stretch): string {
  return level === 'open' ? 'minute' : 'at';
}

/** `from` and `where`; adds its parameters to `values`. */
function tableOf(stretch: Stretch, filter: RecordFilter, values: unknown[]): string {
  const { level, fromMs, toMs } = stretch;
  const conditions = (level === 'open' ? ofCounts : ofSums)(filter, values)
    .add(`${timeOf(stretch)} >= $`, new Date(fromMs))
    .add(`${timeOf(stretch)} < $`, new Date(toMs));
  if (level === 'open') return `log_counts ${conditions}`;
  conditions.add('unit = $', level);
  return `${isOfAll(filter) ? 'count_sums' : 'source_sums'} ${conditions}`;
}
