import { describe, expect, it } from 'vitest';
import { Listening } from './listening.ts';

const start = Date.parse('2026-11-22T10:00:00Z');

/** @param looks seconds since the start; a minus: the look failed. @returns since when it listens, as of each. */
function sinces(...looks: number[]): number[] {
  const listening = new Listening(start);
  return looks.map((look) => {
    const now = start + Math.abs(look) * 1000;
    const since = (listening.since(now) - start) / 1000;
    if (look > 0) listening.looked(now);
    return since;
  });
}

describe('a backend listens', () => {
  it('from its start on while its looks come, though one of them fails', () => {
    expect(sinces(5, 10, -15, 20, 25)).toEqual([0, 0, 0, 0, 0]);
  });

  it('anew when none of its looks succeeded for a while', () => {
    expect(sinces(5, -10, -15, -20, -25, -30, 35, 40)).toEqual([0, 0, 0, 0, 0, 30, 35, 35]);
  });

  it('anew when it stood still, and when its clock was set back', () => {
    expect(sinces(5, 3600, 3605, 60, 65)).toEqual([0, 3600, 3600, 60, 60]);
  });
});
