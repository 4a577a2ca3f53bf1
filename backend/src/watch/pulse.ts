// When each loop of this backend last turned, noted by the loops themselves: what a look at the database cannot tell.

export type Loop = 'dispatch' | 'delivery';

/** A loop that did not turn for so long stands still; each turns every few seconds. */
const stillMs = 60_000;

export class Pulse {
  readonly #now: () => number;
  readonly #turned = new Map<Loop, number>();
  #refusingSince: number | undefined;
  #pastRefusal: { sinceMs: number; untilMs: number } | undefined;

  /** @param now ms since the epoch. */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** The loop has done a round without an error; its first call says that there is such a loop. */
  turned(loop: Loop): void {
    this.#turned.set(loop, this.#now());
  }

  /** Senders were told to come again (503), because the database could not store. */
  ingestRefused(): void {
    this.#refusingSince ??= this.#now();
  }

  ingestCommitted(): void {
    if (this.#refusingSince === undefined) return;
    this.#pastRefusal ??= { sinceMs: this.#refusingSince, untilMs: this.#now() };
    this.#refusingSince = undefined;
  }

  /** A time without ingest that has ended, until it is told of. In ms since the epoch. */
  get pastRefusal(): { sinceMs: number; untilMs: number } | undefined {
    return this.#pastRefusal;
  }

  forgetPastRefusal(): void {
    this.#pastRefusal = undefined;
  }

  /** Ms since each loop's last turn. */
  ages(): { loop: Loop; ageMs: number }[] {
    return [...this.#turned].map(([loop, at]) => ({ loop, ageMs: Math.max(0, this.#now() - at) }));
  }

  /** What stands still, in words. */
  troubles(): string[] {
    const still = this.ages().filter(({ ageMs }) => ageMs >= stillMs);
    return [
      ...(this.#refusingSince === undefined ? [] : ['ingest answers 503: the database cannot store records']),
      ...still.map(({ loop, ageMs }) => `the ${loop} loop has not turned for ${Math.round(ageMs / 1000)} s`),
    ];
  }
}
