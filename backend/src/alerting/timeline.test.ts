// What is told, and when, in the manner of Alertmanager's acceptance tests: records at these times, mails at those, and
// nothing else.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test-kit/src/postgres.ts';
import { changeState, mergeIssues, splitIssues } from '../triage/change-issues.ts';
import { decisionsOfRecord } from './decisions.ts';
import { notificationsOfRecord } from './history.ts';
import { days, emptyTables, hours, minutes, seconds, Timeline } from './test-help-timeline.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(() => emptyTables(database.pool));

const timeline = (options: ConstructorParameters<typeof Timeline>[1] = {}) =>
  new Timeline(database.pool, options);
const subject = 'api on web-1: refused';

describe('two issues that become one', () => {
  const held = ({ mails }: Timeline) =>
    mails.map(({ at, reason, facts }) => [at / minutes(1), reason, facts.title, facts.held]);
  const idOf = async (issue: string) => {
    const { rows } = await database.pool.query<{ id: string }>(
      'select id from issues where fingerprint = $1',
      [issue],
    );
    return rows[0]!.id;
  };
  const merge = async () => {
    await mergeIssues(database.pool, await idOf('rare'), [await idOf('often')]);
  };

  it('are told with what was held back since the mail about either, and are no spike', async () => {
    const line = timeline()
      .at(0, { issue: 'rare' })
      .every(minutes(1), minutes(1), minutes(100), { issue: 'often', times: 100 });
    line.do(minutes(90) + 1, merge).at(minutes(140), { issue: 'rare' });
    await line.run(minutes(150));
    expect(held(line)).toEqual([
      [0, 'new', 'rare', 0],
      [1, 'new', 'often', 0],
      [61, 'still-failing', 'often', 5999],
      [140, 'still-failing', 'rare', 99 + 38 * 100],
    ]);
  });

  it('go on in the thread of the one that was told, where the other was not', async () => {
    const rules = 'rules:\n  - { name: few, match: { pattern: rare }, threshold: { count: 9, within: 10m } }';
    const line = timeline({ rules })
      .at(0, { issue: 'rare' }, { issue: 'often' })
      .do(minutes(5), merge)
      .every(minutes(10), minutes(10), minutes(61), { issue: 'often' });
    await line.run(hours(1));
    expect(held(line)).toEqual([
      [0, 'new', 'often', 0],
      [60, 'still-failing', 'rare', 6],
    ]);
    expect(line.mails[1]!.headers.References).toBe(line.mails[0]!.headers.References);
  });

  it('are back also when one batch has records of both', async () => {
    const both = [{ issue: 'rare' }, { issue: 'often' }];
    const line = timeline();
    line
      .at(0, ...both)
      .do(minutes(1), merge)
      .do(minutes(2), async () => {
        const at = new Date(line.start + minutes(2)).toISOString();
        await changeState(database.pool, await idOf('rare'), { state: 'resolved' }, at);
      })
      .at(minutes(3), ...both)
      .at(hours(5), ...both);
    await line.run(hours(6));
    expect(held(line)).toEqual([
      [0, 'roll-up', '[2 ISSUES] api', 0],
      [3, 'regressed', 'rare', 0],
      [300, 'regressed', 'rare', 1],
    ]);
  });

  it('stay muted for as many records as before, and only these were held by the mute', async () => {
    const line = timeline();
    const split = async () => splitIssues(database.pool, await idOf('rare'), [await idOf('often')]);
    line
      .at(0, { issue: 'rare' }, { issue: 'often', times: 100 })
      .do(minutes(1), async () => {
        const at = new Date(line.start + minutes(1)).toISOString();
        await changeState(database.pool, await idOf('rare'), { state: 'muted', mutedUntilCount: 11 }, at);
      })
      .do(minutes(2), merge)
      .every(minutes(1), minutes(3), minutes(10), { issue: 'rare' })
      .do(minutes(10), split)
      .every(minutes(1), minutes(11), minutes(20), { issue: 'rare' });
    await line.run(minutes(30));
    expect(line.mails.map(({ at, reason }) => [at / minutes(1), reason])).toEqual([
      [0, 'roll-up'],
      [13, 'still-failing'],
    ]);
    expect(line.mails[1]!.body).toContain('until it has 11 records, and now it has 11.');
    expect(line.mails[1]!.body.replaceAll('\n', ' ')).toContain(', 9 of them while it was muted.');
  });

  it('say when they are over how many records the episode had, and not what was there before', async () => {
    const lasted = ({ mails }: Timeline) =>
      mails.flatMap(({ reason, body }) => (reason === 'over' ? (/Lasted: .*/.exec(body) ?? []) : []));
    const line = timeline({ policy: { whenOver: true } })
      .at(0, { issue: 'rare', times: 1000 })
      .do(hours(2), async () => {})
      .at(hours(5), { issue: 'often', times: 7 })
      .do(hours(5) + 1, merge)
      .at(hours(30), { issue: 'rare', times: 3 })
      .do(hours(30) + 1, async () => splitIssues(database.pool, await idOf('rare'), [await idOf('often')]));
    for (const at of [9, 200]) line.do(hours(at), async () => {});
    await line.run(hours(200));
    expect(lasted(line)).toEqual([
      'Lasted: 0 s, 1,000 records',
      'Lasted: 0 s, 7 records',
      'Lasted: 0 s, 3 records',
    ]);
  });

  it('and then two again, are told of nothing twice', async () => {
    const line = timeline()
      .at(0, { issue: 'rare' })
      .every(minutes(1), minutes(1), minutes(58), { issue: 'often', times: 100 })
      .do(minutes(58), merge)
      .every(minutes(1), minutes(59), minutes(65), { issue: 'often', times: 100 })
      .do(minutes(66), async () => splitIssues(database.pool, await idOf('rare'), [await idOf('often')]))
      .every(minutes(1), minutes(70), minutes(130), { issue: 'rare' }, { issue: 'often' });
    await line.run(minutes(130));
    const records = (await database.pool.query<{ n: number }>('select count(*) as n from log_records'))
      .rows[0]!.n;
    const told = line.mails.reduce((sum, { facts }) => sum + facts.held + Math.max(1, facts.items.length), 0);
    expect(told).toBeLessThanOrEqual(records);
    expect(told).toBeGreaterThan(6000);
  });
});

