// Bytes -> the end of the newest segment, or a new segment. What failed half-way does not count: the segment is cut back
// and not written to again, because after a failed sync nobody knows what of it is on disk.

import { constants } from 'node:fs';
import { type FileHandle, open, rm, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { FrameWriter, type Head } from './frames.ts';
import { codeOf } from './log.ts';
import { Segment } from './segment.ts';

/** Kept on disk to be given up when the disk is full: enough for a new segment's head. */
const reserveBytes = 256 * 1024;

export class SegmentWriter {
  readonly #dir: string;
  readonly #segmentBytes: number;
  readonly #segments: Segment[];
  #nextNumber: number;
  #appendable: boolean;
  #file: FileHandle | undefined;
  readonly #frames = new FrameWriter();
  #hasReserve = false;

  /** @param segments the segments there are, oldest first; new ones are added to it. */
  constructor(options: {
    dir: string;
    segmentBytes: number;
    segments: Segment[];
    nextNumber: number;
    /** The last of them is whole, and may be gone on with. */
    appendable: boolean;
  }) {
    this.#dir = options.dir;
    this.#segmentBytes = options.segmentBytes;
    this.#segments = options.segments;
    this.#nextNumber = options.nextNumber;
    this.#appendable = options.appendable;
  }

  get nextNumber(): number {
    return this.#nextNumber;
  }

  needsNewSegment(): boolean {
    const last = this.#segments.at(-1);
    return !last || !this.#appendable || last.length >= this.#segmentBytes;
  }

  /** Adds to the last segment, synced. @throws what the disk throws; then nothing of it counts, and a new segment is needed. */
  async append(content: Buffer): Promise<Segment> {
    const last = this.#segments.at(-1);
    if (!last || !this.#appendable) throw new Error('bug: there is no segment to append to');
    try {
      this.#file ??= await open(last.path, constants.O_RDWR | syncs);
      await writeSynced(this.#file, content, last.length);
    } catch (error) {
      await this.leave();
      throw error;
    }
    last.length += content.length;
    last.fileBytes = Math.max(last.fileBytes, last.length);
    return last;
  }

  /** Begins a segment with its head and the content, synced. @throws what the disk throws; then it is gone again. */
  async begin(state: Pick<Head, 'acknowledged' | 'cursors' | 'notes'>, content: Buffer): Promise<Segment> {
    const segment = new Segment(this.#dir, this.#nextNumber);
    this.#frames.head({
      version: 1,
      segment: segment.number,
      older: this.#segments.map(({ number, length }) => [number, length]),
      ...state,
    });
    const head = this.#frames.take();
    const bytes = Buffer.concat([head, content]);
    let file: FileHandle | undefined;
    try {
      const { O_RDWR, O_CREAT, O_TRUNC } = constants;
      file = await open(segment.path, O_RDWR | O_CREAT | O_TRUNC | syncs, 0o600);
      await writeSynced(file, bytes, 0);
      await syncFolder(this.#dir);
    } catch (error) {
      await file?.close().catch(() => {});
      await unlink(segment.path).catch(() => {});
      throw error;
    }
    await this.#file?.close().catch(() => {});
    this.#file = file;
    this.#appendable = true;
    this.#nextNumber++;
    segment.headBytes = head.length;
    segment.length = bytes.length;
    segment.fileBytes = bytes.length;
    this.#segments.push(segment);
    return segment;
  }

  /** Cuts the last segment back to what counts; the next write needs a new one. */
  async leave(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    this.#appendable = false;
    const last = this.#segments.at(-1);
    if (!file || !last) return;
    // It need not succeed: the next head says how much counts.
    await file.truncate(last.length).then(
      () => {
        last.fileBytes = last.length;
      },
      () => {},
    );
    await file.close().catch(() => {});
  }

  /** Sets disk space by, when there is some. */
  async makeReserve(): Promise<void> {
    if (this.#hasReserve) return;
    const path = join(this.#dir, 'reserve');
    try {
      const file = await open(path, 'w', 0o600);
      try {
        // Not zeros: some file systems do not store those.
        await writeFully(file, Buffer.alloc(reserveBytes, 'reserve '), 0);
        await file.datasync();
      } finally {
        await file.close();
      }
      this.#hasReserve = true;
    } catch {
      await rm(path, { force: true }).catch(() => {});
    }
  }

  /** @returns false when there was nothing set by. */
  async giveUpReserve(): Promise<boolean> {
    if (!this.#hasReserve) return false;
    this.#hasReserve = false;
    await rm(join(this.#dir, 'reserve'), { force: true }).catch(() => {});
    return true;
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close().catch(() => {});
  }
}

/** Each write is on disk when it is done: one call, and one wake, in place of a write and a sync. */
const syncs: number = constants.O_DSYNC ?? 0;

async function writeSynced(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  await writeFully(file, bytes, position);
  if (syncs === 0) await file.datasync();
}

/** A write may take less than it was given, last of all when the disk fills up. */
async function writeFully(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    const { bytesWritten } = await file.write(bytes, written, bytes.length - written, position + written);
    written += bytesWritten;
  }
}

/** A new file's name is on disk only when its folder is. */
async function syncFolder(dir: string): Promise<void> {
  const folder = await open(dir, 'r');
  try {
    await folder.sync();
  } catch (error) {
    // Some network file systems do not know it, and do without.
    if (!['EINVAL', 'ENOTSUP', 'EOPNOTSUPP'].includes(codeOf(error) ?? '')) throw error;
  } finally {
    await folder.close();
  }
}
