// The files of one json-file log: `…-json.log` is written, `….1` was before it, up to the driver's max-file; an older one may
// be compressed (`….1.gz`). When it rotates, each is renamed to the next number and the last is gone; with one file alone,
// it is truncated instead.

import { closeSync, fstatSync, openSync, readSync, type Stats, statSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { msBetween } from '../timestamps.ts';
import { readJsonLine } from './json-line.ts';

/** More than anybody keeps. */
const mostFiles = 1000;
/** Enough to hold a whole line, whose text Docker cuts at 16 KiB and may write six times as long. */
const headBytes = 256 * 1024;
const newline = 0x0a;
/** What is looked at of a file lies here until the next look: one for each of fifty logs would be megabytes. */
const scratch = Buffer.allocUnsafeSlow(headBytes);

export interface LogFile {
  fd: number;
  path: string;
  compressed: boolean;
  /** Identifies a file whatever its name. */
  id: string;
  /** When it surely had its name, by `performance.now()`. */
  openedAt: number;
}

export const idOf = ({ dev, ino }: Stats): string => `${dev}:${ino}`;

/** Opens a file. @returns undefined when there is none @throws when it may not be read */
export function openLogFile(path: string, compressed = false): LogFile | undefined {
  const openedAt = performance.now();
  try {
    const fd = openSync(path, 'r');
    return { fd, path, compressed, id: idOf(fstatSync(fd)), openedAt };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

export function closeAll(files: readonly LogFile[]): void {
  for (const { fd } of files) closeSync(fd);
}

/** Opens all files of a log, the newest first: none if it is not there. @throws when they may not be read */
export function openLogFiles(path: string): LogFile[] {
  for (let attempt = 0; ; attempt++) {
    const files: LogFile[] = [];
    let hasGap = false;
    try {
      // While it rotates, one number is missing among them.
      for (let number = 0, missing = 0; number < mostFiles && missing < 2; number++) {
        const name = number === 0 ? path : `${path}.${number}`;
        // While it is being compressed there are both.
        const file = openLogFile(name) ?? (number === 0 ? undefined : openLogFile(`${name}.gz`, true));
        if (file) {
          hasGap ||= missing > 0;
          files.push(file);
        }
        missing = file ? 0 : missing + 1;
      }
      // It may have rotated between two of them: then one is there twice, or one was missed.
      const now = statSync(path, { throwIfNoEntry: false });
      const isSteady = !hasGap && (files.length === 0 ? !now : now && idOf(now) === files[0]!.id);
      if (isSteady || attempt >= 10) {
        return files.filter((file, index) => files.findIndex(({ id }) => id === file.id) === index);
      }
    } catch (error) {
      closeAll(files);
      throw error;
    }
    closeAll(files);
  }
}

/**
 * The files that were begun after this one, the oldest of them first. @returns undefined when this one is no longer
 * among them, so that others may have come and gone
 */
export function openSuccessors(path: string, { fd, id }: LogFile): LogFile[] | undefined {
  const files = openLogFiles(path);
  let own = files.findIndex((file) => file.id === id);
  if (own < 0) {
    // It may have been compressed meanwhile.
    const head = Buffer.from(readHead({ fd, compressed: false }, 512));
    own = files.findIndex((file) => file.compressed && head.length > 0 && readHead(file, 512).equals(head));
  }
  closeAll(own < 0 ? files : files.slice(own));
  return own < 0 ? undefined : files.slice(0, own).reverse();
}

/** The first bytes of its text. */
function readHead({ fd, compressed }: Pick<LogFile, 'fd' | 'compressed'>, bytes: number): Buffer {
  const wanted = compressed ? Math.max(bytes, 64 * 1024) : bytes;
  const read = scratch.subarray(0, readSync(fd, scratch, 0, wanted, 0));
  if (!compressed) return read;
  try {
    // Without an end, because it was cut off; 2 is Z_SYNC_FLUSH.
    return gunzipSync(read, { finishFlush: 2 }).subarray(0, bytes);
  } catch {
    return Buffer.alloc(0);
  }
}

/** The timestamp of its first whole line; undefined when it has none. */
export function firstTime(file: LogFile): string | undefined {
  return firstTimeIn(readHead(file, 4096)) ?? firstTimeIn(readHead(file, headBytes));
}

function firstTimeIn(head: Buffer): string | undefined {
  for (let from = 0; from < head.length; ) {
    const end = head.indexOf(newline, from);
    if (end < 0) return undefined;
    const line = readJsonLine(head, from, end);
    if (line) return line.at;
    from = end + 1;
  }
  return undefined;
}

/**
 * Where reading may begin so that no line of `since` or later is missed: the begin of a line that is older, or 0. Found by
 * halving, so the lines are taken to be in the order of their time; where a clock stepped back, the follower reads all.
 */
export function placeOf(file: LogFile, since: string): number {
  let low = 0;
  let high = fstatSync(file.fd).size;
  const bytes = scratch;
  while (high - low > headBytes) {
    const middle = low + Math.floor((high - low) / 2);
    const size = readSync(file.fd, bytes, 0, bytes.length, middle);
    let found: { from: number; at: string } | undefined;
    for (let from = bytes.indexOf(newline) + 1; from > 0 && !found; ) {
      const end = bytes.subarray(0, size).indexOf(newline, from);
      if (end < 0) break;
      const line = readJsonLine(bytes, from, end);
      if (line) found = { from, at: line.at };
      from = end + 1;
    }
    if (found && found.at < since) low = middle + found.from;
    else high = middle;
  }
  return low;
}

/** The begin of its last whole line, and its end; undefined when it has none. */
export function lastLine(file: LogFile): { bytes: Buffer; from: number; to: number } | undefined {
  const { size } = fstatSync(file.fd);
  const bytes = scratch;
  const length = Math.min(size, headBytes);
  const read = readSync(file.fd, bytes, 0, length, size - length);
  for (let to = bytes.subarray(0, read).lastIndexOf(newline) + 1; to > 0; ) {
    const from = to < 2 ? 0 : bytes.lastIndexOf(newline, to - 2) + 1;
    if (readJsonLine(bytes, from, to - 1)) return { bytes, from, to };
    to = from;
  }
  return undefined;
}

/**
 * When its last whole line was printed, and how long, in ms, so many bytes would have taken at the fastest that the program
 * was just before; undefined where that cannot be told.
 */
export function paceOf(file: LogFile, bytes: number): { last: string; ms: number } | undefined {
  const { size } = fstatSync(file.fd);
  const length = Math.min(size, headBytes, Math.ceil(bytes / 8));
  const part = scratch.subarray(0, readSync(file.fd, scratch, 0, length, size - length));
  const ends: { at: string; end: number }[] = [];
  for (let from = part.indexOf(newline) + 1; from > 0; ) {
    const end = part.indexOf(newline, from);
    if (end < 0) break;
    const line = readJsonLine(part, from, end);
    if (line) ends.push({ at: line.at, end });
    from = end + 1;
  }
  const last = ends.at(-1)?.at;
  if (last === undefined) return undefined;
  // Not all of them at once: a program that is fast may have been stopped for a moment among them.
  const step = Math.ceil(ends.length / 8);
  let ms = Number.POSITIVE_INFINITY;
  for (let index = step; index < ends.length; index += step) {
    const [from, to] = [ends[index - step]!, ends[index]!];
    ms = Math.min(ms, (msBetween(from.at, to.at) * bytes) / (to.end - from.end));
  }
  return { last, ms: Number.isFinite(ms) ? Math.max(0, ms) : 0 };
}