describe('one issue', () => {
  it('is told at once when new, and then at most once in a cooldown, with the count of what was held back', async () => {
    const line = await timeline()
      .every(seconds(30), 0, minutes(121), { issue: 'refused', times: 2 })
      .run(minutes(121));
    expect(line.told).toEqual([
      [0, `[NEW] ${subject}`],
      [3600, `[STILL FAILING] ${subject}`],
      [7200, `[STILL FAILING] ${subject}`],
    ]);
    // Between the first of one batch and the first of another 120 batches later, of two records each.
    expect(line.mails[1]!.body).toContain('239 records were held back since the mail before');
    expect(line.mails[2]!.body).toContain('239 records were held back since the mail before');
  });

  it('is told whatever stands in its fields, which a stranger may have written', async () => {
    const fields = {
      restart_count: { valueOf: 1, toString: 1 },
      started_at: `${'x'.repeat(18)}\u{1f525}`,
      image_id: ['a'],
      phase: 'starting',
    };
    const line = await timeline()
      .at(0, { issue: 'refused', fields: { ...fields, phase: 'running' } })
      .at(1, { issue: 'noise', fields })
      .at(minutes(5), { issue: 'disk full' })
      .run(minutes(10));
    expect(line.told).toEqual([
      [0, `[NEW] ${subject}`],
      [300, '[NEW] api on web-1: disk full'],
    ]);
  });

  it('draws on its own bucket: five mails, then one in six hours, however long it goes on', async () => {
    const line = await timeline().every(minutes(10), 0, days(1), { issue: 'refused' }).run(days(1));
    expect(line.mails.length).toBeLessThanOrEqual(5 + 4);
    expect(line.told.slice(0, 5).map(([at]) => at / 3600)).toEqual([0, 1, 2, 3, 4]);
    expect(line.told.length).toBeGreaterThanOrEqual(7);
  });

  it('that used up its mails is told when it comes back, and is not said to be over before it could be', async () => {
    const line = timeline({ policy: { cooldownMs: minutes(20), whenOver: true } })
      .every(minutes(5), 0, hours(13), { issue: 'refused' })
      .at(minutes(800), { issue: 'refused' })
      .do(minutes(880), async () => {});
    await line.run(hours(24));
    const told = line.mails.map(({ at, reason }) => [Math.floor(at / minutes(1)), reason]);
    expect(told.map(([at]) => at)).toEqual([0, 20, 40, 60, 80, 360, 720, 795, 800, 1080]);
    expect(told.slice(-3)).toEqual([
      [795, 'over'],
      [800, 'regressed'],
      // It was quiet long enough at 875; from now on it could be told again.
      [1080, 'over'],
    ]);
  });

  it('that used up its mails is told when it comes back after a person resolved it', async () => {
    const line = timeline({ policy: { cooldownMs: minutes(20) } });
    const resolve = async (at: number) => {
      const { rows } = await database.pool.query<{ id: string }>('select id from issues');
      const now = new Date(line.start + at).toISOString();
      await changeState(database.pool, rows[0]!.id, { state: 'resolved' }, now);
    };
    line.every(minutes(5), 0, hours(3), { issue: 'refused' });
    for (const at of [101, 106, 111]) line.do(minutes(at), () => resolve(minutes(at)));
    await line.run(hours(3));
    expect(line.mails.map(({ at, reason }) => [at / minutes(1), reason]).slice(-3)).toEqual([
      [105, 'regressed'],
      [110, 'regressed'],
      [115, 'regressed'],
    ]);
  });

  it('has come back, in a new thread, when it was quiet for longer than a cooldown', async () => {
    const line = await timeline()
      .at(0, { issue: 'refused' })
      .at(minutes(70), { issue: 'refused' })
      .run(hours(3));
    expect(line.told).toEqual([
      [0, `[NEW] ${subject}`],
      [4200, `[REGRESSED] ${subject}`],
    ]);
    const [first, second] = line.mails.map(({ headers }) => headers.References);
    expect(first).not.toBe(second);
  });

  it('has not come back after a pause that is usual for it', async () => {
    const line = await timeline().every(hours(5), 0, hours(16), { issue: 'nightly' }).run(hours(16));
    expect(line.told.map(([, text]) => text.split(' ')[0])).toEqual([
      '[NEW]',
      '[REGRESSED]',
      '[STILL',
      '[STILL',
    ]);
  });

  it('has come back when a person had resolved it, however soon', async () => {
    const line = timeline();
    await line.ingest(0, [{ issue: 'refused' }]);
    await database.pool.query(`update issues set state = 'resolved', resolved_at = now()`);
    await line.at(minutes(2), { issue: 'refused' }).run(minutes(10));
    expect(line.told).toEqual([
      [0, `[NEW] ${subject}`],
      [120, `[REGRESSED] ${subject}`],
    ]);
  });

  it('is a spike when it makes far more than it ever did, once in a cooldown, in the same thread', async () => {
    const line = await timeline()
      .every(minutes(1), 0, minutes(30), { issue: 'refused' })
      .every(seconds(10), minutes(30), minutes(45), { issue: 'refused', times: 20 })
      .run(minutes(50));
    expect(line.told.map(([, text]) => text)).toEqual([`[NEW] ${subject}`, `[SPIKE] ${subject}`]);
    expect(line.told[1]![0]).toBeGreaterThanOrEqual(1800);
    expect(line.told[1]![0]).toBeLessThan(1830);
    expect(line.mails[0]!.headers.References).toBe(line.mails[1]!.headers.References);
  });

  it('is told when it is over, with how long it lasted and how many records it made, in the same thread', async () => {
    const line = await timeline({ policy: { whenOver: true } })
      .every(minutes(1), 0, minutes(20), { issue: 'refused', times: 3 })
      .run(hours(3));
    expect(line.told).toEqual([
      [0, `[NEW] ${subject}`],
      [minutes(79) / 1000, `[OVER] ${subject}`], // a cooldown after its last record
    ]);
    expect(line.mails[1]!.body).toContain('Lasted: 19 min, 60 records');
    expect(line.mails[0]!.headers.References).toBe(line.mails[1]!.headers.References);
  });

  it('is not told when muted, and told again when the mute has ended', async () => {
    const line = timeline();
    await line.ingest(0, [{ issue: 'refused' }]);
    await database.pool.query(`update issues set state = 'muted', muted_until = $1`, [
      new Date(line.start + hours(3)),
    ]);
    await line.every(minutes(10), minutes(10), hours(4), { issue: 'refused' }).run(hours(4));
    expect(line.told).toEqual([
      [0, `[NEW] ${subject}`],
      [hours(3) / 1000, `[STILL FAILING] ${subject}`],
    ]);
  });

  it('is told of each record held back once, in the mail that says it is over, and not again when it comes back', async () => {
    const line = timeline({
      policy: { whenOver: true, cooldownMs: minutes(30) },
      recipients: ['ops@example.org', 'owl@example.org'],
      start: Date.parse('2026-11-22T00:00:00Z'),
      // Hears of the end, and of what came back, in one mail.
      rules: 'recipients:\n  owl: { email: owl@example.org, quiet: { from: "00:30", to: "02:02" } }',
    });
    const burst = { issue: 'refused', times: 3 };
    line.every(minutes(1), 0, minutes(10), burst);
    line.every(minutes(1), minutes(120), minutes(125), burst).do(minutes(240), async () => {});
    await line.run(hours(20));
    const heldOf = (to: string) =>
      line.mails.filter((mail) => mail.to === to).map(({ reason, facts }) => [reason, facts.held]);
    expect(heldOf('ops@example.org')).toEqual([
      ['new', 0],
      ['over', 29],
      ['regressed', 0],
      ['over', 14],
    ]);
    expect(heldOf('owl@example.org')).toEqual([
      ['new', 0],
      ['regressed', 29],
      ['over', 14],
    ]);
  });

  it('is told when it is over, in the same thread, when it had been resolved and was opened again', async () => {
    const setState = (state: string) => () => database.pool.query('update issues set state = $1', [state]);
    const line = await timeline({ policy: { whenOver: true } })
      .every(minutes(20), 0, minutes(61), { issue: 'refused' })
      .do(minutes(5), setState('resolved'))
      .do(minutes(8), setState('open'))
      .do(minutes(62), async () => {})
      .run(hours(4));
    expect(line.told).toEqual([
      [0, `[NEW] ${subject}`],
      [3600, `[STILL FAILING] ${subject}`],
      [minutes(120) / 1000, `[OVER] ${subject}`],
    ]);
    expect(new Set(line.mails.map(({ headers }) => headers.References)).size).toBe(1);
  });

  it('is told of, though its records are duplicates, when it goes on', async () => {
    const line = timeline({ dedupeWindowMs: minutes(5) });
    const record = { issue: 'refused', message: 'ERROR the very same' };
    await line.every(minutes(1), 0, minutes(70), record).run(minutes(70));
    expect(line.told).toEqual([
      [0, `[NEW] ${subject}`],
      [3600, `[STILL FAILING] ${subject}`],
    ]);
    const { rows } = await database.pool.query(
      'select reason, count(*)::int as n from log_records group by 1 order by 1',
    );
    expect(rows).toEqual([
      { reason: 'duplicate', n: 68 },
      { reason: 'new', n: 1 },
      { reason: 'still-failing', n: 1 },
    ]);
  });

  it.each([
    ['alerts were off', { enabled: false }],
    ['nobody was there to send to', { recipients: [] }],
    ['a rule held it', { rules: 'rules: [{ name: noise, match: { container: api }, hold: true }]' }],
  ])('is told as new, and of no mail before, when it was seen while %s', async (_why, before) => {
    const silent = timeline(before);
    await silent.at(0, { issue: 'refused' }).run(minutes(1));
    expect(silent.told).toEqual([]);
    const line = await timeline().at(minutes(2), { issue: 'refused' }).run(minutes(3));
    expect(line.told).toEqual([[120, `[NEW] ${subject}`]]);
    expect(line.mails[0]!.body).toContain(
      'This is the first alert about it. 1 record was held back before.\n',
    );
    expect(await decisionsOfRecord(database.pool, line.mails[0]!.facts.recordId!)).toMatchObject({
      reason: 'new',
      explanation: 'No alert of its issue was made before.',
    });
  });
});

