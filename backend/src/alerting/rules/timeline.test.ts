// Rules in time: records at these times, mails at those to these people, and nothing else.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../../test-kit/src/postgres.ts';
import { changeState } from '../../triage/change-issues.ts';
import { decisionsOfRecord } from '../decisions.ts';
import { emptyTables, hours, minutes, seconds, Timeline } from '../test-help-timeline.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(() => emptyTables(database.pool));

const timeline = (rules: string, options: ConstructorParameters<typeof Timeline>[1] = {}) =>
  new Timeline(database.pool, { rules, ...options });
/** Seconds since the start, who, and what. */
const toldTo = ({ mails }: Timeline) => mails.map(({ at, to, subject }) => [at / 1000, to, subject]);
const reasons = async () => {
  const { rows } = await database.pool.query<{ reason: string; n: number }>(
    'select reason, count(*)::int as n from log_records group by 1 order by 1',
  );
  return Object.fromEntries(rows.map(({ reason, n }) => [reason, n]));
};
const subject = 'api on web-1: refused';

describe('routing', () => {
  const rules = `
recipients:
  shop: [shop@example.org]
  payments: { email: [ada@example.org, bob@example.org] }
rules:
  - { name: payments, match: { container: "pay*" }, to: payments }
  - { name: shop, match: { labels: { team: shop } }, to: [shop], severity: fatal }
`.replace('[shop@example.org]', 'shop@example.org');

  it('takes each alert where the first rule that matches says, and the rest to the default recipients', async () => {
    const line = await timeline(rules)
      .at(0, { issue: 'declined', container: 'pay-1' })
      .at(minutes(5), { issue: 'refused' })
      .at(minutes(10), { issue: 'empty', container: 'cart', labels: { team: 'shop' } })
      .run(minutes(20));
    expect(toldTo(line)).toEqual([
      [0, 'ada@example.org', '[NEW] pay-1 on web-1: declined'],
      [0, 'bob@example.org', '[NEW] pay-1 on web-1: declined'],
      [300, 'ops@example.org', '[NEW] api on web-1: refused'],
      [600, 'shop@example.org', '[NEW] cart on web-1: empty'],
    ]);
    expect(line.mails[3]!.headers['X-Log-Detector-Severity']).toBe('fatal');
    expect(line.mails[2]!.headers['X-Log-Detector-Severity']).toBe('error');
  });

  it('by state tells who wants what is new of nothing that came back', async () => {
    const line = await timeline(`
rules:
  - { name: new, match: { state: new }, to: first@example.org }`)
      .at(0, { issue: 'refused' })
      .every(minutes(5), minutes(70), minutes(100), { issue: 'refused' })
      .run(minutes(100));
    expect(toldTo(line)).toEqual([
      [0, 'first@example.org', `[NEW] ${subject}`],
      [4200, 'ops@example.org', `[REGRESSED] ${subject}`],
    ]);
  });

  it('tells each place of what shares an alert with a record that went elsewhere', async () => {
    const line = await timeline(`
rules:
  - { name: deaths, match: { severity: fatal }, to: pager@example.org }`)
      .at(
        0,
        { issue: 'refused', coalesceId: 'c' },
        { issue: 'died', severity: 'fatal', coalesceId: 'c' },
        { issue: 'killed', severity: 'fatal', coalesceId: 'c' },
      )
      .run(minutes(20));
    expect(toldTo(line)).toEqual([
      [0, 'ops@example.org', `[NEW] ${subject}`],
      [0, 'pager@example.org', '[NEW] api on web-1: died'],
    ]);
    for (const { body } of line.mails) expect(body).toMatch(/refused.*died.*killed/s);
  });

  it('holds no fatal record in quiet hours because it shares an alert with one that is less', async () => {
    const line = await timeline(`
recipients:
  ops: { email: ops@example.org, quiet: { from: "00:00", to: "00:00" }, quiet_except: [fatal] }`)
      .at(0, { issue: 'refused', coalesceId: 'c' }, { issue: 'died', severity: 'fatal', coalesceId: 'c' })
      .at(minutes(5), { issue: 'late' })
      .run(minutes(20));
    expect(toldTo(line)).toEqual([[0, 'ops@example.org', `[NEW] ${subject}`]]);
    expect(line.mails[0]!.headers['X-Log-Detector-Severity']).toBe('fatal');
  });

  it('by state tells one of what is new, and another of what goes on', async () => {
    const line = await timeline(`
rules:
  - { name: new, match: { state: new }, to: first@example.org }
  - { name: goes on, match: { state: still-failing }, to: later@example.org }`)
      .every(minutes(10), 0, minutes(70), { issue: 'refused' })
      .run(minutes(70));
    expect(toldTo(line)).toEqual([
      [0, 'first@example.org', `[NEW] ${subject}`],
      [3600, 'later@example.org', `[STILL FAILING] ${subject}`],
    ]);
  });

  it('tells a place that has not heard of an issue at once, though it is in its cooldown for the others', async () => {
    const line = await timeline(`
rules:
  - { name: a, match: { host: a }, to: a@example.org }
  - { name: b, match: { host: b }, to: b@example.org }`)
      .every(minutes(1), 0, minutes(5), { issue: 'refused', host: 'a' })
      .every(
        minutes(1),
        minutes(5),
        minutes(30),
        { issue: 'refused', host: 'b' },
        { issue: 'refused', host: 'a' },
      )
      .run(minutes(30));
    expect(toldTo(line)).toEqual([
      [0, 'a@example.org', '[NEW] api on a: refused'],
      [300, 'b@example.org', '[STILL FAILING] api on a: refused'],
    ]);
    const toB = line.mails.find(({ to }) => to === 'b@example.org')!;
    expect((await decisionsOfRecord(database.pool, toB.facts.recordId!))?.explanation).toContain(
      'it goes to a place that was not told of it before',
    );
  });

  it('leaves the alert that is kept for when an issue comes back', async () => {
    const line = await timeline(
      `
rules:
  - { name: a, match: { host: a }, to: a@example.org }
  - { name: b, match: { host: b }, to: b@example.org }`,
      { policy: { cooldownMs: minutes(20) } },
    )
      .every(minutes(5), 0, minutes(85), { issue: 'refused', host: 'a' })
      .at(minutes(86), { issue: 'refused', host: 'b' })
      .at(minutes(150), { issue: 'refused', host: 'a' })
      .run(minutes(151));
    expect(toldTo(line).slice(-2)).toEqual([
      [minutes(80) / 1000, 'a@example.org', '[STILL FAILING] api on a: refused'],
      [minutes(150) / 1000, 'a@example.org', '[REGRESSED] api on a: refused'],
    ]);
  });

  it('tells of one issue in one batch wherever its records are routed to', async () => {
    const line = await timeline(`
rules:
  - { name: a, match: { host: a }, to: a@example.org }
  - { name: b, match: { host: b }, to: b@example.org }`)
      .at(0, { issue: 'refused', host: 'a' }, { issue: 'refused', host: 'b', times: 3 })
      .run(minutes(30));
    expect(toldTo(line).map(([, to]) => to)).toEqual(['a@example.org', 'b@example.org']);
  });

  it('tells that it is over to whoever was told', async () => {
    const line = await timeline('rules: [{ name: a, match: { host: web-1 }, to: a@example.org }]', {
      policy: { whenOver: true },
    })
      .at(0, { issue: 'refused' })
      .at(minutes(1), { issue: 'refused' })
      .run(hours(3));
    expect(toldTo(line)).toEqual([
      [0, 'a@example.org', `[NEW] ${subject}`],
      [3660, 'a@example.org', `[OVER] ${subject}`],
    ]);
  });
});

