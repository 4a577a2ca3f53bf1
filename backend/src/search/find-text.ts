// A text -> ids of the newest records that contain it. The newest records are read, in growing steps: a common word is
// found there. What is older has an index of trigrams, made by upkeep once its records have settled: a rare word is found
// by it, wherever it is. What no index covers is read, for as long as a search may take.

import type { Pool } from '../db/pool.ts';
import { timeOfId } from '../db/record-id.ts';
import { idRange, ofRecords, trigramsOf } from './filter.ts';
import type { Page, Stretch } from './page.ts';
import { type Found, inSession, type Session, searchBack, searchMs } from './search-back.ts';
import { minuteMs } from './sums.ts';

/** How long the newest records are read before an index is asked. */
const probeMs = 10;
const firstStepMs = minuteMs;
const askMs = 700;
/** A text that a stretch has more often is common there: reading it from its newest record on is faster. */
const mostByIndex = 2_000;
const mostStretches = 16;

export async function findText(pool: Pool, page: Page, stretch: Stretch): Promise<Found> {
  const indexed = trigramsOf(page.filter.q ?? '') > 0 ? await readIndexed(pool, stretch) : [];
  return inSession(pool, (session) => walk(new TextSearch(session, page, stretch.toMs), stretch, indexed));
}

async function walk(search: TextSearch, stretch: Stretch, indexed: readonly Stretch[]): Promise<Found> {
  for (let group = 1, n = 0; n < indexed.length; ) {
    await search.readTo(indexed[n]!.toMs); // what is newer than the index
    if (n === 0) await search.readTo(indexed[n]!.fromMs, probeMs);
    if (search.isOver) return search.found();
    const asked = followOneAnother(indexed.slice(n, n + group));
    if (await search.ask(asked)) {
      n += asked.length;
      group = Math.min(mostStretches, group * 2);
    } else if (asked.length > 1) {
      group = 1;
    } else {
      await search.readTo(asked[0]!.fromMs);
      n += 1;
    }
    if (search.isOver) return search.found();
  }
  await search.readTo(stretch.fromMs);
  return search.found();
}

/** How far a search has come: everything received in [#toMs, …) was looked at. */
class TextSearch {
  readonly #session: Session;
  readonly #page: Page;
  readonly #ids: string[] = [];
  readonly #endAt = performance.now() + searchMs;
  #toMs: number;
  #isEnded = false;

  constructor(session: Session, page: Page, toMs: number) {
    this.#session = session;
    this.#page = page;
    this.#toMs = toMs;
  }

  get isOver(): boolean {
    return this.#isEnded || this.#ids.length === this.#page.limit;
  }

  found(): Found {
    return this.#isEnded ? { ids: this.#ids, searchedToMs: this.#toMs } : { ids: this.#ids };
  }

  /** Reads the records themselves, down to `fromMs`, or for `ms`. */
  async readTo(fromMs: number, ms?: number): Promise<void> {
    if (this.isOver || fromMs >= this.#toMs) return;
    const endAt = ms === undefined ? this.#endAt : performance.now() + ms;
    const limit = this.#page.limit - this.#ids.length;
    const walk = { fromMs, toMs: this.#toMs, firstStepMs, endAt };
    const { ids, searchedToMs } = await searchBack(this.#session, { ...this.#page, limit }, walk);
    this.#ids.push(...ids);
    this.#toMs = searchedToMs ?? fromMs;
    if (searchedToMs !== undefined && ms === undefined) this.#isEnded = true;
  }

  /**
   * Asks the indexes of stretches that follow each other, newest first.
   * @returns false when that takes too long, or finds too much in the first of them.
   */
  async ask(stretches: readonly Stretch[]): Promise<boolean> {
    const left = this.#endAt - performance.now();
    if (left <= 0) {
      this.#isEnded = true;
      return true;
    }
    const values: unknown[] = [this.#page.limit - this.#ids.length, mostByIndex];
    const parts = stretches.map(({ fromMs, toMs }, n) => {
      const { firstId, lastId } = idRange(fromMs, Math.min(toMs, this.#toMs));
      const { filter, beforeId } = this.#page;
      const conditions = ofRecords(filter, values, 'ask')
        .add('id >= $', firstId)
        .add('id < $', beforeId !== undefined && beforeId < lastId ? beforeId : lastId);
      // Without an order, so that no index but that of the text serves.
      return `(select ${n} as stretch, id from log_records ${conditions} limit $2)`;
    });
    const rows = await this.#session.query<{ stretch: number; n: number; ids: string[] }>(
      Math.max(50, Math.min(askMs, left)),
      `with found as materialized (${parts.join(' union all ')})
       select stretch, count(*)::int as n, (array_agg(id order by id desc))[1:$1::int] as ids
       from found
       group by stretch
       order by stretch`,
      values,
    );
    if (rows === 'too-long') return false;
    for (const { stretch, n, ids } of rows) {
      if (n >= mostByIndex) {
        if (stretch === 0) return false;
        this.#toMs = stretches[stretch]!.toMs;
        // The rest are asked again, from this one on.
        return this.#readFrom(stretches.slice(stretch));
      }
      this.#ids.push(...ids.slice(0, this.#page.limit - this.#ids.length));
      if (this.isOver) return true;
    }
    this.#toMs = Math.min(this.#toMs, stretches.at(-1)!.fromMs);
    return true;
  }

  async #readFrom([first, ...others]: readonly Stretch[]): Promise<boolean> {
    await this.readTo(first!.fromMs);
    if (this.isOver || others.length === 0) return true;
    if (await this.ask(others)) return true;
    return this.#readFrom(others);
  }
}

/** The stretches of time that have an index, newest first. */
async function readIndexed(pool: Pool, stretch: Stretch): Promise<Stretch[]> {
  const { firstId, lastId } = idRange(stretch.fromMs, stretch.toMs);
  const { rows } = await pool.query<{ from_id: string; to_id: string }>({
    name: 'read-text-indexes',
    text: 'select from_id, to_id from text_indexes where to_id > $1 and from_id < $2 order by from_id desc',
    values: [firstId, lastId],
  });
  return rows.map(({ from_id, to_id }) => ({
    fromMs: Math.max(stretch.fromMs, timeOfId(from_id)),
    toMs: Math.min(stretch.toMs, timeOfId(to_id)),
  }));
}

/** The first of them, up to a gap. */
function followOneAnother(stretches: readonly Stretch[]): Stretch[] {
  const gap = stretches.findIndex((stretch, n) => n > 0 && stretch.toMs !== stretches[n - 1]!.fromMs);
  return gap < 0 ? [...stretches] : stretches.slice(0, gap);
}
