// How long a fault is felt: from its first instant until a line printed after its end is stored, of every container that
// prints all the time (or of the one that it struck).

import type pg from 'pg';
import type { World } from './world.ts';

export interface RecoveryWatch {
  /** Begins to wait. `keys`: whose lines must arrive; they were printed at `overAt` (ms since the epoch) or later. */
  await(kind: string, begunAt: number, overAt: number, keys: readonly string[]): void;
  /** Longest time by kind, in ms; `undefined` when a fault of that kind was never seen to be over. */
  longest(): Map<string, number | undefined>;
  stop(): Promise<void>;
}

const askEveryMs = 400;

export function watchRecovery(world: World): RecoveryWatch {
  const waiting = new Set<{ kind: string; begunAt: number; overAt: number; keys: readonly string[] }>();
  const longest = new Map<string, number | undefined>();
  let client: pg.Client | undefined;
  let isStopped = false;

  async function ask(): Promise<void> {
    if (waiting.size === 0) return;
    client ??= await world.connect();
    const { rows } = await client.query<{ key: string; at: number }>(
      `select split_part(split_part(message, ' ', 2), '.', 1) as key, extract(epoch from max(occurred_at))::float8 * 1000 as at
       from (select message, occurred_at from log_records order by id desc limit 3000) as newest
       where message like 'ERROR %' group by 1`,
    );
    const latest = new Map(rows.map(({ key, at }) => [key, at]));
    const now = Date.now();
    for (const fault of waiting) {
      if (!fault.keys.every((key) => (latest.get(key) ?? 0) >= fault.overAt)) continue;
      waiting.delete(fault);
      longest.set(fault.kind, Math.max(longest.get(fault.kind) ?? 0, now - fault.begunAt));
    }
  }

  const asking = (async () => {
    while (!isStopped) {
      try {
        await ask();
      } catch {
        // The database was killed: ask a new one.
        const old = client;
        client = undefined;
        old?.end().catch(() => {});
      }
      await new Promise((resolve) => setTimeout(resolve, askEveryMs));
    }
    await client?.end().catch(() => {});
  })();

  return {
    await(kind, begunAt, overAt, keys) {
      if (!longest.has(kind)) longest.set(kind, undefined);
      waiting.add({ kind, begunAt, overAt, keys });
    },
    longest: () => longest,
    stop() {
      isStopped = true;
      return asking;
    },
  };
}
