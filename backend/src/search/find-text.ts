// A text -> ids of the newest records that contain it. The newest records are read: a common word is found there. What is
// older has an index of trigrams, made by upkeep once its records have settled: a rare word is found by it, wherever it
// is. What no index covers is read, for as long as a search may take.

import type { Step } from '../db/pipeline.ts';
import type { Pool } from '../db/pool.ts';
import { timeOfId } from '../db/record-id.ts';
import { idRange, ofRecords, trigramsOf } from './filter.ts';
import type { Page, Stretch } from './page.ts';
import { type Found, inSession, type Session, searchBack, searchMs } from './search-back.ts';
import { minuteMs } from './sums.ts';

/** So many of the newest records are read before an index is asked: some 2 ms. */
const probed = 1_000;
const askMs = 700;
/** A text that a stretch has more often is common there: reading it from its newest record on is faster. */
const mostByIndex = 2_000;
/** Each costs the planner some 0.05 ms. */
const mostStretches = 32;
/** A text that no index can answer is looked for only so long at a time, for nobody waits gladly for half an answer. */
const withoutIndexMs = 100;

/** A stretch of time that has an index, and how many records each millisecond has. */
interface Indexed extends Stretch {
  perMs: number;
}

export async function findText(pool: Pool, page: Page, stretch: Stretch): Promise<Found> {
  return inSession(pool, async (session) => {
    const { there, perMs, indexed } = await lookAround(session, stretch);
    if (there.fromMs >= there.toMs) return { ids: [] };
    const canAsk = trigramsOf(page.filter.q ?? '') > 0;
    const search = new TextSearch(session, page, there.toMs, perMs, canAsk ? searchMs : withoutIndexMs);
    return walk(search, there, canAsk ? indexed : []);
  });
}

async function walk(search: TextSearch, stretch: Stretch, indexed: readonly Indexed[]): Promise<Found> {
  if (indexed[0]) await search.readTo(Math.max(stretch.fromMs, probeTo(indexed[0])));
  for (let group = 1, n = 0; n < indexed.length; ) {
    await search.readTo(indexed[n]!.toMs); // what has no index
    if (search.isOver) return search.found();
    const asked = followOneAnother(indexed.slice(n, n + group));
    const before = search.count;
    if (await search.ask(asked)) {
      n += asked.length;
      group = nextGroup(asked.length, search.count - before, search.wanted);
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

/** Where the newest records of an index end that are read before it is asked. */
function probeTo({ fromMs, toMs, perMs }: Indexed): number {
  return Math.max(fromMs, toMs - probed / perMs);
}

/** As many stretches as the page probably needs; many where there was nothing. */
function nextGroup(stretches: number, found: number, wanted: number): number {
  const needed = found === 0 ? mostStretches : Math.ceil((wanted * stretches) / found);
  return Math.min(mostStretches, stretches * 8, needed);
}

/** How far a search has come: everything received in [#toMs, …) was looked at. */
class TextSearch {
  readonly #session: Session;
  readonly #page: Page;
  /** Records of a millisecond, now. */
  readonly #perMs: number;
  readonly #ids: string[] = [];
  readonly #endAt: number;
  #toMs: number;
  #isEnded = false;

  constructor(session: Session, page: Page, toMs: number, perMs: number, mayTakeMs: number) {
    this.#session = session;
    this.#page = page;
    this.#toMs = toMs;
    this.#perMs = perMs;
    this.#endAt = performance.now() + mayTakeMs;
  }

  get isOver(): boolean {
    return this.#isEnded || this.wanted === 0;
  }

  get count(): number {
    return this.#ids.length;
  }

  /** How many the page still lacks. */
  get wanted(): number {
    return this.#page.limit - this.#ids.length;
  }

  found(): Found {
    return this.#isEnded ? { ids: this.#ids, searchedToMs: this.#toMs } : { ids: this.#ids };
  }

  /** Reads the records themselves, down to `fromMs`. */
  async readTo(fromMs: number): Promise<void> {
    if (this.isOver || fromMs >= this.#toMs) return;
    const stepMs = (2 * probed) / this.#perMs;
    // Not much more than a step is one.
    const firstStepMs = this.#toMs - fromMs < 2 * stepMs ? 2 * stepMs : stepMs;
    const walk = { fromMs, toMs: this.#toMs, firstStepMs, endAt: this.#endAt };
    const { ids, searchedToMs } = await searchBack(
      this.#session,
      { ...this.#page, limit: this.wanted },
      walk,
    );
    this.#ids.push(...ids);
    this.#toMs = searchedToMs ?? fromMs;
    if (searchedToMs !== undefined) this.#isEnded = true;
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
    const values: unknown[] = [this.wanted, mostByIndex];
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
      this.#ids.push(...ids.slice(0, this.wanted));
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

const oldestMinute: Step = {
  name: 'oldest-minute',
  text: 'select min(minute) as oldest from log_counts',
};

/** The last minutes alone, however many sources there are. */
const newestMinutes: Step = {
  name: 'newest-minutes',
  text: `select max(minute) as newest, min(minute) as since, sum(n) as n
    from (select minute, n from log_counts order by minute desc limit 300) as newest`,
};

/** Where there are records at all, how many come, and which stretches have an index, newest first. */
async function lookAround(
  session: Session,
  stretch: Stretch,
): Promise<{ there: Stretch; perMs: number; indexed: Indexed[] }> {
  const { firstId, lastId } = idRange(stretch.fromMs, stretch.toMs);
  const [oldest, newest, indexes] = await session.ask([
    oldestMinute,
    newestMinutes,
    {
      name: 'read-text-indexes',
      text: `select from_id, to_id, records
        from text_indexes
        where to_id > $1 and from_id < $2
        order by from_id desc`,
      values: [firstId, lastId],
    },
  ]);
  const minutes = newest!.rows[0] as { newest: string | null; since: string; n: number };
  if (minutes.newest === null) return { there: { fromMs: 0, toMs: 0 }, perMs: 1, indexed: [] };
  const newestMs = Date.parse(minutes.newest) + minuteMs;
  const there = {
    fromMs: Math.max(stretch.fromMs, Date.parse((oldest!.rows[0] as { oldest: string }).oldest)),
    toMs: Math.min(stretch.toMs, newestMs),
  };
  const rows = indexes!.rows as { from_id: string; to_id: string; records: number }[];
  const indexed = rows.map(({ from_id, to_id, records }) => ({
    fromMs: Math.max(there.fromMs, timeOfId(from_id)),
    toMs: Math.min(there.toMs, timeOfId(to_id)),
    perMs: Math.max(1, records) / (timeOfId(to_id) - timeOfId(from_id)),
  }));
  return {
    there,
    perMs: minutes.n / (newestMs - Date.parse(minutes.since)),
    indexed: indexed.filter(({ fromMs, toMs }) => fromMs < toMs),
  };
}

/** The first of them, up to a gap. */
function followOneAnother<Each extends Stretch>(stretches: readonly Each[]): Each[] {
  const gap = stretches.findIndex((stretch, n) => n > 0 && stretch.toMs !== stretches[n - 1]!.fromMs);
  return gap < 0 ? [...stretches] : stretches.slice(0, gap);
}
