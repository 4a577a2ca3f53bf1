// Looks that succeeded -> since when this backend hears what there is to hear. While its database is away, its process stands
// still or its machine sleeps it hears nothing, and what was silent then need not have been.

/** Looks come every few seconds. When none succeeded for so long, nothing was heard either. */
const breakMs = 20_000;

export class Listening {
  #since: number;
  #lookedAt: number;

  /** @param now ms since the epoch, as everywhere here. */
  constructor(now: number) {
    this.#since = now;
    this.#lookedAt = now;
  }

  /** To be asked by each look. @returns since when there was no break. A clock that was set back is one. */
  since(now: number): number {
    if (now < this.#lookedAt || now - this.#lookedAt > breakMs) this.#since = now;
    return this.#since;
  }

  /** A look has succeeded. */
  looked(now: number): void {
    this.#lookedAt = now;
  }
}
