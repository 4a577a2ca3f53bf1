// The pipeline's promise: whatever moment the agent dies at, what is on disk and what is read again from the cursors there
// make every record, each with the id it had before.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readDetection, stagesFor } from './detection.ts';
import { createPipeline } from './pipeline.ts';
import { readAgentSettings } from './settings.ts';
import type { Container, Cursor, Hole, Line, MatchedRecord, Position, Stream } from './types.ts';

const container: Container = { id: 'c1', name: 'api', image: 'busybox', labels: {}, tty: false };

/** A disk in memory that a crash leaves as it is. */
function memoryDisk() {
  const records: MatchedRecord[] = [];
  const cursors = new Map<string, Position>();
  const holes: Hole[] = [];
  const notes = new Map<string, string>();
  return {
    records,
    cursors,
    holes,
    notes,
    keep(kept: MatchedRecord[]) {
      records.push(...kept);
    },
    append(batch: {
      records: MatchedRecord[];
      cursors: Cursor[];
      holes?: Hole[];
      notes?: [string, string][];
    }) {
      records.push(...batch.records);
      for (const { stream, position } of batch.cursors) cursors.set(stream, position);
      holes.push(...(batch.holes ?? []));
      for (const [key, value] of batch.notes ?? []) notes.set(key, value);
      return Promise.resolve();
    },
  };
}

/** The container's log: one line a millisecond. */
function logOf(texts: readonly { stream: Stream; text: string }[]): Line[] {
  return texts.map(({ stream, text }, index) => ({
    stream,
    text,
    position: { at: `2026-11-22T10:00:00.${String(index).padStart(3, '0')}000000Z`, ordinal: 0 },
  }));
}

const isAfter = (position: Position, cursor: Position | undefined) =>
  !cursor || position.at > cursor.at || (position.at === cursor.at && position.ordinal > cursor.ordinal);

const traceback = [
  'Traceback (most recent call last):',
  '  File "a.py", line 1, in f',
  '    g()',
  'ValueError: no',
];
const text = fc.oneof(
  fc.constant(['all is well']),
  fc.integer({ min: 0, max: 99 }).map((n) => [`ERROR number ${n}`]),
  fc.constant(traceback),
  fc.constant(['java.io.IOException: gone', '\tat a.B.c(B.java:1)', '\tat a.B.d(B.java:2)']),
);
const logArbitrary = fc
  .array(fc.tuple(fc.constantFrom<Stream>('stdout', 'stderr'), text), { maxLength: 40 })
  .map((entries) => logOf(entries.flatMap(([stream, texts]) => texts.map((one) => ({ stream, text: one })))));

async function stagesWith(env: NodeJS.ProcessEnv) {
  const settings = readAgentSettings(env);
  return stagesFor(settings, await readDetection(settings));
}

