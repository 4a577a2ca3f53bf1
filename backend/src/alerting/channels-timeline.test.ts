// Timelines of alerts that go to channels beside mail: who is told what, and when, and that the bound holds for each.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test-kit/src/postgres.ts';
import { changeState, mergeIssues } from '../triage/change-issues.ts';
import { notificationsOfRecord } from './history.ts';
import { days, emptyTables, hours, minutes, seconds, Timeline } from './test-help-timeline.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(() => emptyTables(database.pool));

const slack = { name: 'ops-slack', type: 'slack' };
const pager = { name: 'on-call', type: 'pagerduty' };
const given = (options: ConstructorParameters<typeof Timeline>[1]) => new Timeline(database.pool, options);

describe('a channel beside mail', () => {
  it('gets every alert, under its own name, with facts and without HTML', async () => {
    const line = await given({ channels: [slack] })
      .at(0, { issue: 'a' })
      .run(minutes(1));
    expect(line.mails.map(({ channel, to }) => [channel, to]).sort()).toEqual([
      ['email', 'ops@example.org'],
      ['ops-slack', 'ops-slack'],
    ]);
    const told = line.mails.find(({ channel }) => channel === 'ops-slack')!;
    expect(told.html).toBeNull();
    expect(told.body).not.toContain('mails');
    expect(told.facts).toMatchObject({
      state: 'new',
      service: 'api',
      host: 'web-1',
      title: 'a',
      message: 'ERROR a 1',
      items: [],
      ended: [],
      threadId: expect.any(String),
    });
  });

  it('has a digest window and buckets of its own', async () => {
    const line = await given({
      channels: [slack],
      policy: { digestMs: seconds(60), maxPerHour: 2 },
    })
      .at(0, { issue: 'a' })
      .at(seconds(10), { issue: 'b' }, { issue: 'c' })
      .run(minutes(5));
    const times = (channel: string) =>
      line.mails
        .filter((mail) => mail.channel === channel)
        .map(({ at, subject }) => [at / 1000, subject.slice(0, 10)]);
    expect(times('ops-slack')).toEqual([
      [0, '[NEW] api '],
      [60, '[2 ISSUES]'],
    ]);
    expect(times('email')).toEqual(times('ops-slack'));
  });

  it('keeps to the documented bound in a flood, as every recipient does', async () => {
    const policy = { digestMs: seconds(30), maxPerHour: 6, maxPerHourTotal: 9 };
    const line = given({ channels: [slack, pager], policy });
    for (let n = 0; n < 240; n += 1) line.at(seconds(15 * n), { issue: `issue ${n}` });
    await line.run(hours(1));
    const T = 3600;
    for (const channel of ['email', 'ops-slack', 'on-call']) {
      const sent = line.mails.filter((mail) => mail.channel === channel).length;
      expect(sent).toBeGreaterThan(0);
      expect(sent).toBeLessThanOrEqual(Math.min(1 + T / 30, 6 + (6 * T) / 3600));
    }
    expect(line.mails.length).toBeLessThanOrEqual(9 + (9 * T) / 3600);
  });

  it('is told alone when mails are off', async () => {
    const line = await given({ channels: [slack], enabled: false })
      .at(0, { issue: 'a' })
      .run(minutes(1));
    expect(line.mails.map(({ channel }) => channel)).toEqual(['ops-slack']);
  });

  it('gets a message for each record with ALERT_GROUPING=off', async () => {
    const line = given({ channels: [slack], policy: { grouping: 'off' } });
    await line.at(0, { issue: 'a', times: 2 }).run(seconds(1));
    const { rows } = await database.pool.query(
      `select channel, subject, html is null as is_text, facts->>'message' as message from notifications order by id`,
    );
    expect(rows).toEqual(
      [1, 2].flatMap((n) =>
        ['email', 'ops-slack'].map((channel) => ({
          channel,
          subject: '[Log Alert] ERROR api on web-1',
          is_text: channel !== 'email',
          message: `ERROR a ${n}`,
        })),
      ),
    );
  });

  it('that has left the configuration keeps its alerts for a day, and then drops them', async () => {
    await given({ channels: [slack] }).ingest(0, [{ issue: 'a' }]);
    const later = given({ channels: [] });
    await later.dispatch(hours(23));
    const statuses = async () =>
      (await database.pool.query(`select status from alerts where channel = 'ops-slack'`)).rows;
    expect(await statuses()).toEqual([{ status: 'waiting' }]);
    await later.dispatch(days(1) + 1);
    expect(await statuses()).toEqual([{ status: 'dropped' }]);
  });
});

