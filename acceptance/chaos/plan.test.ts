import { describe, expect, it } from 'vitest';
import { faultKinds, planFaults } from './plan.ts';

describe('planFaults', () => {
  it('gives the same faults in the same order for the same seed, and others for another', () => {
    expect(planFaults(7, 500)).toEqual(planFaults(7, 500));
    expect(planFaults(7, 500)).not.toEqual(planFaults(8, 500));
  });

  it('has each kind at least once in a short run', () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      for (const count of [faultKinds.length, 40, 100, 500])
        expect(new Set(planFaults(seed, count).map(({ kind }) => kind)).size).toBe(faultKinds.length);
    }
  });

  it('names a container for the faults that strike one', () => {
    for (const { kind, slot } of planFaults(7, 500))
      expect(slot !== undefined, kind).toBe(/^(container (?!of)|log)/.test(kind));
  });
});