describe('hold', () => {
  it('tells nothing of what matches, and the rest of its issue all the same', async () => {
    const line = await timeline('rules: [{ name: noise, match: { pattern: "GET /health" }, hold: true }]')
      .at(0, { issue: 'slow', message: 'ERROR GET /health 503' })
      .at(minutes(1), { issue: 'slow', message: 'ERROR GET /cart 503' })
      .at(minutes(2), { issue: 'slow', message: 'ERROR GET /health 504' })
      .run(minutes(10));
    expect(toldTo(line)).toEqual([[60, 'ops@example.org', '[NEW] api on web-1: slow']]);
    expect(await reasons()).toEqual({ excluded: 2, new: 1 });
  });

  it('by state holds what goes on, and not what is new', async () => {
    const line = await timeline('rules: [{ name: once, match: { state: still-failing }, hold: true }]')
      .every(minutes(30), 0, hours(5), { issue: 'refused' })
      .run(hours(5));
    expect(toldTo(line)).toEqual([[0, 'ops@example.org', `[NEW] ${subject}`]]);
  });
});

describe('a threshold', () => {
  const five = 'rules: [{ name: many, threshold: { count: 5, within: 60s } }]';

  it('is reached by so many records within its time, and by fewer never', async () => {
    const line = await timeline(five)
      .every(seconds(20), 0, minutes(30), { issue: 'rare' }) // three or four in any minute
      .every(seconds(10), minutes(10), minutes(12), { issue: 'refused' })
      .run(minutes(40));
    expect(toldTo(line)).toEqual([[640, 'ops@example.org', `[NEW] ${subject}`]]);
    expect(line.mails[0]!.body).toContain('4 records were held back');
    expect((await reasons())['below-threshold']).toBeGreaterThanOrEqual(94);
  });

  it('of the rule counts all that matches it', async () => {
    const line = await timeline(
      'rules: [{ name: many, match: { container: api }, threshold: { count: 5, within: 60s, per: rule } }]',
    )
      .at(0, { issue: 'a', times: 2 })
      .at(seconds(10), { issue: 'b', times: 2 })
      .at(seconds(20), { issue: 'c' })
      .at(minutes(10), { issue: 'd', times: 4 })
      .run(minutes(20));
    expect(toldTo(line)).toEqual([[20, 'ops@example.org', '[NEW] api on web-1: c']]);
  });

  it('counts for all backends together', async () => {
    const lines = Array.from({ length: 5 }, () => timeline(five));
    await Promise.all(lines.map((line) => line.ingest(0, [{ issue: 'refused' }])));
    expect(await reasons()).toEqual({ 'below-threshold': 4, new: 1 });
  });

  it('that is reached again later tells that the issue came back', async () => {
    const line = await timeline(five)
      .at(0, { issue: 'refused', times: 6 })
      .at(hours(3), { issue: 'refused', times: 2 })
      .at(hours(3) + seconds(20), { issue: 'refused', times: 3 })
      .run(hours(4));
    expect(toldTo(line)).toEqual([
      [0, 'ops@example.org', `[NEW] ${subject}`],
      [10820, 'ops@example.org', `[REGRESSED] ${subject}`],
    ]);
  });
});