/** What was given to the disk is there. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('pipeline', () => {
  it('does not cut a traceback between two looks at a log that is asked for now and then', async () => {
    const disk = memoryDisk();
    let now = 0;
    const pipeline = createPipeline({
      stages: await stagesWith({ CONTEXT_LINES: '0' }),
      disk,
      now: () => now,
    });
    const sink = pipeline.open(container);
    const [first, second, third, last] = logOf(traceback.map((text) => ({ stream: 'stderr', text })));
    const tickAt = async (at: number) => {
      now = at;
      pipeline.tick();
      await turn();
    };
    sink.readTo(0);
    for (const line of [first!, second!, third!]) sink.push(line, 10);
    await tickAt(2000);
    now = 2010;
    sink.push(last!, now);
    sink.readTo(2005);
    await tickAt(3000);
    expect(disk.records).toEqual([]);
    // Asked for again, and nothing came.
    sink.readTo(3000);
    await tickAt(3050);
    expect(disk.records.map(({ record }) => record.message)).toEqual([traceback.join('\n')]);
  });

  it('waits a few seconds at most for the rest of a traceback whose log cannot be read', async () => {
    const disk = memoryDisk();
    let now = 0;
    const pipeline = createPipeline({
      stages: await stagesWith({ CONTEXT_LINES: '0' }),
      disk,
      now: () => now,
    });
    const sink = pipeline.open(container);
    const begun = traceback.slice(0, 3);
    for (const line of logOf(begun.map((text) => ({ stream: 'stderr', text })))) sink.push(line, 0);
    sink.readTo(100);
    now = 4900;
    pipeline.tick();
    await turn();
    expect(disk.records).toEqual([]);
    now = 5000;
    pipeline.tick();
    await turn();
    expect(disk.records.map(({ record }) => record.message)).toEqual([begun.join('\n')]);
  });

  it.each([
    ['with coalescing off', {}],
    ['with coalescing on', { ALERT_COALESCE_SECONDS: '2', ALERT_COALESCE_MAX_ENTRIES: '3' }],
  ])('loses nothing and repeats nothing but ids it gave before, whenever it dies, %s', async (_, env) => {
    const stages = await stagesWith(env);
    await fc.assert(
      fc.asyncProperty(
        logArbitrary,
        fc.array(fc.nat(60), { maxLength: 3 }),
        fc.integer({ min: 1, max: 7 }),
        async (log, deaths, tickEvery) => {
          /** Reads from the disk's cursors; dies after so many lines, or ends the log. */
          const live = async (disk: ReturnType<typeof memoryDisk>, diesAfter: number) => {
            let now = 0;
            const pipeline = createPipeline({ stages, disk, now: () => now });
            const sink = pipeline.open(container);
            const start = new Map(disk.cursors);
            for (const line of log.filter(({ stream, position }) => isAfter(position, start.get(stream)))) {
              if (diesAfter-- === 0) return;
              sink.push(line, now);
              now += 400;
              if (now % tickEvery === 0) pipeline.tick();
              await sink.ready();
            }
            await sink.end(now);
          };
          const disk = memoryDisk();
          for (const death of deaths) await live(disk, death);
          await live(disk, Number.POSITIVE_INFINITY);

          // Where an entry ends may depend on when its lines came; which lines were taken may not.
          const stored = new Map(
            disk.records.map(({ stream, record }) => [record.event_id, { stream, record }]),
          );
          for (const one of ['stdout', 'stderr'] as const) {
            const taken = [...stored.values()]
              .filter(({ stream }) => stream === one)
              .flatMap(({ record }) => record.message.split('\n'));
            const printed = log.filter(({ stream, text }) => stream === one && text !== 'all is well');
            expect(taken).toEqual(printed.map(({ text }) => text));
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('keeps the cursor before a line that may still become part of a traceback', async () => {
    const disk = memoryDisk();
    let now = 0;
    const pipeline = createPipeline({ stages: await stagesWith({}), disk, now: () => now });
    const sink = pipeline.open(container);
    const log = logOf(
      [{ text: 'all is well' }, { text: 'still' }, ...traceback.map((one) => ({ text: one }))].map(
        (line) => ({ ...line, stream: 'stdout' as const }),
      ),
    );
    for (const line of log.slice(0, 4)) sink.push(line, now);
    now += 2000;
    await pipeline.close();
    expect(disk.cursors.get('stdout')).toEqual(log[1]!.position);
    expect(disk.records).toEqual([]);
  });

  it('moves the cursor over lines that were passed over as of no interest', async () => {
    const disk = memoryDisk();
    const pipeline = createPipeline({ stages: await stagesWith({}), disk });
    const position = { at: '2026-11-22T10:00:07.000000000Z', ordinal: 2 };
    pipeline.open(container).seen('stderr', position);
    await pipeline.close();
    expect(disk.cursors.get('stderr')).toEqual(position);
  });

  it("notes a container's name beside its cursor, and the new one when it is renamed", async () => {
    const disk = memoryDisk();
    let now = 5000;
    const pipeline = createPipeline({ stages: await stagesWith({}), disk, now: () => now });
    const sink = pipeline.open(container);
    pipeline.tick();
    expect(disk.notes.get('c1')).toBe('api');
    sink.update({ ...container, name: 'api-old' });
    await Promise.resolve();
    now += 2000;
    pipeline.tick();
    expect(disk.notes.get('c1')).toBe('api-old');
  });

  it('writes the first record after a pause at once, those of a steady flow together, also when the clock was set back', async () => {
    const disk = memoryDisk();
    let now = 10_000;
    const pipeline = createPipeline({
      stages: await stagesWith({ CONTEXT_LINES: '0' }),
      disk,
      now: () => now,
    });
    const sink = pipeline.open(container);
    const log = logOf(
      Array.from({ length: 9 }, (_, n) => ({ stream: 'stdout' as const, text: `ERROR ${n}` })),
    );
    const written: number[] = [];
    for (const line of log) {
      sink.push(line, now);
      sink.giveOutRecords(now);
      // A line alone waits in join for what may follow it: the next one gives it out.
      pipeline.tick();
      await Promise.resolve();
      await Promise.resolve();
      written.push(disk.records.length);
      now += 50;
    }
    expect(written).toEqual([0, 1, 1, 1, 1, 5, 5, 5, 5]);
    now -= 3_600_000;
    pipeline.tick();
    expect(disk.records).toHaveLength(8);
  });

  it('tells readers to wait while more waits for the disk than it may', async () => {
    const disk = memoryDisk();
    let free: () => void = () => {};
    const slow = {
      ...disk,
      append: (batch: Parameters<typeof disk.append>[0]) =>
        new Promise<void>((resolve) => {
          free = () => resolve(disk.append(batch));
        }),
    };
    const pipeline = createPipeline({ stages: await stagesWith({}), disk: slow, maxWaitingBytes: 2000 });
    const sink = pipeline.open(container);
    const log = logOf(
      Array.from({ length: 20 }, (_, n) => ({ stream: 'stdout' as const, text: `ERROR ${n}` })),
    );
    for (const line of log) sink.push(line, 0);
    const ready = sink.ready();
    expect(ready).toBeInstanceOf(Promise);
    free();
    await ready;
    expect(sink.ready()).toBeUndefined();
    expect(disk.records.length).toBeGreaterThan(10);
  });

  it('counts the lines around a match among what waits', async () => {
    const slow = { ...memoryDisk(), append: () => new Promise<void>(() => {}) };
    const stages = await stagesWith({ CONTEXT_LINES: '10' });
    const pipeline = createPipeline({ stages, disk: slow, maxWaitingBytes: 4000 });
    const sink = pipeline.open(container);
    const long = Array.from({ length: 12 }, () => ({ stream: 'stdout' as const, text: 'x'.repeat(490) }));
    for (const line of logOf([...long, { stream: 'stdout', text: 'ERROR 1' }, ...long])) sink.push(line, 0);
    expect(pipeline.stats.records).toBe(1);
    expect(sink.ready()).toBeInstanceOf(Promise);
  });

  it('leaves few records as objects while the disk is slow, in their order', async () => {
    const kept: number[] = [];
    const appended: MatchedRecord[][] = [];
    const disk = {
      keep: (records: MatchedRecord[]) => void kept.push(records.length),
      append({ records }: { records: MatchedRecord[] }) {
        appended.push(records);
        return new Promise<void>(() => {});
      },
    };
    const pipeline = createPipeline({ stages: await stagesWith({ CONTEXT_LINES: '0' }), disk });
    const sink = pipeline.open(container);
    const log = Array.from({ length: 301 }, (_, n) => ({ stream: 'stdout' as const, text: `ERROR ${n}` }));
    for (const line of logOf(log)) sink.push(line, 0);
    // What a record takes is taken to be some 500 bytes.
    expect(kept.length).toBeGreaterThan(3);
    expect(Math.max(...kept)).toBeLessThan(100);
    sink.giveOutRecords(0);
    pipeline.tick();
    expect(kept.reduce((sum, count) => sum + count, 0) + appended[0]!.length).toBe(301);
    expect(appended[0]!.at(-1)?.record.message).toBe('ERROR 300');
  });
});
