import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CorruptFrames, createFrames, InBandError } from './frames.ts';
import { createReader, type Reading } from './reader.ts';
import { collectingSink, frame, jsonLine, readAll, stamped } from './testing.ts';

const fixtures = new URL('../../fixtures/docker/', import.meta.url);
const corpora = new URL('../../../../shared/corpora/docker/', import.meta.url);

const at = (n: number) => `2026-11-22T10:00:00.${String(n).padStart(9, '0')}Z`;

describe('lines from frames', () => {
  it('glues the pieces of a long line of each stream, though the other stream comes between', () => {
    const a = 'a'.repeat(16384);
    const bytes = Buffer.concat([
      frame('stdout', stamped(at(1), a)),
      frame('stderr', stamped(at(2), a)),
      frame('stdout', stamped(at(1), '  end\n')),
      frame('stderr', stamped(at(2), '\n')),
      frame('stdout', stamped(at(3), 'next\n')),
    ]);
    expect(readAll(bytes)).toEqual([
      { stream: 'stdout', position: { at: at(1), ordinal: 0 }, text: `${a}  end` },
      { stream: 'stderr', position: { at: at(2), ordinal: 0 }, text: a },
      { stream: 'stdout', position: { at: at(3), ordinal: 0 }, text: 'next' },
    ]);
  });

  it('glues pieces that have each their own time, also where Docker says that the container started in between', () => {
    const a = 'a'.repeat(16384);
    const bytes = Buffer.concat([
      frame('stdout', stamped(at(1), a)),
      frame('stdout', stamped(at(3), 'end\n')),
      frame('stdout', stamped(at(4), 'next\n')),
    ]);
    const textsOf = (previousRunEndedAt?: string) =>
      readAll(bytes, { startedAt: at(2), previousRunEndedAt, piecesHaveTimes: true }).map(({ text }) => text);
    expect(textsOf()).toEqual([`${a}end`, 'next']);
    expect(textsOf('0001-01-01T00:00:00.000000000Z')).toEqual([`${a}end`, 'next']);
    // The run before ended with a line that has no end.
    expect(textsOf(at(2))).toEqual([a, 'end', 'next']);
  });

  it('ends a line without a newline when the timestamp changes, as the local driver of 20.10 needs', () => {
    const a = 'a'.repeat(16384);
    const bytes = Buffer.concat([
      frame('stdout', stamped(at(1), a)),
      frame('stdout', stamped(at(1), 'end')),
      frame('stdout', stamped(at(2), 'next\n')),
    ]);
    expect(readAll(bytes).map((line) => line.text)).toEqual([`${a}end`, 'next']);
  });

  it('counts the lines that share a timestamp', () => {
    const bytes = Buffer.concat([
      frame('stdout', stamped(at(1), 'a\n')),
      frame('stdout', stamped(at(1), 'b\n')),
      frame('stderr', stamped(at(1), 'c\n')),
      frame('stdout', stamped(at(2), 'd\n')),
    ]);
    expect(readAll(bytes).map((line) => [line.text, line.position.ordinal])).toEqual([
      ['a', 0],
      ['b', 1],
      ['c', 0],
      ['d', 0],
    ]);
  });

  it('writes a timestamp with a zone or a short fraction in the one form', () => {
    const bytes = Buffer.concat([
      frame('stdout', '2026-11-22T11:00:00.500000000+01:00 zone\n'),
      frame('stdout', '2026-11-22T10:00:01.5Z short\n'),
      frame('stdout', '2026-11-22T10:00:02Z \n'),
    ]);
    expect(readAll(bytes).map((line) => [line.position.at, line.text])).toEqual([
      ['2026-11-22T10:00:00.500000000Z', 'zone'],
      ['2026-11-22T10:00:01.500000000Z', 'short'],
      ['2026-11-22T10:00:02.000000000Z', ''],
    ]);
  });

  it('keeps empty lines, trims carriage returns at the end alone, and survives any bytes', () => {
    const bytes = Buffer.concat([
      frame('stdout', stamped(at(1), '\n')),
      frame('stdout', stamped(at(2), '10%\r50%\r\n')),
      frame('stdout', Buffer.concat([Buffer.from(`${at(3)} caf`), Buffer.from([0xe9, 0xff, 0x00, 0x0a])])),
    ]);
    expect(readAll(bytes).map((line) => line.text)).toEqual(['', '10%\r50%', 'caf\ufffd\ufffd\u0000']);
  });

  it('cuts a line at the maximum, between two characters, and goes on with the next', () => {
    const bytes = Buffer.concat([
      frame('stdout', stamped(at(1), `${'x'.repeat(99)}éé\n`)),
      frame('stdout', stamped(at(2), `${'y'.repeat(16384)}`)),
      frame('stdout', stamped(at(2), `${'y'.repeat(10)}\n`)),
      frame('stdout', stamped(at(3), 'next\n')),
    ]);
    const lines = readAll(bytes, {}, { maxLineBytes: 100 });
    expect(lines.map((line) => [line.text.length, line.text.at(-1), line.cut])).toEqual([
      [99, 'x', true],
      [100, 'y', true],
      [4, 't', undefined],
    ]);
  });

  it('gives out a last piece without a newline when the log ends, and not before', () => {
    const sink = collectingSink();
    const reader = createReader({ sink, maxLineBytes: 1000 });
    reader.begin({ cursors: {}, startedAt: '', tty: false });
    const bytes = frame('stdout', stamped(at(1), 'half'));
    reader.bytes('mux', bytes, 0, bytes.length);
    expect(sink.lines).toEqual([]);
    reader.flush();
    expect(sink.lines.map((line) => line.text)).toEqual(['half']);
  });
});

