// Waiting for files to grow: one timer asks for those that grew lately. One that has been silent is watched (inotify) until it
// changes for the first time: watching a busy one would wake the agent for each write of the daemon, which is each line.
// Nothing hangs on the watching: what is watched is asked for too, seldom; and where that finds what nobody told of, as on a
// file system without it, or where no watch can be had, all is asked for as before.

import { type FSWatcher, watch } from 'node:fs';
import { everyAligned } from '../../aligned.ts';
import { defer } from '../backoff.ts';

/** How often, in ms, a file is asked for that grew lately, and after how many quiet asks it is watched. */
const askMs = 100;
const quietAsks = 20;
/** Rounds between the asks for a file that is quiet: watched, and not. */
const watchedEvery = 20;
const unwatchedEvery = 3;
/** So many changes in a row that nobody told of, and nothing is watched any more. */
const mostUntold = 3;

/** No watch is to be had. */
const exhausted = new Set(['ENOSPC', 'EMFILE', 'ENOMEM', 'ENOSYS', 'EPERM']);

/** A file's place among those that wait. */
export interface Waiter {
  /** Resolves when `isDue` says so or throws, which is asked from the next round on, or when the signal fires. */
  until(isDue: () => boolean): Promise<void>;
  close(): void;
}

interface Waiting {
  path: string;
  asks: number;
  watcher?: FSWatcher | undefined;
  isDue(): boolean;
  resolve(): void;
}

/** Where it cannot be told, who waits goes on, and meets what is wrong where it is handled. */
function isDue(one: Waiting): boolean {
  try {
    return one.isDue();
  } catch {
    return true;
  }
}

export interface IdleOptions {
  /** For tests. */
  everyMs?: number;
  quietAsks?: number;
  watch?: (path: string, changed: () => void, failed: () => void) => FSWatcher;
}

export type Idle = ReturnType<typeof createIdle>;

export function createIdle(options: IdleOptions = {}) {
  const { everyMs = askMs, quietAsks: quiet = quietAsks, watch: begin = watchFile } = options;
  const waiting = new Set<Waiting>();
  let timer: ReturnType<typeof everyAligned> | undefined;
  let round = 0;
  let mayWatch = true;
  let untold = 0;

  function ask(): void {
    round++;
    for (const one of waiting) {
      if (one.watcher) {
        if (round % watchedEvery === 0 && isDue(one)) {
          if (++untold >= mostUntold) mayWatch = false;
          end(one);
        }
        continue;
      }
      if (one.asks++ > quiet && round % unwatchedEvery !== 0) continue;
      if (isDue(one)) end(one);
      else if (one.asks === quiet && mayWatch) startWatching(one);
    }
  }

  function startWatching(one: Waiting): void {
    const unwatch = () => {
      one.watcher?.close();
      one.watcher = undefined;
    };
    try {
      one.watcher = begin(
        one.path,
        () => {
          if (!one.watcher) return;
          // What changed may be yet to come, as a new file in the place of one that was moved away.
          unwatch();
          untold = 0;
          one.asks = 0;
          if (isDue(one)) end(one);
        },
        unwatch,
      );
    } catch (error) {
      // Else the file has no name now.
      if (exhausted.has((error as NodeJS.ErrnoException).code ?? '')) mayWatch = false;
    }
    // It may have changed before it was watched.
    if (isDue(one)) end(one);
  }

  function end(one: Waiting): void {
    one.watcher?.close();
    one.watcher = undefined;
    waiting.delete(one);
    if (waiting.size === 0) {
      timer?.stop();
      timer = undefined;
    }
    one.resolve();
  }

  return {
    /** For one that waits again and again. `isDue` can be expected to hold when `path` has changed, or after `ask`. */
    open(path: string, signal: AbortSignal): Waiter {
      const one: Waiting = { path, asks: 0, isDue: () => false, resolve() {} };
      const stop = () => end(one);
      signal.addEventListener('abort', stop, { once: true });
      return {
        until(isDue) {
          const { promise, resolve } = defer();
          Object.assign(one, { asks: 0, isDue, resolve });
          if (signal.aborted) resolve();
          else {
            waiting.add(one);
            timer ??= everyAligned(everyMs, ask);
          }
          return promise;
        },
        close() {
          signal.removeEventListener('abort', stop);
          end(one);
        },
      };
    },

    /** Something other than a file has changed: all are asked for. */
    ask(): void {
      for (const one of waiting) if (isDue(one)) end(one);
    },
  };
}

function watchFile(path: string, changed: () => void, failed: () => void): FSWatcher {
  return watch(path, { persistent: false }, changed).on('error', failed);
}
