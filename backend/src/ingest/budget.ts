// How many bytes of requests may be held at once, from their first byte to their answer. Beyond it senders are told to
// come again, before memory grows; what they send waits in their spools.

import { comeAgain } from '../http/errors.ts';

/** What a request costs beside its bytes: objects, promises, the answer. */
const overheadBytes = 4096;

export class Budget {
  readonly maxBytes: number;
  #held = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  get held(): number {
    return this.#held;
  }

  /** The share of one request. */
  open(): Share {
    const share = new Share((bytes) => {
      if (bytes > 0 && this.#held + bytes > this.maxBytes)
        throw comeAgain('too much is waiting to be stored; try again', 1);
      this.#held += bytes;
    });
    share.take(overheadBytes);
    return share;
  }
}

/** What one request holds. */
export class Share {
  #held = 0;
  readonly #add: (bytes: number) => void;

  constructor(add: (bytes: number) => void) {
    this.#add = add;
  }

  /** @throws {HttpError} 503 when there is no room. */
  take(bytes: number): void {
    this.#add(bytes);
    this.#held += bytes;
  }

  give(): void {
    this.#add(-this.#held);
    this.#held = 0;
  }
}
