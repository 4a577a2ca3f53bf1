import { describe, expect, it } from 'vitest';
import { Faults } from './faults.ts';

const event = (eventId: string) => ({ eventId, logHash: 'the same' });
const minute = 60_000;
const hour = 60 * minute;

describe('Faults', () => {
  it('holds a fault for the own of a record beside which others are stored', () => {
    expect(new Faults().areOwn([event('a')], [event('z')], 0)).toBe(true);
  });

  it('holds it for everybody’s while nothing is stored, and for its own once another is', () => {
    const faults = new Faults();
    expect(faults.areOwn([event('a')], [], 0)).toBe(false);
    faults.areOwn([], [event('z')], 1);
    expect(faults.areOwn([event('a')], [], 2)).toBe(true);
  });

  it('does not take what was stored before for proof', () => {
    const faults = new Faults();
    faults.areOwn([], [event('z')], 0);
    expect(faults.areOwn([event('a')], [], 1)).toBe(false);
  });

  it('begins anew with a record that was stored in the end', () => {
    const faults = new Faults();
    expect(faults.areOwn([event('a')], [], 0)).toBe(false);
    faults.areOwn([], [event('a')], 1);
    expect(faults.areOwn([event('a')], [], 2 * hour)).toBe(false);
  });

  it('lets a sender that comes again go on after an hour, when nobody else sends anything', () => {
    const faults = new Faults();
    for (let now = 0; now < hour; now += 5 * minute) expect(faults.areOwn([event('a')], [], now)).toBe(false);
    expect(faults.areOwn([event('a'), event('b')], [], hour)).toBe(false);
    expect(faults.areOwn([event('a')], [], hour)).toBe(true);
  });

  it('forgets what its sender gave up, so that an equal record is not lost to a fault of everybody’s later', () => {
    const faults = new Faults();
    const equal = { eventId: null, logHash: 'connection refused' };
    expect(faults.areOwn([equal], [], 0)).toBe(false);
    expect(faults.isAny(9 * minute)).toBe(true);
    expect(faults.areOwn([], [event('z')], 9 * minute)).toBe(true);
    expect(faults.isAny(10 * minute)).toBe(false);
    expect(faults.areOwn([equal], [], 24 * hour)).toBe(false);
  });
});
