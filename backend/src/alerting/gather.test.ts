import { describe, expect, it } from 'vitest';
import { gather, maxWaitingFirsts, type WaitingAlert } from './gather.ts';
import { maxShown } from './roll-up-mail.ts';

let made = 0;
function waiting(parts: Partial<WaitingAlert> = {}): WaitingAlert {
  made += 1;
  return {
    id: `alert-${made}`,
    recordId: `record-${made}`,
    bucket: 0,
    partIds: [],
    issueId: `issue-${made}`,
    fingerprint: 'f',
    service: 'api',
    reason: 'still-failing',
    isFirst: false,
    episode: `episode-${made}`,
    held: 0,
    heldMuted: 0,
    note: null,
    count: 0,
    createdAt: '2026-11-22T10:00:00.000000Z',
    ...parts,
  };
}
const aNew = (parts: Partial<WaitingAlert> = {}) => waiting({ reason: 'new', isFirst: true, ...parts });

describe('gather', () => {
  it('shows issues never told of as they came, then the busiest', () => {
    const alerts = [waiting({ held: 1 }), aNew(), waiting({ held: 9 }), aNew()];
    const { shown } = gather(alerts);
    expect(shown.map(({ alert }) => alert)).toEqual([alerts[1], alerts[3], alerts[2], alerts[0]]);
  });

  it("makes one of an issue's alerts, and adds up what was held back", () => {
    const issueId = 'issue';
    const alerts = [
      aNew({ issueId }),
      waiting({ issueId, reason: 'spike', held: 40 }),
      waiting({ issueId, held: 2 }),
    ];
    const { shown } = gather(alerts);
    expect(shown).toHaveLength(1);
    expect(shown[0]).toMatchObject({
      alert: { reason: 'new' },
      isFirst: true,
      held: 42,
      alertIds: alerts.map(({ id }) => id),
    });
  });

  it.each([
    [['over', 'regressed'], 'regressed'],
    [['over', 'still-failing'], 'still-failing'],
    [['spike', 'over'], 'over'],
    [['over', 'regressed', 'over'], 'over'],
    [['over', 'starting-or-stopping'], 'over'],
  ])('of %j tells of %s', (reasons, told) => {
    const { shown } = gather(reasons.map((reason) => waiting({ issueId: 'issue', reason })));
    expect(shown.map(({ alert }) => alert.reason)).toEqual([told]);
  });

  it('tells of an end with what its own episode began with, not one before, nor the noise of a start', () => {
    const issueId = 'issue';
    const episode = 'second';
    const alerts = [
      aNew({ issueId, episode: 'first' }),
      waiting({ issueId, episode, reason: 'starting-or-stopping' }),
      waiting({ issueId, episode, reason: 'regressed' }),
      waiting({ issueId, episode, reason: 'over' }),
    ];
    const [issue] = gather(alerts).shown;
    expect([issue!.alert, issue!.began]).toEqual([alerts[3], alerts[2]]);
  });

  it('keeps the issues never told of that do not fit for the next mail, and counts the others', () => {
    const { shown, unshown, later } = gather([
      ...Array.from({ length: maxShown + 5 }, () => aNew()),
      ...Array.from({ length: 7 }, () => waiting()),
    ]);
    expect([shown.length, unshown.length, later.length]).toEqual([maxShown, 7, 5]);
  });

  it('counts the rest when far too many wait, so that a backlog never outlasts what made it', () => {
    const { shown, unshown, later } = gather(Array.from({ length: maxWaitingFirsts + 1 }, () => aNew()));
    expect([shown.length, unshown.length, later.length]).toEqual([
      maxShown,
      maxWaitingFirsts + 1 - maxShown,
      0,
    ]);
  });
});
