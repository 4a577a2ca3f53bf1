import { describe, expect, it } from 'vitest';
import { Metrics } from '../http/metrics.ts';
import type { NextState } from './notification.ts';
import { deliveryReport } from './report.ts';
import { aLeased } from './test-help.ts';

const sent: NextState = { status: 'sent', providerMessageId: 'p' };
const retried: NextState = { status: 'pending', delayMs: 1000, errorMessage: 'smtp: busy' };
const failed: NextState = { status: 'failed', errorMessage: 'smtp: no such user' };

function given() {
  const lines: string[] = [];
  const clock = { now: 0 };
  const at = (level: string) => (_fields: object, message: string) => void lines.push(`${level}: ${message}`);
  const metrics = new Metrics();
  const report = deliveryReport(
    { info: at('info'), warn: at('warn'), error: at('error') },
    metrics,
    () => clock.now,
  );
  const settled = (next: NextState) => report.notificationSettled('email', aLeased(), next, 12);
  return { lines, clock, metrics, report, settled };
}

describe('deliveryReport', () => {
  it('logs and counts each outcome', () => {
    const { lines, report, metrics, settled } = given();
    for (const next of [sent, retried, failed]) settled(next);
    expect(lines).toEqual([
      'info: notification sent',
      'warn: notification not sent: smtp: busy',
      'error: notification failed for good: smtp: no such user',
    ]);
    expect(report.counts).toEqual({ sent: 1, retried: 1, failed: 1 });
    expect(metrics.toString()).toContain(
      'log_detector_notification_attempts_total{channel="email",result="retried"} 1',
    );
  });

  it('says the same failure once a minute, with how often it came', () => {
    const { lines, clock, report, settled } = given();
    for (let n = 0; n < 100; n += 1) settled(retried);
    expect(lines).toHaveLength(1);
    clock.now = 60_000;
    settled(retried);
    expect(lines[1]).toBe('warn: notification not sent: smtp: busy (and 99 more since the last line)');
    expect(report.counts.retried).toBe(101);
  });

  it('says that it goes on', () => {
    const { lines, report } = given();
    report.troubled('cannot read the outbox (email)', new Error('connection refused'));
    expect(lines).toEqual(['warn: cannot read the outbox (email): connection refused; trying again']);
  });
});
