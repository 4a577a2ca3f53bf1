import { describe, expect, it } from 'vitest';
import { aRecord } from './given.ts';
import { muteStateOf, worseLimit } from './mute.ts';

const now = Date.parse('2026-11-22T10:04:00Z');
const windowNo = Math.floor(now / 300_000);
const seconds = (n: number) => n * 1000;

describe('worseLimit', () => {
  const facts = { count: 500, firstSeenAt: now - seconds(90_000), windowNo, windowCount: 10, windowPeak: 60 };

  it('is twice the most that it ever made in five minutes', () => {
    expect(worseLimit(facts, now)).toBe(120);
  });

  it('is twice what it makes at the moment, where that is more', () => {
    // 100 in four of the five minutes.
    expect(worseLimit({ ...facts, windowCount: 100 }, now)).toBe(250);
    // It began 40 s ago, and makes one a second.
    expect(
      worseLimit(
        { count: 40, firstSeenAt: now - seconds(40), windowNo, windowCount: 40, windowPeak: 0 },
        now,
      ),
    ).toBe(600);
  });

  it('is ten at least: two stray records are no catastrophe', () => {
    expect(
      worseLimit(
        {
          count: 1,
          firstSeenAt: now - seconds(86_400),
          windowNo: windowNo - 9,
          windowCount: 1,
          windowPeak: 1,
        },
        now,
      ),
    ).toBe(10);
  });
});

describe('a mute', () => {
  const muted = (mute: object, parts: object = {}) =>
    aRecord({
      issue: {
        state: 'muted',
        mute: { by: 'a@x.io', at: '', count: 1, until: 'ever', ...mute },
        ...parts,
      },
    }).issue;
  const of = (image: string | null, id?: string) => [{ image, fields: id ? { image_id: id } : null }];

  it('holds for ever, if nothing was said of its end', () => {
    expect(muteStateOf(muted({}), [], now + 1e12)).toBe('holds');
    expect(muteStateOf(aRecord().issue, [], now)).toBe('none');
  });

  it('is over at its time, at its count, and when it is worse', () => {
    const until = muted({ until: 'time' }, { mutedUntil: '2026-11-22T10:04:00Z' });
    expect([muteStateOf(until, [], now - 1), muteStateOf(until, [], now)]).toEqual(['holds', 'time']);
    expect(muteStateOf(muted({}, { mutedUntilCount: 3, count: 3 }), [], now)).toBe('count');
    const worse = { until: 'worse', limit: 20 };
    expect(muteStateOf(muted(worse, { windowCount: 19 }), [], now)).toBe('holds');
    expect(muteStateOf(muted(worse, { windowCount: 20 }), [], now)).toBe('worse');
  });

  it('is over when a record of another image comes, told by its id where there is one', () => {
    const byName = muted({ until: 'deployed', images: ['api:1'], image_ids: [] });
    expect(muteStateOf(byName, of('api:1', 'sha256:a'), now)).toBe('holds');
    expect(muteStateOf(byName, of(null), now)).toBe('holds');
    expect(muteStateOf(byName, of('api:2'), now)).toBe('deployed');
    const byId = muted({ until: 'deployed', images: ['api:latest'], image_ids: ['sha256:a'] });
    expect(muteStateOf(byId, of('api:latest', 'sha256:a'), now)).toBe('holds');
    expect(muteStateOf(byId, of('api:latest', 'sha256:b'), now)).toBe('deployed');
  });
});
