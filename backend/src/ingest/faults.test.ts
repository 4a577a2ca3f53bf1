import { describe, expect, it } from 'vitest';
import { Faults } from './faults.ts';

const event = (eventId: string) => ({ eventId, logHash: 'the same' });
const hour = 3_600_000;

describe('Faults', () => {
  it('holds a fault for the own of a record beside which others are stored', () => {
    expect(new Faults().areOwn([event('a')], 1, 0)).toBe(true);
  });

  it('holds it for everybody’s while nothing is stored, and for its own once another is', () => {
    const faults = new Faults();
    expect(faults.areOwn([event('a')], 0, 0)).toBe(false);
    faults.areOwn([], 1, 1);
    expect(faults.areOwn([event('a')], 0, 2)).toBe(true);
  });

  it('does not take what was stored before for proof', () => {
    const faults = new Faults();
    faults.areOwn([], 1, 0);
    expect(faults.areOwn([event('a')], 0, 1)).toBe(false);
  });

  it('lets a sender go on after an hour, when nobody else sends anything', () => {
    const faults = new Faults();
    expect(faults.areOwn([event('a')], 0, 0)).toBe(false);
    expect(faults.areOwn([event('a'), event('b')], 0, hour)).toBe(false);
    expect(faults.areOwn([event('a')], 0, hour)).toBe(true);
  });
});