describe('several issues', () => {
  it('are told first at once, then gathered into one mail at the end of the digest window', async () => {
    const line = await timeline()
      .at(0, { issue: 'a' })
      .at(seconds(5), { issue: 'b' })
      .at(seconds(20), { issue: 'c', container: 'worker' })
      .at(minutes(5), { issue: 'd' })
      .run(minutes(10));
    expect(line.told).toEqual([
      [0, '[NEW] api on web-1: a'],
      [60, '[2 ISSUES] api, worker'],
      [300, '[NEW] api on web-1: d'],
    ]);
    expect(line.mails[1]!.issues).toEqual(['b', 'c']);
  });

  it('of one batch make one mail', async () => {
    const line = await timeline().at(0, { issue: 'a' }, { issue: 'b', times: 40 }).run(minutes(10));
    expect(line.told).toEqual([[0, '[2 ISSUES] api']]);
    expect(line.mails[0]!.body).toContain('2 new.');
  });

  it('make one alert when their records share a coalesce_id, which shows all of them', async () => {
    const line = await timeline()
      .at(0, { issue: 'a', coalesceId: 'c' }, { issue: 'b', coalesceId: 'c' })
      .run(minutes(10));
    expect(line.told).toEqual([[0, '[NEW] api on web-1: a']]);
    expect(line.mails[0]!.body).toContain('Aggregated 2 log entries');
    expect(line.mails[0]!.body).toContain('ERROR b');
  });

  it('count what was held back in their next mail, where that of another one showed their record', async () => {
    const line = timeline({ policy: { cooldownMs: hours(1) } })
      .at(0, { issue: 'refused' })
      .at(minutes(2), { issue: 'died', times: 10 })
      .at(minutes(70), { issue: 'refused', coalesceId: 'c' }, { issue: 'died', coalesceId: 'c' })
      .at(minutes(140), { issue: 'died' });
    await line.run(minutes(150));
    expect(line.mails.map(({ at, issues, facts }) => [at / minutes(1), issues, facts.held])).toEqual([
      [0, ['refused'], 0],
      [2, ['died'], 0],
      [70, ['refused'], 0],
      [140, ['died'], 9],
    ]);
    expect(line.mails[2]!.body).toContain('died');
  });

  it('never hide a new one: it comes within the digest window, first in the mail, in the middle of a flood', async () => {
    const line = timeline({ policy: { maxPerHour: 6 } });
    const old = Array.from({ length: 50 }, (_, n) => ({ issue: `old ${n}`, times: 4 }));
    line.every(seconds(30), 0, minutes(30), ...old).at(minutes(17), { issue: 'the new fault', host: 'db-1' });
    await line.run(minutes(30));
    const carrying = line.mails.filter(({ issues }) => issues.includes('the new fault'));
    expect(carrying).toHaveLength(1);
    expect(carrying[0]!.at).toBeLessThanOrEqual(minutes(18));
    expect(carrying[0]!.subject).toContain('[NEW] api on db-1: the new fault');
    expect(line.mails.length).toBeLessThanOrEqual(3);
  });
});

