import {
  chmod,
  cp,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Hole } from '../types.ts';
import {
  appendNumbers,
  cleanUp,
  closeSpools,
  cursorOf,
  drain,
  folder,
  holeOf,
  instant,
  listeningLog,
  numbersOf,
  range,
  recordOf,
  segmentsIn,
  spoolIn,
} from './given.ts';

afterEach(cleanUp);

const small = { maxBytes: 512 * 1024, segmentBytes: 64 * 1024 };
const all = { maxRecords: 100_000, maxBytes: 1e9, lingerMs: 0 };
const soon = () => AbortSignal.timeout(60_000);

describe('spool', () => {
  it('gives records back in the order in which they were appended, until they are acknowledged', async () => {
    const spool = await spoolIn(await folder());
    await appendNumbers(spool, 0, 100, { each: 7 });
    const bounds = { ...all, maxRecords: 30 };
    const batch = await spool.next(bounds, soon());
    expect(numbersOf(batch)).toEqual(range(0, 30));
    expect(numbersOf(await spool.next(bounds, soon()))).toEqual(range(0, 30));
    spool.acknowledge(batch!);
    expect(numbersOf(await spool.next(all, soon()))).toEqual(range(30, 100));
    expect(spool.stats()).toMatchObject({ records: 70, acknowledgedRecords: 30, oldestAt: instant(29) });
  });

  it('gives the wire form back byte by byte, whatever is in it', async () => {
    const spool = await spoolIn(await folder());
    const message = `\u0000 \ud800 "\\" \n 💥 ${'x'.repeat(300_000)}`;
    const record = recordOf(1, { message });
    await spool.append({ records: [record], cursors: [] });
    const batch = await spool.next(all, soon());
    expect(JSON.parse(batch!.records.json(0).toString())).toEqual(record.record);
  });

  it('keeps records, holes and cursors over a restart, and forgets what was acknowledged', async () => {
    const dir = await folder();
    const before = await spoolIn(dir);
    await appendNumbers(before, 0, 10);
    await before.append({
      records: [],
      holes: [holeOf(10)],
      cursors: [cursorOf(11), cursorOf(3, { stream: 'stderr' })],
    });
    before.acknowledge((await before.next({ ...all, maxRecords: 4 }, soon()))!);
    await before.close();

    const after = await spoolIn(dir);
    expect(after.cursor('c1', 'stdout')).toEqual(cursorOf(11).position);
    expect(after.cursor('c1', 'stderr')).toEqual(cursorOf(3).position);
    expect(after.cursor('c2', 'stdout')).toBeUndefined();
    expect(await drain(after)).toEqual({ numbers: range(4, 10), holes: [holeOf(10)] });
    expect(await segmentsIn(dir)).toHaveLength(1);
  });

  it('writes an acknowledgement by itself after a moment, or with what comes', async () => {
    const dir = await folder();
    const spool = await spoolIn(dir);
    /** What an agent would find that took over after kill -9. */
    const left = async () => {
      const copy = await folder();
      await cp(dir, copy, { recursive: true, filter: (path) => dir === path || path.endsWith('.seg') });
      return (await drain(await spoolIn(copy))).numbers;
    };
    const take = async (maxRecords: number) =>
      spool.acknowledge((await spool.next({ ...all, maxRecords }, soon()))!);
    await appendNumbers(spool, 0, 10, { each: 10 });
    await take(2);
    await expect.poll(left, { timeout: 5000 }).toEqual(range(2, 10));
    await take(1);
    await expect.poll(left, { timeout: 5000 }).toEqual(range(3, 10));
    await take(2);
    await spool.append({ records: [], cursors: [cursorOf(10)] });
    expect(await left()).toEqual(range(5, 10));
  });

  it('moves a cursor only when it is on disk', async () => {
    const spool = await spoolIn(await folder());
    const appended = spool.append({ records: [recordOf(5)], cursors: [cursorOf(5)] });
    expect(spool.cursor('c1', 'stdout')).toBeUndefined();
    await appended;
    expect(spool.cursor('c1', 'stdout')).toEqual(cursorOf(5).position);
  });

  it('lets appends that come together share a sync', async () => {
    const spool = await spoolIn(await folder());
    await Promise.all(
      range(0, 500).map((n) => spool.append({ records: [recordOf(n)], cursors: [cursorOf(n)] })),
    );
    expect(spool.stats().syncs).toBeLessThan(10);
    expect((await drain(spool)).numbers).toEqual(range(0, 500));
  });

  it('forgets the cursors of a container that is gone, over a restart too', async () => {
    const dir = await folder();
    const before = await spoolIn(dir);
    await appendNumbers(before, 0, 3);
    await appendNumbers(before, 0, 3, { containerId: 'c2' });
    before.forget('c1');
    await appendNumbers(before, 3, 4, { containerId: 'c2' });
    expect(before.containers()).toEqual(['c2']);
    await before.close();
    expect((await spoolIn(dir)).containers()).toEqual(['c2']);
  });

  it("keeps notes with the cursors, and forgets a container's with it", async () => {
    const dir = await folder();
    const before = await spoolIn(dir, { segmentBytes: 1000 });
    const notes: [string, string][] = [
      ['c1', 'web'],
      ['watched-until', 'now'],
    ];
    await before.append({ records: [], cursors: [cursorOf(1)], notes });
    await appendNumbers(before, 2, 20);
    await before.close();
    const after = await spoolIn(dir);
    expect([after.note('c1'), after.note('watched-until'), after.note('c2')]).toEqual([
      'web',
      'now',
      undefined,
    ]);
    after.forget('c1');
    await appendNumbers(after, 20, 21, { containerId: 'c2' });
    expect([after.note('c1'), after.note('watched-until')]).toEqual([undefined, 'now']);
  });

  it('waits for the first record, then a little for more', async () => {
    const spool = await spoolIn(await folder());
    const next = spool.next({ ...all, maxRecords: 3, lingerMs: 240_000 }, soon());
    await appendNumbers(spool, 0, 3);
    const batch = (await next)!;
    expect(numbersOf(batch)).toEqual(range(0, 3));
    spool.acknowledge(batch);
    const alone = spool.next({ ...all, lingerMs: 100 }, soon());
    await appendNumbers(spool, 3, 4);
    expect(numbersOf(await alone)).toEqual([3]);
    const stop = new AbortController();
    const none = (await spoolIn(await folder())).next(all, stop.signal);
    stop.abort();
    expect(await none).toBeUndefined();
  });

  it('does not wait for more when the batch is full', async () => {
    const spool = await spoolIn(await folder());
    await appendNumbers(spool, 0, 3);
    expect(numbersOf(await spool.next({ ...all, maxRecords: 3, lingerMs: 60_000 }, soon()))).toEqual(
      range(0, 3),
    );
  });

  it('bounds a batch by bytes, but gives a larger record all the same', async () => {
    const spool = await spoolIn(await folder());
    await appendNumbers(spool, 0, 2, { message: 'x'.repeat(5000) });
    expect(numbersOf(await spool.next({ ...all, maxBytes: 1000 }, soon()))).toEqual([0]);
  });

  it('removes segments once they are acknowledged, and keeps the cursors', async () => {
    const dir = await folder();
    const spool = await spoolIn(dir, small);
    await appendNumbers(spool, 0, 1, { containerId: 'quiet' });
    await appendNumbers(spool, 0, 900, { each: 10 });
    expect((await segmentsIn(dir)).length).toBeGreaterThan(3);
    expect((await drain(spool)).numbers).toHaveLength(901);
    await appendNumbers(spool, 900, 901);
    expect((await segmentsIn(dir)).length).toBeLessThan(3);
    await spool.close();
    const again = await spoolIn(dir, small);
    expect(again.cursor('quiet', 'stdout')).toEqual(cursorOf(0).position);
    expect((await drain(again)).numbers).toEqual([900]);
  });

  it('refuses a second agent, and lets the next in when the first is gone', async () => {
    const dir = await folder();
    const first = await spoolIn(dir);
    await expect(spoolIn(dir)).rejects.toThrow(`another agent is using the spool at ${dir}`);
    await first.close();
    await (await spoolIn(dir)).append({ records: [recordOf(1)], cursors: [] });
  });

  it('locks a folder whose path is too long for a socket', async () => {
    const dir = join(await folder(), 'd'.repeat(100), 'e'.repeat(100));
    await spoolIn(dir);
    await expect(spoolIn(dir)).rejects.toThrow('another agent');
  });

  it('takes no notice of a lock that a dead agent left', async () => {
    const dir = await folder();
    await writeFile(join(dir, 'lock'), '');
    await appendNumbers(await spoolIn(dir), 0, 1);
  });

  it('says what to do when the folder cannot be used', async () => {
    const dir = await folder();
    await writeFile(join(dir, 'file'), '');
    await expect(spoolIn(join(dir, 'file'))).rejects.toThrow(/set SPOOL_DIR to another/);
    if (process.getuid?.() === 0) return;
    await chmod(dir, 0o500);
    await expect(spoolIn(dir)).rejects.toThrow(/give the agent's user/);
    // Else it could not be cleared away.
    await chmod(dir, 0o700);
  });

  it('stops rather than write to a folder that another agent has taken', async () => {
    const dir = await folder();
    const lost: Error[] = [];
    const spool = await spoolIn(dir, { ...small, onLost: (error) => lost.push(error) });
    await rm(join(dir, 'lock'));
    await expect(appendNumbers(spool, 0, 1000, { each: 50 })).rejects.toThrow(/the lock is gone/);
    expect(lost.map(({ message }) => message)).toEqual([expect.stringMatching(/the lock is gone/)]);
  });

  it('stops within seconds when its folder was removed, however little there is to write', async () => {
    const dir = await folder();
    const lost: Error[] = [];
    const spool = await spoolIn(dir, { onLost: (error) => lost.push(error) });
    await appendNumbers(spool, 0, 1);
    await rm(dir, { recursive: true });
    await mkdir(dir);
    await vi.waitUntil(
      () =>
        appendNumbers(spool, 1, 2).then(
          () => false,
          () => true,
        ),
      { timeout: 5000, interval: 100 },
    );
    expect(lost.map(({ message }) => message)).toEqual([expect.stringMatching(/the folder was removed/)]);
  });

  it('goes on once it can look at its lock again', async () => {
    const dir = await folder();
    const lost: Error[] = [];
    const spool = await spoolIn(dir, { ...small, onLost: (error) => lost.push(error) });
    await rename(join(dir, 'lock'), join(dir, 'lock-elsewhere'));
    await symlink('lock', join(dir, 'lock'));
    const appended = appendNumbers(spool, 0, 1000, { each: 50 });
    await vi.waitUntil(() => spool.stats().failure !== undefined, 10_000);
    expect(spool.stats().failure).toMatch(/ELOOP|symbolic links/);
    await rename(join(dir, 'lock-elsewhere'), join(dir, 'lock'));
    await appended;
    expect(spool.stats()).toMatchObject({ failure: undefined, appendedRecords: 1000 });
    expect(lost).toEqual([]);
  });
});

describe('a full spool', () => {
  it('makes append wait, and goes on when records are acknowledged, with none lost', async () => {
    const spool = await spoolIn(await folder(), small);
    let done = 0;
    const appending = (async () => {
      for (let n = 0; n < 3000; n += 10) {
        await appendNumbers(spool, n, n + 10, { each: 10 });
        done = n + 10;
      }
    })();
    const received: number[] = [];
    while (!spool.stats().blocked) await new Promise((resolve) => setTimeout(resolve, 5));
    const before = done;
    expect(before).toBeLessThan(3000);
    expect(spool.cursor('c1', 'stdout')).toEqual(cursorOf(before - 1).position);
    expect(spool.stats().bytes).toBeLessThanOrEqual(small.maxBytes);
    while (received.length < 3000) {
      const batch = await spool.next({ ...all, maxRecords: 100 }, soon());
      received.push(...numbersOf(batch));
      spool.acknowledge(batch!);
      expect(spool.stats().bytes).toBeLessThanOrEqual(small.maxBytes + 1000);
    }
    await appending;
    expect(received).toEqual(range(0, 3000));
    expect(spool.stats()).toMatchObject({ blocked: false, droppedRecords: 0 });
  });

  it('gives up the append that waits when it is closed, with its cursor where it was', async () => {
    const dir = await folder();
    const spool = await spoolIn(dir, small);
    const failed = appendNumbers(spool, 0, 3000, { each: 10 }).catch((error: Error) => error.message);
    while (!spool.stats().blocked) await new Promise((resolve) => setTimeout(resolve, 5));
    await spool.close();
    expect(await failed).toMatch(/closed before there was room/);
    const again = await spoolIn(dir, small);
    const { numbers } = await drain(again);
    expect(numbers).toEqual(range(0, numbers.length));
    expect(again.cursor('c1', 'stdout')).toEqual(cursorOf(numbers.length - 1).position);
  });

  it('takes a batch that is larger than the spool, when the spool is empty', async () => {
    const spool = await spoolIn(await folder(), small);
    await appendNumbers(spool, 0, 1);
    const appended = spool.append({
      records: range(1, 5).map((n) => recordOf(n, { message: 'x'.repeat(200_000) })),
      cursors: [cursorOf(4)],
    });
    expect((await drain(spool)).numbers).toEqual([0]);
    await appended;
    expect((await drain(spool)).numbers).toEqual(range(1, 5));
    await appendNumbers(spool, 5, 10);
    expect((await drain(spool)).numbers).toEqual(range(5, 10));
  });

  it('drops the oldest under drop-oldest, and declares exactly what is missing', async () => {
    const dir = await folder();
    const spool = await spoolIn(dir, { ...small, whenFull: 'drop-oldest' });
    for (const containerId of ['c1', 'c2'])
      for (let n = 0; n < 3000; n += 10) await appendNumbers(spool, n, n + 10, { each: 10, containerId });
    expect(spool.stats().bytes).toBeLessThanOrEqual(small.maxBytes + 10_000);
    expect(spool.stats().droppedRecords).toBeGreaterThan(3000);
    const dropped = spool.stats().droppedRecords;
    await spool.close();
    const again = await spoolIn(dir, small);
    const { numbers, holes } = await drain(again);
    expect(numbers.length + dropped).toBe(6000);
    expect(numbers).toEqual(range(3000 - numbers.length, 3000));
    expect(holes.every(({ reason }) => reason === 'spool-full')).toBe(true);
    const ofC1 = holes.filter(({ containerId }) => containerId === 'c1');
    expect(ofC1.map(({ from }) => from).sort()[0]).toBe(instant(0));
    expect(
      ofC1
        .map(({ to }) => to)
        .sort()
        .at(-1),
    ).toBe(instant(2999));
    expect(holes.reduce((sum, { records = 0 }) => sum + records, 0)).toBe(dropped);
    // However long it lasts, it is a few holes for each container.
    expect(holes.length).toBeLessThan(20);
  });

  it('drops what is just being read, and every record still comes or is declared', async () => {
    const log = listeningLog();
    const options = { maxBytes: 100_000, segmentBytes: 10_000, whenFull: 'drop-oldest' as const, log };
    const spool = await spoolIn(await folder(), options);
    const received = new Set<number>();
    const holes: Hole[] = [];
    let writing = true;
    const reading = (async () => {
      while (writing || spool.stats().records + spool.stats().holes > 0) {
        const batch = await spool.next({ ...all, maxRecords: 20 }, AbortSignal.timeout(200));
        if (!batch) continue;
        for (const n of numbersOf(batch)) received.add(n);
        holes.push(...batch.holes.map(({ hole }) => hole));
        // It reads one record for each ten that come.
        const { appendedRecords } = spool.stats();
        while (writing && spool.stats().appendedRecords < appendedRecords + 200)
          await new Promise((resolve) => setTimeout(resolve, 1));
        spool.acknowledge(batch);
      }
    })();
    await appendNumbers(spool, 0, 5000, { each: 25 });
    writing = false;
    await reading;
    expect(spool.stats().droppedRecords).toBeGreaterThan(1000);
    const missing = range(0, 5000).filter((n) => !received.has(n));
    for (const n of missing)
      expect(
        holes.some(({ from, to }) => from <= instant(n) && instant(n) <= to),
        `${n}`,
      ).toBe(true);
    expect(log.lines.filter((line) => !line.includes('drops its oldest'))).toEqual([]);
  });

  it('declares no record a hole that was acknowledged before its segment was dropped', async () => {
    const spool = await spoolIn(await folder(), { ...small, whenFull: 'drop-oldest' });
    await appendNumbers(spool, 0, 50, { each: 10 });
    spool.acknowledge((await spool.next({ ...all, maxRecords: 50 }, soon()))!);
    await appendNumbers(spool, 50, 3000, { each: 10 });
    const { droppedRecords } = spool.stats();
    const { numbers, holes } = await drain(spool);
    expect(numbers.length + droppedRecords).toBe(2950);
    expect(holes.map(({ from }) => from).sort()[0]! >= instant(49)).toBe(true);
  });
});

describe('a damaged spool', () => {
  async function filled(dir: string): Promise<void> {
    const spool = await spoolIn(dir, small);
    await appendNumbers(spool, 0, 700, { each: 10 });
    await spool.close();
  }

  it('reads what is whole, warns, and puts the cursor back to before what is missing', async () => {
    const dir = await folder();
    await filled(dir);
    const [, second] = await segmentsIn(dir);
    const path = join(dir, second!);
    const bytes = await readFile(path);
    bytes[30_000]! ^= 1;
    await writeFile(path, bytes);
    const log = listeningLog();
    const spool = await spoolIn(dir, { ...small, log });
    expect(log.lines).toEqual([
      expect.stringMatching(
        /^warn spool: .*0002\.seg is damaged at byte \d+ of \d+; what may be missing is read/,
      ),
    ]);
    const { numbers } = await drain(spool, { acknowledge: false });
    const lost = range(0, 700).filter((n) => !numbers.includes(n));
    expect(lost.length).toBeGreaterThan(0);
    const cursor = spool.cursor('c1', 'stdout')!;
    expect(cursor.at < instant(lost[0]!)).toBe(true);
    expect(cursor.at > instant(lost[0]! - 20)).toBe(true);
    expect(await readdir(join(dir, 'damaged'))).toHaveLength(1);
    // Once it has gone on from there, the damage is dealt with.
    await appendNumbers(spool, lost[0]!, 701);
    await spool.close();
    const quiet = listeningLog();
    const again = await spoolIn(dir, { ...small, log: quiet });
    expect(quiet.lines).toEqual([]);
    expect(new Set((await drain(again)).numbers)).toEqual(new Set(range(0, 701)));
    expect(again.cursor('c1', 'stdout')).toEqual(cursorOf(700).position);
  });

  it('notices damage that comes after a restart', async () => {
    const dir = await folder();
    await filled(dir);
    await appendNumbers(await spoolIn(dir, small), 700, 701);
    await closeSpools();
    const [first] = await segmentsIn(dir);
    await truncate(join(dir, first!), 1000);
    const log = listeningLog();
    const spool = await spoolIn(dir, { ...small, log });
    expect(log.lines.join()).toMatch(/0001\.seg (was cut to|is damaged at)/);
    expect(spool.cursor('c1', 'stdout')).toBeUndefined();
  });

  it.each([
    ['is missing', (path: string) => rm(path)],
    ['is empty', (path: string) => truncate(path, 0)],
    ['is damaged at byte 0', (path: string) => writeFile(path, 'garbage'.repeat(10_000))],
    [
      'is damaged at byte 0',
      async (path: string) => {
        await rm(path);
        await mkdir(path);
      },
    ],
  ])('goes on when a segment %s', async (text, spoil) => {
    const dir = await folder();
    await filled(dir);
    const names = await segmentsIn(dir);
    await spoil(join(dir, names[1]!));
    const log = listeningLog();
    const spool = await spoolIn(dir, { ...small, log });
    expect(log.lines.join('\n')).toContain(text.startsWith('is damaged') ? '0002.seg' : `0002.seg ${text}`);
    const { numbers } = await drain(spool, { acknowledge: false });
    const lost = range(0, 700).filter((n) => !numbers.includes(n));
    expect(lost.length).toBeGreaterThan(100);
    expect(spool.cursor('c1', 'stdout')).toEqual(cursorOf(lost[0]! - 1).position);
    await appendNumbers(spool, 700, 701);
    await spool.close();
    expect((await stat(join(dir, 'damaged')).catch(() => undefined))?.isDirectory()).toBe(
      text !== 'is missing' || undefined,
    );
  });

  it('takes no notice of other files', async () => {
    const dir = await folder();
    await writeFile(join(dir, 'health.json'), '{}');
    await writeFile(join(dir, '0001.seg'), 'not of ours');
    const log = listeningLog();
    await appendNumbers(await spoolIn(dir, { log }), 0, 1);
    expect(log.lines).toEqual([]);
  });

  it('sends what it wrote last, though the disk does not give it back', async () => {
    const dir = await folder();
    const spool = await spoolIn(dir);
    await appendNumbers(spool, 0, 100, { each: 10 });
    const [only] = await segmentsIn(dir);
    const bytes = await readFile(join(dir, only!));
    bytes[bytes.length - 3000]! ^= 1;
    await writeFile(join(dir, only!), bytes);
    expect(await drain(spool)).toEqual({ numbers: range(0, 100), holes: [] });
  });

  it('declares a hole when a segment goes bad while the backend is away', async () => {
    const dir = await folder();
    const log = listeningLog();
    const before = await spoolIn(dir, small);
    await appendNumbers(before, 0, 700, { each: 10 });
    // What was written last is sent from memory: after a start it is not.
    await before.close();
    const spool = await spoolIn(dir, { ...small, log });
    const [, second] = await segmentsIn(dir);
    const bytes = await readFile(join(dir, second!));
    bytes[30_000]! ^= 1;
    await writeFile(join(dir, second!), bytes);
    const { numbers, holes } = await drain(spool);
    const lost = range(0, 700).filter((n) => !numbers.includes(n));
    expect(lost.length).toBeGreaterThan(50);
    expect(holes).toEqual([
      expect.objectContaining({
        containerId: 'c1',
        reason: 'corrupt-log',
        from: instant(lost[0]! - 1),
        to: instant(lost.at(-1)!),
        records: lost.length,
      }),
    ]);
    expect(log.lines.join()).toContain('cannot be read any more');
  });

  it('is not opened by an older agent, with what to do', async () => {
    const dir = await folder();
    await filled(dir);
    const { FrameWriter } = await import('./frames.ts');
    const writer = new FrameWriter();
    writer.head({
      version: 2 as 1,
      segment: 9,
      older: [],
      acknowledged: { segment: 1, offset: 0 },
      cursors: [],
      notes: [],
    });
    await writeFile(join(dir, '0000000000000009.seg'), writer.take());
    await expect(spoolIn(dir)).rejects.toThrow(/later version of the agent/);
  });
});

describe('set aside', () => {
  it('keeps the record and the reason in a folder that stays bounded', async () => {
    const dir = await folder();
    const spool = await spoolIn(dir);
    await appendNumbers(spool, 0, 1);
    const batch = await spool.next(all, soon());
    for (let n = 0; n < 1010; n++) await spool.setAside({ json: batch!.records.json(0) }, 'too large');
    const names = await readdir(join(dir, 'aside'));
    expect(names).toHaveLength(1000);
    expect(spool.stats()).toMatchObject({ setAside: 1010, setAsideKept: 1000 });
    const kept = JSON.parse(await readFile(join(dir, 'aside', names[0]!), 'utf8'));
    expect(kept).toMatchObject({ reason: 'too large', record: recordOf(0).record });
  });
});
