// Frames, or a TTY's raw bytes -> lines with their positions. Docker cuts a long line into pieces of 16 KiB, repeats the
// timestamp in front of each, and may put the other stream's pieces between them, so the open piece is kept per
// stream. A piece that follows with the same timestamp goes on; another timestamp shows that the line has ended (the
// `local` driver of 20.10 forgets the newline, and so does a program that ends without one). But the journal stamps each
// piece when it takes it: there one that follows a piece of full length goes on, too.

import { ofStream, streams } from '../streams.ts';
import type { Position, Stream } from '../types.ts';
import { type OnRegion, prepend } from './frames.ts';
import { isStamp, readStamp, stampLength, stampOf } from './timestamps.ts';

/** Docker's piece: a line longer than this comes in several. */
export const pieceBytes = 16 * 1024;
/** An open piece shorter than Docker's own is whole, unless more of it is still on its way. */
const openPieceMs = 5000;
const newline = 0x0a;
const carriageReturn = 0x0d;

export interface LinesOptions extends OnRegion {
  /** Bytes of text kept of a line; the rest is cut off. */
  maxLineBytes: number;
  /** Asked before a line is decoded; false passes it over. */
  wanted?(stream: Stream, at: string, ordinal: number): boolean;
  emit(stream: Stream, position: Position, text: string, cut: boolean): void;
  /** Asked for each whole line of raw bytes that has a timestamp in its one form; true passes it over undecoded. */
  mayPassOver?(stream: Stream, bytes: Buffer, from: number, to: number): boolean;
  /** Told of each line that was passed over, when it was counted. */
  passedOver?(stream: Stream, bytes: Buffer, from: number, to: number): void;
  /** A line of raw bytes without a timestamp: nothing a container printed, but words of the engine or its command. */
  unstamped(stream: Stream, text: string): void;
}

/** A line begun, whose end has not come. */
interface OpenLine {
  position: Position;
  /** The line before it. */
  before: Position | undefined;
  parts: Buffer[];
  bytes: number;
  lastPiece: number;
  cut: boolean;
  touchedAt: number;
}

/** The last line of a stream. Its timestamp stays where it was read until `settle`, since most are never looked at. */
interface Track {
  stream: Stream;
  /** The timestamp as text, when it is known: then what lies in `stamp` is not it. */
  at: string | undefined;
  stamp: Buffer;
  stampFrom: number;
  own: Buffer;
  ordinal: number;
  /** The timestamp of the line's last piece, where that has one of its own. */
  lastPieceAt: string | undefined;
  open: OpenLine | undefined;
  /** Raw bytes without their newline yet. */
  carried: Buffer;
  carriedAt: number;
  /** The raw line was longer than the maximum: passing over what is left of it. */
  passing: boolean;
  /** What was carried was given out unfinished, so its rest may come without a timestamp. */
  gaveOutUnfinished: boolean;
}

export type Lines = ReturnType<typeof createLines>;

/**
 * Makes the assembler for one connection of one container. `frame` takes whole frames, `raw` any bytes of a stream
 * without frames (a TTY, or a pipe of the docker command). Call `settle` when the memory of the bytes is about to be
 * used again, `tick` about once a second, `flush` when the log has ended. `now` is milliseconds since the epoch.
 * `startedAt` is when the container was last started: an older line without its newline ended there. Where
 * `previousRunEndedAt` is known it tells that better: what is printed at once may be older than `startedAt`.
 */
