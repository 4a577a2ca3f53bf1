// The dispatcher in the background: woken by NOTIFY when alerts wait, by the clock when a digest window ends or a token
// comes, and now and then in case both were missed. Any number of backends may run one.

import type { Pool } from '../db/pool.ts';
import { newId } from '../db/record-id.ts';
import { listen } from '../outbox/listen.ts';
import { type DispatchSettings, dispatch } from './dispatch.ts';
import { alertsChannel } from './keep-alerts.ts';

export interface StartDispatchOptions {
  pool: Pool;
  /** For the listening connection, which is not of the pool. */
  connectionString: string;
  settings: DispatchSettings;
  log: { warn(fields: object, message: string): void };
  /** Told after each round without an error. */
  onTurn?: () => void;
  /** The longest wait before looking again. */
  pollMs?: number;
}

/** A flood of wake-ups makes one look in this time. */
const spacingMs = 100;
const retryMs = 2_000;
const saidAgainMs = 60_000;

/** Budgets and windows are of all backends together, whose clocks may differ: they go by this one. In ms since the epoch. */
async function databaseNow(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ now: number }>({
    name: 'database-now',
    text: 'select floor(extract(epoch from clock_timestamp()) * 1000)::float8 as now',
  });
  return rows[0]!.now;
}

/** Nothing that the database does makes it throw or stop. */
export function startDispatch(options: StartDispatchOptions): { stop(): Promise<void> } {
  const { pool, settings, log, pollMs = 5_000 } = options;
  let isStopping = false;
  let isWoken = true;
  let wake = () => {};
  let quietUntil = 0;
  const warn = (message: string, error: Error) => {
    if (Date.now() < quietUntil) return;
    quietUntil = Date.now() + saidAgainMs;
    log.warn({ err: error }, message);
  };
  const wakeUp = () => {
    isWoken = true;
    wake();
  };
  const listener = listen({
    connectionString: options.connectionString,
    channel: alertsChannel,
    onWake: wakeUp,
    onTrouble: (error) => warn('cannot listen for new alerts; trying again', error),
  });
  const pause = (ms: number, endsEarly: boolean) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      const end = () => {
        clearTimeout(timer);
        resolve();
      };
      wake = () => {
        if (endsEarly || isStopping) end();
      };
    });
  const running = (async () => {
    while (!isStopping) {
      isWoken = false;
      let waitMs = retryMs;
      try {
        const now = await databaseNow(pool);
        const { nextAt } = await dispatch(pool, settings, now, () => newId(Date.now()));
        options.onTurn?.();
        waitMs = nextAt === null ? pollMs : Math.min(pollMs, Math.max(0, nextAt - now));
      } catch (error) {
        warn('cannot gather alerts into mails; trying again', error as Error);
      }
      if (!isStopping) await pause(spacingMs, false);
      if (!isStopping && !isWoken && waitMs > spacingMs) await pause(waitMs - spacingMs, true);
    }
  })();
  return {
    async stop() {
      isStopping = true;
      wakeUp();
      await Promise.all([listener.close(), running]);
    },
  };
}