describe('several recipients', () => {
  it('each get a mail of their own', async () => {
    const line = await timeline({ recipients: ['a@example.org', 'b@example.org'] })
      .at(0, { issue: 'refused' })
      .run(minutes(5));
    expect(line.mails.map(({ to, subject: text }) => [to, text])).toEqual([
      ['a@example.org', `[NEW] ${subject}`],
      ['b@example.org', `[NEW] ${subject}`],
    ]);
  });

  it('are left alone once they are deactivated', async () => {
    const line = timeline({ recipients: ['a@example.org'] });
    const [recordId] = await line.ingest(0, [{ issue: 'refused' }]);
    await database.pool.query(
      `insert into email_recipients (id, email, is_active) values (gen_random_uuid(), 'a@example.org', false)`,
    );
    await line.run(minutes(1));
    expect(line.told).toEqual([]);
    expect(await notificationsOfRecord(database.pool, recordId!)).toMatchObject([
      { status: 'skipped', error_message: 'the recipient is no longer active' },
    ]);
    expect(await decisionsOfRecord(database.pool, recordId!)).toMatchObject({
      alerts: [{ state: 'dropped', mail: null, error_message: 'the recipient is no longer active' }],
    });
  });
});

describe('the history of a record', () => {
  it('is a pending notification while its alert is gathered, and then the mail that carries it', async () => {
    const line = timeline();
    await line.ingest(0, [{ issue: 'a' }]);
    await line.dispatch(0);
    const [b] = await line.ingest(seconds(1), [{ issue: 'b' }]);
    const [c] = await line.ingest(seconds(2), [{ issue: 'c' }]);
    expect(await notificationsOfRecord(database.pool, b!)).toMatchObject([
      { status: 'pending', subject: '[NEW] b', to_address: 'ops@example.org' },
    ]);
    await line.dispatch(seconds(60));
    const [mailOfB] = await notificationsOfRecord(database.pool, b!);
    const [mailOfC] = await notificationsOfRecord(database.pool, c!);
    expect(mailOfB).toEqual(mailOfC);
    expect(mailOfB).toMatchObject({ status: 'pending', subject: '[2 ISSUES] api' });
    expect(await decisionsOfRecord(database.pool, c!)).toMatchObject({
      notify: true,
      reason: 'new',
      explanation: 'No alert of its issue was made before.',
      alerts: [{ to_address: 'ops@example.org', state: 'mailed', mail: 'roll-up', mail_status: 'pending' }],
    });
  });

  it('says why a record was held back', async () => {
    const line = timeline({ dedupeWindowMs: minutes(5) });
    const [, second] = await line.ingest(0, [{ issue: 'a', times: 2 }]);
    const [third] = await line.ingest(1, [{ issue: 'a' }]);
    const [, twin] = await line.ingest(2, [
      { issue: 'a', message: 'same' },
      { issue: 'a', message: 'same' },
    ]);
    const reasons = await Promise.all(
      [second, third, twin].map(async (id) => (await decisionsOfRecord(database.pool, id!))?.reason),
    );
    expect(reasons).toEqual(['in-cooldown', 'in-cooldown', 'duplicate']);
  });
});

