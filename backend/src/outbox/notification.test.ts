import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NotificationError } from '../channels/notification-error.ts';
import { backOffMs, retryPolicy, settle, wasAbandoned } from './notification.ts';
import { aLeased } from './test-help.ts';

const created = Date.parse('2026-11-22T10:00:00Z');
const dayMs = 86_400_000;
const later = { result: 'failed', error: new NotificationError('smtp: 451 busy', 'later') } as const;
const never = { result: 'failed', error: new NotificationError('smtp: 550 no such user', 'never') } as const;

describe('settle', () => {
  it("is sent with the provider's id", () => {
    expect(settle(aLeased(), { result: 'sent', providerMessageId: 'p-1' }, created, 0)).toEqual({
      status: 'sent',
      providerMessageId: 'p-1',
    });
  });

  it('tries again after a wait, and says what happened and when it goes on', () => {
    expect(settle(aLeased({ attempts: 4 }), later, created, 1)).toEqual({
      status: 'pending',
      delayMs: 8000,
      errorMessage: 'smtp: 451 busy; attempt 4, retrying in 8 s',
    });
  });

  it('waits at least as long as the channel asked for', () => {
    const asked = new NotificationError('slack: HTTP 429', 'later', undefined, 30_000);
    const next = settle(aLeased({ attempts: 1 }), { result: 'failed', error: asked }, created, 1);
    expect(next).toMatchObject({ status: 'pending', delayMs: 30_000 });
  });

  it('fails at once when trying again cannot help', () => {
    expect(settle(aLeased(), never, created, 0)).toEqual({
      status: 'failed',
      errorMessage: 'smtp: 550 no such user',
    });
  });

  it('gives up after a day and ten attempts, not before', () => {
    const at = (attempts: number, ageMs: number) =>
      settle(aLeased({ attempts }), later, created + ageMs, 0).status;
    expect(at(9, 5 * dayMs)).toBe('pending');
    expect(at(500, dayMs - 1)).toBe('pending');
    expect(at(10, dayMs)).toBe('failed');
    expect(settle(aLeased({ attempts: 12 }), later, created + dayMs, 0)).toMatchObject({
      errorMessage: 'smtp: 451 busy; given up after 12 attempts',
    });
  });
});

describe('backOffMs', () => {
  it('doubles up to five minutes, and chance moves it by half at most', () => {
    expect([1, 2, 3, 9, 10, 400].map((attempts) => backOffMs(attempts, 1))).toEqual([
      1000, 2000, 4000, 256_000, 300_000, 300_000,
    ]);
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (attempts, random) => {
          const whole = backOffMs(attempts, 1);
          const wait = backOffMs(attempts, random);
          return wait >= whole / 2 && wait <= whole && whole <= retryPolicy.maxDelayMs;
        },
      ),
    );
  });
});

describe('wasAbandoned', () => {
  it('knows a notification whose every attempt ended with its process', () => {
    expect(wasAbandoned(aLeased({ attempts: 11 }), created + dayMs)).toBe(true);
    expect(wasAbandoned(aLeased({ attempts: 10 }), created + dayMs)).toBe(false);
    expect(wasAbandoned(aLeased({ attempts: 1 }), created + 30 * dayMs)).toBe(false);
  });
});
