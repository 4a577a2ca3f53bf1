// A place in the spool -> the next items from there, read from disk, so that a long backlog costs no memory.

import { type FileHandle, open } from 'node:fs/promises';
import type { Hole } from '../types.ts';
import { type Frame, frameTypes, originOf, type Place, payloadOf, readFrames, walkFrames } from './frames.ts';
import { isDamage, reasonOf } from './log.ts';
import { RecentWrites } from './recent-writes.ts';
import type { Segment } from './segment.ts';
import { type SpooledRecords, SpooledRecordsBuilder } from './spooled-records.ts';
import { addTo, type Tally } from './tally.ts';

export interface SpooledHole {
  hole: Hole;
  segment: number;
}

/** The oldest items that are not acknowledged, in order. */
export interface Batch {
  records: SpooledRecords;
  /** The records, counted by segment. */
  tallies: ReadonlyMap<number, Tally>;
  holes: SpooledHole[];
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
  /** What was written is told here, whole frames each time. */
  readonly recent = new RecentWrites();
  #open: { path: string; file: FileHandle } | undefined;

  /** Takes one record at least, however large, and at most so many records and bytes of their wire form. */
  async read(
    segments: readonly Segment[],
    from: Place,
    bounds: { maxRecords: number; maxBytes: number },
  ): Promise<ReadResult> {
    const { maxRecords, maxBytes } = bounds;
    const ahead = segments
      .filter(({ number }) => number >= from.segment)
      .reduce((sum, { number, length }) => sum + length - (number === from.segment ? from.offset : 0), 0);
    // With a comma for each. The first may be larger than all that was asked for: then there is more.
    const records = new SpooledRecordsBuilder(Math.min(ahead, maxBytes + maxRecords));
    const tallies = new Map<number, Tally>();
    const holes: SpooledHole[] = [];
    let end = from;
    let bytes = 0;
    const batch = (): Batch => ({ records: records.build(), tallies, holes, end });
    // The list changes while this waits for the disk.
    for (const segment of [...segments]) {
      if (segment.number < from.segment) continue;
      const start = segment.number === from.segment ? from.offset : 0;
      const tally: Tally = new Map();
      tallies.set(segment.number, tally);
      let full = false;
      try {
        const { offset, damaged } = await this.#frames(segment, start, (frame) => {
          if (frame.type === frameTypes.record) {
            const { count, jsonFrom } = originOf(frame.payload);
            const more = frame.payload.length - jsonFrom;
            full = records.count > 0 && (records.count >= maxRecords || bytes + more > maxBytes);
            if (full) return false;
            records.add(frame.payload, jsonFrom);
            addTo(tally, count);
            bytes += more;
          } else if (frame.type === frameTypes.hole) {
            full = holes.length >= maxRecords;
            if (full) return false;
            holes.push({ hole: payloadOf<Hole>(frame.payload), segment: segment.number });
          }
          end = { segment: segment.number, offset: frame.end };
          return true;
        });
        if (damaged)
          return { batch: batch(), damaged: { segment, offset, reason: 'its bytes have changed' } };
      } catch (error) {
        const offset = end.segment === segment.number ? end.offset : start;
        await this.close();
        if (!isDamage(error)) return { batch: batch(), failure: reasonOf(error) };
        return { batch: batch(), damaged: { segment, offset, reason: reasonOf(error) } };
      }
      if (full) break;
    }
    return { batch: batch() };
  }

  async #frames(
    segment: Segment,
    start: number,
    visit: (frame: Frame) => boolean,
  ): Promise<{ offset: number; damaged: boolean }> {
    const end = segment.length;
    const pieces = this.recent.from(segment.number, start, end);
    if (!pieces) return readFrames(await this.#fileOf(segment), start, end, visit);
    let offset = start;
    for (const bytes of pieces) {
      const walked = walkFrames(bytes, offset, end, visit);
      offset = walked.offset;
      if (walked.stopped) return { offset, damaged: walked.stopped === 'damaged' };
    }
    return { offset, damaged: offset < end };
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
