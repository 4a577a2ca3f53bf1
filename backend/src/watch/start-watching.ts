// Looks every few seconds, tells what is amiss and what is over, and pings while everything is fresh. Any number of
// backends may run one: each incident is told of once.

import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Listening } from '../alerting/listening.ts';
import type { Pool } from '../db/pool.ts';
import { duration } from './findings.ts';
import { settleFindings, type Telling } from './incidents.ts';
import type { Watch } from './watch.ts';

export interface WatchingOptions {
  pool: Pool;
  watch: Watch;
  telling: Telling;
  log: { info(message: string): void; warn(fields: object, message: string): void };
  /** Fetches DEAD_MANS_PING_URL; left out: there is none. @throws when the answer was not a good one. */
  ping?: (signal: AbortSignal) => Promise<void>;
  lookEveryMs?: number;
  pingEveryMs?: number;
  /** After a start, or a break, it takes a while until the agents have been heard again: so long nothing is told. */
  quietMs?: number;
  /** Ms since the epoch. */
  now?: () => number;
}

/** By then an agent whose heartbeats found no backend has come back. */
const longestQuietMs = 75_000;

/** Nothing that the world does makes it throw or stop. */
export function startWatching(options: WatchingOptions): { stop(): Promise<void> } {
  const { watch, log, ping, lookEveryMs = 5_000, pingEveryMs = 60_000, now = Date.now } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  const quietMs = options.quietMs ?? Math.min(longestQuietMs, watch.bounds.missingMs || longestQuietMs);
  const listening = new Listening(now());
  let nextPingAt = now() + Math.min(pingEveryMs, 5_000);
  const say = sayChanges(log);
  if (ping) watch.ping = { at: null, withheld_because: 'it was not yet time' };

  async function lookOnce(): Promise<string[]> {
    try {
      const { findings, reasons } = await watch.report();
      const lookedAt = now();
      if (lookedAt - listening.since(lookedAt) >= quietMs)
        await settleFindings(options.pool, findings, options.telling, new Date(lookedAt).toISOString());
      await tellPastRefusal(watch, options.telling);
      listening.looked(lookedAt);
      return reasons;
    } catch (error) {
      return [`watching fails: ${(error as Error).message}`];
    }
  }

  async function pingOnce(reasons: readonly string[]): Promise<void> {
    if (!ping || now() < nextPingAt) return;
    nextPingAt = now() + pingEveryMs;
    const at = watch.ping?.at ?? null;
    let because = reasons.length > 0 ? reasons.join('; ') : null;
    if (because === null) {
      try {
        await ping(AbortSignal.any([signal, AbortSignal.timeout(10_000)]));
        watch.ping = { at: new Date().toISOString(), withheld_because: null };
      } catch (error) {
        because = `it could not be sent: ${(error as Error).message}`;
      }
    }
    if (because !== null) watch.ping = { at, withheld_because: because };
    say(because);
  }

  const running = (async () => {
    while (!signal.aborted) {
      const reasons = await lookOnce();
      if (!signal.aborted) await pingOnce(reasons);
      await sleep(lookEveryMs, undefined, { signal }).catch(() => {});
    }
  })();
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

/** While ingest refuses, nothing can be raised: it is told when it is over, if it was long enough. */
async function tellPastRefusal({ pulse, bounds }: Watch, telling: Telling): Promise<void> {
  const past = pulse.pastRefusal;
  if (!past) return;
  const lastedMs = past.untilMs - past.sinceMs;
  if (bounds.lagMs > 0 && lastedMs >= bounds.lagMs) {
    const since = new Date(past.sinceMs).toISOString();
    await telling.raise({
      kind: 'ingest-refused',
      subject: hostname(),
      event: since,
      message: `Records could not be stored on ${hostname()}\nFrom ${since} on, for ${duration(lastedMs / 1000)}, senders were told to come again (503), because the database could not store. Agents kept what they had; look at the database's log for the reason.`,
    });
  }
  pulse.forgetPastRefusal();
}

/** A line when the ping stops, when its reason changes, and when it goes on. */
function sayChanges(log: WatchingOptions['log']): (because: string | null) => void {
  let last: string | null = null;
  return (because) => {
    if (because === last) return;
    if (because === null) log.info("the dead-man's ping goes out again");
    else if (last === null || withoutFigures(because) !== withoutFigures(last))
      log.warn({}, `the dead-man's ping is withheld: ${because}`);
    last = because;
  };
}

function withoutFigures(text: string): string {
  return text.replace(/\d+/g, '#');
}
