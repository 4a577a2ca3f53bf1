// `log-detector canary`: prints one line now and then, in a container of its own. The agent always matches it, and the backend
// takes it through every stage up to the rendered mail, which goes to nobody: docs/watching.md.

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { settings } from '@log-detector/settings';

/** What every canary's line has, and hardly another one. */
export const canaryText = 'log-detector-canary/1 id=';

/** @param now ms since the epoch. */
export function canaryLine(id: string, now: number): string {
  return `INFO ${canaryText}${id} at=${new Date(now).toISOString()}`;
}

/** The verb. Runs until SIGINT or SIGTERM. @throws {SettingsError} */
export async function canaryCommand(env: NodeJS.ProcessEnv): Promise<number> {
  const read = settings(env);
  const everyMs = 1000 * read.number('CANARY_SECONDS', { default: 60, min: 5, max: 3600, unit: 'seconds' });
  read.finish();
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());
  while (!stop.signal.aborted) {
    process.stdout.write(`${canaryLine(randomUUID(), Date.now())}\n`);
    await sleep(everyMs, undefined, { signal: stop.signal }).catch(() => {});
  }
  return 0;
}
