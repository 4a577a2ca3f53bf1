// When work is over, what it left in the heap is cleared away once: the start's, which is most of what fifty containers cost,
// and a flood's. V8 by itself waits for more to come, which at rest may take hours. It needs the flag `--expose-gc`
// (cli/src/agent-process.ts); without it nothing is done.

/** More of a core than this is work. */
const workShare = 0.02;
/** Clearing stops everything for some tens of milliseconds. */
const atMostEveryMs = 60_000;

export interface TidyOptions {
  clear?: (() => void) | undefined;
}

export function createTidy({ clear = globalThis.gc }: TidyOptions = {}) {
  let isLeft = true;
  let lookedAt: number | undefined;
  let usedThen = 0;
  let clearedAt = Number.NEGATIVE_INFINITY;

  return {
    /** Call every few seconds. @param usedMs of processor time, since the start */
    look(usedMs: number, now: number): void {
      const works = lookedAt === undefined || usedMs - usedThen > workShare * (now - lookedAt);
      [usedThen, lookedAt] = [usedMs, now];
      if (works) isLeft = true;
      if (works || !isLeft || now - clearedAt < atMostEveryMs) return;
      [isLeft, clearedAt] = [false, now];
      // What the first one finds to be free is given back by the second.
      clear?.();
      clear?.();
    },
  };
}
