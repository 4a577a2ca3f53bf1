// The bytes of one container's log requests -> its sink: frames > lines > what is new. A line that cannot matter is
// passed over without being decoded or made an object: only its frame's header and its timestamp are looked at.

import { ofStream, streams } from '../streams.ts';
import type { Line, Position, Stream } from '../types.ts';
import { createFrames } from './frames.ts';
import { createJsonLines } from './json-lines.ts';
import { createLines } from './lines.ts';
import { createLookback, type Lookback } from './lookback.ts';
import { createRecent, toldOf } from './recent.ts';
import { type Cursors, comparePositions, createResume, type Resume } from './resume.ts';
import type { Sink } from './sink.ts';
import { isStamp, moved, msOf, msOfDay, stampLength } from './timestamps.ts';

const newline = 0x0a;
/** How much of a json-file is read again before what is new, for its lines to be looked back to. */
export const lookbackBytes = 8192;

/**
 * Where bytes come from: `mux` has frames of both streams; `json` whole lines of a json-file log, and in the memory before
 * them those that the log has before; the others are one stream's bytes as they are.
 */
export type Source = 'mux' | 'json' | Stream;

/** How one request is read. */
export interface Reading {
  cursors: Cursors;
  /** See `createResume`. */
  strict?: boolean;
  /** Whether a line was read before, though it lies after the cursors. */
  wasRead?: ((stream: Stream, at: string) => boolean) | undefined;
  /** When the container was last started. */
  startedAt: string;
  /** When the run before ended, where it is known. */
  previousRunEndedAt?: string;
  /** A terminal's log is one stream. */
  tty: boolean;
  /** Each piece of a long line has a timestamp of its own. */
  piecesHaveTimes?: boolean;
  /**
   * The log rotates, or is thrown away by others: when the lines' time runs ahead of the clock by more than this, in ms, the
   * engine's follower may have missed a whole file (Docker 20.10 does so, silently, when it falls behind).
   */
  jumpMs?: number;
  /**
   * The log no longer reaches back to the cursors, or so it seems: what was read waits until this resolves. `firstAt` is of the
   * first new line, `begunAt` of the first that came.
   */
  onGap?: ((firstAt: string, begunAt: string) => Promise<void>) | undefined;
  /** A line that must come before any later one of its stream: the log has it. */
  expects?: { stream: Stream; at: string } | undefined;
  /** It did not: what follows is not taken. Rejects, and the request is given up. */
  onLeftOut?(): Promise<void>;
  /**
   * Lines between these two of a stream may have been missed: what was read after `before` waits until this resolves. It
   * rejects when they were missed, and the request is given up.
   */
  onJump?(stream: Stream, before: Position, afterAt: string): Promise<void>;
}

export interface ReaderOptions {
  sink: Sink;
  /** Bytes of text kept of a line. */
  maxLineBytes: number;
  /** Told the begin of a line in a json-file log that is none of Docker's, and is left out. */
  invalid?(text: string): void;
  now?(): number;
}

export type Reader = ReturnType<typeof createReader>;

/** A log is silent when nothing came for so many ticks. */
const silentAfter = 3;

