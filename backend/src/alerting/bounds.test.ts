// The promise of docs/alerting.md, held for any stream of records: mails stay within the formula, and every issue is in
// some mail to every recipient within its time.

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test-kit/src/postgres.ts';
import { noiseWaitMs } from './noise-alerts.ts';
import { issueLimits, mailLimits } from './policy.ts';
import { maxShown } from './roll-up-mail.ts';
import { emptyTables, hours, minutes, seconds, Timeline } from './test-help-timeline.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const recipients = ['a@example.org', 'b@example.org'];
const channels = [
  { name: 'ops-slack', type: 'slack' },
  { name: 'on-call', type: 'pagerduty' },
];
const everyone = [...recipients, ...channels.map(({ name }) => name)];
const policy = {
  cooldownMs: minutes(1),
  digestMs: seconds(60),
  maxPerHour: 6,
  maxPerHourTotal: 12,
  whenOver: true,
};
const horizon = hours(3);

const batch = fc.record({
  pauseMs: fc.oneof(
    { arbitrary: fc.integer({ min: 0, max: seconds(20) }), weight: 4 },
    { arbitrary: fc.integer({ min: 0, max: minutes(20) }), weight: 1 },
  ),
  issues: fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 12 }),
  times: fc.oneof(
    { arbitrary: fc.constant(1), weight: 5 },
    { arbitrary: fc.integer({ min: 1, max: 60 }), weight: 1 },
  ),
  isStarting: fc.oneof(
    { arbitrary: fc.constant(false), weight: 3 },
    { arbitrary: fc.constant(true), weight: 1 },
  ),
});

/** No interval between two of the times holds more than `capacity + perMs * length`. */
function expectWithin(times: readonly number[], capacity: number, perMs: number): void {
  const sorted = times.toSorted((a, b) => a - b);
  for (const [first, from] of sorted.entries())
    for (const [last, to] of sorted.entries())
      if (last >= first) expect(last - first + 1).toBeLessThanOrEqual(capacity + perMs * (to - from) + 1e-6);
}

describe('for any stream of records', () => {
  it('mails stay within the bound, and every issue is in a mail to everyone in time', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(batch, { minLength: 1, maxLength: 60 }), async (batches) => {
        await emptyTables(database.pool);
        const line = new Timeline(database.pool, { recipients, channels, policy });
        const firstAt = new Map<string, number>();
        const noiseAt = new Map<string, number>();
        let at = 0;
        for (const { pauseMs, issues, times, isStarting } of batches) {
          at += pauseMs;
          if (at > horizon / 2) break;
          const fields = isStarting ? { phase: 'starting', started_at: '2026-11-22T10:00:00.000Z' } : {};
          line.at(at, ...issues.map((n) => ({ issue: `issue ${n}`, times, fields })));
          const seenAt = isStarting ? noiseAt : firstAt;
          for (const n of issues) if (!seenAt.has(`issue ${n}`)) seenAt.set(`issue ${n}`, at);
        }
        await line.run(horizon + noiseWaitMs);

        const own = mailLimits(policy.maxPerHour);
        const whole = mailLimits(policy.maxPerHourTotal);
        for (const to of everyone) {
          const times = line.mails.filter((mail) => mail.to === to).map((mail) => mail.at);
          expectWithin(times, own.capacity, own.perMs);
          expectWithin(times, 1, 1 / policy.digestMs);
        }
        expectWithin(
          line.mails.map((mail) => mail.at),
          whole.capacity,
          whole.perMs,
        );

        const mailsNeeded = Math.ceil(new Set([...firstAt.keys(), ...noiseAt.keys()]).size / maxShown);
        const inTime =
          mailsNeeded * (Math.max(policy.digestMs, 1 / own.perMs) + everyone.length / whole.perMs);
        for (const [issue, first] of firstAt)
          for (const to of everyone) {
            const mail = line.mails.find((each) => each.to === to && each.issues.includes(issue));
            expect(mail, `${issue} to ${to}`).toBeDefined();
            expect(mail!.at - first).toBeLessThanOrEqual(inTime);
            expect(mail!.body).toContain(issue);
          }

        // What was only ever printed by containers that start is told a day later at the latest, and pages nobody.
        for (const [issue, first] of noiseAt) {
          if (firstAt.has(issue)) continue;
          for (const to of [...recipients, 'ops-slack']) {
            const mail = line.mails.find((each) => each.to === to && each.issues.includes(issue));
            expect(mail, `${issue} to ${to}`).toBeDefined();
            expect(mail!.at - first).toBeLessThanOrEqual(noiseWaitMs + inTime);
            expect(mail!.body).toContain(issue);
          }
          expect(line.mails.find((each) => each.to === 'on-call' && each.issues.includes(issue))).toBe(
            undefined,
          );
        }

        const { rows } = await database.pool.query<{ times: number[] }>(
          `select array_agg((extract(epoch from created_at) * 1000)::float8) as times
           from alerts where reason not in ('over', 'starting-or-stopping') group by fingerprint, to_address`,
        );
        for (const { times } of rows) expectWithin(times, issueLimits.capacity, issueLimits.perMs);
      }),
      { numRuns: Number(process.env.PROPERTY_RUNS ?? 15) },
    );
  }, 300_000);
});
