// PostgreSQL's NOTIFY -> a call. Holds one connection of its own and makes a new one whenever it breaks, even when it
// breaks without a word; what was missed meanwhile is the reason for the call after each connect.

import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

export interface ListenOptions {
  connectionString: string;
  /** The NOTIFY channel. */
  channel: string;
  /** Called on each notification and after each (re)connect. */
  onWake: () => void;
  /** Told when the connection is lost or cannot be made; it is tried again. */
  onTrouble: (error: Error) => void;
  /** How often the connection is tried out. */
  heartbeatMs?: number;
  /** How long connecting or the try-out may take. */
  timeoutMs?: number;
}

export interface Listener {
  close(): Promise<void>;
}

const longestPauseMs = 10_000;

/** Starts listening; connecting happens in the background. */
export function listen(options: ListenOptions): Listener {
  const stopping = new AbortController();
  const running = keepListening(options, stopping.signal);
  return {
    async close() {
      stopping.abort();
      await running;
    },
  };
}

async function keepListening(options: ListenOptions, stop: AbortSignal): Promise<void> {
  let failures = 0;
  while (!stop.aborted) {
    const connectedAt = Date.now();
    try {
      await listenOnce(options, stop);
    } catch (error) {
      options.onTrouble(error as Error);
    }
    // A connection that held for a while was a good one: its loss begins a new count.
    failures = Date.now() - connectedAt > longestPauseMs ? 1 : failures + 1;
    const pauseMs = Math.min(longestPauseMs, 100 * 2 ** failures) * (0.5 + Math.random() / 2);
    await sleep(pauseMs, undefined, { signal: stop }).catch(() => {});
  }
}

/** Listens until the connection breaks (then it throws) or `stop` aborts (then it returns). */
async function listenOnce(options: ListenOptions, stop: AbortSignal): Promise<void> {
  const timeoutMs = options.timeoutMs ?? 5_000;
  const client = new pg.Client({
    connectionString: options.connectionString,
    connectionTimeoutMillis: timeoutMs,
    query_timeout: timeoutMs,
    keepAlive: true,
    application_name: 'log-detector listen',
  });
  const broken = new Promise<never>((_resolve, reject) => {
    client.on('error', reject);
    client.on('end', () => reject(new Error('the connection was closed')));
  });
  broken.catch(() => {}); // it may break when nobody waits for it any more
  let endWait = () => {};
  const stopped = new Promise<void>((resolve) => {
    endWait = resolve;
  });
  stop.addEventListener('abort', endWait, { once: true });
  let heartbeat: NodeJS.Timeout | undefined;
  try {
    await Promise.race([client.connect(), broken, stopped]);
    if (stop.aborted) return;
    client.on('notification', () => options.onWake());
    await client.query(`listen ${options.channel}`);
    options.onWake();
    // A network that swallows everything never ends a connection that only waits.
    const silent = new Promise<never>((_resolve, reject) => {
      let isAsking = false;
      heartbeat = setInterval(() => {
        if (isAsking) return;
        isAsking = true;
        client.query('select 1').then(() => {
          isAsking = false;
        }, reject);
      }, options.heartbeatMs ?? 30_000);
    });
    silent.catch(() => {});
    await Promise.race([broken, silent, stopped]);
  } finally {
    clearInterval(heartbeat);
    stop.removeEventListener('abort', endWait);
    // Not awaited to its end: a server that is gone never says goodbye.
    void client.end().catch(() => {});
  }
}