describe('lines from a terminal', () => {
  const raw = (text: string, reading: Partial<Reading> = {}) =>
    readAll(Buffer.from(text), { tty: true, ...reading }, { source: 'stdout' }).map((line) => [
      line.position.at,
      line.text,
    ]);

  it('cuts the timestamp that is repeated inside a long line', () => {
    const a = 'a'.repeat(16384);
    expect(raw(`${at(1)} ${a}${at(1)} ${a}${at(1)} aa\r\n${at(2)} next\r\n`)).toEqual([
      [at(1), `${a}${a}aa`],
      [at(2), 'next'],
    ]);
  });

  it('takes no timestamp of the text for a new line', () => {
    expect(raw(`${at(1)} renewed until ${at(9)} by x\r\n${at(2)} next\r\n`)).toEqual([
      [at(1), `renewed until ${at(9)} by x`],
      [at(2), 'next'],
    ]);
  });

  it('parts the last line of one run from the first of the next, when the newline was never printed', () => {
    expect(raw(`${at(1)} no newline${at(5)} started again\r\n`, { startedAt: at(4) })).toEqual([
      [at(1), 'no newline'],
      [at(5), 'started again'],
    ]);
  });

  it('passes over what is left of a line longer than the maximum', () => {
    const long = `${at(1)} ${`${'a'.repeat(16384)}${at(1)} `.repeat(80)}end\r\n${at(2)} next\r\n`;
    const lines = readAll(Buffer.from(long), { tty: true }, { source: 'stdout', maxLineBytes: 50_000 });
    expect(lines.map((line) => [line.text.length, line.cut])).toEqual([
      [50_000, true],
      [4, undefined],
    ]);
  });
});

