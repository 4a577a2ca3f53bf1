import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Bucket, take } from './token-bucket.ts';

const limits = { capacity: 4, perMs: 1 / 1000, reserve: 2 };

describe('a token bucket', () => {
  it('is full at first, leaves its reserve to those who may draw on it, and says when a token comes', () => {
    let bucket: Bucket | undefined;
    const draw = (mayUseReserve: boolean) => {
      const taken = take(bucket, limits, 5000, mayUseReserve);
      if (taken.taken) bucket = taken.bucket;
      return taken.taken || taken.until;
    };
    expect([draw(false), draw(false), draw(false)]).toEqual([true, true, 6000]);
    expect([draw(true), draw(true), draw(true)]).toEqual([true, true, 6000]);
    expect(draw(false)).toBe(8000);
  });

  it('neither gives nor takes when the clock steps back', () => {
    const taken = take({ tokens: 1, at: 5000 }, limits, 1000, true);
    expect(taken).toEqual({ taken: true, bucket: { tokens: 0, at: 5000 } });
    expect(take({ tokens: 0, at: 5000 }, limits, 1000, true)).toEqual({ taken: false, until: 6000 });
  });

  it('is as a new one when it was last used by a clock that ran a day ahead', () => {
    const now = 1_000_000;
    const ahead = { tokens: 0, at: now + 86_400_000 };
    expect(take(ahead, limits, now, true)).toEqual({ taken: true, bucket: { tokens: 3, at: now } });
  });

  it('never gives out more than its capacity and what came back, and keeps the time it said', () => {
    const draws = fc.array(fc.tuple(fc.integer({ min: 0, max: 5000 }), fc.boolean()), { maxLength: 200 });
    fc.assert(
      fc.property(draws, (steps) => {
        let bucket: Bucket | undefined;
        let now = 0;
        const given: number[] = [];
        for (const [pause, mayUseReserve] of steps) {
          now += pause;
          const taken = take(bucket, limits, now, mayUseReserve);
          if (taken.taken) {
            bucket = taken.bucket;
            given.push(now);
          } else {
            expect(take(bucket, limits, taken.until, mayUseReserve).taken).toBe(true);
            expect(taken.until).toBeGreaterThan(now);
          }
        }
        for (const [i, from] of given.entries())
          for (const [n, to] of given.slice(i).entries())
            expect(n + 1).toBeLessThanOrEqual(limits.capacity + limits.perMs * (to - from) + 1e-6);
      }),
    );
  });
});
