import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isStamp,
  moved,
  msOf,
  msOfDay,
  nextInstant,
  readStamp,
  stampOf,
  stampOfNanos,
  toStamp,
  unixTime,
} from './timestamps.ts';

describe('timestamps', () => {
  it('have one form of 30 characters, whatever the zone and however long the fraction', () => {
    expect(toStamp('2026-11-22T10:00:00Z')).toBe('2026-11-22T10:00:00.000000000Z');
    expect(toStamp('2026-11-22T10:00:00.12Z')).toBe('2026-11-22T10:00:00.120000000Z');
    expect(toStamp('2026-01-01T00:30:00.123456789+01:00')).toBe('2025-12-31T23:30:00.123456789Z');
    expect(toStamp('yesterday')).toBeUndefined();
    expect(stampOfNanos(1795341601000000005n)).toBe('2026-11-22T10:00:01.000000005Z');
  });

  it('are cut off the first time only, and a line may be nothing else', () => {
    const read = (text: string) => {
      const bytes = Buffer.from(text);
      const stamp = readStamp(bytes, 0, bytes.length);
      return stamp && [stamp.at, bytes.toString('utf8', stamp.text)];
    };
    const at = '2026-11-22T10:00:00.123456789Z';
    expect(read(`${at} ${at} text`)).toEqual([at, `${at} text`]);
    expect(read(at)).toEqual([at, '']);
    expect(read(`${at} `)).toEqual([at, '']);
    expect(read('no stamp at all')).toBeUndefined();
    expect(isStamp(Buffer.from(at), 0, 30)).toBe(false);
  });

  it('move, follow each other, and tell the time of day from their bytes', () => {
    const at = '2026-11-22T10:00:00.999999999Z';
    expect(moved(at, -1)).toBe('2026-11-22T09:59:59.999999999Z');
    expect(nextInstant(at)).toBe('2026-11-22T10:00:01.000000000Z');
    expect(nextInstant('2026-11-22T10:00:00.000000009Z')).toBe('2026-11-22T10:00:00.000000010Z');
    expect(unixTime('0001-01-01T00:00:00.000000000Z')).toBe('0');
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4e12 }), (ms) => {
        const stamp = stampOf(ms);
        expect(msOf(stamp)).toBe(ms);
        expect(msOfDay(Buffer.from(stamp), 0)).toBe(ms % 86_400_000);
        expect(nextInstant(stamp) > stamp).toBe(true);
      }),
    );
  });
});
