// Work that needs the database -> its result, as soon as the database is there. At a start it may come up later than we
// do, and it may die while it is made ready: neither is a reason to end.

import { setTimeout as sleep } from 'node:timers/promises';
import { comesBackByItself } from './http/errors.ts';

/** About a minute: in a compose file the database may start at the same time, and recover first. */
const mostAttempts = 60;
const longestPauseMs = 1000;

/**
 * @param onAway told once, of the first attempt that failed.
 * @returns undefined when the signal aborts first.
 * @throws what the work throws, when waiting does not help or did not.
 */
export async function onceDatabaseIsThere<Result>(
  work: () => Promise<Result>,
  { signal, onAway }: { signal: AbortSignal; onAway: (error: Error) => void },
): Promise<Result | undefined> {
  for (let attempt = 1; !signal.aborted; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (!comesBackByItself(error) || attempt === mostAttempts) throw error;
      if (attempt === 1) onAway(error as Error);
      await sleep(Math.min(longestPauseMs, 50 * 2 ** attempt), undefined, { signal }).catch(() => {});
    }
  }
  return undefined;
}
