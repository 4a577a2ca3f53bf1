import { describe, expect, it } from 'vitest';
import { bucketOf, bucketOfId, idMaker, timeOfId } from './record-id.ts';

const uuidV7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('idMaker', () => {
  it('makes UUIDs of version 7 that tell their time and bucket', () => {
    const id = idMaker()(1_795_000_000_123, 0xabc);
    expect(id).toMatch(uuidV7);
    expect(timeOfId(id)).toBe(1_795_000_000_123);
    expect(bucketOfId(id)).toBe(0xabc);
  });

  it('follows a clock that ran far ahead and was set right, and makes no id twice', () => {
    const make = idMaker();
    const times = [5_000_000, 86_400_000, 5_000_001, 5_000_001];
    const ids = times.flatMap((now) => Array.from({ length: 1000 }, () => make(now, 7)));
    expect([...new Set(ids.map(timeOfId))]).toEqual([...new Set(times)]);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('ascends, within a millisecond and when the clock steps back a little', () => {
    const make = idMaker();
    const ids = [5000, 5000, 5000, 4000, 5001, 4999].flatMap((now) =>
      Array.from({ length: 20_000 }, () => make(now, 7)),
    );
    expect(ids).toEqual([...ids].sort());
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe('bucketOf', () => {
  it('gives each source one of 4096 places, the same everywhere', () => {
    expect(bucketOf('web-1', 'api')).toBe(bucketOf('web-1', 'api'));
    expect(bucketOf('web-1', 'api')).not.toBe(bucketOf('web-1a', 'pi'));
    const buckets = new Set(Array.from({ length: 500 }, (_, n) => bucketOf('web-1', `api-${n}`)));
    expect(buckets.size).toBeGreaterThan(400);
    expect(Math.max(...buckets)).toBeLessThan(4096);
  });
});
