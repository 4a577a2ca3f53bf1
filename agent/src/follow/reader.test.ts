import { describe, expect, it } from 'vitest';
import type { Position, Stream } from '../types.ts';
import { createReader } from './reader.ts';
import { collectingSink, frame, stamped } from './testing.ts';

const at = (second: number) => `2026-11-22T10:00:${String(second).padStart(2, '0')}.000000000Z`;

function reading(options: { find?: string; tty?: boolean } = {}) {
  const sink = collectingSink(options);
  const told: [Stream, Position][] = [];
  sink.seen = (stream, position) => told.push([stream, position]);
  const reader = createReader({ sink, maxLineBytes: 1000 });
  reader.begin({ cursors: {}, startedAt: '', tty: options.tty ?? false });
  const print = (stream: Stream, second: number, text: string) => {
    const bytes = frame(stream, stamped(at(second), `${text}\n`));
    return reader.bytes('mux', bytes, 0, bytes.length);
  };
  return { sink, told, reader, print };
}

describe('reader', () => {
  it.each([
    ['has it', [10, 11], 0],
    ['left it out', [9, 11], 1],
  ])(
    'looks for the line that must come of a terminal too, where it is a long one: %s',
    async (_, seconds, times) => {
      let leftOut = 0;
      const sink = collectingSink({ find: 'ERROR' });
      const reader = createReader({ sink, maxLineBytes: 50_000 });
      reader.begin({
        cursors: {},
        startedAt: '',
        tty: true,
        expects: { stream: 'stdout', at: at(10) },
        onLeftOut: async () => {
          leftOut++;
        },
      });
      const [long, short] = seconds.map((second) => at(second));
      const bytes = Buffer.from(`${stamped(long!, 'x'.repeat(40_000))}\n${stamped(short!, 'short')}\n`);
      for (let from = 0; from < bytes.length; from += 7000)
        await reader.bytes(
          'stdout',
          Buffer.from(bytes.subarray(from, from + 7000)),
          0,
          Math.min(7000, bytes.length - from),
        );
      expect(leftOut).toBe(times);
    },
  );

  it('lets a quiet stream move along a second behind the other, so that a restart need not read it all again', () => {
    const { told, reader, print } = reading();
    print('stdout', 10, 'a');
    expect(told).toEqual([['stderr', { at: at(9), ordinal: -1 }]]);
    expect(reader.cursors).toEqual({
      stdout: { at: at(10), ordinal: 0 },
      stderr: { at: at(9), ordinal: -1 },
    });
    print('stderr', 10, 'b');
    expect(reader.cursors.stderr).toEqual({ at: at(10), ordinal: 0 });
  });

  it('tells how far it came past lines of no interest, one read behind, so that the line to look back to is never done with', () => {
    const { sink, told, print } = reading({ find: 'ERROR' });
    print('stdout', 10, 'calm');
    print('stdout', 10, 'headline');
    print('stdout', 10, 'ERROR under it');
    const stdout = told.filter(([stream]) => stream === 'stdout').map(([, position]) => position);
    expect(stdout).toEqual([{ at: at(10), ordinal: 0 }]);
    expect(sink.lines.map((line) => [line.text, line.position.ordinal])).toEqual([
      ['headline', 1],
      ['ERROR under it', 2],
    ]);
  });

  it('gives every line while the sink has an entry open', () => {
    const { sink, print } = reading({ find: 'Traceback' });
    let open = false;
    const { push } = sink;
    sink.push = (line, now) => {
      push(line, now);
      open = line.text !== 'end';
    };
    sink.isOpen = (stream) => stream === 'stderr' && open;
    print('stderr', 1, 'calm');
    print('stderr', 2, 'Traceback');
    print('stderr', 3, '  in a file');
    print('stdout', 3, 'calm');
    print('stderr', 4, 'end');
    print('stderr', 5, 'calm');
    expect(sink.lines.map((line) => line.text)).toEqual(['calm', 'Traceback', '  in a file', 'end']);
  });

  it('holds what it read until a gap in the log has been looked into', async () => {
    const { sink, reader } = reading();
    let looked = () => {};
    const cursors = { stdout: { at: at(1), ordinal: 0 }, stderr: { at: at(1), ordinal: -1 } };
    const onGap = () =>
      new Promise<void>((resolve) => {
        looked = resolve;
      });
    reader.begin({ cursors, startedAt: '', tty: false, onGap });
    const bytes = frame('stdout', stamped(at(5), 'late\n'));
    const waiting = reader.bytes('mux', bytes, 0, bytes.length);
    expect(sink.lines).toEqual([]);
    looked();
    await waiting;
    expect(sink.lines.map((line) => line.text)).toEqual(['late']);
  });

  it('stands before the lines that it holds when the gap cannot be looked into, so that they are read again', async () => {
    const { sink, reader } = reading();
    const cursors = { stdout: { at: at(1), ordinal: 0 }, stderr: { at: at(1), ordinal: -1 } };
    const onGap = () => Promise.reject(new Error('the daemon was restarted'));
    reader.begin({ cursors, startedAt: '', tty: false, onGap });
    const bytes = frame('stdout', stamped(at(5), 'late\n'));
    await expect(reader.bytes('mux', bytes, 0, bytes.length)).rejects.toThrow('restarted');
    expect(sink.lines).toEqual([]);
    expect(reader.cursors).toEqual(cursors);
  });

  describe('of two pipes, of which one may be read far ahead of the other', () => {
    function pipes() {
      const sink = collectingSink();
      let clock = Date.parse(at(50));
      let goOn: (() => void) | undefined;
      sink.ready = () =>
        new Promise((resolve) => {
          goOn = resolve;
        });
      const reader = createReader({ sink, maxLineBytes: 1000, now: () => clock });
      const begin = { at: at(1), ordinal: -1 };
      reader.begin({ cursors: { stdout: begin, stderr: begin }, startedAt: '', tty: false });
      return {
        sink,
        reader,
        begin,
        read(stream: Stream, text: string) {
          const bytes = Buffer.from(text);
          return reader.bytes(stream, bytes, 0, bytes.length);
        },
        pass(seconds: number) {
          clock += seconds * 1000;
          reader.tick();
        },
        goOn: () => goOn?.(),
      };
    }

    it('takes neither for read because of what the other had, while it cannot read on', async () => {
      const { sink, reader, begin, read, pass, goOn } = pipes();
      const waiting = read('stdout', stamped(at(40), 'far ahead\n'));
      for (let second = 0; second < 10; second++) pass(1);
      expect(reader.cursors.stderr).toEqual(begin);
      goOn();
      await waiting;
      pass(1);
      expect(reader.cursors.stderr).toEqual(begin);
      expect(sink.seenUpTo.stderr).toBeUndefined();
    });

    it('takes both for read when it could read on, and nothing came', async () => {
      const { reader, read, pass, goOn } = pipes();
      const waiting = read('stdout', stamped(at(40), 'the last\n'));
      goOn();
      await waiting;
      for (let second = 0; second < 5; second++) pass(1);
      expect(reader.cursors.stderr).toEqual({ at: at(39), ordinal: -1 });
    });

    it('does not after a standstill, of which only the clock tells', async () => {
      const { reader, begin, read, pass, goOn } = pipes();
      const waiting = read('stdout', stamped(at(40), 'far ahead\n'));
      goOn();
      await waiting;
      pass(3600);
      expect(reader.cursors.stderr).toEqual(begin);
    });

    it('keeps a line together of which it could not read the end for a while', async () => {
      const { sink, read, pass, goOn } = pipes();
      const waiting = read('stdout', stamped(at(40), 'begun '));
      pass(10);
      goOn();
      await waiting;
      pass(1);
      read('stdout', 'and ended\n');
      expect(sink.lines.map(({ text }) => text)).toEqual(['begun and ended']);
    });
  });

  describe('when the time of the lines jumps ahead of the clock', () => {
    // Far enough ahead for lines that were printed after the connection was made.
    const later = (ms: number) => `2099-11-22T10:00:00.${String(ms).padStart(3, '0')}000000Z`;
    const jumping = (find?: string) => {
      const { sink, reader } = reading({ find });
      const checks: { before: Position; afterAt: string; end: (error?: Error) => void }[] = [];
      const onJump = (_stream: Stream, before: Position, afterAt: string) =>
        new Promise<void>((resolve, reject) => {
          checks.push({ before, afterAt, end: (error) => (error ? reject(error) : resolve()) });
        });
      reader.begin({ cursors: {}, startedAt: '', tty: false, jumpMs: 50, onJump });
      const print = (ms: number, text: string) => {
        const bytes = frame('stdout', stamped(later(ms), `${text}\n`));
        return reader.bytes('mux', bytes, 0, bytes.length);
      };
      return { sink, reader, checks, print, texts: () => sink.lines.map(({ text }) => text) };
    };

    it('holds the lines after it until it is known that none was left out', async () => {
      const { checks, print, texts } = jumping();
      print(0, 'a');
      const waiting = print(600, 'b');
      expect(checks.map(({ before, afterAt }) => [before.at, afterAt])).toEqual([[later(0), later(600)]]);
      expect(texts()).toEqual(['a']);
      checks[0]!.end();
      await waiting;
      expect(texts()).toEqual(['a', 'b']);
    });

    it('stands before it when lines were left out, so that a kill at this moment loses none of them', async () => {
      for (const find of [undefined, 'ERROR']) {
        const { sink, reader, checks, print } = jumping(find);
        print(0, 'ERROR a');
        print(10, 'calm');
        const waiting = print(600, 'calm too');
        print(900, 'ERROR d');
        checks[0]!.end(new Error('lines were left out'));
        await expect(waiting).rejects.toThrow('left out');
        expect(reader.cursors.stdout).toEqual({ at: later(10), ordinal: 0 });
        expect(sink.lines.map(({ text }) => text)).not.toContain('ERROR d');
        expect([later(0), later(10)]).toContain(sink.seenUpTo.stdout?.at ?? later(0));
      }
    });
  });
});
