import { describe, expect, it } from 'vitest';
import { eventId, holeId } from './event-id.ts';

const position = { at: '2026-11-22T10:00:00.123456789Z', ordinal: 0 };

describe('eventId', () => {
  it('gives the same UUID for the same line, however often it is read', () => {
    const id = eventId('c1', 'stdout', position);
    expect(eventId('c1', 'stdout', { ...position })).toBe(id);
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('never changes between versions, because a spool outlives an upgrade', () => {
    expect(eventId('c1', 'stdout', position)).toBe('01a202b2-c57b-8882-bfa9-042c93af257f');
  });

  it('begins with the millisecond in which the line was printed, so that ids ascend as a log does', () => {
    const id = eventId('c1', 'stdout', position);
    const ms = Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
    expect(new Date(ms).toISOString()).toBe('2026-11-22T10:00:00.123Z');
    const later = eventId('c0', 'stderr', { at: '2026-11-22T10:00:00.124000000Z', ordinal: 0 });
    expect(later > id).toBe(true);
  });

  it.each(['0001-01-01T00:00:00.000000000Z', '1969-12-31T23:59:59.999999999Z', 'no time at all'])(
    'is a UUID of the line alone also where the time is %s',
    (at) => {
      const id = eventId('c1', 'stdout', { at, ordinal: 0 });
      expect(id).toMatch(/^00000000-0000-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(eventId('c1', 'stdout', { at, ordinal: 1 })).not.toBe(id);
    },
  );

  it('tells containers, streams, instants, ordinals and parts apart', () => {
    const ids = [
      eventId('c1', 'stdout', position),
      eventId('c2', 'stdout', position),
      eventId('c1', 'stderr', position),
      eventId('c1', 'stdout', { ...position, at: '2026-11-22T10:00:00.123456780Z' }),
      eventId('c1', 'stdout', { ...position, ordinal: 1 }),
      eventId('c1', 'stdout', position, 1),
    ];
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe('holeId', () => {
  const hole = { containerId: 'c1', container: 'web', from: 'a', to: 'b', reason: 'rotated' } as const;

  it('is the same for a hole declared twice, whatever its detail says', () => {
    expect(holeId({ ...hole, detail: 'again' })).toBe(holeId(hole));
  });

  it('tells streams and reasons apart', () => {
    expect(holeId({ ...hole, stream: 'stdout' })).not.toBe(holeId(hole));
    expect(holeId({ ...hole, reason: 'spool-full' })).not.toBe(holeId(hole));
  });
});