/** Makes the reader of one container, used for one request after another. */
export function createReader(options: ReaderOptions) {
  const { sink, maxLineBytes, now: clock = Date.now } = options;
  let resume: Resume = createResume({});
  let reading: Reading = { cursors: {}, startedAt: '', tty: false };
  let now = clock();
  let connectedMs = 0;
  let lastBytesAt = 0;
  /** What can be read waits until the sink can take more, or what is held is released. */
  let isPaused = false;
  /** Ticks since bytes came. Not by the clock: after a standstill the time is over, and what waited is read only then. */
  let silentTicks = 0;
  let unstampedText = '';
  /** Lines that wait for `onGap` or `onJump`: were they taken, and the agent killed, nobody would look for those before. */
  let held: Line[] | undefined;
  /** The cursors before the lines held. */
  let heldFrom: Cursors = {};
  let checks: Promise<void>[] = [];
  let released: Promise<void> | undefined;
  let isGapKnown = false;
  let expected: Reading['expects'];
  /** What is known to be read of each stream, though no line stands there. */
  let quiet: Cursors = {};
  let quietSecond = '';
  const hasTime = (text: string) => sink.find?.hasTime(text) ?? false;
  const newTold = () => ({ ...blank, lookback: createLookback(hasTime) });
  const told: Record<Stream, Told> = { stdout: newTold(), stderr: newTold() };
  /** The next place in the bytes at hand of a text that lines may matter for. */
  let hit = 0;
  const { near } = sink;
  const recent = createRecent(near ? Math.max(near.before, near.last) : 1);
  /** So many lines after one that was given are told still. */
  let owed = 0;
  let atHand: Buffer | undefined;

  function give(line: Line): void {
    if (resume.reached === 'gap' && !isGapKnown) {
      isGapKnown = true;
      if (reading.onGap) hold(reading.cursors, reading.onGap(line.position.at, resume.begunAt));
    }
    if (held) {
      held.push(line);
      jsonLines.noteGiven();
      return;
    }
    const state = ofStream(told, line.stream);
    state.pushed = true;
    state.lookback.clear();
    if (near) {
      const isWanted = near.isWanted(now);
      tellRecent(isWanted ? near.before : 0);
      if (isWanted) owed = near.after;
      else near.gap();
    }
    sink.push(line, now);
    if (sink.find) state.wantsAll = sink.wantsAll(line.stream);
  }

  /** Tells of lines that were passed over: the last `count` before a line that is given, or before a pause. */
  function tellRecent(count: number): void {
    if (!near) return;
    jsonLines.tellBefore(count);
    if (recent.isEmpty) return;
    const { lines: before, isGap } = recent.take(atHand, count);
    before.forEach(({ stream, at, text }, index) => {
      near.tell(stream, at, text, isGap && index === 0, now);
    });
  }

  function hold(from: Cursors, check: Promise<void>): void {
    // Heard by whoever waits for the release; not before there is one.
    check.catch(() => {});
    checks.push(check);
    if (held) return;
    tellRecent(near?.before ?? 0);
    held = [];
    heldFrom = from;
  }

  /** Gives the lines held when all checks went well. When one did not, they stay held, and are read again. */
  async function release(): Promise<void> {
    for (let check = checks.shift(); check; check = checks.shift()) await check;
    const waiting = held ?? [];
    held = undefined;
    released = undefined;
    for (const line of waiting) give(line);
    await sink.ready();
  }

  /** Resolves when what is held, if anything is, was given. */
  function releasing(): Promise<void> | undefined {
    if (held) released ??= release();
    return held && released;
  }

  /** Time in which nothing is read tells nothing of what comes. */
  function pauseFor(waiting: Promise<void>): void {
    isPaused = true;
    const goOn = () => {
      isPaused = false;
      lines.touch(clock());
    };
    waiting.then(goOn, goOn);
  }

  const lines = createLines({
    maxLineBytes,
    wanted: (stream, at, ordinal) => !reading.wasRead?.(stream, at) && resume.takes(stream, at, ordinal),
    emit(stream, position, text, cut) {
      give(cut ? { stream, position, text, cut } : { stream, position, text });
    },
    mayPassOver: (stream, bytes, from, to) => {
      watchTime(stream, bytes, from);
      return mayPassOver(stream, bytes, from, to);
    },
    passedOver(stream, bytes, from, to) {
      const state = ofStream(told, stream);
      state.passed = true;
      state.lookback.add(from, to, lines.ordinal(stream));
      if (!near) return;
      if (owed === 0) recent.add(stream, from, to);
      else {
        owed--;
        const { at, text } = toldOf(stream, bytes, from, to);
        near.tell(stream, at, text, false, now);
      }
    },
    onRegion: findFirst,
    onRegionEnd: settle,
    unstamped(_stream, text) {
      if (unstampedText.length < 4000) unstampedText += `${text.trimEnd()}\n`;
    },
  });

  const makeFrames = () =>
    createFrames({
      // At least the largest that Docker makes: a piece must not be taken for a line that was cut.
      maxFrameBytes: Math.max(maxLineBytes, 256 * 1024) + 64,
      onRegion: findFirst,
      onRegionEnd(bytes) {
        settle(bytes);
        noteQuiet();
      },
      onFrame(stream, bytes, from, to, cut) {
        const stamped = isStamp(bytes, from, to);
        if (stamped) watchTime(stream, bytes, from);
        if (
          stamped &&
          bytes[to - 1] === newline &&
          !cut &&
          !lines.isOpen(stream) &&
          mayPassOver(stream, bytes, from, to - 1)
        ) {
          lines.passOver(stream, bytes, from, to - 1);
        } else lines.frame(stream, bytes, from, to, cut);
      },
    });
  let frames = makeFrames();

  const makeJsonLines = () =>
    createJsonLines({
      lines,
      maxLineBytes,
      find: sink.find,
      mayPassOver: (stream) =>
        !held &&
        isInSight() &&
        !resume.isWaiting(stream) &&
        !ofStream(told, stream).wantsAll &&
        !lines.isOpen(stream),
      passedOver: (stream) => sink.passedOver(stream, now),
      give: (stream, position, text) => give({ stream, position, text }),
      owed: () => owed,
      tell(stream, at, text, isGap) {
        if (owed > 0) owed--;
        near?.tell(stream, at, text, isGap, now);
      },
      gap: () => near?.gap(),
      invalid: (text) => options.invalid?.(text),
    });
  let jsonLines = makeJsonLines();

  function findFirst(bytes: Buffer, from: number, to: number): void {
    sink.find?.look(bytes, from, to);
    hit = -1;
    atHand = bytes;
  }

  /** Whether the whole line does not matter. If it does, the lines before it are given to the sink first. */
  function mayPassOver(stream: Stream, bytes: Buffer, from: number, to: number): boolean {
    const { find } = sink;
    if (!find || held || to - from > maxLineBytes) return false;
    if (!isInSight() || resume.isWaiting(stream) || ofStream(told, stream).wantsAll) return false;
    if (hit < from) {
      const at = find.text(from);
      hit = at < 0 ? Number.POSITIVE_INFINITY : at;
    }
    if (!find.matters(from + stampLength + 1, to, hit < to)) return true;
    if (find.standsAlone(bytes.toString('utf8', from + stampLength + 1, to))) sink.passedOver(stream, now);
    else giveLookback(stream, bytes);
    return false;
  }

  /** Whether it is known where the log begins: lines were taken, or a gap before them was looked into. */
  function isInSight(): boolean {
    return resume.reached === 'in-sight' || isGapKnown;
  }

  function giveLookback(stream: Stream, bytes: Buffer): void {
    const { lines: before, follows } = ofStream(told, stream).lookback.take(bytes);
    if (!follows) sink.passedOver(stream, now);
    for (const { position, text } of before) give({ stream, position, text });
  }

  /** Tells when a stream's time runs ahead of the clock by more than lines in a row explain. */
  function watchTime(stream: Stream, bytes: Buffer, from: number): void {
    if (expected?.stream === stream) expect(expected, bytes, from);
    if (reading.jumpMs === undefined) return;
    const state = ofStream(told, stream);
    const ms = msOfDay(bytes, from);
    const ahead = ms - state.ms - (now - state.msAt);
    const before = ahead >= reading.jumpMs && state.msAt > 0 ? lines.position(stream) : undefined;
    state.ms = ms;
    state.msAt = now;
    if (!before || !reading.onJump || resume.isWaiting(stream)) return;
    const at = bytes.toString('latin1', from, from + stampLength);
    if (msOf(at) < connectedMs) return;
    if (sink.find && !held) giveLookback(stream, bytes);
    hold({ stdout: cursorOf('stdout'), stderr: cursorOf('stderr') }, reading.onJump(stream, before, at));
  }

  function expect(
    { stream, at: wanted }: NonNullable<Reading['expects']>,
    bytes: Buffer,
    from: number,
  ): void {
    const at = bytes.toString('latin1', from, from + stampLength);
    if (at < wanted) return;
    expected = undefined;
    // Of a terminal's long line, in pieces, nothing is told here.
    const hasCome = at === wanted || (lines.position(stream)?.at ?? '') >= wanted;
    if (hasCome || !reading.onLeftOut) return;
    hold({ stdout: cursorOf('stdout'), stderr: cursorOf('stderr') }, reading.onLeftOut());
  }

  /** After a run of bytes: what was passed over is told, and what is still needed of its memory is copied. */
  function settle(bytes: Buffer): void {
    for (const stream of streams) {
      const state = ofStream(told, stream);
      state.lookback.settle(bytes);
      if (!held && (state.passed || state.pushed)) {
        // One run behind, so that a line kept for looking back is never told as done with.
        const { oldest } = state.lookback;
        if (!state.pushed && state.upTo && (!oldest || comparePositions(state.upTo, oldest) < 0)) {
          tellSeen(stream, state.upTo);
        }
        state.upTo = lines.position(stream);
        state.passed = state.pushed = false;
        state.unsaid = true;
      }
    }
    lines.settle();
    recent.settle(bytes);
    atHand = undefined;
  }

  /** The same after a run of a json-file's lines, where what may still be looked back to lies in the file. */
  function settleJson(bytes: number): void {
    for (const stream of streams) {
      const state = ofStream(told, stream);
      if (state.upTo) state.sinceUpTo += bytes;
      if (held) continue;
      if (state.pushed) state.upTo = undefined;
      else if (state.upTo && state.sinceUpTo >= lookbackBytes) {
        tellSeen(stream, state.upTo);
        state.upTo = undefined;
      }
      const position = lines.position(stream);
      if (!state.upTo && position) {
        state.upTo = position;
        state.sinceUpTo = 0;
      }
      state.pushed = false;
      state.unsaid = true;
    }
    lines.settle();
  }

  function tellSeen(stream: Stream, position: Position): void {
    const still = ofStream(quiet, stream);
    if (!still || comparePositions(position, still) > 0) sink.seen(stream, position);
  }

  /** No line comes that could continue one of those that were passed over. */
  function tellAllSeen(): void {
    for (const stream of streams) {
      const state = ofStream(told, stream);
      const position = lines.position(stream);
      if (!state.unsaid || held || !position || lines.isOpen(stream)) continue;
      state.unsaid = false;
      tellSeen(stream, position);
    }
  }

  /**
   * A stream that prints nothing moves along with the other one, a second behind it, so that a restart need not read the
   * whole log again to look for its lines. Good only where the order of the log is the order of reading, or all of it was read.
   */
  function noteQuiet(): void {
    if (reading.tty || reading.strict || held) return;
    for (const [stream, other] of [
      ['stdout', 'stderr'],
      ['stderr', 'stdout'],
    ] as const) {
      const leader = lines.position(other);
      if (!leader || resume.isWaiting(other) || lines.isOpen(stream)) continue;
      const second = leader.at.slice(0, 19);
      if (second === quietSecond) continue;
      const position = { at: moved(leader.at, -1), ordinal: -1 };
      const known = cursorOf(stream);
      if (known && comparePositions(known, position) >= 0) continue;
      quietSecond = second;
      quiet[stream] = position;
      resume.pass(stream);
      if (!sink.isOpen(stream)) sink.seen(stream, position);
    }
  }

  function cursorOf(stream: Stream): Position | undefined {
    const waiting = resume.waitingFor(stream);
    if (waiting) return waiting;
    const position = lines.position(stream);
    const still = ofStream(quiet, stream);
    if (!position || !still) return position ?? still;
    return comparePositions(position, still) >= 0 ? position : still;
  }

  return {
    /** The next request begins. What an earlier one left unfinished is read again. */
    begin(next: Reading): void {
      now = clock();
      tellRecent(near?.last ?? 0);
      near?.gap();
      owed = 0;
      reading = next;
      connectedMs = now;
      lastBytesAt = now;
      isPaused = false;
      silentTicks = 0;
      resume = createResume(next.cursors, { strict: next.strict });
      const { startedAt, previousRunEndedAt, piecesHaveTimes } = next;
      lines.begin({ startedAt, previousRunEndedAt, piecesHaveTimes, now });
      frames = makeFrames();
      jsonLines = makeJsonLines();
      quiet = {};
      quietSecond = '';
      held = undefined;
      checks = [];
      released = undefined;
      isGapKnown = false;
      expected = next.expects;
      unstampedText = '';
      for (const stream of streams) told[stream] = newTold();
    },

    /**
     * Takes bytes; their memory is free again when it returns. Gives a promise when no more must come until it resolves.
     * @throws CorruptFrames, InBandError
     */
    bytes(source: Source, chunk: Buffer, from: number, to: number): Promise<void> | undefined {
      now = clock();
      lastBytesAt = now;
      silentTicks = 0;
      lines.now = now;
      for (const stream of streams) {
        const state = ofStream(told, stream);
        state.wantsAll = sink.find !== undefined && sink.wantsAll(stream);
      }
      if (source === 'json') {
        jsonLines.push(chunk, from, to);
        settleJson(to - from);
        noteQuiet();
      } else if (source === 'mux') frames.push(chunk, from, to);
      else lines.raw(source, chunk, from, to);
      const waiting = releasing() ?? sink.ready();
      if (waiting) pauseFor(waiting);
      return waiting;
    },

    /** Call about once a second. Gives a promise when a line came of it that waits for a check; it rejects as the check does. */
    tick(): Promise<void> | undefined {
      now = clock();
      if (isPaused) return undefined;
      lines.tick(now);
      const waiting = releasing();
      if (waiting) {
        pauseFor(waiting);
        return waiting;
      }
      // Quiet for a moment: the container may have ended, and these are its last lines.
      if (now - lastBytesAt >= 500 && !held) tellRecent(near?.last ?? 0);
      silentTicks++;
      if (silentTicks < silentAfter) return undefined;
      noteQuiet();
      tellAllSeen();
      return undefined;
    },

    /** The log has ended: gives out the open line. @throws what its check does */
    async flush(): Promise<void> {
      now = clock();
      tellRecent(near?.last ?? 0);
      lines.flush(now);
      await releasing();
    },

    /** How far each stream was read: where the next request resumes. */
    get cursors(): Cursors {
      if (held) return heldFrom;
      return { stdout: cursorOf('stdout'), stderr: cursorOf('stderr') };
    },

    /** The earliest time of the lines that wait for a check, of one stream or of both. */
    heldSince(stream?: Stream): string | undefined {
      return held
        ?.filter((line) => stream === undefined || line.stream === stream)
        .map(({ position }) => position.at)
        .sort()[0];
    },

    /** The timestamp of the line that was begun last, whether it was new or not, or of its last piece. */
    begunAt: (stream: Stream) => lines.begunAt(stream),

    /** Whether a cursor's line has not come yet. */
    get isWaiting(): boolean {
      return streams.some((stream) => resume.isWaiting(stream));
    },

    /** When bytes last came, in ms since the epoch. */
    get lastBytesAt(): number {
      return lastBytesAt;
    },

    /** What the engine or its command said between the lines: an error. */
    get unstamped(): string {
      return unstampedText.trim();
    },
  };
}

/** What a stream's sink has been told. */
interface Told {
  pushed: boolean;
  passed: boolean;
  wantsAll: boolean;
  lookback: Lookback;
  /** The last line of the run of bytes before this one. */
  upTo: Position | undefined;
  /** How many bytes of a json-file's lines were read since; counted while it is looked for. */
  sinceUpTo: number;
  /** There may be lines that were read, and not told. */
  unsaid: boolean;
  /** Time of day of the last line, and when it was read. */
  ms: number;
  msAt: number;
}

const blank = {
  pushed: false,
  passed: false,
  wantsAll: false,
  upTo: undefined,
  sinceUpTo: 0,
  unsaid: false,
  ms: 0,
  msAt: 0,
};
