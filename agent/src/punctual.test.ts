import { describe, expect, it } from 'vitest';
import { punctual } from './punctual.ts';

/** Whether the work is done, at each of these times of its timer, every 50 ms in between. */
function done(times: readonly number[]): boolean[] {
  let at = 0;
  let count = 0;
  const turn = punctual(() => count++, { everyMs: 50, now: () => at });
  return times.map((time) => {
    const before = count;
    at = time;
    turn();
    return count > before;
  });
}

describe('punctual', () => {
  it('does the work at each turn that is in time, or a little late', () => {
    expect(done([50, 100, 160, 300, 350])).toEqual([true, true, true, true, true]);
  });

  it('passes over the turn after a stall, so that what came meanwhile is read first', () => {
    expect(done([50, 1000, 1050, 1100])).toEqual([true, false, true, true]);
  });

  it('does the work at every other turn at least, however late all are', () => {
    expect(done([500, 1000, 1500, 2000])).toEqual([false, true, false, true]);
  });
});
