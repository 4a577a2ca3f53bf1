import { describe, expect, it } from 'vitest';
import { createResume, leftAt, oldestOf, sinceOf } from './resume.ts';

const at = (second: number) => `2026-11-22T10:00:0${second}.000000005Z`;

describe('resume', () => {
  it('asks from a second before the older cursor, in unix seconds with the nanoseconds', () => {
    expect(sinceOf({ stdout: { at: at(5), ordinal: 3 }, stderr: { at: at(2), ordinal: 0 } })).toBe(
      '1795341601.000000005',
    );
    expect(sinceOf({})).toBeUndefined();
    expect(sinceOf({ stdout: { at: '1970-01-01T00:00:00.000000000Z', ordinal: -1 } })).toBeUndefined();
    expect(oldestOf({ stderr: { at: at(2), ordinal: 0 } })).toEqual({ at: at(2), ordinal: 0 });
  });

  it('drops, for each stream, what was taken, and takes the rest', () => {
    const resume = createResume({ stdout: { at: at(5), ordinal: 1 }, stderr: { at: at(4), ordinal: 0 } });
    expect(resume.takes('stdout', at(4), 0)).toBe(false);
    expect(resume.takes('stderr', at(4), 0)).toBe(false);
    expect(resume.takes('stderr', at(4), 1)).toBe(true);
    expect(resume.takes('stdout', at(5), 0)).toBe(false);
    expect(resume.takes('stdout', at(5), 1)).toBe(false);
    expect(resume.takes('stdout', at(5), 2)).toBe(true);
    expect(resume.reached).toBe('in-sight');
  });

  it('takes what follows the cursor although the clock stepped back', () => {
    const resume = createResume({ stdout: { at: at(5), ordinal: 0 } });
    expect(resume.takes('stdout', at(5), 0)).toBe(false);
    expect(resume.takes('stdout', at(2), 0)).toBe(true);
  });

  it('waits for the very line of the cursor in a log whose clock stepped back', () => {
    const resume = createResume({ stdout: { at: at(2), ordinal: 0 } }, { strict: true });
    expect(resume.takes('stdout', at(9), 0)).toBe(false);
    expect(resume.takes('stdout', at(2), 0)).toBe(false);
    expect(resume.takes('stdout', at(3), 0)).toBe(true);
  });

  describe('of a stream that had printed nothing, in a log whose clock stepped back', () => {
    const cursors = { stdout: { at: at(5), ordinal: 0 }, stderr: { at: at(4), ordinal: -1 } };

    it('drops what is older, up to the line where the other was left, and takes what follows that', () => {
      const resume = createResume(cursors, { strict: true });
      expect(resume.takes('stderr', at(2), 0)).toBe(false);
      expect(resume.takes('stdout', at(5), 0)).toBe(false);
      expect(resume.takes('stderr', at(3), 0)).toBe(true);
    });

    it('takes what is newer at once: it may be printed, and not read, before the line where the other was left', () => {
      const resume = createResume(cursors, { strict: true });
      expect(resume.takes('stderr', at(4), 0)).toBe(true);
      expect(resume.takes('stdout', at(5), 0)).toBe(false);
    });
  });

  it('sees a gap when the first line is later than where the log was left', () => {
    const resume = createResume({ stdout: { at: at(5), ordinal: 0 }, stderr: { at: at(4), ordinal: -1 } });
    expect(resume.takes('stdout', at(6), 0)).toBe(true);
    expect(resume.reached).toBe('gap');
  });
});

describe('leftAt', () => {
  it('tells for each stream where it was left, for what was taken of the other since is not missing', () => {
    const stdout = { at: at(5), ordinal: 0 };
    expect(leftAt({ stdout, stderr: { at: at(4), ordinal: 2 } })).toEqual([
      { stream: 'stdout', at: at(5) },
      { stream: 'stderr', at: at(4) },
    ]);
  });

  it('lets the one that ever printed stand for both', () => {
    expect(leftAt({ stdout: { at: at(5), ordinal: 0 }, stderr: { at: at(4), ordinal: -1 } })).toEqual([
      { at: at(5) },
    ]);
    expect(leftAt({ stdout: { at: at(3), ordinal: -1 }, stderr: { at: at(4), ordinal: -1 } })).toEqual([
      { at: at(3) },
    ]);
    expect(leftAt({})).toEqual([]);
  });
});
