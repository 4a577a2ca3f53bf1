import { describe, expect, it } from 'vitest';
import type { WeeklyWindow } from './types.ts';
import { endOfWindows } from './windows.ts';

const daily = [0, 1, 2, 3, 4, 5, 6];
const at = (iso: string) => Date.parse(iso);
const window = (from: string, to: string, zone = 'Europe/Berlin', days = daily): WeeklyWindow => {
  const minutes = (text: string) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3));
  return { days, from: minutes(from), to: minutes(to), zone };
};
const endIso = (windows: WeeklyWindow[], now: string) => {
  const end = endOfWindows(windows, at(now));
  return end === null ? null : new Date(end).toISOString();
};

describe('a weekly window', () => {
  it('goes over midnight when its end is not after its beginning', () => {
    const night = [window('22:00', '07:00')];
    expect(endIso(night, '2026-11-22T20:59:59Z')).toBe(null);
    expect(endIso(night, '2026-11-22T21:00:00Z')).toBe('2026-11-23T06:00:00.000Z');
    expect(endIso(night, '2026-11-23T05:59:59Z')).toBe('2026-11-23T06:00:00.000Z');
    expect(endIso(night, '2026-11-23T06:00:00Z')).toBe(null);
  });

  it('begins on its days alone, and ends on the day after', () => {
    const fridayNight = [window('22:00', '07:00', 'UTC', [5])];
    expect(endIso(fridayNight, '2026-11-21T03:00:00Z')).toBe('2026-11-21T07:00:00.000Z'); // a Saturday
    expect(endIso(fridayNight, '2026-11-20T03:00:00Z')).toBe(null);
  });

  it('is an hour longer in the night when the clocks go back, and an hour shorter when they go forward', () => {
    const night = [window('22:00', '07:00')];
    expect(endIso(night, '2026-10-24T20:00:00Z')).toBe('2026-10-25T06:00:00.000Z'); // 10 h
    expect(endIso(night, '2027-03-27T21:00:00Z')).toBe('2027-03-28T05:00:00.000Z'); // 8 h
  });

  it('that ends in the hour that comes twice lasts until the second time', () => {
    const early = [window('01:00', '02:30')];
    expect(endIso(early, '2026-10-25T00:45:00Z')).toBe('2026-10-25T01:30:00.000Z');
    expect(endIso(early, '2026-10-25T01:15:00Z')).toBe('2026-10-25T01:30:00.000Z');
    expect(endIso(early, '2026-10-25T01:30:00Z')).toBe(null);
  });

  it('that begins in the hour that is left out begins when the clocks move', () => {
    const early = [window('02:30', '04:00')];
    expect(endIso(early, '2027-03-28T00:59:59Z')).toBe(null);
    expect(endIso(early, '2027-03-28T01:00:00Z')).toBe('2027-03-28T02:00:00.000Z');
  });

  it('follows another one without a gap, and they are one', () => {
    const weekend = [window('20:00', '24:00', 'UTC', [5]), window('00:00', '24:00', 'UTC', [6, 0])];
    expect(endIso(weekend, '2026-11-20T21:00:00Z')).toBe('2026-11-23T00:00:00.000Z');
  });

  it('that is always open ends somewhere', () => {
    expect(endOfWindows([window('00:00', '24:00')], at('2026-11-20T21:00:00Z'))).toBeGreaterThan(
      at('2026-11-27T00:00:00Z'),
    );
  });
});
