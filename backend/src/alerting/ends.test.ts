// What is said to be over, or was resolved, is told when it comes back, and each record is told or counted once: for any
// timeline of records, resolves and maintenance, however the issue flaps.

import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test-kit/src/postgres.ts';
import { changeState } from '../triage/change-issues.ts';
import { days, emptyTables, hours, minutes, seconds, Timeline } from './test-help-timeline.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const rules = 'maintenance: [{ name: nightly, every: { from: "03:00", to: "05:00" } }]';
const horizon = days(3);

const step = fc.record({
  pauseMs: fc.oneof(
    fc.integer({ min: seconds(30), max: minutes(30) }),
    fc.integer({ min: minutes(30), max: hours(5) }),
  ),
  issue: fc.constantFrom('often', 'rare'),
  does: fc.oneof(
    { arbitrary: fc.constantFrom('comes', 'comes', 'goes on'), weight: 3 },
    { arbitrary: fc.constant('is resolved'), weight: 1 },
  ),
});

interface Seen {
  issue: string;
  at: number;
  notify: boolean;
  reason: string;
}

it('what has ended is told when it comes back, and each record once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
      await emptyTables(database.pool);
      const line = new Timeline(database.pool, {
        rules,
        start: Date.parse('2026-11-22T20:00:00Z'),
        policy: { whenOver: true, cooldownMs: minutes(20) },
      });
      const ends: { issue: string; at: number }[] = [];
      let at = 0;
      for (const { pauseMs, issue, does } of steps) {
        at += pauseMs;
        if (at > horizon / 2) break;
        if (does === 'comes') line.at(at, { issue, times: 3 });
        else if (does === 'goes on') line.every(minutes(7), at, at + hours(2), { issue });
        else {
          const now = new Date(line.start + at);
          line.do(at, async () => {
            if (await resolve(issue, now)) ends.push({ issue, at: now.getTime() });
          });
        }
      }
      // The dispatcher looks now and then by itself.
      for (let ms = 0; ms < horizon; ms += minutes(20)) line.do(ms, async () => {});
      await line.run(horizon);

      const { rows: seen } = await database.pool.query<Seen>(
        `select fields->>'issue' as issue, (extract(epoch from received_at) * 1000)::float8 as at, notify, reason
         from log_records order by id`,
      );
      const { rows: alerts } = await database.pool.query<{ issue: string; at: number; reason: string }>(
        `select fingerprint as issue, (extract(epoch from created_at) * 1000)::float8 as at, reason
         from alerts order by created_at, id`,
      );
      ends.push(...alerts.filter(({ reason }) => reason === 'over'));
      for (const end of ends) {
        const back = seen.find(
          (each) => each.issue === end.issue && each.at > end.at && each.reason !== 'maintenance',
        );
        if (back) expect(back, `${end.issue} ended at ${end.at}`).toMatchObject({ notify: true });
      }
      for (const issue of ['often', 'rare']) {
        const ofIssue = alerts.filter((alert) => alert.issue === issue);
        for (const [n, { reason }] of ofIssue.entries()) {
          const before = ofIssue[n - 1]?.reason;
          if (before === undefined || before === 'over')
            expect(reason).toBe(before === undefined ? 'new' : 'regressed');
        }
        const last = ofIssue.at(-1);
        if (!last) continue;
        const held = line.mails
          .flatMap(({ facts }): { title: string; held: number }[] =>
            facts.items.length > 0 ? facts.items : [facts],
          )
          .filter(({ title }) => title === issue)
          .reduce((sum, facts) => sum + facts.held, 0);
        const told = ofIssue.filter(({ reason }) => reason !== 'over').length;
        const until = (isIn: (at: number) => boolean) =>
          seen.filter((each) => each.issue === issue && isIn(each.at)).length;
        expect(held + told).toBe(
          last.reason === 'over' ? until((ms) => ms <= last.at) : until((ms) => ms < last.at) + 1,
        );
      }
    }),
    { numRuns: Number(process.env.PROPERTY_RUNS ?? 8), endOnFailure: true },
  );
}, 300_000);

async function resolve(issue: string, now: Date): Promise<boolean> {
  const { rows } = await database.pool.query<{ id: string; isTold: boolean }>(
    `select id, notified_at is not null as "isTold" from issues where fingerprint = $1`,
    [issue],
  );
  if (rows[0]) await changeState(database.pool, rows[0].id, { state: 'resolved' }, now.toISOString());
  return rows[0]?.isTold ?? false;
}
