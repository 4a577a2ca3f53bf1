// Lines around a match -> the `context_before` and `context_after` of its record. Lines that matter come anyway; of those
// that are passed over, the reader tells just the ones that stand next to them. A record waits for the lines after it no
// longer than a line alone waits in join, so its alert is not later for them.

import type { MatchedRecord, Position, Stream } from '../types.ts';
import { visible } from './text.ts';

export interface ContextOptions {
  /** Lines before and after a match; of either stream, in the order printed. */
  before: number;
  after: number;
  /** A record waits so long after its last line for the lines after it. */
  waitMs: number;
  redact?(text: string): string;
}

/** Longest line kept, in bytes, so that redaction sees more of it than is shown. */
export const keptBytes = 2048;
/**
 * In a flood it is the first records that are looked at. So many records of a container have lines around them at once, and
 * so many more a second; the others spare what finding, redacting and sending those lines costs.
 */
const mostAtOnce = 100;
const perSecond = 10;
/** Longest line shown, in characters, and most characters of all lines of one side. */
const shownChars = 500;
const sideChars = 8000;

/** A line near a match. */
interface Near {
  stream: Stream;
  at: string;
  /** Known of lines that were given; of those told it is -1. */
  ordinal: number;
  text: string;
  /** Lines between the one before and this were not seen here: nothing is taken across. */
  isAfterGap: boolean;
  pushedAt: number;
}

interface Waiting {
  record: MatchedRecord;
  after: string[];
  until: number;
  isComplete: boolean;
}

/** The first line that join holds: when it has gone from memory, the lines before it are kept here. */
interface Pin {
  near: Near;
  before?: string[];
}

export type Context = ReturnType<typeof createContext>;

/**
 * Makes the stage for one container.
 * @param emit gets each record, in the order they were pushed
 */
export function createContext(options: ContextOptions, emit: (record: MatchedRecord, now: number) => void) {
  const { before, after, waitMs, redact = (text) => text } = options;
  const most = Math.max(64, 2 * (before + after));
  const lines: Near[] = [];
  const pins: Partial<Record<Stream, Pin>> = {};
  let waiting: Waiting[] = [];
  let isGap = false;
  /** Records that may have lines around them. */
  let allowed = mostAtOnce;
  let allowedAt = 0;

  function isWanted(now: number): boolean {
    if (now > allowedAt) {
      allowed = Math.min(mostAtOnce, allowed + ((now - allowedAt) * perSecond) / 1000);
      allowedAt = now;
    }
    return allowed >= 1;
  }

  function append(near: Near): void {
    if (isGap) near.isAfterGap = true;
    isGap = false;
    lines.push(near);
    if (waiting.length > 0) collect(near);
    if (lines.length >= 2 * most) forget();
  }

  function forget(): void {
    for (const pin of Object.values(pins)) {
      const index = pin.before ? -1 : lines.indexOf(pin.near);
      if (index >= 0 && index < most + before) pin.before = linesBefore(index);
    }
    lines.splice(0, most);
  }

  /** Gives a line to the records that wait for lines after them. */
  function collect(near: Near): void {
    for (const one of waiting) {
      if (near.isAfterGap) one.isComplete = true;
      if (one.isComplete) continue;
      one.after.push(near.text);
      one.isComplete = one.after.length >= after;
    }
  }

  function linesBefore(index: number): string[] {
    let from = index;
    while (from > 0 && index - from < before && !lines[from]!.isAfterGap) from--;
    return lines.slice(from, index).map(({ text }) => text);
  }

  function indexOf(stream: Stream, { at, ordinal }: Position): number {
    return lines.findLastIndex(
      (near) => near.at === at && near.ordinal === ordinal && near.stream === stream,
    );
  }

  /** Where a line belongs that was printed before lines told since; or the one told that it is. */
  function placeOf(stream: Stream, at: string, text: string): { index: number; known?: Near } {
    let index = lines.length;
    for (let i = lines.length - 1; i >= 0 && lines[i]!.at >= at; i--) {
      const near = lines[i]!;
      if (near.at > at) index = i;
      if (near.ordinal < 0 && near.at === at && near.stream === stream && near.text === text)
        return { index, known: near };
    }
    return { index };
  }

  function finish({ record, after: following }: Waiting, now: number): void {
    const shown = shownLines(following, redact, false);
    if (shown.length > 0) record.record.context_after = shown;
    emit(record, now);
  }

  function release(now: number): void {
    while (waiting[0] && (waiting[0].isComplete || now >= waiting[0].until)) finish(waiting.shift()!, now);
  }

  return {
    /** What is to be told of lines that are passed over. One more before: a record may begin a line above the one that matters. */
    wants: { before: before + 1, after },
    isWanted,

    /** A line is about to be pushed into join. */
    add(stream: Stream, position: Position, whole: string, now: number): void {
      const { at, ordinal } = position;
      const text = kept(whole);
      const last = lines.at(-1);
      // It was told already, or lines behind it were.
      if (last && last.at >= at) {
        const { index, known } = placeOf(stream, at, text);
        if (known) {
          known.ordinal = ordinal;
          known.pushedAt = now;
          return;
        }
        if (index < lines.length) {
          lines.splice(index, 0, { stream, at, ordinal, text, isAfterGap: true, pushedAt: now });
          return;
        }
      }
      append({ stream, at, ordinal, text, isAfterGap: false, pushedAt: now });
      release(now);
    },

    /** A line stands next to one that matters. `isAfterGap`: those between it and the last one seen here were not told. */
    tell(stream: Stream, at: string, text: string, isAfterGap: boolean, now: number): void {
      append({ stream, at, ordinal: -1, text: kept(text), isAfterGap, pushedAt: now });
      release(now);
    },

    /** What comes next may not follow what came last. */
    gap(): void {
      isGap = true;
    },

    /** The line added last is the first that join holds of its stream. */
    pin(stream: Stream, position: Position): void {
      const index = indexOf(stream, position);
      if (index >= 0) pins[stream] = { near: lines[index]! };
    },

    /** A record was made of the lines from `first` to `last`. */
    push(record: MatchedRecord, now: number): void {
      const { stream, first, last } = record;
      if (!isWanted(now)) {
        waiting.push({ record, after: [], until: 0, isComplete: true });
        release(now);
        return;
      }
      allowed--;
      const index = indexOf(stream, first);
      const pin = pins[stream];
      const isPinned = pin && pin.near.at === first.at && pin.near.ordinal === first.ordinal;
      const above = index >= 0 ? linesBefore(index) : isPinned ? (pin.before ?? []) : [];
      const shown = shownLines(above, redact, true);
      if (shown.length > 0) record.record.context_before = shown;

      const end = indexOf(stream, last);
      const one: Waiting = { record, after: [], until: 0, isComplete: end < 0 || after === 0 };
      waiting.push(one);
      if (end >= 0) {
        one.until = lines[end]!.pushedAt + waitMs;
        for (let i = end + 1; i < lines.length && !one.isComplete; i++) {
          if (lines[i]!.isAfterGap) one.isComplete = true;
          else one.after.push(lines[i]!.text);
          one.isComplete ||= one.after.length >= after;
        }
      }
      release(now);
    },

    tick: release,

    isAtRest: () => waiting.length === 0,

    flush(now: number): void {
      const all = waiting;
      waiting = [];
      for (const one of all) finish(one, now);
    },

    /** The last lines printed up to `at`, redacted. */
    lastLines(count: number, at: string): string[] {
      const end = lines.findLastIndex((near) => near.at <= at) + 1;
      let from = end;
      while (from > 0 && end - from < count && !(from < end && lines[from]!.isAfterGap)) from--;
      return shownLines(
        lines.slice(from, end).map(({ text }) => text),
        redact,
        true,
      );
    },
  };
}