describe('frames', () => {
  const push = (bytes: Buffer) => {
    const frames = createFrames({ maxFrameBytes: 1000, onFrame() {} });
    frames.push(bytes, 0, bytes.length);
    return frames;
  };

  it('refuses a header that is none, without waiting for the bytes it promises', () => {
    expect(() => push(Buffer.from('plain text, no frames'))).toThrow(CorruptFrames);
    expect(() => push(Buffer.from([1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]))).toThrow(CorruptFrames);
    expect(() => push(Buffer.from([9, 0, 0, 0, 0, 0, 0, 1, 65]))).toThrow(CorruptFrames);
  });

  it('keeps no more of a frame than the maximum', () => {
    const frames = createFrames({ maxFrameBytes: 1000, onFrame() {} });
    const header = Buffer.from([1, 0, 0, 0, 0x02, 0, 0, 0]);
    frames.push(header, 0, 8);
    const some = Buffer.alloc(4096, 65);
    for (let round = 0; round < 100; round++) frames.push(Buffer.from(some), 0, some.length);
    expect(frames.carriedBytes).toBeLessThan(5000);
  });

  it('throws the error that the engine sends in stream 3', () => {
    const bytes = Buffer.concat([Buffer.from([3, 0, 0, 0, 0, 0, 0, 4]), Buffer.from('boom')]);
    expect(() => push(bytes)).toThrow(InBandError);
  });
});

const textOf = fc.oneof(
  fc.string({ maxLength: 40 }).map((text) => text.replaceAll('\n', ' ')),
  fc.integer({ min: 16380, max: 16400 }).map((length) => 'é'.repeat(length / 2)),
  fc.constant('ERROR here'),
);
const messages = fc.array(
  fc.record({
    stream: fc.constantFrom('stdout' as const, 'stderr' as const),
    step: fc.integer({ min: 0, max: 2 }),
    text: textOf,
  }),
  { maxLength: 30 },
);

/** What the engine would send, and what was printed. */
function encode(
  printed: { stream: 'stdout' | 'stderr'; step: number; text: string }[],
  tty: boolean,
): Buffer {
  let time = 0;
  const parts: Buffer[] = [];
  for (const { stream, step, text } of printed) {
    const bytes = Buffer.from(`${text}\n`);
    // Docker gives a long line a time of its own.
    time += bytes.length > 16384 ? 3 : step;
    for (let from = 0; from < bytes.length; from += 16384) {
      const piece = Buffer.concat([Buffer.from(`${at(time)} `), bytes.subarray(from, from + 16384)]);
      parts.push(tty ? piece : frame(stream, piece));
    }
    if (bytes.length > 16384) time++;
  }
  return Buffer.concat(parts);
}

