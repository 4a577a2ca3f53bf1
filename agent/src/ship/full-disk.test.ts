// A real file system of 16 MiB, filled to the brim. Mounting one needs root.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { open, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  appendNumbers,
  cleanUp,
  closeSpools,
  cursorOf,
  drain,
  instant,
  listeningLog,
  numbersOf,
  range,
  recordOf,
  spoolIn,
} from './given.ts';

const mountPoint = mkdtempSync(join(tmpdir(), 'spool-16m-'));
const isMounted = mount();

function mount(): boolean {
  if (process.getuid?.() !== 0) return false;
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', mountPoint], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

afterAll(async () => {
  await cleanUp();
  if (isMounted) execFileSync('umount', ['-l', mountPoint]);
  rmSync(mountPoint, { recursive: true, force: true });
});

const message = 'x'.repeat(2000);
const dir = join(mountPoint, 'spool');
const filler = join(mountPoint, 'filler');

/** Takes all the room that is left. */
async function fillTheDisk(): Promise<void> {
  const file = await open(filler, 'a');
  try {
    for (const bytes of [1024 * 1024, 4096, 1]) {
      for (;;) await file.write(Buffer.alloc(bytes, 'x'));
    }
  } catch (error) {
    expect(error).toMatchObject({ code: 'ENOSPC' });
  } finally {
    await file.close();
  }
  expect((await statfs(mountPoint)).bavail).toBe(0);
}

async function blocked(spool: Awaited<ReturnType<typeof spoolIn>>): Promise<void> {
  while (!spool.stats().blocked) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe.skipIf(!isMounted)(
  'a spool on a full disk (skipped: mounting a file system of 16 MiB needs root)',
  () => {
    beforeEach(async () => {
      await rm(filler, { force: true });
      await rm(dir, { recursive: true, force: true });
    });
    afterEach(closeSpools);
    beforeAll(() => expect(isMounted).toBe(true));

    it.each([1024 * 1024, 512 * 1024 * 1024])(
      'loses nothing under block, and goes on as records are acknowledged (segments of %d bytes)',
      async (segmentBytes) => {
        const log = listeningLog();
        const spool = await spoolIn(dir, { maxBytes: 1024 * 1024 * 1024, segmentBytes, log });
        const total = 12_000;
        const appending = appendNumbers(spool, 0, total, { each: 20, message });
        await blocked(spool);
        const { appendedRecords, failure } = spool.stats();
        expect(failure).toContain('ENOSPC');
        expect(appendedRecords).toBeGreaterThan(5000);
        expect(appendedRecords).toBeLessThan(8000);
        expect(spool.cursor('c1', 'stdout')?.at).toBe(instant(appendedRecords - 1));

        const received: number[] = [];
        while (received.length < total) {
          const batch = await spool.next(
            { maxRecords: 300, maxBytes: 1e6, lingerMs: 0 },
            AbortSignal.timeout(60_000),
          );
          received.push(...numbersOf(batch));
          spool.acknowledge(batch!);
        }
        await appending;
        expect(received).toEqual(range(0, total));
        expect(log.lines.join('\n')).toMatch(/cannot write: ENOSPC.*make room/);
        expect(log.lines.at(-1)).toContain('there is room again');
      },
    );

    it('goes on when another program gives the room back, with nothing sent meanwhile', async () => {
      const spool = await spoolIn(dir, { maxBytes: 1024 * 1024 * 1024 });
      await appendNumbers(spool, 0, 100, { message });
      await fillTheDisk();
      const appending = appendNumbers(spool, 100, 1000, { each: 20, message });
      await blocked(spool);
      await rm(filler);
      await appending;
      expect((await drain(spool)).numbers).toEqual(range(0, 1000));
    });

    it('can be opened, read and emptied on a full disk, and has its cursors after that', async () => {
      await appendNumbers(await spoolIn(dir, { segmentBytes: 100_000 }), 0, 1000, { message });
      await closeSpools();
      await fillTheDisk();
      const spool = await spoolIn(dir, { segmentBytes: 100_000 });
      expect((await drain(spool)).numbers).toEqual(range(0, 1000));
      await appendNumbers(spool, 1000, 1010, { message });
      await spool.close();
      const again = await spoolIn(dir);
      expect(again.cursor('c1', 'stdout')).toEqual(cursorOf(1009).position);
      const { numbers } = await drain(again);
      expect(numbers.slice(-10)).toEqual(range(1000, 1010));
    });

    it('begins on a full disk, and waits for room', async () => {
      await fillTheDisk();
      const spool = await spoolIn(dir);
      const appending = appendNumbers(spool, 0, 10);
      await blocked(spool);
      await rm(filler);
      await appending;
      expect((await drain(spool)).numbers).toEqual(range(0, 10));
    });

    it('survives a restart in the middle of it', async () => {
      const spool = await spoolIn(dir, { maxBytes: 1024 * 1024 * 1024, segmentBytes: 1024 * 1024 });
      const failed = appendNumbers(spool, 0, 20_000, { each: 20, message }).catch(
        (error: Error) => error.message,
      );
      await blocked(spool);
      const { appendedRecords } = spool.stats();
      await spool.close();
      expect(await failed).toMatch(/closed/);
      const log = listeningLog();
      const again = await spoolIn(dir, { maxBytes: 1024 * 1024 * 1024, segmentBytes: 1024 * 1024, log });
      expect(log.lines).toEqual([]);
      expect(again.cursor('c1', 'stdout')).toEqual(cursorOf(appendedRecords - 1).position);
      const appending = appendNumbers(again, appendedRecords, 8000, { each: 20, message });
      expect((await drain(again)).numbers.slice(0, appendedRecords)).toEqual(range(0, appendedRecords));
      await appending;
    });

    it('drops the oldest under drop-oldest, declares all of it, and keeps the newest', async () => {
      const spool = await spoolIn(dir, {
        maxBytes: 1024 * 1024 * 1024,
        segmentBytes: 1024 * 1024,
        whenFull: 'drop-oldest',
      });
      await appendNumbers(spool, 0, 12_000, { each: 20, message });
      const { droppedRecords } = spool.stats();
      expect(droppedRecords).toBeGreaterThan(3000);
      const { numbers, holes } = await drain(spool);
      expect(numbers).toEqual(range(droppedRecords, 12_000));
      expect(holes.reduce((sum, { records = 0 }) => sum + records, 0)).toBe(droppedRecords);
    });

    it('keeps the memory bounded while it waits', async () => {
      const spool = await spoolIn(dir, { maxBytes: 1024 * 1024 * 1024 });
      await fillTheDisk();
      const appending = spool.append({ records: [recordOf(0, { message })], cursors: [cursorOf(0)] });
      await blocked(spool);
      const before = process.memoryUsage().arrayBuffers;
      for (let tries = 0; tries < 3; tries++) {
        const { writeFailures } = spool.stats();
        while (spool.stats().writeFailures === writeFailures)
          await new Promise((resolve) => setTimeout(resolve, 5));
      }
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1024 * 1024);
      await rm(filler);
      await appending;
    });
  },
);
