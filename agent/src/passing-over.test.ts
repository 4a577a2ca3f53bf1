// Passing over what cannot matter changes nothing: the records are those of looking at every line.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { traceFixtures } from './detect/kit.ts';
import { readDetection, stagesFor } from './detection.ts';
import { createReader, lookbackBytes, type Reader } from './follow/reader.ts';
import { frame, jsonLine } from './follow/testing.ts';
import { createPipeline } from './pipeline.ts';
import { readAgentSettings } from './settings.ts';
import type { Container, MatchedRecord, Stream } from './types.ts';

const streams = ['stdout', 'stderr'] as const;
const container: Container = { id: 'c1', name: 'api', image: 'busybox', labels: {}, tty: false };
const settings = readAgentSettings({
  LOG_MATCH_PATTERNS: `(?<!["'])ERROR(?![A-Za-z]),(?i)timed out,deadlock`,
});
const detection = await readDetection(settings);
const stages = stagesFor(settings, detection);

interface Printed {
  stream: Stream;
  text: string;
  /** Nanoseconds since the line before. */
  after: number;
}

interface Log {
  /** As the engine sends it: a frame for each line or piece of a line. */
  mux: Buffer;
  /** As Docker keeps it. */
  json: Buffer;
}

function logOf(lines: readonly Printed[], attrs = ''): Log {
  const mux: Buffer[] = [];
  const json: Buffer[] = [];
  let nanos = BigInt(Date.UTC(2026, 10, 22)) * 1_000_000n;
  for (const { stream, text, after } of lines) {
    nanos += BigInt(after);
    const seconds = new Date(Number(nanos / 1_000_000n)).toISOString().slice(0, 19);
    const at = `${seconds}.${(nanos % 1_000_000_000n).toString().padStart(9, '0')}Z`;
    const bytes = Buffer.from(`${text}\n`);
    for (let from = 0; from < bytes.length; from += 16_384) {
      const piece = bytes.subarray(from, from + 16_384);
      mux.push(frame(stream, Buffer.concat([Buffer.from(`${at} `), piece])));
      json.push(jsonLine(stream, at, piece.toString(), attrs));
    }
  }
  return { mux: Buffer.concat(mux), json: Buffer.concat(json) };
}

/** Gives the bytes in pieces of the lengths in `cuts`, again and again, in memory that is wiped afterwards. */
async function readIn(reader: Reader, { mux, json }: Log, source: 'mux' | 'json', cuts: readonly number[]) {
  const bytes = source === 'mux' ? mux : json;
  for (let from = 0, round = 0; from < bytes.length; round++) {
    let to = Math.min(bytes.length, from + cuts[round % cuts.length]!);
    // A file is read by whole lines, with what stands before them.
    if (source === 'json') to = bytes.indexOf(10, to - 1) + 1;
    const before = source === 'json' ? Math.min(from, lookbackBytes) : 0;
    const piece = bytes.subarray(from - before, to);
    const room = stages.find!.room;
    // Files are read into the memory that is looked over, at any place in it.
    const isInPlace = source === 'json' && round % 2 === 0 && piece.length + 16 <= room.length;
    const chunk = isInPlace ? room.subarray(round % 16, (round % 16) + piece.length) : Buffer.from(piece);
    if (isInPlace) piece.copy(chunk);
    await reader.bytes(source, chunk, before, chunk.length);
    chunk.fill(0x21);
    from = to;
  }
}

/** The records that an agent makes of the log, and how many lines it looked at. */
async function recordsOf(log: Log, source: 'mux' | 'json', cuts: readonly number[], passesOver: boolean) {
  const records: MatchedRecord[] = [];
  const pipeline = createPipeline({
    stages: passesOver ? stages : { ...stages, find: undefined },
    disk: {
      keep: (kept) => void records.push(...kept),
      async append(batch) {
        records.push(...batch.records);
      },
    },
    now: () => 0,
  });
  const sink = pipeline.open(container);
  const reader = createReader({ sink, maxLineBytes: 1024 * 1024, now: () => 0 });
  reader.begin({ cursors: {}, startedAt: '', tty: false });
  await readIn(reader, log, source, cuts);
  const { cursors } = reader;
  reader.flush();
  await sink.end(0);
  // The streams are independent: which of two records is first on disk tells nothing.
  const key = ({ first, stream }: MatchedRecord) => `${first.at} ${first.ordinal} ${stream}`;
  records.sort((a, b) => (key(a) < key(b) ? -1 : 1));
  return { records, cursors, lines: pipeline.stats.lines };
}

