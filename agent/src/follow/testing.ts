// Helpers for the tests of following: bytes as the engine sends them, and a sink that keeps what it is given.

import type { Container, Find, Line, Position, Stream } from '../types.ts';
import type { LogEnd, LogRequest } from './engine.ts';
import { createReader, type Reading, type Source } from './reader.ts';
import type { Sink } from './sink.ts';
import { unixTime } from './timestamps.ts';

/** One frame of Docker's log stream. */
export function frame(stream: Stream, payload: string | Buffer): Buffer {
  const body = Buffer.from(payload as string);
  const header = Buffer.from([stream === 'stdout' ? 1 : 2, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32BE(body.length, 4);
  return Buffer.concat([header, body]);
}

/** One line of a json-file log, as Docker writes it; without a newline in the text, a piece of one. */
export function jsonLine(stream: Stream, at: string, text: string, attrs = ''): Buffer {
  const log = JSON.stringify(text).replace(
    /[<>&\u2028\u2029\b\f]|\\[bf]/g,
    (found) =>
      `\\u${(found.length > 1 ? (found === '\\b' ? 8 : 12) : found.charCodeAt(0)).toString(16).padStart(4, '0')}`,
  );
  const time = at.replace(/\.?0*Z$/, 'Z');
  return Buffer.from(`{"log":${log},"stream":"${stream}",${attrs}"time":"${time}"}\n`);
}

export const stamped = (at: string, text: string) => `${at} ${text}`;

/** A container's log as an engine keeps it. What is printed is a whole line, or without a newline a piece of one. */
export function engineLog() {
  const printed: { stream: Stream; at: string; text: string }[] = [];
  const followers = new Set<() => void>();
  let breaks = 0;
  return {
    print(stream: Stream, at: string, text: string): void {
      printed.push({ stream, at, text });
      for (const goOn of followers) goOn();
    },
    /** Lets those who follow see that the container has ended. */
    end(): void {
      for (const goOn of followers) goOn();
    },
    /** Ends the streams of those who follow, as a daemon does now and then. */
    break(): void {
      breaks++;
      for (const goOn of followers) goOn();
    },
    /** As Docker does it: every piece that is older than `since` is left out, whichever was printed before it. */
    async logs({
      since,
      until,
      tail,
      follow,
      signal,
      onBytes,
      isOver = () => false,
    }: LogRequest & { isOver?(): boolean }): Promise<LogEnd> {
      const breaksBefore = breaks;
      const first = tail === undefined ? 0 : Math.max(0, printed.length - tail);
      for (let next = first; ; next++) {
        while (follow && next === printed.length && !isOver()) {
          await new Promise<void>((goOn) => {
            followers.add(goOn);
            signal.addEventListener('abort', () => goOn(), { once: true });
            if (signal.aborted) goOn();
          });
          followers.clear();
          signal.throwIfAborted();
          if (breaks > breaksBefore) return 'ended';
        }
        const piece = printed[next];
        if (!piece) return 'ended';
        const time = Number(unixTime(piece.at));
        if (time < Number(since ?? 0)) continue;
        if (until !== undefined && time > Number(until)) return 'ended';
        const bytes = frame(piece.stream, stamped(piece.at, piece.text));
        await onBytes('mux', bytes, 0, bytes.length);
        signal.throwIfAborted();
      }
    },
  };
}

export interface CollectingSink extends Sink {
  container?: Container;
  lines: Line[];
  seenUpTo: Partial<Record<Stream, Position>>;
  ended: boolean;
}

/** Keeps every line. With `find`, only lines that hold this text are asked for. */
export function collectingSink({ find }: { find?: string } = {}): CollectingSink {
  const sink: CollectingSink = {
    lines: [],
    seenUpTo: {},
    ended: false,
    push(line) {
      sink.lines.push(line);
    },
    ready: () => undefined,
    seen(stream, position) {
      sink.seenUpTo[stream] = position;
    },
    update(container) {
      sink.container = container;
    },
    readTo() {},
    async end() {
      sink.ended = true;
    },
    isOpen: () => false,
    wantsAll: (stream) => sink.isOpen(stream),
    passedOver() {},
  };
  if (find !== undefined) sink.find = findText(find);
  return sink;
}

/** Lines that hold the text matter, and none else. */
function findText(text: string): Find {
  let bytes: Buffer = Buffer.alloc(0);
  let last = 0;
  return {
    look(looked, _from, to) {
      [bytes, last] = [looked, to];
    },
    text(from) {
      const at = bytes.indexOf(text, from);
      return at >= 0 && at + text.length <= last ? at : -1;
    },
    matters: (_from, _to, holdsText) => holdsText,
    room: Buffer.alloc(0),
    hasTime: () => true,
    standsAlone: () => false,
    isBare: () => false,
    endOf: (from) => bytes.indexOf('\n', from),
    beginOf: (end, lowest) => (end === 0 ? 0 : Math.max(lowest, bytes.lastIndexOf('\n', end - 1) + 1)),
    mattersText: (line) => line.includes(text),
    line: (from) => from,
    lastStdout: -1,
    lastStderr: -1,
  };
}

/** Reads the bytes of one whole log, in pieces of the lengths in `cuts` (again and again), and gives its lines. */
export function readAll(
  bytes: Buffer,
  reading: Partial<Reading> = {},
  {
    source = 'mux',
    cuts = [bytes.length + 1],
    maxLineBytes = 1024 * 1024,
    find,
  }: { source?: Source; cuts?: number[]; maxLineBytes?: number; find?: string } = {},
): Line[] {
  const sink = collectingSink({ find });
  const reader = createReader({ sink, maxLineBytes });
  reader.begin({ cursors: {}, startedAt: '', tty: false, ...reading });
  for (let from = 0, round = 0; from < bytes.length; round++) {
    const to = Math.min(bytes.length, from + cuts[round % cuts.length]!);
    // A copy that is wiped afterwards: nothing may be kept that points into it.
    const chunk = Buffer.concat([Buffer.alloc(round % 3 === 0 ? 64 : 0), bytes.subarray(from, to)]);
    reader.bytes(source, chunk, chunk.length - (to - from), chunk.length);
    chunk.fill(0x21);
    from = to;
  }
  reader.flush();
  return sink.lines;
}
