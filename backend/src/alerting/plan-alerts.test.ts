import { describe, expect, it } from 'vitest';
import { alertSettings, aQuestion, aRecord, countingIds } from './given.ts';
import { planAlerts } from './plan-alerts.ts';

const plan = (
  question: Parameters<typeof planAlerts>[0],
  settings: Parameters<typeof alertSettings>[0] = {},
) => planAlerts(question, alertSettings(settings), countingIds());

describe('planAlerts', () => {
  it('alerts each record that is not a duplicate, once for each recipient', () => {
    const records = [aRecord({ issue: { isNew: true } }), aRecord({ isDuplicate: true }), aRecord()];
    const { decisions, notifications } = plan(
      aQuestion(records, { recipients: ['a@example.org', 'b@example.org'] }),
    );
    expect(decisions).toEqual([
      { notify: true, reason: 'new' },
      { notify: false, reason: 'duplicate' },
      { notify: true, reason: 'ungrouped' },
    ]);
    expect(notifications.map(({ recordId, toAddress }) => [recordId, toAddress])).toEqual([
      [records[0]!.id, 'a@example.org'],
      [records[0]!.id, 'b@example.org'],
      [records[2]!.id, 'a@example.org'],
      [records[2]!.id, 'b@example.org'],
    ]);
  });

  it('writes the whole row', () => {
    const record = aRecord({ coalesceId: 'c-1' });
    const [notification] = plan(aQuestion([record])).notifications;
    expect(notification).toMatchObject({
      id: 'id-1',
      recordId: record.id,
      bucket: record.bucket,
      issueId: record.issue.id,
      channel: 'email',
      toAddress: 'ops@example.org',
      subject: '[Log Alert] ERROR api on web-1',
      reason: 'ungrouped',
      messageId: '<id-1@example.com>',
      coalesceId: 'c-1',
    });
    expect(notification!.body).toMatch(
      new RegExp(`https://logs.example.com/records/${record.id}/[\\w-]{40,}`),
    );
    expect(notification!.html).toContain('<pre');
  });

  it('uses ALERT_EMAIL_TO only while no recipient is active', () => {
    const to = ['fallback@example.org', 'fallback@example.org'];
    const addresses = (recipients: string[]) =>
      plan(aQuestion([aRecord()], { recipients }), { to }).notifications.map(({ toAddress }) => toAddress);
    expect(addresses([])).toEqual(['fallback@example.org']);
    expect(addresses(['a@example.org'])).toEqual(['a@example.org']);
  });

  it('holds everything back when alerts are disabled or nobody is there, and says which', () => {
    const reasonOf = (enabled: boolean, recipients: string[]) =>
      plan(aQuestion([aRecord()], { recipients }), { enabled });
    expect(reasonOf(false, ['a@example.org'])).toEqual({
      decisions: [{ notify: false, reason: 'disabled' }],
      notifications: [],
    });
    expect(reasonOf(true, [])).toEqual({
      decisions: [{ notify: false, reason: 'no-recipients' }],
      notifications: [],
    });
  });

  it('says duplicate of a duplicate even when alerts are disabled', () => {
    expect(plan(aQuestion([aRecord({ isDuplicate: true })]), { enabled: false }).decisions).toEqual([
      { notify: false, reason: 'duplicate' },
    ]);
  });

  it('makes one alert of records that share a coalesce_id, fatal if any is', () => {
    const at = (second: string) => ({ coalesceId: 'c-1', occurredAt: `2026-11-22T10:00:${second}Z` });
    const records = [
      aRecord({ ...at('00.000000'), message: 'ERROR one' }),
      aRecord({ coalesceId: 'other' }),
      aRecord({ ...at('00.500000'), message: 'ERROR one', isDuplicate: true }),
      aRecord({ ...at('03.240000'), message: 'Traceback …\nBoom', severity: 'fatal' }),
    ];
    const { decisions, notifications } = plan(aQuestion(records));
    expect(decisions.map(({ reason }) => reason)).toEqual([
      'ungrouped',
      'ungrouped',
      'duplicate',
      'coalesced',
    ]);
    expect(notifications.map(({ recordId }) => recordId)).toEqual([records[0]!.id, records[1]!.id]);
    expect(notifications[0]!.subject).toBe('[Log Alert] FATAL api on web-1');
    const line = '-'.repeat(72);
    expect(notifications[0]!.body).toContain(
      `\n\nAggregated 3 log entries over 3.2s.\n\nERROR one\n\n${line}\n\nERROR one\n\n${line}\n\nTraceback …\nBoom\n`,
    );
  });

  it('holds back the parts that come after the alert, in a later batch', () => {
    const question = aQuestion([aRecord({ coalesceId: 'c-1' })], { coalesced: new Set(['c-1']) });
    expect(plan(question)).toEqual({
      decisions: [{ notify: false, reason: 'coalesced' }],
      notifications: [],
    });
  });

  it('does not call a lone part an aggregate', () => {
    const [notification] = plan(aQuestion([aRecord({ coalesceId: 'c-1', message: 'alone' })])).notifications;
    expect(notification!.body).toMatch(/\n\nalone\n$/);
  });
});