/** For a failure that can be read. */
const shown = (records: readonly MatchedRecord[]) =>
  records.map(({ record, last }) => {
    const lines = record.message.split('\n').map((line) => line.slice(0, 60));
    return [record.event_id.slice(0, 8), record.stream, record.severity, last.at, last.ordinal, ...lines];
  });

const withoutContext = ({ record, ...rest }: MatchedRecord) => {
  const { context_before: _, context_after: __, ...own } = record;
  return { ...rest, record: own };
};

/** Of the lines around a match some may be missing at the far end, and none in between. */
function expectLinesOf(some: MatchedRecord['record'], all: MatchedRecord['record']): void {
  const [before, after] = [some.context_before ?? [], some.context_after ?? []];
  expect(before).toEqual((all.context_before ?? []).slice((all.context_before ?? []).length - before.length));
  expect(after).toEqual((all.context_after ?? []).slice(0, after.length));
}

/** Through the engine and from the file, in any pieces: the records of looking at every line. */
async function expectSameRecords(log: Log, cuts: readonly number[], hasTies = false): Promise<void> {
  const all = await recordsOf(log, 'mux', [1 << 20], false);
  for (const [source, passesOver] of [
    ['mux', true],
    ['json', true],
    ['json', false],
  ] as const) {
    const some = await recordsOf(log, source, cuts, passesOver);
    expect([source, passesOver, shown(some.records)]).toEqual([source, passesOver, shown(all.records)]);
    expect(some.records.map(withoutContext)).toEqual(all.records.map(withoutContext));
    // Lines of one instant may stand in any order.
    if (!hasTies)
      for (const [index, { record }] of some.records.entries())
        expectLinesOf(record, all.records[index]!.record);
    for (const stream of streams) {
      // A quiet stream follows the other one run by run.
      const [cursor, expected] = [some.cursors[stream], all.cursors[stream]];
      if (cursor!.ordinal >= 0 && expected!.ordinal >= 0) expect(cursor).toEqual(expected);
    }
  }
}

const word = fc.constantFrom(
  'order',
  'shipped',
  'to',
  'user=7',
  '(3 ms)',
  'queue',
  'ok',
  'errors: 0',
  'panicky',
  'é',
  '"x"',
);
const sentence = fc.array(word, { minLength: 1, maxLength: 12 }).map((words) => words.join(' '));
const traces = traceFixtures().map(({ lines }) => lines);
const piece = (lines: readonly string[], from: number, length: number): string[] =>
  lines.slice(from % lines.length, (from % lines.length) + length);

