// One json-file log, read where Docker writes it: from the file that holds the wanted time, through each that follows, to the
// end or for as long as it grows. Reads go to one buffer that all logs share; of a log at rest there are but an open file and
// an offset. Where it cannot be shown that no file was missed, reading ends, and the follower looks for the gap.

import { closeSync, fstatSync, readSync, statSync } from 'node:fs';
import { pipeline, Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { createGunzip } from 'node:zlib';
import { pause } from '../backoff.ts';
import type { LogEnd, OnBytes } from '../engine.ts';
import { lookbackBytes } from '../reader.ts';
import { msBetween } from '../timestamps.ts';
import type { Idle, Waiter } from './idle.ts';
import {
  closeAll,
  firstTime,
  idOf,
  type LogFile,
  openLogFiles,
  openSuccessors,
  paceOf,
  placeOf,
} from './log-files.ts';

const newline = 0x0a;
/** Read at once: fits a processor's cache. */
const chunkBytes = 128 * 1024;
/** A line longer than this is none of Docker's. */
const longestLine = 16 * 1024 * 1024;
/** The daemon writes no log faster than this, in bytes a millisecond. */
const fastestLog = 100_000;
/** While more is there than one read takes: how often, in ms, the file's name is looked at, and others have their turn. */
const breatheMs = 4;
/** How often, in ms, the name of a file at rest is looked at that Docker has no reason to move away. */
const nameMs = 500;
/** Bytes before an offset that are remembered, to see whether the file is still the same. */
const tailBytes = 64;

const bufferBytes = lookbackBytes + chunkBytes;
/** Where no other memory is given to read into. */
let ownBuffer: Buffer | undefined;
const nothing = Buffer.alloc(0);

export interface ReadLogOptions {
  path: string;
  /** As `Position.at`: no line of this time or later is left out; earlier ones may come. Undefined: all that there is. */
  since: string | undefined;
  /** Go on until `isOver`, and the end. */
  follow: boolean;
  isOver(): boolean;
  /** Bytes at which the log rotates. */
  rotatesAt: number | undefined;
  idle: Idle;
  /** Memory that all logs are read into, when it is large enough. */
  room?: Buffer | undefined;
  signal: AbortSignal;
  onBytes: OnBytes;
}

export type ReadEnd = LogEnd | 'no-file';

/**
 * Resolves when the container is over and its log at its end, or the log may have gaps from here on. A log that is removed is
 * read on from the open file.
 * @throws what the file system says, the signal's reason, and what `onBytes` throws
 */
export async function readLog(options: ReadLogOptions): Promise<ReadEnd> {
  const { path, since, signal } = options;
  let files = openLogFiles(path);
  if (files.length === 0) return 'no-file';
  let first = since === undefined ? files.length - 1 : holding(files, since);
  if (first < 0) {
    files = await lookAgain(path, files, signal);
    first = holding(files, since!);
    if (first < 0) first = files.length - 1;
  }
  for (const { fd } of files.slice(first + 1)) closeSync(fd);
  const queue = files.slice(0, first + 1).reverse();
  let before: Buffer = nothing;
  let from = since === undefined || queue[0]?.compressed ? 0 : queue[0] ? placeOf(queue[0], since) : 0;
  let current: LogFile | undefined;
  const waiter = options.idle.open(path, signal);
  try {
    for (current = queue.shift(); current; current = queue.shift()) {
      const ended = current.compressed
        ? await readCompressed(current, before, options)
        : await readPlain(current, from, before, queue, waiter, options);
      closeSync(current.fd);
      current = undefined;
      if (typeof ended === 'string') return ended;
      before = ended;
      from = 0;
    }
    return 'ended';
  } finally {
    waiter.close();
    for (const { fd } of current ? [current, ...queue] : queue) closeSync(fd);
  }
}

/**
 * The files of a log, of which none begins early enough: in the middle of a rotation the next older one has no name. Of a log
 * that is removed meanwhile, those that are open are all there is.
 */
async function lookAgain(path: string, files: LogFile[], signal: AbortSignal): Promise<LogFile[]> {
  await pause(50, signal);
  try {
    const again = openLogFiles(path);
    if (again.length === 0) return files;
    closeAll(files);
    return again;
  } catch (error) {
    closeAll(files);
    throw error;
  }
}

/** The newest file that begins before a time, or -1. */
function holding(files: readonly LogFile[], since: string): number {
  return files.findIndex((file) => (firstTime(file) ?? '~') <= since);
}

/** Reads a file to its end. @returns its last bytes when another follows */
async function readPlain(
  file: LogFile,
  from: number,
  before: Buffer,
  queue: LogFile[],
  waiter: Waiter,
  { path, follow, isOver, rotatesAt, room: given, signal, onBytes }: ReadLogOptions,
): Promise<Buffer | LogEnd> {
  const shared = bufferIn(given);
  let offset = from;
  /** What stands before the offset, as far as it was read: the file is another one when it no longer does. */
  let tail: Buffer = nothing;
  let buffer = shared;
  let current: CurrentFile = { size: 0, isOurs: true };
  /** When it was last the one that is written, and not truncated. */
  let seenAt = file.openedAt;
  /** Of a full file: how it was filled. */
  let pace: ReturnType<typeof paceOf>;
  let lookedAt = Number.NEGATIVE_INFINITY;
  let isLost = false;
  /** The last read was full, so that most likely there is more. */
  let isBulk = false;
  let breathedAt = performance.now();
  /** Where the last read ended, and how long the file was at least when that was last known. */
  let readTo = from;
  let size = from;

  /** A log that Docker does not rotate was moved away by others: it goes on in the file that was moved, until it begins the other. */
  function lookAtName(): CurrentFile {
    const seen = lookAt(path, file.id);
    return rotatesAt === undefined && seen.size === 0 ? { ...seen, isOurs: true } : seen;
  }

  /** Looks at the file that is written now. When it is another one, those after this one are opened. */
  function look(): void {
    const now = performance.now();
    lookedAt = now;
    if (queue.length > 0 || isLost) return;
    current = lookAtName();
    if (current.isOurs) return;
    let successors = openSuccessors(path, file);
    // It has a name, and was renamed while it was looked for.
    for (let round = 0; !successors && round < 3 && hasName(file); round++)
      successors = openSuccessors(path, file);
    if (successors) {
      queue.push(...successors);
      return;
    }
    const files = openLogFiles(path);
    const next = files.at(-1);
    if (rotatesAt !== undefined) pace = paceOf(file, rotatesAt);
    if (next && !mayHaveMissed(sizeOf(file), next)) queue.push(...files.reverse());
    else {
      closeAll(files);
      isLost = current.size !== undefined;
    }
  }

  /**
   * Docker rotates before a line that comes when the size is reached: then this file had no more than that. One in between
   * was filled in the time from its last line to the first of the next. In no time none is; nor in a small part of what the
   * last lines took to come, since few programs become so fast at the very begin of a file.
   */
  function mayHaveMissed(had: number, next: LogFile): boolean {
    if (rotatesAt === undefined || had < rotatesAt) return true;
    const leastMs = rotatesAt / fastestLog;
    if (performance.now() - seenAt < leastMs) return false;
    const goesOnAt = firstTime(next);
    if (!pace || goesOnAt === undefined) return true;
    const pauseMs = msBetween(pace.last, goesOnAt);
    return pauseMs < 0 || pauseMs >= Math.max(leastMs, pace.ms / 4);
  }

  /** Of a log that was removed: a full file may have been followed by another. */
  function isLast(): boolean {
    return current.size === undefined && (rotatesAt === undefined || offset < rotatesAt);
  }

  /** How old, in ms, the last look may be when the file's end is read. */
  function lookMs(over: boolean): number {
    // A log that Docker does not rotate is moved away by others, if at all: for that, now and then is enough.
    if (rotatesAt === undefined && follow && !over) return nameMs;
    // A small file must not be filled and truncated twice between two looks.
    return isBulk ? Math.min(breatheMs, (rotatesAt ?? Number.POSITIVE_INFINITY) / fastestLog) : 0;
  }

  function isDue(): boolean {
    size = sizeOf(file);
    if (size !== readTo || isOver()) return true;
    // Docker moves a file away only when it is full. For what others do to it, now and then is enough: a look at its name
    // costs several times what its size does.
    const now = performance.now();
    const isFull = rotatesAt !== undefined && readTo >= rotatesAt;
    if (!isFull && now - lookedAt < nameMs) return false;
    // Unless all is as it was, the next read looks too.
    lookedAt = Number.NEGATIVE_INFINITY;
    const seen = lookAtName();
    if (seen.size !== undefined && !seen.isOurs) return true;
    lookedAt = now;
    if (seen.isOurs) seenAt = now;
    return false;
  }

  for (;;) {
    signal.throwIfAborted();
    // Asked before the file is read: the daemon tells of the end when everything is written.
    const over = isOver();
    const looks = size < offset || performance.now() - lookedAt >= lookMs(over);
    if (looks) {
      look();
      if (sizeOf(file) < offset) {
        if (mayHaveMissed(offset, file)) return 'cut';
        [offset, before, tail, pace] = [0, nothing, nothing, undefined];
      }
      if (current.isOurs) seenAt = lookedAt;
    }
    // What the file has before the offset is read again: lines are looked back to.
    const again = Math.min(offset, lookbackBytes);
    const head = before.subarray(Math.max(0, before.length - (lookbackBytes - again)));
    head.copy(buffer, 0);
    const start = head.length + again;
    const room = buffer.length - head.length;
    const read = readSync(file.fd, buffer, head.length, room, offset - again);
    isBulk = read === room;
    // What the end means is told by a look from before it was read.
    if (!looks && !isBulk && lookMs(over) === 0) continue;
    const end = head.length + read;
    if (end < start) {
      // Truncated since it was looked at: it is looked at again.
      size = end - start + offset;
      continue;
    }
    if (!buffer.subarray(start - tail.length, start).equals(tail)) return 'cut';
    const to = end > start ? buffer.lastIndexOf(newline, end - 1) + 1 : start;
    if (to > start) {
      const kept = Buffer.from(buffer.subarray(Math.max(0, to - tailBytes), to));
      const waiting = onBytes('json', buffer, start, to);
      offset += to - start;
      size = Math.max(size, offset);
      if (rotatesAt !== undefined && offset >= rotatesAt) pace = paceOf(file, rotatesAt);
      tail = offset >= tailBytes ? kept : nothing;
      if (buffer !== shared) buffer = shared;
      if (waiting) await waiting;
      else if (performance.now() - breathedAt >= breatheMs) {
        await setImmediate();
        breathedAt = performance.now();
      }
    }
    if (isBulk) {
      if (to > start) continue;
      // A line that does not fit.
      if (buffer.length < longestLine) buffer = Buffer.allocUnsafe(buffer.length * 2);
      else offset += end - start;
      continue;
    }
    if (queue.length > 0) return lastBytes(file, offset, before);
    if (isLost) return 'cut';
    if (!follow) return 'ended';
    if (over) return end === to && (current.isOurs || isLast()) ? 'all' : 'cut';
    readTo = offset + end - to;
    // A log that rotates may have been filled while this was taken.
    if (rotatesAt !== undefined && isDue()) continue;
    await waiter.until(isDue);
    breathedAt = performance.now();
  }
}

function bufferIn(room: Buffer | undefined): Buffer {
  if (room && room.length >= bufferBytes) return room.subarray(0, bufferBytes);
  ownBuffer ??= Buffer.allocUnsafeSlow(bufferBytes);
  return ownBuffer;
}

interface CurrentFile {
  /** Undefined: there is none. */
  size: number | undefined;
  isOurs: boolean;
}

function hasName({ fd }: LogFile): boolean {
  return fstatSync(fd).nlink > 0;
}

function sizeOf({ fd }: LogFile): number {
  return fstatSync(fd).size;
}

function lookAt(path: string, id: string): CurrentFile {
  const stats = statSync(path, { throwIfNoEntry: false });
  return {
    size: stats?.size,
    isOurs: stats !== undefined && idOf(stats) === id,
  };
}

/** What lines of the next file may be looked back to. */
function lastBytes({ fd }: LogFile, offset: number, before: Buffer): Buffer {
  const own = Buffer.alloc(Math.min(offset, lookbackBytes));
  const read = readSync(fd, own, 0, own.length, offset - own.length);
  return Buffer.concat([before, own.subarray(0, read)]).subarray(-lookbackBytes);
}

/** Reads a compressed file. @returns its last bytes */
async function readCompressed(
  { path, fd }: LogFile,
  before: Buffer,
  { signal, onBytes }: ReadLogOptions,
): Promise<Buffer> {
  let last = before;
  let torn: Buffer = nothing;
  const take = (text: Buffer): Promise<void> | undefined => {
    const bytes = Buffer.concat([last, torn, text]);
    const from = last.length;
    const to = bytes.lastIndexOf(newline) + 1;
    torn = bytes.subarray(Math.max(from, to));
    if (to <= from) return undefined;
    last = bytes.subarray(Math.max(0, to - lookbackBytes), to);
    return onBytes('json', bytes, from, to);
  };
  const text = createGunzip({ chunkSize: chunkBytes });
  // An error of either is thrown where the text is read.
  pipeline(Readable.from(pieces(fd, signal), { objectMode: false }), text, () => {});
  try {
    for await (const chunk of text as AsyncIterable<Buffer>) await take(chunk);
  } catch (error) {
    if (!/^Z_/.test((error as NodeJS.ErrnoException).code ?? '')) throw error;
    // What follows is still good; the reader tells of a line that is none.
    torn = nothing;
    await take(Buffer.from(`the rest of ${path} cannot be unpacked: ${(error as Error).message}\n`));
  }
  return Buffer.from(last);
}

function* pieces(fd: number, signal: AbortSignal): Generator<Buffer> {
  for (let position = 0; ; ) {
    signal.throwIfAborted();
    const bytes = Buffer.allocUnsafe(chunkBytes);
    const read = readSync(fd, bytes, 0, bytes.length, position);
    if (read === 0) return;
    position += read;
    yield bytes.subarray(0, read);
  }
}
