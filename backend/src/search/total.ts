// A filter -> how many records pass it, from log_counts, never by counting all records. Sums of minutes that are over
// are remembered for a while, so that a list asked for again and again adds up only its last minutes.

import { inTransaction, type Pool } from '../db/pool.ts';
import { idRange, isCounted, ofCounts, ofRecords, type RecordFilter } from './filter.ts';

export interface Total {
  total: number;
  /** The total is at least this; counting further would take too long. */
  isAtLeast: boolean;
}

/** What is counted: records, or those without a notification of their own. */
export type Counted = 'n' | 'held';

const minuteMs = 60_000;
/** A transaction that counts into a minute ends well within this after it. */
const settledMs = 3 * minuteMs;
const rememberMs = 10 * minuteMs;
const mostRemembered = 1000;
const mostCounted = 10_000;
const countingMs = 1_500;

export class Totals {
  readonly #pool: Pool;
  readonly #settled = new Map<string, { sum: number; upToMs: number; atMs: number }>();

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** @param now milliseconds since the epoch. */
  async of(filter: RecordFilter, now: number): Promise<Total> {
    if (!isCounted(filter)) return this.#countSome(filter);
    return { total: await this.sum('n', filter, now), isAtLeast: false };
  }

  /** Sum over whole minutes, and the records at either end where the filter's time begins or ends inside a minute. */
  async sum(counted: Counted, filter: RecordFilter, now: number): Promise<number> {
    const sinceMs = filter.sinceMs ?? 0;
    const untilMs = filter.untilMs ?? 253402300799999;
    if (sinceMs >= untilMs) return 0;
    const firstWhole = Math.ceil(sinceMs / minuteMs) * minuteMs;
    const lastWhole = filter.untilMs === undefined ? untilMs : Math.floor(untilMs / minuteMs) * minuteMs;
    if (firstWhole >= lastWhole) return this.#countBetween(counted, filter, sinceMs, untilMs);
    const [whole, before, after] = await Promise.all([
      this.#sumMinutes(counted, filter, firstWhole, lastWhole, now),
      firstWhole > sinceMs ? this.#countBetween(counted, filter, sinceMs, firstWhole) : 0,
      untilMs > lastWhole ? this.#countBetween(counted, filter, lastWhole, untilMs) : 0,
    ]);
    return whole + before + after;
  }

  async #sumMinutes(
    counted: Counted,
    filter: RecordFilter,
    fromMs: number,
    toMs: number,
    now: number,
  ): Promise<number> {
    const key = JSON.stringify([counted, filter.host, filter.container, filter.severity, fromMs, toMs]);
    const known = this.#settled.get(key);
    const isFresh = known !== undefined && now - known.atMs < rememberMs;
    const base = isFresh ? known : { sum: 0, upToMs: fromMs, atMs: now };
    const settledUpTo = Math.max(
      base.upToMs,
      Math.min(toMs, Math.floor((now - settledMs) / minuteMs) * minuteMs),
    );
    const [settled, open] = await Promise.all([
      this.#sumBetween(counted, filter, base.upToMs, settledUpTo),
      this.#sumBetween(counted, filter, settledUpTo, toMs),
    ]);
    this.#settled.delete(key);
    this.#settled.set(key, { sum: base.sum + settled, upToMs: settledUpTo, atMs: base.atMs });
    if (this.#settled.size > mostRemembered) this.#settled.delete(this.#settled.keys().next().value!);
    return base.sum + settled + open;
  }

  async #sumBetween(counted: Counted, filter: RecordFilter, fromMs: number, toMs: number): Promise<number> {
    if (fromMs >= toMs) return 0;
    const conditions = ofCounts(filter)
      .add('minute >= $', new Date(fromMs))
      .add('minute < $', new Date(toMs));
    const { rows } = await this.#pool.query<{ sum: number | null }>(
      `select sum(${counted}) as sum from log_counts ${conditions}`,
      conditions.values,
    );
    return rows[0]?.sum ?? 0;
  }

  async #countBetween(counted: Counted, filter: RecordFilter, fromMs: number, toMs: number): Promise<number> {
    const { firstId, lastId } = idRange(fromMs, Math.min(toMs, 2 ** 48 - 1));
    const conditions = ofRecords(filter).add('id >= $', firstId).add('id < $', lastId);
    const { rows } = await this.#pool.query<{ n: number }>(
      `select count(*) as n from log_records ${conditions} ${counted === 'held' ? 'and not notify' : ''}`,
      conditions.values,
    );
    return rows[0]!.n;
  }

  /** Of a text or an issue: exact up to a number that a person would page through, or as far as a moment reaches. */
  async #countSome(filter: RecordFilter): Promise<Total> {
    const conditions = ofRecords(filter);
    const { firstId, lastId } = idRange(
      filter.sinceMs ?? 0,
      Math.min(filter.untilMs ?? Number.POSITIVE_INFINITY, 2 ** 48 - 1),
    );
    conditions.add('id >= $', firstId).add('id < $', lastId);
    const most = conditions.parameter(mostCounted);
    const text = `select count(*) as n from (select from log_records ${conditions} limit ${most}) found`;
    try {
      const { rows } = await inTransaction(this.#pool, async (client) => {
        await client.query(`set local statement_timeout = ${countingMs}`);
        return client.query<{ n: number }>(text, conditions.values);
      });
      const total = rows[0]!.n;
      return { total, isAtLeast: total === mostCounted };
    } catch (error) {
      if ((error as { code?: string }).code !== '57014') throw error;
      return { total: 0, isAtLeast: true };
    }
  }
}