/** What a program with a habit prints at once: each begins as its logger does. */
const habits: Record<string, (head: string) => fc.Arbitrary<string[]>> = {
  'a time on each line': (time) =>
    fc.oneof(
      { weight: 20, arbitrary: sentence.map((text) => [`${time} INFO ${text}`]) },
      { weight: 2, arbitrary: sentence.map((text) => [`${time} ERROR ${text}`]) },
      { weight: 1, arbitrary: sentence.map((text) => [`${time} WARN ${text} timed out`]) },
      { weight: 1, arbitrary: fc.constant<string[]>([time]) },
    ),
  'a time, and lines below': (time) =>
    fc.oneof(
      {
        weight: 10,
        arbitrary: fc
          .tuple(sentence, fc.array(sentence, { maxLength: 4 }))
          .map(([text, below]) => [`${time} INFO ${text}`, ...below.map((line) => `and ${line}`)]),
      },
      {
        weight: 1,
        arbitrary: fc
          .tuple(sentence, fc.array(sentence, { maxLength: 4 }), fc.boolean())
          .map(([text, below, inside]) => [
            `${time} ${inside ? 'INFO' : 'ERROR'} ${text}`,
            ...below.map((line) => `and ${line}`),
            ...(inside ? ['then a deadlock of two', 'and the rest of it'] : []),
          ]),
      },
    ),
  'no times': () =>
    fc.oneof(
      { weight: 20, arbitrary: sentence.map((text) => [`done ${text}`]) },
      { weight: 2, arbitrary: sentence.map((text) => [`ERROR ${text}`]) },
      { weight: 1, arbitrary: sentence.map((text) => [`Result of ${text}:`, '  one', '  two, a deadlock']) },
      { weight: 1, arbitrary: fc.constant<string[]>(['']) },
    ),
  JSON: (time) =>
    fc.oneof(
      { weight: 20, arbitrary: sentence.map((msg) => [JSON.stringify({ level: 'info', time, msg })]) },
      {
        weight: 1,
        arbitrary: sentence.map((msg) => [JSON.stringify({ level: 'info', msg: `ERROR ${msg}` })]),
      },
      {
        weight: 1,
        arbitrary: sentence.map((msg) => [
          JSON.stringify({
            level: 'error',
            msg,
            stack: 'Oh: no\n    at f (/a.js:1:2)\n    at g (/a.js:3:4)',
          }),
        ]),
      },
      {
        weight: 1,
        arbitrary: sentence.map((msg) => [
          JSON.stringify({ level: 'error', msg, stack: [{ func: 'f', line: 7 }] }),
        ]),
      },
    ),
  'a colour on each line': (time) => sentence.map((text) => [`\u001b[32m${time} INFO\u001b[0m ${text}`]),
  'a mark of the writer': () =>
    fc.oneof(
      { weight: 20, arbitrary: sentence.map((text) => [`[pod/web-0/app] ${text}`]) },
      { weight: 2, arbitrary: sentence.map((text) => [`[pod/web-0/app] ERROR ${text}`]) },
      {
        weight: 1,
        arbitrary: fc.constant(
          ['Oh: no', 'a.Error: no', '    at f (/a.js:1:2)'].map((text) => `[pod/web-0/app] ${text}`),
        ),
      },
    ),
  'reports below a head that says nothing': (time) =>
    fc.oneof(
      { weight: 20, arbitrary: sentence.map((text) => [`${time} INFO ${text}`]) },
      {
        weight: 1,
        arbitrary: sentence.map((text) => [
          `${time} ERROR app : `,
          '',
          '*************',
          text,
          '',
          `and ${text}`,
        ]),
      },
      {
        weight: 1,
        arbitrary: fc.constant<string[]>([
          `F, ${time} -- : [8a4c]  `,
          '[8a4c] a.Error (no):',
          "[8a4c] a.rb:1:in `f'",
        ]),
      },
      {
        weight: 1,
        arbitrary: fc.constant<string[]>([
          `${time} [error] <0.9> crasher:`,
          `${time} [error] <0.9>   pid: 7`,
        ]),
      },
      {
        weight: 1,
        arbitrary: fc.constant<string[]>([`${time} PHP Fatal error:  Allowed memory size exhausted`]),
      },
    ),
  'a prefix of syslog': () =>
    fc.oneof(
      { weight: 9, arbitrary: sentence.map((text) => [`Nov 22 10:00:00 host app[7]: ${text}`]) },
      {
        weight: 1,
        arbitrary: fc.constant(
          ['Traceback (most recent call last):', '  File "a.py", line 1', 'ValueError: no'].map(
            (text) => `Nov 22 10:00:00 host app[7]: ${text}`,
          ),
        ),
      },
    ),
};

const trace = fc
  .tuple(fc.nat(), fc.nat(), fc.integer({ min: 1, max: 40 }))
  .map(([file, from, length]) => piece(traces[file % traces.length]!, from, length));
const long = fc
  .constantFrom(16_000, 20_000, 50_000)
  .map((length) => [`INFO ${'x '.repeat(length / 2)} ERROR end`]);

/** Three lines from which the habit is learnt. */
const habitOf = (habit: string) =>
  habit.startsWith('a time') ? Array(3).fill('2026-11-22 10:00:00,123 INFO begun') : [];

/** Breaks a habit of lines below lines with a time: it is learnt anew from the lines that are looked at, which may be sooner. */
const breaksNoHabit = (habit: string) => habit !== 'a time, and lines below';

/** Some output of one program: of its habit, with a traceback now and then. */
const outputOf = (habit: string, shortestPause = 0) =>
  fc.array(
    fc.tuple(
      fc.oneof(
        { weight: 60, arbitrary: habits[habit]!('2026-11-22 10:00:00,123') },
        { weight: breaksNoHabit(habit) ? 1 : 0, arbitrary: trace },
        { weight: breaksNoHabit(habit) ? 1 : 0, arbitrary: long },
      ),
      fc.constantFrom<Stream>('stdout', 'stdout', 'stdout', 'stderr'),
      fc.constantFrom(shortestPause, 1000, 2_000_000, 30_000_000, 90_000_000, 1_500_000_000),
    ),
    { minLength: 40, maxLength: 120 },
  );

const cuts = fc.oneof(
  fc.constant([1 << 20]),
  fc.array(fc.integer({ min: 1, max: 9000 }), { minLength: 1, maxLength: 20 }),
);

