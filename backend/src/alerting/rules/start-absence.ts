// Looks for silence every few seconds, until stopped.

import { setTimeout as sleep } from 'node:timers/promises';
import type { AbsenceWatch } from './absence.ts';

export interface StartAbsenceOptions {
  watch: AbsenceWatch;
  log: { warn(fields: object, message: string): void };
  everyMs?: number;
}

const saidAgainMs = 60_000;

/** Nothing that the database does makes it throw or stop. */
export function startAbsence({ watch, log, everyMs = 5_000 }: StartAbsenceOptions): {
  stop(): Promise<void>;
} {
  const stopping = new AbortController();
  const { signal } = stopping;
  let quietUntil = 0;
  const running = (async () => {
    while (!signal.aborted) {
      try {
        await watch.look(Date.now());
      } catch (error) {
        if (Date.now() >= quietUntil) {
          quietUntil = Date.now() + saidAgainMs;
          log.warn({ err: error }, 'cannot look for silence; trying again');
        }
      }
      await sleep(everyMs, undefined, { signal, ref: false }).catch(() => {});
    }
  })();
  return {
    async stop() {
      stopping.abort();
      await Promise.race([running, sleep(1000, undefined, { ref: false })]);
    },
  };
}