describe('any split of the bytes', () => {
  it('gives the same lines, with frames and without', () => {
    fc.assert(
      fc.property(
        messages,
        fc.boolean(),
        fc.array(fc.integer({ min: 1, max: 40_000 }), { minLength: 1, maxLength: 40 }),
        (printed, tty, cuts) => {
          const bytes = encode(printed, tty);
          const source = tty ? 'stdout' : 'mux';
          const whole = readAll(bytes, { tty }, { source });
          expect(whole.map((line) => line.text)).toEqual(
            printed.map(({ text }) => Buffer.from(text).toString().replace(/\r+$/, '')),
          );
          expect(readAll(bytes, { tty }, { source, cuts })).toEqual(whole);
          // One byte at a time, for what is not too long.
          if (bytes.length < 2000) expect(readAll(bytes, { tty }, { source, cuts: [1] })).toEqual(whole);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('gives the same interesting lines, and the one before each, when the rest is passed over', () => {
    fc.assert(
      fc.property(
        messages,
        fc.boolean(),
        fc.array(fc.integer({ min: 1, max: 2000 }), { minLength: 1, maxLength: 20 }),
        (printed, tty, cuts) => {
          const bytes = encode(printed, tty);
          const source = tty ? 'stdout' : 'mux';
          const whole = readAll(bytes, { tty }, { source });
          const some = readAll(bytes, { tty }, { source, cuts, find: 'ERROR' });
          const wanted = whole.filter((line, index) => {
            const next = whole.slice(index + 1).find(({ stream }) => stream === line.stream);
            return line.text.includes('ERROR') || next?.text.includes('ERROR');
          });
          for (const line of wanted) expect(some).toContainEqual(line);
          for (const line of some) expect(whole).toContainEqual(line);
          expect(new Set(some.map((line) => JSON.stringify(line))).size).toBe(some.length);
        },
      ),
      { numRuns: 200 },
    );
  });
});

interface Captured {
  id: string;
  tty: boolean;
  files: { file: string; status: number; query: string }[];
  expected_lines?: { stream: string; text?: string; repeat?: [string, number]; tail?: string }[];
}

describe('captures of a real engine', () => {
  const rows = existsSync(corpora)
    ? readFileSync(new URL('captured.jsonl', corpora), 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Captured)
        .filter((row) => row.expected_lines)
    : [];

  if (rows.length === 0) it.skip('are skipped: ../shared/corpora/docker is not here', () => {});

  it.each(rows)('$id', (row) => {
    const { file } = row.files.find(({ query }) => query === 'timestamps=1')!;
    const lines = readAll(
      readFileSync(new URL(file, corpora)),
      { tty: row.tty },
      { source: row.tty ? 'stdout' : 'mux' },
    );
    const expected = row.expected_lines!.map(({ stream, text, repeat, tail }) => ({
      stream: stream === 'tty' ? 'stdout' : stream,
      text: (text ?? `${repeat![0].repeat(repeat![1])}${tail ?? ''}`)
        .replace(/\r$/, '')
        .replace(/<[0-9A-F]{2}>/g, '\ufffd')
        .replace(/ \(raw .*\)$/, ''),
    }));
    for (const stream of ['stdout', 'stderr']) {
      const of = (all: { stream: string; text: string }[]) =>
        all.filter((line) => line.stream === stream).map((line) => line.text);
      expect(of(lines)).toEqual(of(expected));
    }
    for (const line of lines) expect(line.position.at).toMatch(/^2026-11-22T\d\d:\d\d:\d\d\.\d{9}Z$/);
  });
});

describe('lines from a json-file', () => {
  it('are those that the engine would send, whatever is in them', () => {
    const texts = [
      'plain',
      '',
      'CR\r\r',
      'CR\r within',
      'a "quoted" \\ text <b>\t\u0000\u001b[0m',
      'ä €\u2028 😀',
      'half of a character \ud83d and on',
      'two\nlines',
      `${'long '.repeat(20)}and more`,
      'with a time 2026-11-22T10:00:00.000000001Z within',
    ];
    const printed = texts.map((text, index) => ({ text: `${text}\n`, at: at(1 + (index >> 1)) }));
    // A line in two pieces.
    printed.splice(4, 0, { text: 'a'.repeat(16384), at: at(2) }, { text: 'end\n', at: at(2) });
    const json = printed.map(({ text, at }) => jsonLine('stdout', at, text));
    const mux = printed.map(({ text, at }) => frame('stdout', stamped(at, text)));
    const read = (pieces: Buffer[], source: 'json' | 'mux') =>
      readAll(Buffer.concat(pieces), {}, { source, maxLineBytes: 60 });
    expect(read(json, 'json')).toEqual(read(mux, 'mux'));
    expect(read(json, 'json')).toHaveLength(texts.length + 2);
  });
});

describe('captures of our own', () => {
  const names = ['tty-long', 'local-long', 'two-streams', 'no-newline-restarted', 'zone'];
  it.each(names)('%s', (name) => {
    const { tty, startedAt, lines } = JSON.parse(readFileSync(new URL(`${name}.json`, fixtures), 'utf8')) as {
      tty: boolean;
      startedAt: string;
      lines: [string, string, number][];
    };
    const bytes = readFileSync(new URL(`${name}.bin`, fixtures));
    const read = readAll(bytes, { tty, startedAt }, { source: tty ? 'stdout' : 'mux' });
    const brief = read.map((line) => [line.stream, line.text.slice(0, 20), line.text.length]);
    expect(brief).toEqual(lines);
  });
});
