// A place in the spool -> the next items from there, read from disk, so that a long backlog costs no memory.

import { type FileHandle, open } from 'node:fs/promises';
import type { Hole } from '../types.ts';
import { frameTypes, originOf, type Place, payloadOf, type RecordOrigin, readFrames } from './frames.ts';
import { isDamage, reasonOf } from './log.ts';
import type { Segment } from './segment.ts';

/** A record as it lies in the spool. */
export interface SpooledRecord extends RecordOrigin {
  /** The record's wire form, UTF-8 JSON. */
  json: Buffer;
  /** In which segment. */
  segment: number;
}

export interface SpooledHole {
  hole: Hole;
  segment: number;
}

/** The oldest items that are not acknowledged, in order. */
export interface Batch {
  records: SpooledRecord[];
  holes: SpooledHole[];
  /** Of the records' wire form. */
  bytes: number;
  /** Behind the last item. */
  end: Place;
}

export interface ReadResult {
  batch: Batch;
  /** Where reading stopped for damage, when it did. */
  damaged?: { segment: Segment; offset: number; reason: string };
  /** Why nothing could be read, when it is no fault of the file's. */
  failure?: string;
}

export class BatchReader {
  #open: { path: string; file: FileHandle } | undefined;

  /** Takes one record at least, however large, and at most so many records and bytes of their wire form. */
  async read(
    segments: readonly Segment[],
    from: Place,
    bounds: { maxRecords: number; maxBytes: number },
  ): Promise<ReadResult> {
    const batch: Batch = { records: [], holes: [], bytes: 0, end: from };
    // The list changes while this waits for the disk.
    for (const segment of [...segments]) {
      if (segment.number < from.segment) continue;
      const start = segment.number === from.segment ? from.offset : 0;
      let full = false;
      try {
        const file = await this.#fileOf(segment);
        const { offset, damaged } = await readFrames(file, start, segment.length, (frame) => {
          if (frame.type === frameTypes.record) {
            const { origin, json } = originOf(frame.payload);
            full =
              batch.records.length > 0 &&
              (batch.records.length >= bounds.maxRecords || batch.bytes + json.length > bounds.maxBytes);
            if (full) return false;
            batch.records.push({ ...origin, json, segment: segment.number });
            batch.bytes += json.length;
          } else if (frame.type === frameTypes.hole) {
            full = batch.holes.length >= bounds.maxRecords;
            if (full) return false;
            batch.holes.push({ hole: payloadOf<Hole>(frame.payload), segment: segment.number });
          }
          batch.end = { segment: segment.number, offset: frame.end };
          return true;
        });
        if (damaged) return { batch, damaged: { segment, offset, reason: 'its bytes have changed' } };
      } catch (error) {
        const offset = batch.end.segment === segment.number ? batch.end.offset : start;
        await this.close();
        if (!isDamage(error)) return { batch, failure: reasonOf(error) };
        return { batch, damaged: { segment, offset, reason: reasonOf(error) } };
      }
      if (full) break;
    }
    return { batch };
  }

  async #fileOf({ path }: Segment): Promise<FileHandle> {
    if (this.#open?.path === path) return this.#open.file;
    await this.close();
    const file = await open(path, 'r');
    this.#open = { path, file };
    return file;
  }

  /** A file that was removed keeps its place on the disk for as long as it is open. */
  async release({ path }: Segment): Promise<void> {
    if (this.#open?.path === path) await this.close();
  }

  async close(): Promise<void> {
    const before = this.#open;
    this.#open = undefined;
    await before?.file.close().catch(() => {});
  }
}
