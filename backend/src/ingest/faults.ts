// A fault of ours that a record met -> whether it is that record's own. One that is refused is lost to its sender, and one
// that is kept holds up what its sender has after it; so it is refused only where all else can be stored.

import type { IncomingRecord } from './types.ts';

type Event = Pick<IncomingRecord, 'eventId' | 'logHash'>;

/** A sender that has been held up for so long by a fault, and nobody has had a record stored since, goes on. */
const longestMs = 3_600_000;
/** A sender that keeps a record comes again sooner; one that gave up must not make its fault count later. */
const forgottenMs = 600_000;
const mostMet = 10_000;

export class Faults {
  /** Records stored. */
  #stored = 0;
  /** When each record first met a fault, how many had been stored then, and when it met one last; in the order of that. */
  readonly #met = new Map<string, { at: number; stored: number; lastAt: number }>();

  /** Whether a record waits that met a fault: what is stored matters to nobody else. @param now ms since the epoch. */
  isAny(now: number): boolean {
    this.#forget(now);
    return this.#met.size > 0;
  }

  /**
   * Whether the faults are the records' own: others were stored since each first met one, or it has waited long enough.
   * @param met each of a batch that met a fault when it was stored alone.
   * @param stored each of the batch that was stored now: neither one that was there already, nor one of our own making.
   * @param now ms since the epoch.
   */
  areOwn(met: readonly Event[], stored: readonly Event[], now: number): boolean {
    this.#forget(now);
    for (const record of met) this.#note(record, now);
    this.#stored += stored.length;
    // What met a fault before and was stored in the end: the next fault is another one.
    for (const record of stored) this.#met.delete(keyOf(record));
    return met.every((record) => {
      const first = this.#met.get(keyOf(record));
      // Equal records without an id are one: it was stored just now.
      return first === undefined || this.#stored > first.stored || now - first.at >= longestMs;
    });
  }

  #note(record: Event, now: number): void {
    const key = keyOf(record);
    const first = this.#met.get(key);
    if (first) this.#met.delete(key);
    else if (this.#met.size >= mostMet) this.#met.delete(this.#met.keys().next().value!);
    this.#met.set(key, { at: now, stored: this.#stored, ...first, lastAt: now });
  }

  #forget(now: number): void {
    for (const [key, { lastAt }] of this.#met) {
      if (now - lastAt < forgottenMs) return;
      this.#met.delete(key);
    }
  }
}

function keyOf({ eventId, logHash }: Event): string {
  return eventId ?? logHash;
}
