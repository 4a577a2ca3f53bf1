// The lines of both streams that were passed over last: what is told of them when a line that matters follows, so that its
// record can show what stood above. Places in the bytes at hand, and copies of the last few when that memory is used again.

import type { Stream } from '../types.ts';
import { stampLength } from './timestamps.ts';

/** Bytes of a line's text that are told. */
const mostBytes = 2048;
const carriageReturn = 0x0d;

export interface Told {
  stream: Stream;
  at: string;
  text: string;
}

export type Recent = ReturnType<typeof createRecent>;

/** Makes one that keeps the last `most` lines. */
export function createRecent(most: number) {
  const places = new Int32Array(3 * most);
  let count = 0;
  let kept: Told[] = [];
  /** Lines passed over since some were told or given. */
  let passed = 0;

  function collect(bytes: Buffer | undefined, wanted: number): Told[] {
    const lines: Told[] = [];
    for (let index = count - 1; index >= 0 && index >= count - most && lines.length < wanted; index--) {
      const at = 3 * (index % most);
      lines.push(toldOf(places[at + 2] === 0 ? 'stdout' : 'stderr', bytes!, places[at]!, places[at + 1]!));
    }
    const missing = wanted - lines.length;
    return [...(missing > 0 ? kept.slice(-missing) : []), ...lines.reverse()];
  }

  return {
    /** A line with its timestamp at `from` was passed over. */
    add(stream: Stream, from: number, to: number): void {
      const at = 3 * (count++ % most);
      passed++;
      places[at] = from;
      places[at + 1] = to;
      places[at + 2] = stream === 'stdout' ? 0 : 1;
    },

    /** The memory at hand is about to be used again. */
    settle(bytes: Buffer): void {
      if (count === 0) return;
      kept = collect(bytes, most);
      count = 0;
    },

    /** Whether there is a line that was not told. */
    get isEmpty(): boolean {
      return passed === 0;
    },

    /** The last `wanted` lines, and whether others before them are told no more. */
    take(bytes: Buffer | undefined, wanted: number): { lines: Told[]; isGap: boolean } {
      const lines = collect(bytes, Math.min(wanted, most));
      const isGap = passed > lines.length;
      this.clear();
      return { lines, isGap };
    },

    clear(): void {
      count = 0;
      passed = 0;
      if (kept.length > 0) kept = [];
    },
  };
}

/** The line whose timestamp lies at `from`. */
export function toldOf(stream: Stream, bytes: Buffer, from: number, to: number): Told {
  let end = to;
  while (end > from + stampLength && bytes[end - 1] === carriageReturn) end--;
  const begin = Math.min(from + stampLength + 1, end);
  return {
    stream,
    at: bytes.toString('latin1', from, from + stampLength),
    text: bytes.toString('utf8', begin, Math.min(end, begin + mostBytes)),
  };
}
