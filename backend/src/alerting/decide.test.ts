import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AlertMemory, decide, type IssueFacts } from './decide.ts';
import { issueLimits } from './policy.ts';

const minute = 60_000;
const hour = 60 * minute;
const now = Date.parse('2026-11-22T10:00:00Z');
const policy = { cooldownMs: hour };

const memory = (parts: Partial<AlertMemory> = {}): AlertMemory => ({
  episode: 'episode-1',
  bucket: { tokens: 3, at: now },
  spikedAt: null,
  owesRegression: false,
  ...parts,
});
/** An issue that was told of ten minutes ago, and goes on as ever. */
const facts = (parts: Partial<IssueFacts> = {}): IssueFacts => ({
  isNew: false,
  isRegressed: false,
  isMuted: false,
  pauseMs: minute,
  usualPauseMs: 2 * minute,
  windowCount: 5,
  windowPeak: 5,
  alertedAt: now - 10 * minute,
  memory: memory(),
  ...parts,
});
const decided = (parts: Partial<IssueFacts>) => decide(facts(parts), now, policy, () => 'episode-2');
const never = { alertedAt: null, memory: null };
const noTokens = memory({ bucket: { tokens: 0, at: now } });

describe('a mute that ends while there is no token', () => {
  it('is told as soon as there is one, and once', () => {
    const held = decided({ memory: noTokens, muteEnded: 'worse' });
    expect(held).toMatchObject({ notify: false, reason: 'rate-limited', memory: { owesMuteEnd: 'worse' } });
    const later = { ...held.memory!, bucket: memory().bucket };
    const told = decided({ memory: later });
    expect(told).toMatchObject({ notify: true, reason: 'spike' });
    expect(decided({ memory: told.memory! })).toMatchObject({ notify: false, reason: 'in-cooldown' });
  });
});

describe('decide', () => {
  it.each<[string, Partial<IssueFacts>, { notify: boolean; reason: string }]>([
    ['tells of a new issue', { ...never, isNew: true, pauseMs: null }, { notify: true, reason: 'new' }],
    ['holds back what was told of', {}, { notify: false, reason: 'in-cooldown' }],
    ['tells again after the cooldown', { alertedAt: now - hour }, { notify: true, reason: 'still-failing' }],
    [
      'tells again when it was told by a clock that ran a day ahead',
      { alertedAt: now + 24 * hour, memory: memory({ bucket: { tokens: 1, at: now + 24 * hour } }) },
      { notify: true, reason: 'still-failing' },
    ],
    [
      'bears with clocks that differ by seconds',
      { alertedAt: now + 5000 },
      { notify: false, reason: 'in-cooldown' },
    ],
    ['tells at last of one that nobody was told of', never, { notify: true, reason: 'new' }],
    ['tells of one that was resolved', { isRegressed: true }, { notify: true, reason: 'regressed' }],
    ['tells of one that had been quiet', { pauseMs: hour }, { notify: true, reason: 'regressed' }],
    [
      'does not call a pause quiet that is usual for it',
      { pauseMs: 5 * hour, usualPauseMs: 2 * hour, alertedAt: now - 5 * hour },
      { notify: true, reason: 'still-failing' },
    ],
    [
      'tells of a spike, within the cooldown',
      { windowCount: 30, windowPeak: 10 },
      { notify: true, reason: 'spike' },
    ],
    ['takes few for no spike', { windowCount: 29, windowPeak: 1 }, { notify: false, reason: 'in-cooldown' }],
    [
      'knows its peaks',
      { windowCount: 29_999, windowPeak: 10_000 },
      { notify: false, reason: 'in-cooldown' },
    ],
    [
      'does not call a spike what was just told of',
      { windowCount: 1000, alertedAt: now - 9 * minute },
      { notify: false, reason: 'in-cooldown' },
    ],
    [
      'tells of one spike in a cooldown',
      { windowCount: 1000, memory: memory({ spikedAt: now - 59 * minute }) },
      { notify: false, reason: 'in-cooldown' },
    ],
    [
      'holds a muted one back, whatever it does',
      { isMuted: true, isRegressed: true },
      { notify: false, reason: 'muted' },
    ],
    [
      'holds back one that used up its alerts',
      { memory: noTokens, alertedAt: now - hour },
      { notify: false, reason: 'rate-limited' },
    ],
  ])('%s', (_what, parts, expected) => {
    const { notify, reason } = decided(parts);
    expect({ notify, reason }).toEqual(expected);
  });

  it('keeps the episode, and begins another when the issue came back', () => {
    expect(decided({ alertedAt: now - hour }).memory?.episode).toBe('episode-1');
    expect(decided({ isRegressed: true }).memory?.episode).toBe('episode-2');
  });

  it('keeps one of its alerts for when it comes back', () => {
    const last = memory({ bucket: { tokens: 1.5, at: now } });
    expect(decided({ memory: last, alertedAt: now - hour })).toMatchObject({ reason: 'rate-limited' });
    expect(decided({ memory: last, isRegressed: true })).toMatchObject({ reason: 'regressed' });
  });

  it('tells later that it came back, when its alerts were used up', () => {
    const held = decided({ memory: noTokens, isRegressed: true });
    expect(held).toMatchObject({ notify: false, reason: 'rate-limited', memory: { owesRegression: true } });
    const later = now + 6 * hour;
    const told = decide(facts({ memory: held.memory! }), later, policy, () => 'episode-2');
    expect(told).toMatchObject({ notify: true, reason: 'regressed', memory: { owesRegression: false } });
  });

  it('never tells more of one issue than its bucket allows, whatever happens to it', () => {
    const step = fc.record({
      pauseMs: fc.integer({ min: 0, max: 3 * hour }),
      isRegressed: fc.boolean(),
      windowCount: fc.integer({ min: 0, max: 1000 }),
      windowPeak: fc.integer({ min: 0, max: 50 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        let at = now;
        let known: AlertMemory | null = null;
        let alertedAt: number | null = null;
        const told: number[] = [];
        for (const [n, parts] of steps.entries()) {
          at += parts.pauseMs;
          const isNew = n === 0;
          const decision = decide(
            facts({ ...parts, isNew, alertedAt, memory: known }),
            at,
            policy,
            () => 'e',
          );
          known = decision.memory ?? known;
          if (!decision.notify) continue;
          alertedAt = at;
          told.push(at);
        }
        for (const [i, from] of told.entries())
          for (const [n, to] of told.slice(i).entries())
            expect(n + 1).toBeLessThanOrEqual(issueLimits.capacity + issueLimits.perMs * (to - from) + 1e-6);
      }),
    );
  });
});
