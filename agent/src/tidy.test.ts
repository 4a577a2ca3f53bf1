import { describe, expect, it } from 'vitest';
import { createTidy } from './tidy.ts';

/** Looks every five seconds, at so many ms of work each. @returns at which of them it cleared */
function cleared(work: readonly number[]): number[] {
  const at: number[] = [];
  let look = 0;
  const tidy = createTidy({ clear: () => at.push(look) });
  let used = 0;
  for (const ms of work) {
    used += ms;
    tidy.look(used, look * 5000);
    look++;
  }
  return [...new Set(at)];
}

describe('tidy', () => {
  it('clears once when the start is over', () => {
    expect(cleared([700, 300, 20, 20, 20, 20])).toEqual([2]);
  });

  it('clears again when a flood is over, and never while it lasts', () => {
    const rest = Array.from({ length: 12 }, () => 20);
    expect(cleared([700, 20, ...rest, 4000, 4000, 20, 20])).toEqual([1, 16]);
  });

  it('clears once a minute at most, and then when there is rest', () => {
    const upAndDown = Array.from({ length: 24 }, (_, index) => (index % 2 === 0 ? 500 : 20));
    expect(cleared(upAndDown)).toEqual([1, 13]);
  });
});