export function createLines(options: LinesOptions) {
  const { maxLineBytes, wanted, emit, mayPassOver, passedOver, unstamped, onRegion, onRegionEnd } = options;
  const tracks: Record<Stream, Track> = { stdout: newTrack('stdout'), stderr: newTrack('stderr') };
  let startedAt = '';
  let previousRunEndedAt = '';
  let piecesHaveTimes = false;
  let now = 0;

  function position(track: Track): Position | undefined {
    if (track.open) return track.open.before;
    return latest(track);
  }

  /** Counts a line that begins with the timestamp at `from`, which is in its one form. */
  function count(track: Track, bytes: Buffer, from: number): void {
    const { at, stamp, stampFrom } = track;
    const isSame = at === undefined ? sameStamp(stamp, stampFrom, bytes, from) : isText(at, bytes, from);
    track.ordinal = isSame ? track.ordinal + 1 : 0;
    track.at = undefined;
    track.lastPieceAt = undefined;
    track.stamp = bytes;
    track.stampFrom = from;
  }

  function countText(track: Track, at: string): void {
    track.ordinal = stampText(track) === at ? track.ordinal + 1 : 0;
    track.at = at;
    track.lastPieceAt = undefined;
  }

  /** Whether a piece with another timestamp goes on with the line. One of an earlier run ended there. */
  function goesOn({ position, lastPiece }: OpenLine, at: string): boolean {
    return (
      piecesHaveTimes &&
      lastPiece >= pieceBytes &&
      !(position.at < previousRunEndedAt && at >= previousRunEndedAt)
    );
  }

  /** One message: a whole line, or a piece of one. Its text is `from` to `to`, newline excluded. */
  function message(
    track: Track,
    at: string,
    bytes: Buffer,
    from: number,
    to: number,
    whole: boolean,
    cut: boolean,
  ): void {
    let { open } = track;
    if (open && open.position.at !== at) {
      if (goesOn(open, at)) track.lastPieceAt = at;
      else {
        close(track);
        open = undefined;
      }
    }
    if (!open) {
      const before = whole ? undefined : latest(track);
      countText(track, at);
      if (whole) {
        give(track, { at, ordinal: track.ordinal }, bytes, from, to, cut);
        return;
      }
      open = {
        position: { at, ordinal: track.ordinal },
        before,
        parts: [],
        bytes: 0,
        lastPiece: 0,
        cut: false,
        touchedAt: now,
      };
      track.open = open;
    }
    const room = maxLineBytes + 4 - open.bytes;
    if (to > from && room > 0) {
      const part = Buffer.from(bytes.subarray(from, Math.min(to, from + room)));
      open.parts.push(part);
      open.bytes += part.length;
    }
    open.lastPiece = to - from;
    open.cut ||= cut || to - from > room;
    open.touchedAt = now;
    if (whole) close(track);
  }

  function close(track: Track): void {
    const { open } = track;
    if (!open) return;
    track.open = undefined;
    const bytes = open.parts.length === 1 ? open.parts[0]! : Buffer.concat(open.parts);
    give(track, open.position, bytes, 0, bytes.length, open.cut);
  }

  function give(
    track: Track,
    position: Position,
    bytes: Buffer,
    from: number,
    to: number,
    cut: boolean,
  ): void {
    if (wanted && !wanted(track.stream, position.at, position.ordinal)) return;
    if (!cut) while (to > from && bytes[to - 1] === carriageReturn) to--;
    if (to - from > maxLineBytes) {
      cut = true;
      to = from + maxLineBytes;
    }
    // Not through the middle of a character.
    if (cut && (bytes[to] ?? 0) >> 6 === 2) while (to > from && (bytes[to]! & 0xc0) === 0x80) to--;
    emit(track.stream, position, bytes.toString('utf8', from, to), cut);
  }

  /** One line of raw bytes, newline excluded: its pieces, and lines that lost their newline, are told apart by timestamps. */
  function rawLine(track: Track, bytes: Buffer, from: number, to: number, cut: boolean): void {
    for (;;) {
      const stamp = readStamp(bytes, from, to);
      if (!stamp) {
        const text = bytes.toString('utf8', from, to);
        const last = latest(track);
        if (track.gaveOutUnfinished && last) message(track, last.at, bytes, from, to, true, cut);
        else unstamped(track.stream, text);
        track.gaveOutUnfinished = false;
        return;
      }
      track.gaveOutUnfinished = false;
      let { at } = stamp;
      let piece = stamp.text;
      let pieces = 0;
      while (piecesHaveTimes && to - piece > pieceBytes) {
        const next = readStamp(bytes, piece + pieceBytes, to);
        if (!next) break;
        message(track, at, bytes, piece, piece + pieceBytes, false, false);
        at = next.at;
        piece = next.text;
        pieces++;
      }
      const again = bytes.subarray(from, stamp.text);
      while (to - piece > pieceBytes) {
        const next = bytes.indexOf(again, piece + pieceBytes);
        if (next < 0 || next >= to) break;
        message(track, at, bytes, piece, next, false, false);
        piece = next + again.length;
        pieces++;
      }
      // A program's own text may hold a later timestamp, so one is believed only where a newline can be missing: after
      // a long line, or in a line of an earlier run.
      const ends = pieces > 0 || at < startedAt ? laterStamp(bytes, piece, to, at, stampOf(now)) : -1;
      message(track, at, bytes, piece, ends < 0 ? to : ends, true, cut);
      if (ends < 0) return;
      from = ends;
    }
  }

  /** How many bytes at the end of what is carried belong to its last piece. */
  function lastPieceOf(carried: Buffer): number {
    const stamp = readStamp(carried, 0, carried.length);
    if (!stamp) return 0;
    const last = carried.lastIndexOf(carried.subarray(0, stamp.text));
    return carried.length - last - stamp.text;
  }

  return {
    /** A whole line whose text is decoded, and has no newline, no CR at its end and no more bytes than are kept; none is open. */
    text(stream: Stream, at: string, text: string): void {
      const track = ofStream(tracks, stream);
      countText(track, at);
      if (wanted && !wanted(stream, at, track.ordinal)) return;
      emit(stream, { at, ordinal: track.ordinal }, text, false);
    },

    frame(stream: Stream, bytes: Buffer, from: number, to: number, cut: boolean): void {
      const track = ofStream(tracks, stream);
      let inherited: string | undefined;
      for (let at = from; at < to; ) {
        const found = bytes.indexOf(newline, at);
        const whole = found >= 0 && found < to;
        const end = whole ? found : to;
        const stamp = readStamp(bytes, at, end);
        // A message with newlines inside has one timestamp for all its lines.
        inherited = stamp?.at ?? inherited ?? latest(track)?.at ?? epoch;
        message(track, inherited, bytes, stamp?.text ?? at, end, whole || cut, cut && !whole);
        at = end + 1;
      }
    },

    raw(stream: Stream, chunk: Buffer, from: number, to: number): void {
      const track = ofStream(tracks, stream);
      const searched = track.carried.length;
      const region = prepend(track.carried, chunk, from, to);
      const { bytes } = region;
      let at = region.from;
      onRegion?.(bytes, at, region.to);
      // What was carried has no newline.
      let search = at + searched;
      for (;;) {
        const end = bytes.indexOf(newline, search);
        if (end < 0 || end >= region.to) break;
        search = end + 1;
        if (track.passing) track.passing = false;
        else if (end - at <= pieceBytes && isStamp(bytes, at, end) && mayPassOver?.(stream, bytes, at, end)) {
          count(track, bytes, at);
          passedOver?.(stream, bytes, at, end);
        } else rawLine(track, bytes, at, end, false);
        at = end + 1;
      }
      onRegionEnd?.(bytes);
      const left = region.to - at;
      if (track.passing) track.carried = nothing;
      else if (left > maxLineBytes + maxLineBytes / 256 + pieceBytes) {
        rawLine(track, bytes, at, region.to, true);
        track.passing = true;
        track.carried = nothing;
      } else track.carried = left > 0 ? Buffer.from(bytes.subarray(at, region.to)) : nothing;
      track.carriedAt = now;
    },

    /** Counts a whole line that is passed over, whose timestamp at `from` is in its one form. */
    passOver(stream: Stream, bytes: Buffer, from: number, to: number): void {
      count(ofStream(tracks, stream), bytes, from);
      passedOver?.(stream, bytes, from, to);
    },

    /**
     * Counts lines that were passed over, of which the last `run` have the timestamp `at`. `follow` tells that there were no
     * others, so that they may share it with the line before them.
     */
    place(stream: Stream, at: string, run: number, follow: boolean): void {
      const track = ofStream(tracks, stream);
      const before = track.ordinal;
      countText(track, at);
      track.ordinal = (follow && track.ordinal > 0 ? before + 1 : 0) + run - 1;
    },

    /** The `ordinal` of the last line. */
    ordinal: (stream: Stream) => ofStream(tracks, stream).ordinal,

    /** Keeps what is still needed of memory that is about to be used again. */
    settle(): void {
      settle(tracks.stdout);
      settle(tracks.stderr);
    },

    /** The last whole line of the stream, given out or passed over. */
    position: (stream: Stream) => position(ofStream(tracks, stream)),

    /** The timestamp of the line of the stream that was begun last, whole or not, or of its last piece. */
    begunAt(stream: Stream): string | undefined {
      const track = ofStream(tracks, stream);
      const { carried } = track;
      return readStamp(carried, 0, carried.length)?.at ?? track.lastPieceAt ?? latest(track)?.at;
    },

    /** Whether the stream has a line whose end has not come. */
    isOpen: (stream: Stream) =>
      ofStream(tracks, stream).open !== undefined || ofStream(tracks, stream).carried.length > 0,

    /** What is open may go on from now on: nothing was read for a while. */
    touch(at: number): void {
      now = at;
      for (const track of [tracks.stdout, tracks.stderr]) {
        track.carriedAt = now;
        if (track.open) track.open.touchedAt = now;
      }
    },

    /** Gives out a last piece whose newline does not come, because the program closed its output. */
    tick(at: number): void {
      now = at;
      for (const track of [tracks.stdout, tracks.stderr]) {
        const { open, carried } = track;
        if (open && open.lastPiece < pieceBytes && now - open.touchedAt >= openPieceMs) close(track);
        if (
          carried.length > 0 &&
          now - track.carriedAt >= openPieceMs &&
          lastPieceOf(carried) < pieceBytes &&
          isStamp(carried, 0, carried.length)
        ) {
          track.carried = nothing;
          rawLine(track, carried, 0, carried.length, false);
          track.gaveOutUnfinished = true;
        }
      }
    },

    /** The log has ended: what is open is all there is. */
    flush(at: number): void {
      now = at;
      for (const track of [tracks.stdout, tracks.stderr]) {
        const { carried } = track;
        track.carried = nothing;
        if (carried.length > 0 && !track.passing) rawLine(track, carried, 0, carried.length, false);
        close(track);
      }
    },

    /** A new connection: what was open is read again from its beginning, and positions are counted anew from its overlap. */
    begin(options: {
      startedAt: string;
      previousRunEndedAt?: string;
      piecesHaveTimes?: boolean;
      now: number;
    }): void {
      ({ startedAt, previousRunEndedAt = '', piecesHaveTimes = false, now } = options);
      for (const stream of streams) tracks[stream] = newTrack(stream);
    },

    set now(at: number) {
      now = at;
    },
  };
}