describe('a pager', () => {
  const pagesOf = (line: Timeline) => line.mails.filter(({ channel }) => channel === 'on-call');
  const droppedOf = async (issue: string) => {
    const { rows } = await database.pool.query<{ record_id: string }>(
      `select record_id from alerts where fingerprint = $1 and status = 'dropped'`,
      [issue],
    );
    const ofRecord = await notificationsOfRecord(database.pool, rows[0]!.record_id);
    return ofRecord.filter(({ status }) => status === 'skipped');
  };

  it('is told that an episode is over although mail is not', async () => {
    const line = given({ channels: [pager] }).at(0, { issue: 'a' });
    // The dispatcher looks now and then; a timeline has to be told to.
    await line.do(minutes(1), async () => {}).run(hours(3));
    const [opened, closed] = pagesOf(line);
    expect(opened!.facts).toMatchObject({ state: 'new', ended: [] });
    expect(closed!.facts).toMatchObject({
      state: 'over',
      threadId: null,
      ended: [opened!.facts.threadId],
    });
    expect(pagesOf(line)).toHaveLength(2);
    expect(line.mails.filter(({ channel }) => channel === 'email')).toHaveLength(1);
  });

  it('closes at once what a person resolves', async () => {
    const line = given({ channels: [pager] }).at(0, { issue: 'a' });
    line.do(minutes(5), async () => {
      const { rows } = await database.pool.query<{ id: string }>('select id from issues');
      await changeState(database.pool, rows[0]!.id, { state: 'resolved' }, new Date().toISOString());
    });
    await line.run(minutes(6));
    const [opened, closed] = pagesOf(line);
    expect(closed!.at).toBe(minutes(5));
    expect(closed!.facts.ended).toEqual([opened!.facts.threadId]);
    expect(line.mails.filter(({ channel }) => channel === 'email')).toHaveLength(1);
  });

  it('closes what came back before anyone could say that it was over', async () => {
    const line = given({ channels: [pager] }).at(0, { issue: 'a' });
    line.do(minutes(1), () =>
      database.pool.query(`update issues set state = 'resolved', resolved_at = now()`),
    );
    await line.at(minutes(1), { issue: 'a' }).run(minutes(3));
    const [opened, again] = pagesOf(line);
    expect(again!.reason).toBe('regressed');
    expect(again!.facts.ended).toEqual([opened!.facts.threadId]);
    expect(again!.facts.threadId).not.toBe(opened!.facts.threadId);
  });

  const changed = async (change: Parameters<typeof changeState>[2]) => {
    const { rows } = await database.pool.query<{ id: string }>('select id from issues');
    await changeState(database.pool, rows[0]!.id, change, new Date().toISOString());
  };
  const shortly = (line: Timeline) =>
    pagesOf(line).map(({ at, reason, facts }) => [at / hours(1), reason, facts.threadId, facts.ended]);

  it('opens again, and closes, what a person had resolved and then opened again', async () => {
    const line = given({ channels: [pager] })
      .at(0, { issue: 'a' })
      .do(minutes(15), () => changed({ state: 'resolved' }))
      .do(minutes(18), () => changed({ state: 'open' }))
      .every(minutes(15), minutes(30), minutes(80), { issue: 'a' })
      .do(minutes(90), () => changed({ state: 'resolved' }));
    await line.run(hours(6));
    const thread = pagesOf(line)[0]!.facts.threadId;
    expect(shortly(line)).toEqual([
      [0, 'new', thread, []],
      [0.25, 'over', null, [thread]],
      [1, 'still-failing', thread, []],
      [1.5, 'over', null, [thread]],
    ]);
  });

  it('opens again, and closes, what was quiet and came back while it was muted', async () => {
    const line = given({ channels: [pager] });
    const mutedUntil = new Date(line.start + hours(4)).toISOString();
    line
      .at(0, { issue: 'a' })
      .do(minutes(5), () => changed({ state: 'muted', mutedUntil }))
      .every(minutes(30), hours(3), hours(4) + 1, { issue: 'a' })
      .do(hours(5), async () => {});
    await line.run(hours(14));
    const thread = pagesOf(line)[0]!.facts.threadId;
    expect(shortly(line)).toEqual([
      [0, 'new', thread, []],
      [1, 'over', null, [thread]],
      [4, 'still-failing', thread, []],
      // Three times its longest pause after its last record.
      [expect.closeTo(13, 1), 'over', null, [thread]],
    ]);
  });

  it('closes once more what went on after its end and then came back resolved', async () => {
    const line = given({ channels: [pager] })
      .at(0, { issue: 'a' })
      .do(minutes(15), () => changed({ state: 'resolved' }))
      .do(minutes(18), () => changed({ state: 'open' }))
      .every(minutes(30), minutes(30), minutes(61), { issue: 'a' })
      .do(minutes(70), () => database.pool.query(`update issues set state = 'resolved'`))
      .at(minutes(70), { issue: 'a' });
    await line.run(minutes(75));
    const [first, , , second] = pagesOf(line);
    expect(second!.reason).toBe('regressed');
    expect(second!.facts.ended).toEqual([first!.facts.threadId]);
  });

  it('hears nothing more of what is over, when others are told late that it was there', async () => {
    const line = given({
      channels: [pager],
      recipients: ['owl@example.org'],
      start: Date.parse('2026-11-22T00:00:00Z'),
      rules: 'recipients:\n  owl: { email: owl@example.org, quiet: { from: "00:00", to: "08:00" } }',
    }).at(0, { issue: 'a' });
    // The dispatcher looks now and then; a timeline has to be told to.
    for (const hour of [1, 9, 10]) line.do(hours(hour), async () => {});
    await line.run(hours(12));
    expect(line.mails.map(({ at, channel, reason }) => [at / hours(1), channel, reason])).toEqual([
      [0, 'on-call', 'new'],
      [1, 'on-call', 'over'],
      [8, 'email', 'new'],
    ]);
  });

  it('closes a roll-up when the last of its issues is over', async () => {
    const line = given({ channels: [pager], policy: { cooldownMs: hours(1) } })
      .at(0, { issue: 'first' })
      .at(seconds(10), { issue: 'b' }, { issue: 'c' })
      .every(minutes(10), minutes(10), hours(2), { issue: 'c' });
    await line.run(hours(6));
    const pages = pagesOf(line);
    const rollUp = pages.find(({ reason }) => reason === 'roll-up')!;
    expect(rollUp.facts.items.map(({ title }) => title)).toEqual(['b', 'c']);
    const closing = pages.filter(({ facts }) => facts.ended.includes(rollUp.facts.threadId!));
    expect(closing).toHaveLength(1);
    expect(closing[0]!.issues).toContain('c');
    expect(closing[0]!.at).toBeGreaterThan(hours(2));
    // Nothing is open for `b` alone, so that it is over is no message; the record of `b` says why.
    expect(
      pages.filter(({ facts }) => facts.threadId === null).flatMap(({ issues }) => issues),
    ).not.toContain('b');
    expect(await droppedOf('b')).toMatchObject([
      { channel: 'on-call', error_message: expect.stringContaining('kept nothing open') },
    ]);
  });

  it('hears the end of a flood by the few roll-ups that told of it', async () => {
    const flood = Array.from({ length: 300 }, (_, n) => ({ issue: `issue ${n}` }));
    const line = given({ channels: [pager] }).at(0, ...flood);
    await line.run(hours(3));
    const pages = pagesOf(line);
    const opened = pages.flatMap(({ facts }) => facts.threadId ?? []);
    expect(opened).toHaveLength(4);
    const closing = pages.filter(({ facts }) => facts.threadId === null);
    expect(closing).toHaveLength(1);
    expect(closing[0]!.facts.ended.toSorted()).toEqual(opened.toSorted());
  });

  it('closes a roll-up that counts more issues than it shows', async () => {
    const flood = Array.from({ length: 85 }, (_, n) => ({ issue: `issue ${n}` }));
    const line = given({ channels: [pager] })
      .at(0, ...flood)
      .at(hours(5), ...flood)
      .do(hours(6), async () => {});
    await line.run(hours(24));
    const again = pagesOf(line).filter(({ at, facts }) => at >= hours(5) && facts.threadId !== null);
    expect(again.map(({ facts }) => facts.items.length)).toEqual([80]);
    const closed = pagesOf(line).flatMap(({ facts }) => facts.ended);
    expect(closed).toContain(again[0]!.facts.threadId);
  });

  const idOf = async (issue: string) => {
    const { rows } = await database.pool.query<{ id: string }>(
      'select id from issues where fingerprint = $1',
      [issue],
    );
    return rows[0]!.id;
  };
  it.each([
    ['older', 'younger'],
    ['younger', 'older'],
  ])('closes what it opened for each of two issues, when the %s takes over the %s', async (to, from) => {
    const line = given({ channels: [pager] })
      .at(0, { issue: 'older' })
      .at(minutes(2), { issue: 'younger' })
      .do(minutes(5), async () => mergeIssues(database.pool, await idOf(to), [await idOf(from)]))
      .every(minutes(10), minutes(10), hours(2), { issue: from });
    await line.run(hours(6));
    const opened = [...new Set(pagesOf(line).flatMap(({ facts }) => facts.threadId ?? []))];
    expect(opened).toHaveLength(2);
    const last = pagesOf(line).at(-1)!;
    expect(pagesOf(line).map(({ reason }) => reason)).toEqual(['new', 'new', 'still-failing', 'over']);
    expect(last.facts.ended.toSorted()).toEqual(opened.toSorted());
  });

  it('closes what it opened while the issue was merged into another', async () => {
    const line = given({ channels: [pager] }).at(0, { issue: 'a' }, { issue: 'b' });
    line.do(minutes(5), async () => {
      const b = await idOf('b');
      await mergeIssues(database.pool, await idOf('a'), [b]);
      // As a dispatcher leaves it that read the alert just before the merge.
      await database.pool.query(`update episodes set issue_id = $1 where subject like '%: b'`, [b]);
    });
    await line.run(hours(3));
    expect(pagesOf(line).map(({ reason }) => reason)).toEqual(['roll-up', 'over']);
    expect(pagesOf(line)[1]!.facts.ended).toEqual([pagesOf(line)[0]!.facts.threadId]);
    expect((await database.pool.query(`select from alerts where reason = 'over'`)).rowCount).toBe(2);
  });

  it('closes what was opened one by one by messages of ten ends each', async () => {
    const policy = { digestMs: seconds(1), maxPerHour: 100 };
    const line = given({ channels: [pager], policy });
    for (let n = 0; n < 25; n += 1) line.at(seconds(2 * n), { issue: `issue ${n}` });
    line.do(minutes(5), () =>
      database.pool.query(`update issues set state = 'resolved', resolved_at = now()`),
    );
    line.do(minutes(5), () => database.pool.query('update episodes set check_at = began_at'));
    await line.run(minutes(6));
    const opened = pagesOf(line).flatMap(({ facts }) => facts.threadId ?? []);
    expect(opened).toHaveLength(25);
    const closing = pagesOf(line).filter(({ facts }) => facts.threadId === null);
    expect(closing.map(({ facts }) => facts.ended.length).toSorted()).toEqual([10, 10, 5]);
    expect(closing.flatMap(({ facts }) => facts.ended).toSorted()).toEqual(opened.toSorted());
  });
});

describe('a channel that has left the settings', () => {
  it('is waited for for a day; then the others are told what was given up', async () => {
    await given({ channels: [slack, pager] }).ingest(0, [{ issue: 'a' }, { issue: 'b' }]);
    const line = given({ channels: [pager] });
    await line.run(hours(23));
    expect(line.mails.map(({ channel }) => channel).toSorted()).toEqual(['email', 'on-call']);
    await line.dispatch(hours(25));
    await line.dispatch(hours(26));
    const { rows } = await database.pool.query(
      `select channel, subject, body from notifications where reason = 'channel-failing' order by channel`,
    );
    expect(rows).toMatchObject([
      { channel: 'on-call', subject: '[CHANNEL GONE] ops-slack', body: expect.stringContaining('2 issues') },
    ]);
  });
});
