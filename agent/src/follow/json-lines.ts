// The bytes of a json-file log -> lines. Between lines that matter nothing is touched: one look tells where the next of
// them is, and what is still needed of those passed over, the line above and how many lines share a timestamp, is
// read backwards from there.

import { ofStream, streams } from '../streams.ts';
import type { Find, Position, Stream } from '../types.ts';
import { withoutReturns } from '../without-returns.ts';
import { type JsonLine, readJsonLine, readText } from './file/json-line.ts';
import type { Lines } from './lines.ts';

const newline = 0x0a;
const backslash = 0x5c;
/** No text holds it: its quotes would be escaped. */
const marks = {
  stdout: Buffer.from('","stream":"stdout"'),
  stderr: Buffer.from('","stream":"stderr"'),
};
/** Lines that join.ts may take together with the one that matters, and how far back they are looked for, in lines of any stream. */
const mostBefore = 25;
const furthestBack = 200;
/** Of the last bytes, how many are kept for lines that are told when nothing follows. */
const tailBytes = 4096;
/** Bytes of a told line's text that are looked at. */
const longestTold = 12_288;
const nothing = Buffer.alloc(0);
/** Bytes counted before they are counted anew, and how many are left of them then. */
const mostCounted = 2 ** 30;
const longestLookedBack = 2 ** 28;
/** It has a line break within, or half of a character, which is decoded as if it were bytes. */
const isLineOfParts = /[\n\ud800-\udfff]/;
/** A line on its way, one at a time for all containers. Longer ones get memory of their own. */
const shared = Buffer.allocUnsafeSlow(64 * 1024);

/** What is kept of a stream. */
interface Kept {
  /** Where its last line given ends. */
  givenTo: number;
  hasPassed: boolean;
  /** Where its last line begins that the last search passed over, or -1. */
  last: number;
}

const newKept = (): Kept => ({ givenTo: 0, hasPassed: false, last: -1 });

interface FoundLine {
  line: JsonLine;
  text: string;
  /** Known to be printable ASCII without quotes or backslashes. */
  isBare: boolean;
}

export interface JsonLinesOptions {
  lines: Lines;
  /** Bytes of text kept of a line. */
  maxLineBytes: number;
  find: Find | undefined;
  /** Whether lines of the stream that do not matter may be passed over. */
  mayPassOver(stream: Stream): boolean;
  /** Lines of the stream were passed over before the next that is given. */
  passedOver(stream: Stream): void;
  /** A line that was passed over, and matters after all. */
  give(stream: Stream, position: Position, text: string): void;
  /** So many lines behind one that was given are told: lines that are passed over, next to those that matter. */
  owed(): number;
  tell(stream: Stream, at: string, text: string, isGap: boolean): void;
  /** Lines stand before the next one given or told that are not told. */
  gap(): void;
  /** Told the begin of a line that is none of Docker's. */
  invalid(text: string): void;
}

export type JsonLines = ReturnType<typeof createJsonLines>;