const nothing = Buffer.alloc(0);
const epoch = '1970-01-01T00:00:00.000000000Z';

function newTrack(stream: Stream): Track {
  const own = Buffer.alloc(stampLength);
  return {
    stream,
    at: undefined,
    stamp: own,
    stampFrom: 0,
    own,
    ordinal: -1,
    lastPieceAt: undefined,
    open: undefined,
    carried: nothing,
    carriedAt: 0,
    passing: false,
    gaveOutUnfinished: false,
  };
}

function latest(track: Track): Position | undefined {
  if (track.ordinal < 0) return undefined;
  return { at: stampText(track), ordinal: track.ordinal };
}

function stampText(track: Track): string {
  track.at ??= track.stamp.toString('latin1', track.stampFrom, track.stampFrom + stampLength);
  return track.at;
}

function settle(track: Track): void {
  if (track.at !== undefined || track.stamp === track.own) return;
  track.stamp.copy(track.own, 0, track.stampFrom, track.stampFrom + stampLength);
  track.stamp = track.own;
  track.stampFrom = 0;
}

function isText(at: string, bytes: Buffer, from: number): boolean {
  for (let k = stampLength - 2; k >= 0; k--) if (at.charCodeAt(k) !== bytes[from + k]) return false;
  return true;
}

/** From the end, where timestamps differ first. */
function sameStamp(a: Buffer, i: number, b: Buffer, j: number): boolean {
  for (let k = stampLength - 2; k >= 0; k--) if (a[i + k] !== b[j + k]) return false;
  return true;
}

/** The offset of a timestamp after `at` and not in the future, or -1. */
function laterStamp(bytes: Buffer, from: number, to: number, at: string, now: string): number {
  const text = bytes.toString('latin1', from, to);
  const stamps = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(?:Z|[+-]\d\d:\d\d) /g;
  for (let found = stamps.exec(text); found; found = stamps.exec(text)) {
    const stamp = readStamp(bytes, from + found.index, to);
    if (stamp && stamp.at > at && stamp.at <= now) return from + found.index;
  }
  return -1;
}
