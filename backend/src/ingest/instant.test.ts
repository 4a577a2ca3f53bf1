import { describe, expect, it } from 'vitest';
import { instantOf, parseInstant } from './instant.ts';

describe('parseInstant', () => {
  it.each([
    [
      '2026-11-22T10:00:00.123456',
      '2026-11-22T10:00:00.123456Z',
      'the original agent: microseconds and no zone',
    ],
    ['2026-11-22T10:00:00.123456789Z', '2026-11-22T10:00:00.123456Z', 'nanoseconds, cut'],
    ['2026-11-22T10:00:00Z', '2026-11-22T10:00:00.000000Z', 'no fraction'],
    ['2026-11-22T10:00:00+02:00', '2026-11-22T08:00:00.000000Z', 'a zone'],
    ['2026-11-22T10:00:00.5-0330', '2026-11-22T13:30:00.500000Z', 'a zone without colon'],
    ['2026-11-22 10:00', '2026-11-22T10:00:00.000000Z', 'a space, and no seconds'],
    ['2026-11-22', '2026-11-22T00:00:00.000000Z', 'a date alone'],
    ['1795341600', '2026-11-22T10:00:00.000000Z', 'Unix time'],
    ['1795341600.25', '2026-11-22T10:00:00.250000Z', 'Unix time with a fraction'],
    ['1795341600250', '2026-11-22T10:00:00.250000Z', 'Unix time in milliseconds'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000000Z', 'the first instant'],
    ['9999-12-31T23:59:59.999999Z', '9999-12-31T23:59:59.999999Z', 'the last instant'],
  ])('reads %s as %s (%s)', (text, expected) => {
    expect(parseInstant(text)).toBe(expected);
  });

  it.each([
    '',
    'yesterday',
    'NaN',
    '2026-13-01',
    '2026-02-30',
    '2026-11-22T24:00:00',
    '2026-11-22T10:60:00',
    '2026-11-22T10:00:61',
    '0000-01-01',
    '10000-01-01',
    '99999999-01-01T00:00:00Z',
    '9999-12-31T23:59:59-01:00',
    '0001-01-01T00:00:00+01:00',
    '2026-11-22T10',
    '99999999999999999',
    '2026-11-22T10:00:00+99:00',
  ])('refuses %j', (text) => {
    expect(parseInstant(text)).toBeUndefined();
  });
});

describe('instantOf', () => {
  it('writes milliseconds as microseconds', () => {
    expect(instantOf(1_795_341_600_123)).toBe('2026-11-22T10:00:00.123000Z');
  });
});
