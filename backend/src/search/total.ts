// A filter -> how many records pass it, from counts, never by counting all records.

import type { Pool } from '../db/pool.ts';
import { idRange, isCounted, ofRecords, type RecordFilter } from './filter.ts';
import { inSession } from './search-back.ts';
import { type Counted, lastMs, minuteMs, Sums } from './sums.ts';

export interface Total {
  total: number;
  /** The total is at least this; counting further would take too long. */
  isAtLeast: boolean;
}

const mostCounted = 10_000;
/** Past that it says `at least`. */
const countingMs = 100;

export class Totals {
  readonly sums: Sums;
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
    this.sums = new Sums(pool);
  }

  /** @param filter one that `isSummed`. */
  async of(filter: RecordFilter): Promise<Total> {
    if (!isCounted(filter)) return this.#ofIssue(filter);
    return { total: await this.sum('n', filter), isAtLeast: false };
  }

  /** Sum over whole minutes, and the records at either end where the filter's time begins or ends inside a minute. */
  async sum(counted: Counted, filter: RecordFilter): Promise<number> {
    const sinceMs = filter.sinceMs ?? 0;
    const untilMs = filter.untilMs ?? lastMs;
    if (sinceMs >= untilMs) return 0;
    const firstWhole = Math.ceil(sinceMs / minuteMs) * minuteMs;
    const lastWhole = filter.untilMs === undefined ? untilMs : Math.floor(untilMs / minuteMs) * minuteMs;
    if (firstWhole >= lastWhole) return this.countBetween(counted, filter, sinceMs, untilMs);
    const [whole, before, after] = await Promise.all([
      this.sums.sum(counted, filter, firstWhole, lastWhole),
      firstWhole > sinceMs ? this.countBetween(counted, filter, sinceMs, firstWhole) : 0,
      untilMs > lastWhole ? this.countBetween(counted, filter, lastWhole, untilMs) : 0,
    ]);
    return whole + before + after;
  }

  /** Counts the records themselves: for parts of a minute. */
  async countBetween(counted: Counted, filter: RecordFilter, fromMs: number, toMs: number): Promise<number> {
    const { firstId, lastId } = idRange(fromMs, toMs);
    const conditions = ofRecords(filter).add('id >= $', firstId).add('id < $', lastId);
    const { rows } = await this.#pool.query<{ n: number }>(
      `select count(*) as n from log_records ${conditions} ${counted === 'held' ? 'and not notify' : ''}`,
      conditions.values,
    );
    return rows[0]!.n;
  }

  /** Of all time its sums say it; else it is counted in its index, as far as a person would page. */
  async #ofIssue(filter: RecordFilter): Promise<Total> {
    const { sinceMs, untilMs, issueIds } = filter;
    if (sinceMs !== undefined || untilMs !== undefined) return this.#countSome(filter);
    const uptoMs = await this.sums.issuesUpto();
    const [summed, newer] = await Promise.all([
      this.#pool.query<{ n: number | null }>(
        'select sum(n) as n from issue_sums where issue_id = any($1::uuid[])',
        [issueIds],
      ),
      this.#countSome({ ...filter, sinceMs: uptoMs }),
    ]);
    return { ...newer, total: (summed.rows[0]?.n ?? 0) + newer.total };
  }

  async #countSome(filter: RecordFilter): Promise<Total> {
    const { firstId, lastId } = idRange(filter.sinceMs ?? 0, filter.untilMs ?? lastMs);
    const conditions = ofRecords(filter).add('id >= $', firstId).add('id < $', lastId);
    const most = conditions.parameter(mostCounted);
    const text = `select count(*) as n from (select from log_records ${conditions} limit ${most}) as found`;
    const rows = await inSession(this.#pool, (session) =>
      session.query<{ n: number }>(countingMs, text, conditions.values),
    );
    if (rows === 'too-long') return { total: 0, isAtLeast: true };
    return { total: rows[0]!.n, isAtLeast: rows[0]!.n === mostCounted };
  }
}