/** Makes the reader of one log, from one place on. */
export function createJsonLines(options: JsonLinesOptions) {
  const { lines, maxLineBytes, find, passedOver, give, invalid } = options;
  const mayPassOver = (stream: Stream) => find !== undefined && options.mayPassOver(stream);
  /**
   * Bytes of the log before the run at hand, and, counted so, where lines of interest end. Counted anew now and then
   * (`countAnew`).
   */
  let before = 0;
  const kept: Record<Stream, Kept> = { stdout: newKept(), stderr: newKept() };
  const keptOf = (stream: Stream): Kept => ofStream(kept, stream);
  /** Counted so too, where the last line ends that was given or told. */
  let toldTo = 0;
  /** The line at hand, which lines before it may be told for. */
  let here: { bytes: Buffer; runFrom: number; from: number; to: number } | undefined;
  /** The end of the bytes read last, for the last lines of a log. */
  let tail: Buffer = nothing;
  let tailLength = 0;
  let attributes = 0;

  /** The line found last, when it was read then and matters. */
  let read: FoundLine | undefined;

  /** Beyond 2^31 V8 would make an object of each number. What lies further back than any line is looked for does not matter. */
  function countAnew(): void {
    if (before < mostCounted) return;
    const less = before - longestLookedBack;
    before -= less;
    for (const one of [kept.stdout, kept.stderr]) one.givenTo = Math.max(-1, one.givenTo - less);
    toldTo = Math.max(-1, toldTo - less);
  }

  /** The next line that matters, from `from` on, or `to`. The last line before it of each stream is left in `last`. */
  function nextThatMatters(bytes: Buffer, from: number, to: number): number {
    const { stdout, stderr } = kept;
    stdout.last = stderr.last = -1;
    for (let at = from; at < to; ) {
      const found = find!.line(at, to, attributes);
      if (find!.lastStdout >= 0) stdout.last = find!.lastStdout;
      if (find!.lastStderr >= 0) stderr.last = find!.lastStderr;
      if (found < 0) return to;
      const end = find!.endOf(found);
      const line = readJsonLine(bytes, found, end);
      if (!line?.whole) return found;
      attributes = line.attributes;
      const isBare = find!.isBare(line.textFrom, line.textTo);
      const whole = readText(bytes, line, isBare);
      if (whole === undefined) return found;
      const text = withoutReturns(whole);
      if (find!.mattersText(text)) {
        read = { line, text: whole, isBare };
        return found;
      }
      keptOf(line.stream).last = found;
      at = end + 1;
    }
    return to;
  }

  /** The same, or before it the next line of a stream of which every line is wanted; -1 when that is both. */
  let isMixed = false;
  function nextToTake(bytes: Buffer, from: number, to: number): number {
    const wantsStdout = !mayPassOver('stdout');
    const wantsStderr = !mayPassOver('stderr');
    if (wantsStdout && wantsStderr) return -1;
    if (!wantsStdout && !wantsStderr) return nextThatMatters(bytes, from, to);
    // Most often it prints nothing: then the search for it is spared.
    const stream = wantsStdout ? 'stdout' : 'stderr';
    const found = nextThatMatters(bytes, from, isMixed ? nextOf(stream, bytes, from, to) : to);
    if (keptOf(stream).last < 0) return found;
    isMixed = true;
    return nextThatMatters(bytes, from, nextOf(stream, bytes, from, to));
  }

  /** Where the stream's next line begins, or `to`. */
  function nextOf(stream: Stream, bytes: Buffer, from: number, to: number): number {
    const at = bytes.indexOf(marks[stream], from);
    return at < 0 || at >= to ? to : Math.max(from, bytes.lastIndexOf(newline, at) + 1);
  }

  /** Counts the lines that `nextThatMatters` passed over from `from` on. */
  function count(bytes: Buffer, from: number): void {
    for (const stream of streams) {
      const { last } = keptOf(stream);
      if (last < 0) continue;
      keptOf(stream).hasPassed = true;
      const { at } = readJsonLine(bytes, last, find!.endOf(last))!;
      let run = 1;
      let isFirst = true;
      let walked = 0;
      for (let end = last - 1; end > from; ) {
        const begin = find!.beginOf(end, from);
        const line = readJsonLine(bytes, begin, end);
        end = begin - 1;
        walked++;
        if (!line || (line.stream !== stream && walked < furthestBack)) continue;
        if (line.stream !== stream || line.at !== at) {
          isFirst = false;
          break;
        }
        run++;
      }
      lines.place(stream, at, run, isFirst);
    }
  }

  /** Gives the lines above a line that matters which it may continue: see lookback.ts for which. */
  function giveBefore(bytes: Buffer, from: number, found: number, stream: Stream): void {
    const lowest = from + keptOf(stream).givenTo - before;
    const above: { line: JsonLine; text: string; hasTime: boolean }[] = [];
    let isAll = lowest >= 0;
    for (const [line, walked] of linesBefore(bytes, found, Math.max(0, lowest))) {
      if (above.length >= mostBefore || walked > furthestBack) {
        isAll = false;
        break;
      }
      if (line.stream !== stream || !line.whole) continue;
      const text = withoutReturns(readText(bytes, line) ?? '');
      above.push({ line, text, hasTime: find!.hasTime(text) });
      if (above.at(-1)!.hasTime) break;
    }
    const hasHead = above.at(-1)?.hasTime === true;
    if (hasHead || !isAll) passedOver(stream);
    const wanted = hasHead || isAll ? above : above.slice(0, 1);
    let position = lines.position(stream);
    const positions = wanted.map(({ line }, index) => {
      if (index > 0) position = { at: line.at, ordinal: ordinalOf(bytes, line, position!) };
      return position!;
    });
    for (let index = wanted.length - 1; index >= 0; index--) {
      give(stream, positions[index]!, wanted[index]!.text);
    }
  }

  /** The lines behind one that was given, from `from` on. */
  function tellAfter(bytes: Buffer, runFrom: number, from: number, to: number): void {
    for (let at = from; at < to && options.owed() > 0; ) {
      const end = bytes.indexOf(newline, at);
      const line = readJsonLine(bytes, at, end);
      if (!line?.whole) return;
      options.tell(line.stream, line.at, textOf(bytes, line), false);
      at = end + 1;
      toldTo = before + at - runFrom;
    }
  }

  /** The last lines before `from` that were not told, `count` at most. */
  function tellLines(bytes: Buffer, from: number, lowest: number, count: number): void {
    const above: JsonLine[] = [];
    // Pieces of the line at hand stand before its last one.
    let end = from;
    let isPiece = true;
    for (const [line] of linesBefore(bytes, from, Math.max(0, lowest))) {
      isPiece &&= !line.whole;
      if (isPiece) end = line.from;
      else if (above.length === count || !line.whole) break;
      else above.push(line);
    }
    // A line that cannot be read is passed over silently by linesBefore: what is told must be in one piece.
    const whole = above.findIndex(({ from: at }, index) => {
      const next = index === 0 ? end : above[index - 1]!.from;
      return bytes.indexOf(newline, at) + 1 !== next;
    });
    const told = whole < 0 ? above : above.slice(0, whole);
    const isGap = (told.at(-1)?.from ?? end) !== lowest;
    if (isGap && told.length === 0) options.gap();
    told.reverse().forEach((line, index) => {
      options.tell(line.stream, line.at, textOf(bytes, line), isGap && index === 0);
    });
  }

  /** A long line's begin: enough for what is shown, however much of it is escaped. */
  function textOf(bytes: Buffer, { textFrom, textTo }: JsonLine): string {
    const escapedAt = bytes.indexOf(backslash, textFrom);
    if (textTo - textFrom <= longestTold && (escapedAt < 0 || escapedAt >= textTo))
      return bytes.toString('utf8', textFrom, textTo);
    if (textTo - textFrom <= longestTold) return withoutReturns(readText(bytes, { textFrom, textTo }) ?? '');
    // Not through the middle of an escaped character.
    for (let less = 0; less < 12; less++) {
      const text = readText(bytes, { textFrom, textTo: textFrom + longestTold - less });
      if (text !== undefined) return text;
    }
    return '';
  }

  /** One line by itself, with what must come before it. */
  function takeNext(bytes: Buffer, runFrom: number, from: number, to: number): void {
    const matters = read?.line.from === from;
    const found = matters ? read! : readLine(bytes, from, to);
    read = undefined;
    if (!found) return;
    here = { bytes, runFrom, from, to };
    take(found, matters, bytes, runFrom, from, to);
    here = undefined;
  }

  /** `matters`: this is known of it. */
  function take(
    found: FoundLine,
    matters: boolean,
    bytes: Buffer,
    runFrom: number,
    from: number,
    to: number,
  ): void {
    const { line } = found;
    const { stream } = line;
    const text = withoutReturns(found.text);
    if (!matters && line.whole && mayPassOver(stream) && !find!.mattersText(text)) {
      keptOf(stream).hasPassed = true;
      lines.place(stream, line.at, 1, true);
      tellAfter(bytes, runFrom, from, to);
      return;
    }
    if (keptOf(stream).hasPassed) {
      if (line.whole && find!.standsAlone(text)) passedOver(stream);
      else giveBefore(bytes, runFrom, from, stream);
    }
    const fits = line.whole && line.textTo - line.textFrom <= maxLineBytes;
    const isOneLine = fits && (found.isBare || !isLineOfParts.test(text));
    if (isOneLine && !lines.isOpen(stream)) lines.text(stream, line.at, text);
    else {
      // As the engine would send it.
      const frame = `${line.at} ${found.text}${line.whole ? '\n' : ''}`;
      const most = frame.length * 3;
      const payload = most > shared.length ? Buffer.allocUnsafe(most) : shared;
      lines.frame(stream, payload, 0, payload.write(frame), false);
    }
    keptOf(stream).givenTo = before + to + 1 - runFrom;
    keptOf(stream).hasPassed = false;
  }

  function readLine(bytes: Buffer, from: number, to: number): FoundLine | undefined {
    const line = readJsonLine(bytes, from, to);
    const isBare = line !== undefined && find?.isBare(line.textFrom, line.textTo) === true;
    const text = line && readText(bytes, line, isBare);
    if (text !== undefined) return { line: line!, text, isBare };
    invalid(bytes.toString('utf8', from, Math.min(to, from + 80)));
    // A daemon that was killed while it wrote left a torn line, and the next one wrote behind it.
    const again = bytes.lastIndexOf('{"log":"', to - 1);
    return again > from ? readLine(bytes, again, to) : undefined;
  }

  return {
    /** Takes whole lines. What lies in memory before `from` is what the log has before them. */
    push(bytes: Buffer, from: number, to: number): void {
      countAnew();
      find?.look(bytes, from, to);
      read = undefined;
      isMixed = false;
      for (let at = from; at < to; ) {
        const found = nextToTake(bytes, at, to);
        if (found >= 0) {
          if (found > at) {
            count(bytes, at);
            tellAfter(bytes, from, at, found);
          }
          at = found;
          if (at >= to) break;
        }
        const end = find ? find.endOf(at) : bytes.indexOf(newline, at);
        takeNext(bytes, from, at, end);
        at = end + 1;
      }
      before += to - from;
      // A line longer than this is not told.
      tailLength = Math.min(before - toldTo, tailBytes, to);
      if (tailLength > 0 && tail === nothing) tail = Buffer.allocUnsafeSlow(tailBytes);
      if (tailLength > 0) bytes.copy(tail, 0, to - tailLength, to);
    },

    /** The line at hand is given later, with those that follow it. */
    noteGiven(): void {
      if (here) toldTo = before + here.to + 1 - here.runFrom;
    },

    /** Tells the last lines before the one at hand, or before the end of what was read, that were not told or given. */
    tellBefore(count: number): void {
      if (here) {
        const { bytes, runFrom, from, to } = here;
        const lowest = runFrom + toldTo - before;
        if (lowest < from && count > 0) tellLines(bytes, from, lowest, count);
        toldTo = before + to + 1 - runFrom;
      } else if (toldTo < before) {
        if (count > 0) tellLines(tail, tailLength, tailLength - (before - toldTo), count);
        toldTo = before;
      }
    },
  };
}

/** Where the line begins whose newline stands at `end`. */
function beginOf(bytes: Buffer, end: number): number {
  // From before the newline; -1 would be taken from the end.
  return end === 0 ? 0 : bytes.lastIndexOf(newline, end - 1) + 1;
}

/** The lines that begin before `found` and end at `lowest` or later, the nearest first, and how many were walked over. */
function* linesBefore(bytes: Buffer, found: number, lowest: number): Generator<[JsonLine, number]> {
  let walked = 0;
  for (let end = found - 1; end > lowest; ) {
    const from = beginOf(bytes, end);
    if (from < lowest) return;
    const line = readJsonLine(bytes, from, end);
    walked++;
    if (line) yield [line, walked];
    end = from - 1;
  }
}

/** The ordinal of a line when that of the next of its stream is known. */
function ordinalOf(bytes: Buffer, { from, at, stream }: JsonLine, next: Position): number {
  if (next.at === at && next.ordinal > 0) return next.ordinal - 1;
  let run = 0;
  for (const [line] of linesBefore(bytes, from, 0)) {
    if (line.stream !== stream) continue;
    if (line.at !== at) break;
    run++;
  }
  return run;
}
