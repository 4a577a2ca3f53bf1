// Waiting for files to grow: one timer asks for all of them; inotify would wake the agent for each write of the daemon,
// which is each line.

import { defer } from '../backoff.ts';

/** How often, in ms, a file is asked for that grew lately, and after how many quiet asks only every third time. */
const askMs = 100;
const quietAsks = 50;

interface Waiting {
  asks: number;
  isDue(): boolean;
  resolve(): void;
}

export type Idle = ReturnType<typeof createIdle>;

/** `everyMs` is for tests. */
export function createIdle(everyMs = askMs) {
  const waiting = new Set<Waiting>();
  let timer: ReturnType<typeof setInterval> | undefined;
  let round = 0;

  function ask(): void {
    round++;
    for (const one of waiting) {
      if (one.asks++ > quietAsks && round % 3 !== 0) continue;
      if (one.isDue()) end(one);
    }
  }

  function end(one: Waiting): void {
    waiting.delete(one);
    if (waiting.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
    one.resolve();
  }

  return {
    /** Resolves when `isDue` says so, or the signal fires. */
    async until(isDue: () => boolean, signal: AbortSignal): Promise<void> {
      if (signal.aborted || isDue()) return;
      const { promise, resolve } = defer();
      const one: Waiting = { asks: 0, isDue, resolve };
      const stop = () => end(one);
      waiting.add(one);
      timer ??= setInterval(ask, everyMs);
      signal.addEventListener('abort', stop, { once: true });
      await promise;
      signal.removeEventListener('abort', stop);
    },
  };
}