describe('two backends', () => {
  it('never both call an issue new, and never both carry an alert', async () => {
    const lines = Array.from({ length: 4 }, () => timeline());
    for (let round = 0; round < 5; round += 1) {
      await Promise.all(lines.map((line) => line.ingest(round, [{ issue: `race ${round}`, times: 3 }])));
      await Promise.all(lines.map((line) => line.dispatch(round)));
    }
    await Promise.all(lines.map((line) => line.dispatch(minutes(2))));
    const { rows } = await database.pool.query(
      `select fingerprint, reason, count(*)::int as n, count(distinct notification_id)::int as mails
       from alerts group by 1, 2 order by 1`,
    );
    expect(rows).toEqual(
      Array.from({ length: 5 }, (_, n) => ({ fingerprint: `race ${n}`, reason: 'new', n: 1, mails: 1 })),
    );
  });
});

describe('a clock that ran a day ahead for a moment', () => {
  const ahead = days(1);

  it('holds back no mail once it is right again', async () => {
    const line = timeline({ policy: { maxPerHour: 1 } });
    // Its one token is taken, its window is open, and the issue is told.
    await line.ingest(ahead, [{ issue: 'refused' }]);
    expect((await line.dispatch(ahead)).mails).toBe(1);
    await line.ingest(0, [{ issue: 'refused' }, { issue: 'disk full' }]);
    expect((await line.dispatch(0)).mails).toBe(1);
    const { rows } = await database.pool.query('select subject from notifications order by created_at');
    expect(rows.map(({ subject: of }) => of).toSorted()).toEqual(['[2 ISSUES] api', `[NEW] ${subject}`]);
  });

  it('makes no spike of what goes on as ever, and lets it be over, and come back, in time', async () => {
    const line = timeline({ policy: { whenOver: true } });
    const usual = { issue: 'refused', times: 5 };
    line
      .every(minutes(1), 0, minutes(50), usual)
      .do(minutes(10) + 1, () => line.ingest(ahead, [usual]))
      .at(hours(5), usual)
      .do(hours(6), async () => {});
    await line.run(hours(20));
    const told = line.mails.map(({ at, reason }) => [Math.floor(at / minutes(1)), reason]);
    // What the clock said itself is not to be known as wrong.
    expect(told.slice(0, 3)).toEqual([
      [0, 'new'],
      [10, 'regressed'],
      [11, 'still-failing'],
    ]);
    expect(told.slice(3)).toEqual([
      [109, 'over'],
      [300, 'regressed'],
      // Three times its longest pause later.
      [expect.closeTo(300 + 3 * 251, -1), 'over'],
    ]);
  });

  it('makes no duplicates of what comes after it', async () => {
    const line = timeline({ dedupeWindowMs: seconds(60) });
    const same = { issue: 'refused', message: 'ERROR refused' };
    const ids = [];
    for (const at of [ahead, 0, seconds(30), seconds(120)]) ids.push(...(await line.ingest(at, [same])));
    const { rows } = await database.pool.query('select id, duplicate_of_id from log_records');
    const of = new Map(rows.map(({ id, duplicate_of_id }) => [id, duplicate_of_id]));
    expect(ids.map((id) => of.get(id))).toEqual([null, null, ids[1], null]);
  });
});
