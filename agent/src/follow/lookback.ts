// The lines of one stream that were passed over last: what is given before a line that matters, because it may continue
// them. That is the line above, or all from the last that begins with a time: where lines begin with one, those without are
// the rest of it (join.ts). When that one is the line that was given last, it is all since then.

import type { Position } from '../types.ts';
import { stampLength } from './timestamps.ts';

/** Lines without a time that may follow one with a time, and that one: as many as join.ts takes. */
const most = 25;

interface Kept {
  position: Position;
  text: Buffer;
  hasTime: boolean;
}

export type Lookback = ReturnType<typeof createLookback>;

/** Makes one. `hasTime` tells whether a text begins with a time. */
export function createLookback(hasTime: (text: string) => boolean) {
  /** Lines in the memory at hand, the newest last: where each begins and ends, and its ordinal. */
  const places = new Int32Array(3 * most);
  let count = 0;
  /** Lines from memory that was used again since. */
  let kept: Kept[] = [];
  /** Lines passed over since one was given. */
  let passed = 0;

  function copy(bytes: Buffer, index: number, own: boolean): Kept {
    const at = 3 * (index % most);
    const [from, to, ordinal] = [places[at]!, places[at + 1]!, places[at + 2]!];
    let end = to;
    while (end > from + stampLength && bytes[end - 1] === 0x0d) end--;
    const text = bytes.subarray(Math.min(from + stampLength + 1, end), end);
    return {
      position: { at: bytes.toString('latin1', from, from + stampLength), ordinal },
      text: own ? Buffer.from(text) : text,
      hasTime: hasTime(text.toString('latin1', 0, 64)),
    };
  }

  /** The lines from the last one with a time on, when there is one, else all. */
  function collect(bytes: Buffer, own: boolean): Kept[] {
    const lines: Kept[] = [];
    for (let index = count - 1; index >= 0 && lines.length < most; index--) {
      lines.push(copy(bytes, index, own));
      if (lines.at(-1)!.hasTime) return lines.reverse();
    }
    return [...kept, ...lines.reverse()].slice(-most);
  }

  return {
    /** A line with its timestamp at `from` was passed over. */
    add(from: number, to: number, ordinal: number): void {
      const at = 3 * (count++ % most);
      passed++;
      places[at] = from;
      places[at + 1] = to;
      places[at + 2] = ordinal;
    },

    /** The memory at hand is about to be used again. */
    settle(bytes: Buffer): void {
      if (count === 0) return;
      kept = collect(bytes, true);
      // So many without a time are the rest of none: those that follow need only the line above.
      if (kept.length === most && passed > most && !kept[0]!.hasTime) kept = kept.slice(-1);
      count = 0;
    },

    /** What to give before a line that matters, and whether it follows the line given last. */
    take(bytes: Buffer): { lines: { position: Position; text: string }[]; follows: boolean } {
      const all = collect(bytes, false);
      const follows = all.length === passed && !all[0]?.hasTime;
      const lines = follows || all[0]?.hasTime ? all : all.slice(-1);
      this.clear();
      return {
        lines: lines.map(({ position, text }) => ({ position, text: text.toString('utf8') })),
        follows,
      };
    },

    /** The oldest line that is kept, once settled. */
    get oldest(): Position | undefined {
      return kept[0]?.position;
    },

    /** A line was given: there is nothing between it and the next. */
    clear(): void {
      passed = 0;
      count = 0;
      if (kept.length > 0) kept = [];
    },
  };
}
