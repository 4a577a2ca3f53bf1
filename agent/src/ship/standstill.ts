// Why nothing is written just now: told once and not at every try, and counted.

import { type Log, reasonOf } from './log.ts';

const longestPauseMs = 5000;

export class Standstill {
  readonly #log: Log;
  readonly #now: () => number;
  #since: number | undefined;
  #failure: string | undefined;
  #failuresInARow = 0;
  #failures = 0;
  #pastMs = 0;

  constructor(log: Log, now: () => number) {
    this.#log = log;
    this.#now = now;
  }

  /** Somebody waits. */
  begins(why: string): void {
    if (this.#since !== undefined) return;
    this.#since = this.#now();
    this.#log.warn({}, `spool: ${why}; reading waits, and Docker keeps the logs`);
  }

  /** A write failed. @returns how long to wait before the next, in ms. */
  failed(error: unknown): number {
    this.#failures++;
    this.#failuresInARow++;
    this.#failure = reasonOf(error);
    // The same again is one line at each doubling.
    if ((this.#failuresInARow & (this.#failuresInARow - 1)) === 0)
      this.#log.error(
        { attempts: this.#failuresInARow },
        `spool: cannot write: ${this.#failure}; retrying for ever; make room on the disk, or repair it`,
      );
    return Math.min(longestPauseMs, 100 * 2 ** Math.min(this.#failuresInARow, 10));
  }

  /** A write came through. */
  wrote(): void {
    this.#failure = undefined;
    this.#failuresInARow = 0;
  }

  /** Nobody waits any more. */
  ends(): void {
    if (this.#since === undefined) return;
    const blockedMs = this.#now() - this.#since;
    this.#since = undefined;
    this.#pastMs += blockedMs;
    this.#log.info({ blockedMs }, 'spool: there is room again');
  }

  stats(): { blocked: boolean; failure: string | undefined; writeFailures: number; blockedMs: number } {
    return {
      blocked: this.#since !== undefined,
      failure: this.#failure,
      writeFailures: this.#failures,
      blockedMs: this.#pastMs + (this.#since === undefined ? 0 : this.#now() - this.#since),
    };
  }
}