describe("a rule's own cooldown", () => {
  it('holds for what it matches, whether longer or shorter', async () => {
    const line = await timeline(`
rules:
  - { name: patient, match: { container: batch }, cooldown: 3h }
  - { name: hasty, match: { container: pay }, cooldown: 20m }`)
      .every(minutes(10), 0, hours(4), { issue: 'x', container: 'batch' })
      .every(minutes(10), 0, minutes(50), { issue: 'y', container: 'pay', host: 'web-2' })
      .run(hours(4));
    expect(toldTo(line).map(([at, , text]) => [Number(at) / 60, text])).toEqual([
      [0, '[2 ISSUES] batch, pay'],
      [20, '[STILL FAILING] pay on web-2: y'],
      [40, '[STILL FAILING] pay on web-2: y'],
      [180, '[STILL FAILING] batch on web-1: x'],
    ]);
  });
});

describe('maintenance', () => {
  it('holds what it is about while it lasts, and what goes on is told afterwards with the count', async () => {
    const start = Date.parse('2026-11-22T20:00:00Z');
    const line = await timeline(
      `
maintenance:
  - { name: upgrade, match: { host: "web-*" }, from: 2026-11-22T21:00, to: 2026-11-22T22:00, zone: UTC }`,
      { start },
    )
      .every(minutes(10), minutes(60), minutes(130), { issue: 'refused' })
      .at(minutes(65), { issue: 'other', host: 'db-1', container: 'db' })
      .run(hours(4));
    expect(toldTo(line)).toEqual([
      [3900, 'ops@example.org', '[NEW] db on db-1: other'],
      [7200, 'ops@example.org', `[NEW] ${subject}`],
    ]);
    expect(line.mails[1]!.body).toContain('6 records were held back');
    expect(await reasons()).toMatchObject({ maintenance: 6 });
  });

  it('that hides that an issue came back is followed by word of it, at once', async () => {
    const line = timeline(
      `
maintenance:
  - { name: upgrade, match: { host: "web-*" }, from: 2026-11-22T22:30, to: 2026-11-22T23:00, zone: UTC }`,
      { start: Date.parse('2026-11-22T20:00:00Z'), policy: { whenOver: true } },
    );
    line
      .at(0, { issue: 'refused' })
      .at(minutes(140), { issue: 'slow', container: 'db' })
      .do(minutes(145), async () => {
        const { rows } = await database.pool.query<{ id: string }>(
          `select id from issues where fingerprint = 'slow'`,
        );
        const at = new Date(line.start + minutes(145)).toISOString();
        await changeState(database.pool, rows[0]!.id, { state: 'resolved' }, at);
      })
      .every(minutes(5), minutes(151), minutes(190), { issue: 'refused' })
      .at(minutes(155), { issue: 'slow', container: 'db' })
      .at(minutes(184), { issue: 'slow', container: 'db' });
    await line.run(minutes(195));
    expect(toldTo(line).map(([at, , text]) => [Number(at) / 60, text])).toEqual([
      [0, `[NEW] ${subject}`],
      [140, '[2 ISSUES] db, api'], // the second one is over
      [181, `[REGRESSED] ${subject}`],
      [184, '[REGRESSED] db on web-1: slow'],
    ]);
  });

  it('answers why there was no mail', async () => {
    const line = timeline('maintenance: [{ name: always, every: { days: sun-sat } }]');
    const [id] = await line.ingest(0, [{ issue: 'refused' }]);
    expect(await decisionsOfRecord(database.pool, id!)).toMatchObject({
      notify: false,
      reason: 'maintenance',
      explanation: 'It came within a maintenance window of RULES_FILE.',
    });
  });
});

