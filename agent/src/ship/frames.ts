// Spool items <-> frames, the only thing a segment is made of: crc32, length, type, payload. The checksum covers length
// and type too, so that a frame with any byte changed is never taken for another. After a bad frame nothing is looked
// for by its bytes: log text is written by strangers, and could look like a frame.

import type { FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import type { Cursor, Hole, MatchedRecord, Stream } from '../types.ts';
import { Origins, RecordTexts } from './record-text.ts';
import type { Count } from './tally.ts';

export const frameTypes = {
  head: 1,
  record: 2,
  cursors: 3,
  hole: 4,
  forget: 5,
  acknowledged: 6,
  notes: 7,
} as const;
export type FrameType = (typeof frameTypes)[keyof typeof frameTypes];

const headerBytes = 9;
/** A length above this is damage. The wire's largest body is 16 MiB. */
const maxPayloadBytes = 64 * 1024 * 1024;

/** A place in the spool: before the frame that begins at this offset of this segment. */
export interface Place {
  segment: number;
  offset: number;
}

export type CursorRow = [containerId: string, stream: Stream, at: string, ordinal: number];
export type NoteRow = [key: string, value: string];

/** First frame of every segment: all that a reader must know if every older segment is gone. */
export interface Head {
  version: 1;
  segment: number;
  /** Every older segment that was there, and how much of it counts: a cut or a loss is noticed wherever it falls. */
  older: [segment: number, bytes: number][];
  acknowledged: Place;
  cursors: CursorRow[];
  notes: NoteRow[];
}

const pieceBytes = 64 * 1024;
/** So many pieces are kept for what comes next: as many as wait for the disk at most, so that a flood leaves V8 none to clear away. */
const sparePieces = 4;

/** Encodes frames one after the other, in pieces of memory that are used again. */
export class FrameWriter {
  /** Full ones, before the one that is written to. */
  #full: Buffer[] = [];
  #buffer: Buffer = Buffer.allocUnsafeSlow(pieceBytes);
  #length = 0;
  readonly #spare: Buffer[] = [];
  readonly #records = new RecordTexts();

  head(head: Head): void {
    this.#frame(frameTypes.head, JSON.stringify(head));
  }

  record(record: MatchedRecord): void {
    this.#frame(frameTypes.record, this.#records.of(record));
  }

  cursors(cursors: readonly Cursor[]): void {
    if (cursors.length > 0) this.#frame(frameTypes.cursors, JSON.stringify(cursors.map(rowOf)));
  }

  notes(notes: readonly NoteRow[]): void {
    if (notes.length > 0) this.#frame(frameTypes.notes, JSON.stringify(notes));
  }

  hole(hole: Hole): void {
    this.#frame(frameTypes.hole, JSON.stringify(hole));
  }

  forget(containerId: string): void {
    this.#frame(frameTypes.forget, JSON.stringify(containerId));
  }

  acknowledged(place: Place): void {
    this.#frame(frameTypes.acknowledged, JSON.stringify(place));
  }

  /** What was added since the last call, in memory of its own. */
  take(): Buffer {
    const last = this.#buffer.subarray(0, this.#length);
    const added = Buffer.concat([...this.#full, last]);
    for (const { buffer } of this.#full)
      if (buffer.byteLength === pieceBytes && this.#spare.length < sparePieces)
        this.#spare.push(Buffer.from(buffer));
    this.#full = [];
    if (this.#buffer.length > pieceBytes) this.#buffer = this.#newPiece(0);
    this.#length = 0;
    return added;
  }

  #newPiece(bytes: number): Buffer {
    return (bytes <= pieceBytes && this.#spare.pop()) || Buffer.allocUnsafeSlow(Math.max(pieceBytes, bytes));
  }

  #frame(type: FrameType, payload: string): void {
    const most = headerBytes + payload.length * 3;
    if (this.#length + most > this.#buffer.length) {
      if (this.#length > 0) this.#full.push(this.#buffer.subarray(0, this.#length));
      this.#buffer = this.#newPiece(most);
      this.#length = 0;
    }
    const start = this.#length;
    const from = start + headerBytes;
    const end = from + this.#buffer.write(payload, from, 'utf8');
    this.#buffer.writeUInt32LE(end - from, start + 4);
    this.#buffer[start + 8] = type;
    this.#buffer.writeUInt32LE(crc32(this.#buffer.subarray(start + 4, end)), start);
    this.#length = end;
  }
}

export function rowOf({ containerId, stream, position }: Cursor): CursorRow {
  return [containerId, stream, position.at, position.ordinal];
}

/** A frame as read. The payload's memory is used again for those that follow. */
export interface Frame {
  type: FrameType;
  payload: Buffer;
  start: number;
  end: number;
}

const origins = new Origins();

/** Reads a record frame's first part. @returns what it adds to the spool's counts, and where its wire form begins */
export function originOf(payload: Buffer): { count: Count; jsonFrom: number } {
  const cut = payload.indexOf(newline);
  return { count: origins.read(payload.toString('utf8', 0, cut)), jsonFrom: cut + 1 };
}

/** The payload of any frame but a record's. */
export function payloadOf<T>(payload: Buffer): T {
  return JSON.parse(payload.toString('utf8')) as T;
}

const newline = 0x0a;
const nothing: Buffer = Buffer.alloc(0);
const chunkBytes = 256 * 1024;

/**
 * Reads the frames that begin at `start`, in order, until `visit` returns false, `end` is reached, or a frame is not
 * whole.
 * @returns the offset after the last frame taken, and whether it stopped at something that is not a whole frame.
 * @throws what reading the file throws.
 */
export async function readFrames(
  file: FileHandle,
  start: number,
  end: number,
  visit: (frame: Frame) => boolean,
): Promise<{ offset: number; damaged: boolean }> {
  let offset = start;
  let need = headerBytes;
  let chunk: Buffer = nothing;
  while (end - offset >= need) {
    const bytes = Math.max(need, Math.min(chunkBytes, end - offset));
    if (bytes > chunk.length) chunk = Buffer.allocUnsafe(bytes);
    const filled = await readFully(file, chunk.subarray(0, bytes), offset);
    if (filled < need) return { offset, damaged: true };
    const walked = walkFrames(chunk.subarray(0, filled), offset, end, visit);
    ({ offset, need } = walked);
    if (walked.stopped) return { offset, damaged: walked.stopped === 'damaged' };
  }
  return { offset, damaged: offset < end };
}

/**
 * Walks the frames that lie in these bytes, which stand in the segment from `start` on, as `readFrames` does.
 * @param end up to where the segment is good.
 * @returns the offset after the last frame taken, and how many bytes from there the next one needs at least.
 */
export function walkFrames(
  bytes: Buffer,
  start: number,
  end: number,
  visit: (frame: Frame) => boolean,
): { offset: number; need: number; stopped?: 'damaged' | 'told' } {
  let at = 0;
  while (bytes.length - at >= headerBytes) {
    const offset = start + at;
    const length = bytes.readUInt32LE(at + 4);
    const size = headerBytes + length;
    if (length > maxPayloadBytes || size > end - offset)
      return { offset, need: headerBytes, stopped: 'damaged' };
    if (size > bytes.length - at) return { offset, need: size };
    const type = bytes[at + 8] as FrameType;
    if (crc32(bytes.subarray(at + 4, at + size)) !== bytes.readUInt32LE(at) || type < 1 || type > 7)
      return { offset, need: headerBytes, stopped: 'damaged' };
    const payload = bytes.subarray(at + headerBytes, at + size);
    if (!visit({ type, payload, start: offset, end: offset + size }))
      return { offset, need: headerBytes, stopped: 'told' };
    at += size;
  }
  return { offset: start + at, need: headerBytes };
}

async function readFully(file: FileHandle, into: Buffer, position: number): Promise<number> {
  let filled = 0;
  while (filled < into.length) {
    const { bytesRead } = await file.read(into, filled, into.length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return filled;
}
