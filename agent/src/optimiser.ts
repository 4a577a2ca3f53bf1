// V8's optimiser, asleep until there is work. It is several megabytes of Node.js's own file that come into memory with the
// first function it compiles, and whatever an agent at rest asks for again and again would call it sooner or later.
// Surprise: it is the flag `--no-opt` that puts it to sleep (cli/src/agent-process.ts); without it, all of this is idle.

import type { Engine } from './follow/engine.ts';

/** So many bytes of log within a second are work. */
const workBytes = 128 * 1024;
/** So much of a core, over so many looks in a row, is too. */
const workShare = 0.03;
const workLooks = 3;

export interface OptimiserOptions {
  /** Whether the flag is set. */
  isAsleep?: boolean;
  wake?: () => void;
}

export function createOptimiser({
  isAsleep = process.execArgv.includes('--no-opt'),
  wake = wakeOptimiser,
}: OptimiserOptions = {}) {
  let asleep = isAsleep;
  let bytes = 0;
  let since = 0;
  let busyLooks = 0;
  let lookedAt = 0;
  let usedThen = 0;

  function work(): void {
    asleep = false;
    wake();
  }

  /** So many bytes of a log were read. */
  function read(length: number, now: number): void {
    if (!asleep) return;
    if (now - since >= 1000) [bytes, since] = [0, now];
    bytes += length;
    if (bytes >= workBytes) work();
  }

  return {
    read,

    /** Call now and then. @param usedMs of processor time, since the start */
    look(usedMs: number, now: number): void {
      if (!asleep) return;
      const share = (usedMs - usedThen) / Math.max(1, now - lookedAt);
      busyLooks = share > workShare ? busyLooks + 1 : 0;
      [usedThen, lookedAt] = [usedMs, now];
      if (busyLooks >= workLooks) work();
    },

    /** The engine, of whose logs it is told. */
    watch<E extends Engine>(engine: E): E {
      if (!asleep) return engine;
      return {
        ...engine,
        logs: (request) =>
          engine.logs({
            ...request,
            onBytes(source, buffer, from, to) {
              read(to - from, Date.now());
              return request.onBytes(source, buffer, from, to);
            },
          }),
      };
    },
  };
}

/** What is hot by then is compiled at its next turn. */
function wakeOptimiser(): void {
  process.getBuiltinModule('node:v8').setFlagsFromString('--opt');
}
