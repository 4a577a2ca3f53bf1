// The promise of docs/alerting.md with rules: whatever they route, count and hold, mails stay within the formula, and every
// issue that nothing holds is in a mail to each place that it is routed to, within its time.

import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { issueLimits, mailLimits } from '../alerting/policy.ts';
import { maxShown } from '../alerting/roll-up-mail.ts';
import { hours, minutes, rulesOf, seconds } from '../alerting/test-help-timeline.ts';
import { bucketOf, idMaker } from '../db/record-id.ts';
import { instantOf } from '../ingest/instant.ts';
import type { ReplayedMail } from './memory-outbox.ts';
import { Replay, type ReplayRecord } from './replay.ts';

const start = Date.parse('2026-11-22T10:00:00Z');
const policy = {
  grouping: 'on' as const,
  cooldownMs: minutes(1),
  digestMs: seconds(60),
  maxPerHour: 6,
  maxPerHourTotal: 12,
  whenOver: true,
};
const rules = rulesOf(`
rules:
  - { name: noise, match: { host: web-0 }, hold: true }
  - { name: hasty, match: { host: web-1 }, to: [a@example.org, b@example.org], cooldown: 60s, severity: fatal }
  - { name: other, match: { host: web-2 }, to: [b@example.org, c@example.org] }
  - { name: many, match: { host: web-3 }, threshold: { count: 3, within: 1h }, cooldown: 2h }
`);
const places: Record<string, string[]> = {
  'web-1': ['a@example.org', 'b@example.org'],
  'web-2': ['b@example.org', 'c@example.org'],
};

const makeId = idMaker();
function aReplayRecord(at: number, issue: number, host: string): ReplayRecord {
  const bucket = bucketOf(host, 'api');
  const message = `ERROR issue ${issue}`;
  return {
    draft: {
      id: makeId(at, bucket),
      bucket,
      host,
      container: 'api',
      service: 'api',
      severity: 'error',
      message,
      logHash: createHash('sha256').update(message).digest('hex'),
      occurredAt: null,
      receivedAt: instantOf(at),
      receivedAtMs: at,
      eventId: null,
      stream: null,
      image: null,
      labels: null,
      fields: null,
      contextBefore: null,
      contextAfter: null,
      coalesceId: null,
    },
    group: { fingerprint: `issue ${issue}`, title: `issue ${issue}` },
  };
}

const stream = fc.array(
  fc.record({
    pauseMs: fc.oneof(
      { arbitrary: fc.integer({ min: 0, max: seconds(20) }), weight: 4 },
      { arbitrary: fc.integer({ min: 0, max: minutes(20) }), weight: 1 },
    ),
    records: fc.array(
      fc.record({ issue: fc.integer({ min: 0, max: 40 }), host: fc.integer({ min: 0, max: 3 }) }),
      { minLength: 1, maxLength: 12 },
    ),
  }),
  { minLength: 1, maxLength: 80 },
);

/** No interval between two of the times holds more than `capacity + perMs * length`. */
function expectWithin(times: readonly number[], capacity: number, perMs: number): void {
  const sorted = times.toSorted((a, b) => a - b);
  for (const [first, from] of sorted.entries())
    for (const [last, to] of sorted.entries())
      if (last >= first) expect(last - first + 1).toBeLessThanOrEqual(capacity + perMs * (to - from) + 1e-6);
}

describe('for any stream of records, with rules', () => {
  it('mails stay within the bound, and every issue is in a mail to whom it is routed in time', () => {
    fc.assert(
      fc.property(stream, (batches) => {
        let at = start;
        const firstAt = new Map<string, number>();
        const replay = new Replay({
          alerts: {
            enabled: true,
            to: ['ops@example.org'],
            from: 'alerts@example.com',
            baseUrl: 'https://logs.example.com',
            policy,
            rules,
          },
          recipients: [],
          dedupeWindowMs: 0,
        }).run(
          batches.map(({ pauseMs, records }) => {
            at += pauseMs;
            for (const { issue, host } of records)
              for (const to of places[`web-${host}`] ?? []) {
                const key = `issue ${issue} to ${to}`;
                if (!firstAt.has(key)) firstAt.set(key, at);
              }
            return {
              at,
              records: records.map(({ issue, host }) => aReplayRecord(at, issue, `web-${host}`)),
            };
          }),
          start + hours(12),
        );

        const own = mailLimits(policy.maxPerHour);
        const whole = mailLimits(policy.maxPerHourTotal);
        const timesTo = new Map<string, ReplayedMail[]>();
        for (const mail of replay.mails)
          timesTo.set(mail.to.toAddress, [...(timesTo.get(mail.to.toAddress) ?? []), mail]);
        for (const mails of timesTo.values()) {
          expectWithin(
            mails.map((mail) => mail.at),
            own.capacity,
            own.perMs,
          );
          expectWithin(
            mails.map((mail) => mail.at),
            1,
            1 / policy.digestMs,
          );
        }
        expectWithin(
          replay.mails.map((mail) => mail.at),
          whole.capacity,
          whole.perMs,
        );

        // Alerts of an issue: those made at one moment for several places are one.
        const alertsOf = new Map<string, Set<number>>();
        for (const { alerts } of replay.mails)
          for (const { fingerprint, reason, createdAt } of alerts) {
            if (reason === 'over') continue;
            const times = alertsOf.get(fingerprint) ?? new Set<number>();
            alertsOf.set(fingerprint, times.add(Date.parse(createdAt)));
          }
        for (const times of alertsOf.values())
          expectWithin([...times], issueLimits.capacity, issueLimits.perMs);

        const issues = new Set([...firstAt.keys()].map((key) => key.split(' to ')[0])).size;
        const inTime =
          Math.ceil(Math.max(issues, 1) / maxShown) *
          (Math.max(policy.digestMs, 1 / own.perMs) + 4 / whole.perMs);
        for (const [key, first] of firstAt) {
          const [issue, to] = key.split(' to ') as [string, string];
          const mail = timesTo
            .get(to)
            ?.find(({ alerts }) => alerts.some(({ fingerprint }) => fingerprint === issue));
          // Its bucket may be empty: told to other places five times before this one came into it.
          if ((alertsOf.get(issue)?.size ?? 0) >= issueLimits.capacity) continue;
          expect(mail, key).toBeDefined();
          expect(mail!.at - first, key).toBeLessThanOrEqual(inTime);
        }
      }),
      { numRuns: Number(process.env.PROPERTY_RUNS ?? 40), endOnFailure: true },
    );
  }, 120_000);
});