describe('quiet hours', () => {
  const rules = `
zone: Europe/Berlin
recipients:
  owl: { email: owl@example.org, quiet: { from: "22:00", to: "07:00" }, quiet_except: [fatal] }
`;
  const recipients = ['owl@example.org', 'ops@example.org'];
  const owls = (line: Timeline) => toldTo(line).filter(([, to]) => to === 'owl@example.org');

  it('keep what comes for one mail afterwards, in the night when the clocks go back an hour later', async () => {
    const line = await timeline(rules, { recipients, start: Date.parse('2026-10-24T19:00:00Z') }) // 21:00 there
      .at(minutes(30), { issue: 'a' })
      .at(minutes(65), { issue: 'b' })
      .at(hours(6), { issue: 'c', container: 'worker' })
      .run(hours(14));
    expect(owls(line)).toEqual([
      [1800, 'owl@example.org', '[NEW] api on web-1: a'],
      [hours(11) / 1000, 'owl@example.org', '[2 ISSUES] api, worker'], // 07:00 there, after ten hours of night
    ]);
    expect(toldTo(line).filter(([, to]) => to === 'ops@example.org')).toHaveLength(3);
  });

  it('end an hour earlier in the night when the clocks go forward', async () => {
    const line = await timeline(rules, { recipients, start: Date.parse('2027-03-27T21:30:00Z') }) // 22:30 there
      .at(0, { issue: 'a' })
      .run(hours(12));
    expect(owls(line)).toEqual([[hours(7.5) / 1000, 'owl@example.org', '[NEW] api on web-1: a']]);
  });

  it('let through that it is over, where they let through that it began', async () => {
    const line = await timeline(rules, {
      recipients,
      start: Date.parse('2026-11-22T22:00:00Z'),
      policy: { whenOver: true },
    })
      .at(0, { issue: 'crash', severity: 'fatal' })
      .at(minutes(1), { issue: 'crash', severity: 'fatal' })
      .run(hours(3));
    expect(owls(line)).toEqual([
      [0, 'owl@example.org', '[NEW] api on web-1: crash'],
      [3660, 'owl@example.org', '[OVER] api on web-1: crash'],
    ]);
  });

  it('let through what waits of the same issue with it, so that nothing is told after its end', async () => {
    const line = await timeline(rules, {
      recipients,
      start: Date.parse('2026-11-22T22:00:00Z'),
      policy: { whenOver: true },
    })
      .at(0, { issue: 'crash', severity: 'fatal' })
      .every(minutes(10), minutes(10), minutes(70), { issue: 'crash' })
      .at(hours(3), { issue: 'late' })
      .at(hours(4), { issue: 'late', severity: 'fatal' })
      .at(hours(4), { issue: 'other' })
      .run(hours(9));
    const mails = line.mails.filter(({ to }) => to === 'owl@example.org');
    expect(
      mails.map(({ subject, headers, facts }) => [subject, headers['X-Log-Detector-Severity'], facts.held]),
    ).toEqual([
      ['[NEW] api on web-1: crash', 'fatal', 0],
      ['[OVER] api on web-1: crash', 'fatal', 5],
      ['[NEW] api on web-1: late', 'fatal', 0],
      ['[OVER] api on web-1: late', 'fatal', 0],
      ['[OVER] api on web-1: other', 'error', 0],
    ]);
  });

  it('let through what is excepted, and that alone', async () => {
    const line = await timeline(rules, { recipients, start: Date.parse('2026-11-22T22:00:00Z') })
      .at(0, { issue: 'a' })
      .at(minutes(5), { issue: 'crash', severity: 'FATAL' })
      .run(hours(9));
    expect(owls(line)).toEqual([
      [300, 'owl@example.org', '[NEW] api on web-1: crash'],
      [hours(8) / 1000, 'owl@example.org', '[NEW] api on web-1: a'],
    ]);
  });
});

describe('with ALERT_GROUPING=off', () => {
  it('rules hold and route, each record for itself', async () => {
    const line = timeline(
      `
rules:
  - { name: noise, match: { pattern: health }, hold: true }
  - { name: pay, match: { container: pay }, to: [ada@example.org], severity: fatal }`,
      { policy: { grouping: 'off' } },
    );
    await line.ingest(0, [
      { issue: 'a', message: 'ERROR health' },
      { issue: 'b', container: 'pay', message: 'ERROR declined' },
      { issue: 'c', message: 'ERROR refused' },
    ]);
    const { rows } = await database.pool.query(
      'select to_address, subject from notifications order by to_address',
    );
    expect(rows).toEqual([
      { to_address: 'ada@example.org', subject: '[Log Alert] FATAL pay on web-1' },
      { to_address: 'ops@example.org', subject: '[Log Alert] ERROR api on web-1' },
    ]);
    expect(await reasons()).toMatchObject({ excluded: 1 });
  });
});