/** A copy where the line is long: a cut string would hold on to the whole. */
function kept(text: string): string {
  if (text.length * 3 <= keptBytes) return text;
  const bytes = Buffer.from(text.slice(0, keptBytes));
  return bytes.toString('utf8', 0, keptBytes);
}

/** A line of a key whose begin is not among the lines. */
const keyLine = /^[A-Za-z0-9+/]{40,80}={0,2}$/;
const keyEnd = /-----END [A-Z0-9 ]{0,32}PRIVATE KEY/;
const key = '[redacted:private-key]';
const keyBegin = /-----BEGIN [A-Z0-9 ]{0,32}PRIVATE KEY/;

/** Lines of a private key whose begin is not among them: redaction would not know them. */
function withoutKeys(texts: string[]): string[] {
  const end = texts.findIndex((text) => text.includes('PRIVATE KEY') && keyEnd.test(text));
  const begin = end < 0 ? -1 : texts.findIndex((text) => keyBegin.test(text));
  const from = end >= 0 && (begin < 0 || begin > end) ? end + 1 : 0;
  const rest = texts.slice(from).map((text) => (isKeyLine(text) ? key : text));
  return from > 0 ? [key, ...rest] : rest;
}

function isKeyLine(text: string): boolean {
  return text.length >= 40 && text.length <= 90 && keyLine.test(text.trim());
}

/** Lines as they are sent: what a reader sees of them, without secrets, and cut; of too many the nearest. */
function shownLines(texts: readonly string[], redact: (text: string) => string, isBefore: boolean): string[] {
  if (texts.length === 0) return [];
  const joined = redact(withoutKeys(texts.map(visible)).join('\n'));
  const shown = joined.split('\n').map((text) => {
    return text.length > shownChars ? `${text.slice(0, shownChars)}…` : text;
  });
  const near = isBefore ? shown.toReversed() : shown;
  let room = sideChars;
  const fits = near.filter((text) => {
    room -= text.length + 1;
    return room >= 0;
  });
  return isBefore ? fits.toReversed() : fits;
}
