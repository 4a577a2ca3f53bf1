// Long work in this process, cut where others may come in between: what the database answers, other requests, timers.

import { setImmediate as nextTurn } from 'node:timers/promises';

/** Long enough that giving way costs little beside it, and short beside what waits: a transaction, a page. */
const turnMs = 2;

/** What a loop that may be long asks at each step: `if (turn.isOver()) await turn.next()`. */
export class Turn {
  #endsAt = performance.now() + turnMs;

  /** Whether others have waited for long enough. */
  isOver(): boolean {
    return performance.now() >= this.#endsAt;
  }

  /** Resolves when the others have had theirs. */
  async next(): Promise<void> {
    await nextTurn();
    this.#endsAt = performance.now() + turnMs;
  }
}
