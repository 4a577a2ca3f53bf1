// Bytes of a container without a TTY -> frames. Each has a header of 8 bytes: the stream (1 stdout, 2 stderr, 3 the
// engine's own error), three zeros, and the length. A read may end anywhere, so the rest of a frame is carried over.

import type { Stream } from '../types.ts';

/** The bytes are no frames: reading on would be guessing. The reader connects anew. */
export class CorruptFrames extends Error {
  override name = 'CorruptFrames';
}

/** An error that the engine sent in the middle of the stream, after its 200. */
export class InBandError extends Error {
  override name = 'InBandError';
}

const empty = Buffer.alloc(0);

/** Where frames go. `cut` tells that the frame was longer than the longest kept, and what follows is gone. */
export type OnFrame = (stream: Stream, bytes: Buffer, from: number, to: number, cut: boolean) => void;

/** Told of each run of bytes in one piece of memory, before what is in it is given out, and after. */
export interface OnRegion {
  onRegion?(bytes: Buffer, from: number, to: number): void;
  onRegionEnd?(bytes: Buffer): void;
}

/** Docker's frames are at most 16 KiB, or 256 KiB for some drivers; a longer length than this is no length. */
const plausibleLength = 64 * 1024 * 1024;

/**
 * Takes chunks with `push(bytes, from, to)` and calls `onFrame` for every frame, within the chunk's own memory where
 * the frame lies in it whole. A chunk may have free room before `from` (the reader's headroom): it is overwritten
 * with what was carried over, so that nothing else need be copied.
 * `onRegion` is told of each run of bytes before its frames are given out, `onRegionEnd` before its memory is used again.
 * @throws CorruptFrames at a header that is none; InBandError at a frame of stream 3.
 */
export function createFrames({
  maxFrameBytes,
  onFrame,
  onRegion,
  onRegionEnd,
}: {
  maxFrameBytes: number;
  onFrame: OnFrame;
} & OnRegion) {
  let carried = empty;
  /** Bytes of a frame over the maximum still to be passed over. */
  let passing = 0;

  return {
    push(chunk: Buffer, from: number, to: number): void {
      if (passing > 0) {
        const passed = Math.min(passing, to - from);
        passing -= passed;
        from += passed;
      }
      const region = prepend(carried, chunk, from, to);
      const { bytes } = region;
      to = region.to;
      let at = region.from;
      carried = empty;
      onRegion?.(bytes, at, to);
      while (to - at >= 8) {
        const stream = bytes[at]!;
        const length =
          bytes[at + 4]! * 0x1000000 + ((bytes[at + 5]! << 16) | (bytes[at + 6]! << 8) | bytes[at + 7]!);
        if (stream < 1 || stream > 3 || (bytes[at + 1]! | bytes[at + 2]! | bytes[at + 3]!) !== 0) {
          throw new CorruptFrames(
            `the log stream has no frame where one must begin (${bytes.toString('hex', at, at + 8)})`,
          );
        }
        if (length > plausibleLength)
          throw new CorruptFrames(`the log stream has a frame of ${length} bytes`);
        const start = at + 8;
        const kept = Math.min(length, maxFrameBytes);
        if (to - start < kept) break;
        if (stream === 3) throw new InBandError(bytes.toString('utf8', start, start + kept).trim());
        onFrame(stream === 1 ? 'stdout' : 'stderr', bytes, start, start + kept, kept < length);
        at = start + length;
        if (at > to) {
          passing = at - to;
          at = to;
        }
      }
      onRegionEnd?.(bytes);
      // A copy: the chunk's memory is used again for the next read.
      if (at < to) carried = Buffer.from(bytes.subarray(at, to));
    },

    /** Bytes of a frame that has not come whole. */
    get carriedBytes(): number {
      return carried.length;
    },
  };
}

/** `head` and the chunk in one piece: in the chunk's free room before `from` where there is enough, else in new memory. */
export function prepend(
  head: Buffer,
  chunk: Buffer,
  from: number,
  to: number,
): { bytes: Buffer; from: number; to: number } {
  if (head.length === 0) return { bytes: chunk, from, to };
  if (head.length <= from) {
    head.copy(chunk, from - head.length);
    return { bytes: chunk, from: from - head.length, to };
  }
  const bytes = Buffer.concat([head, chunk.subarray(from, to)]);
  return { bytes, from: 0, to: bytes.length };
}
