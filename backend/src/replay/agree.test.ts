// What was said of `rules test`, held: for any stream of records and any rules, the replay decides and mails exactly as the
// database did.

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test-kit/src/postgres.ts';
import type { AlertPolicy } from '../alerting/policy.ts';
import { emptyTables, hours, minutes, seconds, Timeline } from '../alerting/test-help-timeline.ts';
import { Replay } from './replay.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const recipients = ['a@example.org', 'owl@example.org'];
const rules = [
  '- { name: noise, match: { pattern: noise }, hold: true }',
  '- { name: loud, match: { severity: fatal }, severity: critical, continue: true }',
  '- { name: b, match: { host: web-2 }, to: [b@example.org], cooldown: 10m }',
  '- { name: many, match: { container: cart }, threshold: { count: 4, within: 2m } }',
  '- { name: all, match: { container: pay }, threshold: { count: 6, within: 5m, per: rule }, continue: true }',
  '- { name: new, match: { state: new }, to: [a@example.org, c@example.org] }',
  '- { name: worse, match: { state: [spike, regressed] }, to: [boss@example.org] }',
  '- { name: lunch, match: { host: web-1 }, mute: { from: "10:20", to: "10:50" } }',
  '- { name: early, match: { host: web-3 }, hold: true, when: { to: "10:30" } }',
];
const others = `
recipients:
  owl: { email: owl@example.org, quiet: { from: "10:15", to: "11:05" }, quiet_except: [fatal, critical] }
maintenance:
  - { name: m, match: { host: web-3 }, from: 2026-11-22T11:00, to: 2026-11-22T11:30 }
`;

function noise(phase: string) {
  return { phase, started_at: '2026-11-22T10:00:00.000Z' };
}

const oneRecord = fc.record({
  issue: fc.constantFrom('a', 'b', 'c', 'd'),
  host: fc.constantFrom('web-1', 'web-2', 'web-3'),
  container: fc.constantFrom('api', 'cart', 'pay'),
  severity: fc.constantFrom('error', 'error', 'fatal'),
  message: fc.constantFrom('ERROR x', 'ERROR noise', 'ERROR y'),
  times: fc.oneof(
    { arbitrary: fc.constant(1), weight: 6 },
    { arbitrary: fc.integer({ min: 1, max: 40 }), weight: 1 },
  ),
  fields: fc.constantFrom({}, {}, {}, noise('starting'), noise('stopping')),
});
const stream = fc.array(
  fc.record({
    pauseMs: fc.oneof(
      { arbitrary: fc.integer({ min: 0, max: seconds(40) }), weight: 5 },
      { arbitrary: fc.integer({ min: 0, max: minutes(40) }), weight: 1 },
    ),
    records: fc.array(oneRecord, { minLength: 1, maxLength: 4 }),
  }),
  { minLength: 1, maxLength: 50 },
);
const policies: fc.Arbitrary<Partial<AlertPolicy>> = fc.record({
  grouping: fc.constantFrom('on', 'on', 'on', 'off'),
  cooldownMs: fc.constantFrom(minutes(2), minutes(30)),
  digestMs: fc.constantFrom(seconds(10), seconds(60)),
  maxPerHour: fc.constantFrom(4, 20),
  whenOver: fc.boolean(),
});

describe('the replay', () => {
  it('decides and mails exactly as live, whatever comes and whatever the rules', async () => {
    await fc.assert(
      fc.asyncProperty(
        stream,
        fc.subarray(rules),
        policies,
        fc.boolean(),
        async (batches, some, policy, dedupes) => {
          await emptyTables(database.pool);
          const dedupeWindowMs = dedupes ? minutes(1) : 0;
          const line = new Timeline(database.pool, {
            recipients,
            policy,
            dedupeWindowMs,
            start: Date.parse('2026-11-22T10:00:00Z'),
            rules: `${some.length > 0 ? `rules:\n${some.map((rule) => `  ${rule}`).join('\n')}` : ''}${others}`,
          });
          let at = 0;
          for (const { pauseMs, records } of batches) {
            at += pauseMs;
            line.at(at, ...records);
          }
          // What nobody was told of, because its containers were starting, goes out after a day.
          const until = at + hours(26);
          await line.run(until);

          const replay = new Replay({
            alerts: {
              enabled: true,
              to: recipients,
              from: 'alerts@example.com',
              baseUrl: 'https://logs.example.com',
              policy: line.policy,
              rules: line.rules,
            },
            recipients: [],
            dedupeWindowMs,
          }).run(
            line.batches.map(({ at: batchAt, drafts }) => ({
              at: batchAt,
              records: drafts.map((draft) => {
                const name = String(draft.fields!.issue);
                return { draft, group: { fingerprint: name, title: name } };
              }),
            })),
            line.start + until,
          );

          const { rows: decisions } = await database.pool.query<{
            id: string;
            reason: string;
            notify: boolean;
          }>('select id, reason, notify from log_records order by id');
          expect(
            [...replay.decisions]
              .map(([id, each]) => ({ id, ...each }))
              .toSorted((a, b) => (a.id < b.id ? -1 : 1)),
          ).toEqual(decisions);
          const { rows: mails } = await database.pool.query<Mailed>(
            'select created_at, channel, to_address, subject, reason from notifications',
          );
          expect(
            sorted(
              replay.mails.map(({ at: sentAt, to, subject, reason }) => ({
                created_at: new Date(sentAt).toISOString(),
                channel: to.channel,
                to_address: to.toAddress,
                subject,
                reason,
              })),
            ),
          ).toEqual(sorted(mails));
        },
      ),
      {
        numRuns: Number(process.env.PROPERTY_RUNS ?? 12),
        endOnFailure: true,
      },
    );
  }, 300_000);
});

interface Mailed {
  created_at: string;
  channel: string;
  to_address: string;
  subject: string;
  reason: string;
}

function sorted(mails: readonly Mailed[]): string[] {
  return mails
    .map(({ created_at, ...mail }) =>
      JSON.stringify([new Date(created_at).toISOString(), ...Object.values(mail)]),
    )
    .toSorted();
}
