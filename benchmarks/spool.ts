// How many records a second the spool takes and gives, how many syncs that costs, how long it takes to open, and what an
// hour without a backend does to the agent's memory.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cursorOf, recordOf } from '../agent/src/ship/given.ts';
import { hourAway } from '../agent/src/ship/hour-away.ts';
import { silent } from '../agent/src/ship/log.ts';
import { openSpool, type Spool } from '../agent/src/ship/spool.ts';

type Row = Record<string, string | number>;

/** @returns the table of `npm run bench spool`. */
export async function run(): Promise<{ title: string; rows: Row[]; notes: string[] }> {
  const rows: Row[] = [];
  const notes: string[] = [];

  // First, while nothing else has touched the memory.
  await withSpool(async (spool) => {
    const before = process.memoryUsage.rss();
    const { printed, stored, repeated, outOfOrder, spoolBytes, attempts, drainMs, ...peak } = await hourAway(
      spool,
      200,
    );
    rows.push({
      question: 'drain after an hour away',
      'records/s': perSecond(stored, drainMs),
      records: stored,
    });
    notes.push(
      `A backend away for an hour at 200 records/s: ${printed} printed, ${stored} stored, ${printed - stored} lost, ${repeated} repeated, ${outOfOrder} out of order; ${mib(spoolBytes)} on disk at the end of the hour, ${attempts} tries, drained in ${(drainMs / 1000).toFixed(1)} s (the receiving server runs in the same process); peak memory ${mib(peak.peakRssAway)} in that hour and ${mib(peak.peakRss)} while it drained (${mib(before)} before it began).`,
    );
  });

  for (const { each, atOnce, records } of [
    { each: 1, atOnce: 1, records: 2000 },
    { each: 1, atOnce: 64, records: 50_000 },
    { each: 100, atOnce: 1, records: 200_000 },
    { each: 1000, atOnce: 1, records: 400_000 },
  ]) {
    await withSpool(async (spool) => {
      const batches = Array.from({ length: records / each }, (_, batch) =>
        Array.from({ length: each }, (_, index) => recordOf(batch * each + index, { message })),
      );
      const started = performance.now();
      let next = 0;
      await Promise.all(
        Array.from({ length: atOnce }, async () => {
          for (let batch = batches[next++]; batch; batch = batches[next++])
            await spool.append({ records: batch, cursors: [cursorOf(next * each)] });
        }),
      );
      const ms = performance.now() - started;
      rows.push({
        question: `append, ${each} a call, ${atOnce} at once`,
        'records/s': perSecond(records, ms),
        records,
        syncs: spool.stats().syncs,
        'records/sync': Math.round(records / spool.stats().syncs),
      });
    });
  }

  const dir = await mkdtemp(join(tmpdir(), 'spool-bench-'));
  try {
    const filling = await openIn(dir);
    const records = Array.from({ length: 1000 }, (_, n) => recordOf(n, { message }));
    for (let n = 0; n < 400; n++) await filling.append({ records, cursors: [cursorOf(n)] });
    const { bytes } = filling.stats();
    await filling.close();
    const opened = performance.now();
    const spool = await openIn(dir);
    const openMs = performance.now() - opened;
    rows.push({
      question: `open a spool of ${mib(bytes)}`,
      'records/s': perSecond(400_000, openMs),
      records: 400_000,
    });
    const started = performance.now();
    const signal = AbortSignal.timeout(60_000);
    while (spool.stats().records > 0) {
      const batch = await spool.next({ maxRecords: 500, maxBytes: 1024 * 1024, lingerMs: 0 }, signal);
      if (batch) spool.acknowledge(batch);
    }
    rows.push({
      question: 'read and acknowledge, 500 a batch',
      'records/s': perSecond(400_000, performance.now() - started),
      records: 400_000,
    });
    await spool.close();
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
  return { title: 'what the spool takes and gives', rows, notes };
}

/** 200 bytes, which make about 500 on the wire. */
const message = `ERROR could not reach the database after 3 attempts: connection refused ${'x'.repeat(128)}`;

function openIn(dir: string): Promise<Spool> {
  return openSpool({
    dir,
    maxBytes: 4 * 1024 ** 3,
    whenFull: 'block',
    segmentBytes: 8 * 1024 * 1024,
    log: silent,
  });
}

async function withSpool(use: (spool: Spool) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'spool-bench-'));
  const spool = await openIn(dir);
  try {
    await use(spool);
  } finally {
    await spool.close();
    await rm(dir, { recursive: true, force: true });
  }
}

function perSecond(count: number, ms: number): number {
  return Math.round((count / ms) * 1000);
}

function mib(bytes: number): string {
  return `${Math.round(bytes / 1024 / 1024)} MiB`;
}
