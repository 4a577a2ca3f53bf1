// The jobs that run beside everything. Every minute what is over is summed up and its text indexed; every hour partitions
// are made a week ahead and old data is dropped. Any number of backends may run them; one at a time works.

import { setTimeout as sleep } from 'node:timers/promises';
import { advisoryLocks } from '../db/advisory-locks.ts';
import { makePartitions } from '../db/partitions.ts';
import type { Pool } from '../db/pool.ts';
import { indexText } from './index-text.ts';
import { dropOld, type Kept } from './retention.ts';
import { sumUp } from './sum-up.ts';

export interface UpkeepOptions extends Kept {
  pool: Pool;
  log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
  now?: () => number;
  /** Of the hourly jobs. */
  everyMs?: number;
}

const dayMs = 86_400_000;
const minuteMs = 60_000;
const daysAhead = 7;

/** Makes what ingest needs at once: today's partition, yesterday's for clocks that differ, and a week ahead. */
export async function makePartitionsAhead(pool: Pool, now: number): Promise<number> {
  return makePartitions(pool, now - dayMs, now + daysAhead * dayMs);
}

/** Runs in the background until stopped. Nothing that the database does ends it. */
export function startUpkeep(options: UpkeepOptions): { stop(): Promise<void> } {
  const { pool, log, now = Date.now, everyMs = 3_600_000 } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  const every = async (ms: number, name: string, job: () => Promise<unknown>) => {
    while (!signal.aborted) {
      const failed = await job().catch((error: Error) => {
        if (!signal.aborted) log.warn({ err: error }, `${name} failed; trying again in a minute`);
        return 'failed';
      });
      // Spread out, so that backends started together do not stay in step.
      const waitMs = failed === 'failed' ? minuteMs : ms * (0.9 + Math.random() / 5);
      await sleep(waitMs, undefined, { signal, ref: false }).catch(() => {});
    }
  };
  const jobs = Promise.all([
    every(everyMs, 'upkeep', () => runOnce(options, now())),
    every(minuteMs, 'summing up', () => sumUp(pool, now(), signal)),
    every(minuteMs, 'indexing text', () => indexText({ pool, log }, now(), signal)),
  ]);
  return {
    async stop() {
      stopping.abort();
      await Promise.race([jobs, sleep(1000, undefined, { ref: false })]);
    },
  };
}

async function runOnce({ pool, log, ...kept }: UpkeepOptions, now: number): Promise<void> {
  const client = await pool.connect();
  try {
    await makePartitionsAhead(pool, now);
    const { rows } = await client.query<{ locked: boolean }>('select pg_try_advisory_lock($1) as locked', [
      advisoryLocks.upkeep,
    ]);
    if (!rows[0]!.locked) return; // another backend is at it
    try {
      const dropped = await dropOld(pool, kept, now);
      if (dropped.partitions > 0) log.info(dropped, 'dropped what is older than RETENTION_DAYS');
    } finally {
      await client.query('select pg_advisory_unlock($1)', [advisoryLocks.upkeep]);
    }
  } finally {
    client.release();
  }
}