describe('passing over what does not matter', () => {
  it.each(Object.keys(habits))(
    'gives the records of looking at every line, with %s',
    async (habit) => {
      await fc.assert(
        fc.asyncProperty(outputOf(habit), cuts, async (outputs, lengths) => {
          const bytes = logOf([
            ...streams.flatMap((stream) => habitOf(habit).map((text) => ({ stream, text, after: 1000 }))),
            ...outputs.flatMap(([texts, stream, after]) =>
              texts.map((text, index) => ({ stream, text, after: index === 0 ? after : 1000 })),
            ),
          ]);
          await expectSameRecords(bytes, lengths, true);
        }),
        { numRuns: 60, seed: 22 },
      );
    },
    120_000,
  );

  it.each(['a time on each line', 'a time, and lines below', 'JSON'])(
    'gives the lines around them, some missing at the far end but none in between, with %s',
    async (habit) => {
      await fc.assert(
        fc.asyncProperty(outputOf(habit, 1000), cuts, async (outputs, lengths) => {
          const bytes = logOf([
            ...streams.flatMap((stream) => habitOf(habit).map((text) => ({ stream, text, after: 1000 }))),
            ...outputs.flatMap(([texts, stream, after]) =>
              texts.map((text, index) => ({ stream, text, after: index === 0 ? after : 1000 })),
            ),
          ]);
          await expectSameRecords(bytes, lengths);
        }),
        { numRuns: 100, seed: 202, endOnFailure: true },
      );
    },
    120_000,
  );

  it('gives the same records of every fixture, whatever stands around it', async () => {
    for (const lines of traces) {
      const around = Array.from(
        { length: 60 },
        (_, i) => `2026-11-22 10:00:00 INFO all is well for the time being ${i}`,
      );
      const bytes = logOf(
        [...around, ...lines, ...around, ...lines.slice(1), ...around].map((text) => ({
          stream: 'stderr',
          text,
          after: 1000,
        })),
      );
      for (const length of [1 << 20, 777]) await expectSameRecords(bytes, [length]);
    }
  });

  it('looks at few lines: at the first of a stream, and around those that matter', async () => {
    const text = (i: number) =>
      i % 100 === 99 ? `2026-11-22 10:00:00 ERROR ${i}` : `2026-11-22 10:00:00 INFO all is well so far ${i}`;
    const bytes = logOf(
      Array.from({ length: 10_000 }, (_, i) => ({ stream: 'stdout', text: text(i), after: 1000 })),
    );
    for (const source of ['mux', 'json'] as const) {
      const { records, lines } = await recordsOf(bytes, source, [1 << 16], true);
      expect(records).toHaveLength(100);
      expect(lines).toBeLessThan(400);
      // The lines around them are told, all of them.
      for (const { record } of records.slice(1, -1)) {
        const n = Number(record.message.split(' ').at(-1));
        expect(record.context_before).toEqual([5, 4, 3, 2, 1].map((less) => text(n - less)));
        expect(record.context_after).toEqual([1, 2, 3].map((more) => text(n + more)));
      }
    }
  });

  it('gives the same records behind a gigabyte as at the begin of a log', async () => {
    const records: MatchedRecord[] = [];
    const keep = (kept: MatchedRecord[]) => void records.push(...kept);
    const pipeline = createPipeline({
      stages,
      disk: { keep, append: async (batch) => keep(batch.records) },
      now: () => 0,
    });
    const reader = createReader({ sink: pipeline.open(container), maxLineBytes: 1024, now: () => 0 });
    reader.begin({ cursors: {}, startedAt: '', tty: false });
    const calm = { stream: 'stdout', text: '2026-11-22 10:00:00 INFO all is well', after: 1000 } as const;
    const failed = [
      { ...calm, text: '2026-11-22 10:00:00 WARN head of what follows' },
      { ...calm, text: 'its rest, a deadlock' },
      { ...calm, text: '2026-11-22 10:00:00 ERROR number 1' },
    ];
    // All different, so that lines of an earlier block are not taken for those of this one.
    const step = (n: number) => ({ ...calm, text: `2026-11-22 10:00:00 INFO step ${n}` });
    const steps = Array.from({ length: 100 }, (_, n) => step(n));
    const { json } = logOf([...steps, ...failed, ...steps]);
    const quiet = logOf(Array.from({ length: 4000 }, () => calm)).json;
    await reader.bytes('json', json, 0, json.length);
    let blocks = 1;
    // Bytes are counted anew at 2^30: further than that.
    for (let bytes = 0, round = 0; bytes < 2 ** 30 + 2 ** 27; bytes += quiet.length, round++) {
      await reader.bytes('json', quiet, 0, quiet.length);
      if (round % 90 !== 0) continue;
      await reader.bytes('json', json, 0, json.length);
      blocks++;
    }
    await pipeline.close();
    const shown = records.map(({ record }) => [record.message, record.context_before, record.context_after]);
    expect(blocks).toBeGreaterThan(30);
    expect(shown).toEqual(Array.from({ length: blocks }, () => shown.slice(0, 2)).flat());
  });
});
