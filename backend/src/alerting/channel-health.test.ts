import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test-kit/src/postgres.ts';
import { newId } from '../db/record-id.ts';
import { givenPending } from '../outbox/test-help.ts';
import { addOutcome, healthAfter, newHealth, newNews, tellOfHealth } from './channel-health.ts';
import { othersThan } from './tell-health.ts';
import { emptyTables, hours, minutes } from './test-help-timeline.ts';
import { watchChannels } from './watch-channels.ts';

const start = Date.parse('2026-11-22T10:00:00Z');
const channels = [
  { name: 'ops-slack', type: 'slack' },
  { name: 'on-call', type: 'pagerduty' },
];
const settings = {
  enabled: true,
  to: ['a@example.com', 'b@example.com'],
  channels,
  from: 'alerts@example.com',
  baseUrl: 'https://logs.example.com',
};

describe('tellOfHealth', () => {
  const failed = (ms: number, isLost = false) =>
    healthAfter(newHealth('x'), addOutcome(newNews('x'), 'x', 'x: HTTP 500', isLost, start + ms));

  it('says that it fails when a clock that ran a day ahead saw it fail, or told of it', () => {
    const ahead = start + hours(24);
    expect(tellOfHealth(failed(hours(24)), start, false).tell).toBe('fails');
    expect(tellOfHealth({ ...failed(0), toldAt: ahead }, start + minutes(3), false).tell).toBe('fails');
  });

  it('says nothing of a failure that passes', () => {
    const failing = failed(0);
    expect(tellOfHealth(failing, start + minutes(2), false).tell).toBeNull();
    const works = healthAfter(failing, addOutcome(newNews('x'), 'x', undefined, false, start + minutes(2)));
    expect(works.failingSince).toBeNull();
    expect(tellOfHealth(works, start + minutes(9), false).tell).toBeNull();
  });

  it('tells of one that lasts, once an hour, and when it is over', () => {
    let { tell, health } = tellOfHealth(failed(0), start + minutes(3), false);
    expect(tell).toBe('fails');
    expect(tellOfHealth(health, start + minutes(60), false).tell).toBeNull();
    ({ tell, health } = tellOfHealth(health, start + minutes(63), false));
    expect(tell).toBe('fails');
    const works = healthAfter(health, addOutcome(newNews('x'), 'x', undefined, false, start + minutes(64)));
    ({ tell, health } = tellOfHealth(works, start + minutes(64), false));
    expect(tell).toBe('works');
    expect(tellOfHealth(health, start + minutes(65), false).tell).toBeNull();
  });

  it('tells at once of a message that is lost', () => {
    expect(tellOfHealth(failed(0, true), start, false).tell).toBe('fails');
  });

  it('does not say that mail works again because one of many addresses was refused', () => {
    const { health } = tellOfHealth(failed(0, true), start, true);
    const works = healthAfter(health, addOutcome(newNews('x'), 'y', undefined, false, start + 1));
    expect(tellOfHealth(works, start + 1, true).tell).toBeNull();
  });
});

describe('othersThan', () => {
  it('of a channel are the first recipients and the other channels', () => {
    const to = ['a@x.io', 'b@x.io', 'c@x.io', 'd@x.io'];
    const names = othersThan({ channel: 'ops-slack', lostTo: [] }, to, settings).map(
      ({ toAddress }) => toAddress,
    );
    expect(names).toEqual(['a@x.io', 'b@x.io', 'c@x.io', 'on-call']);
  });

  it('of mail are the channels; without any, a recipient whose mails are not lost', () => {
    const mail = { channel: 'email', lostTo: ['a@example.com'] };
    expect(othersThan(mail, settings.to, settings).map(({ channel }) => channel)).toEqual([
      'ops-slack',
      'on-call',
    ]);
    expect(othersThan(mail, settings.to, { ...settings, channels: [] })).toEqual([
      { channel: 'email', toAddress: 'b@example.com' },
    ]);
  });
});

describe('watchChannels', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());
  beforeEach(() => emptyTables(database.pool));

  const given = (now: () => number) => {
    const logged: string[] = [];
    const log = {
      warn: (_: object, message: string) => logged.push(message),
      error: (_: object, message: string) => logged.push(message),
    };
    const watch = () =>
      watchChannels({
        pool: database.pool,
        settings,
        newId: () => newId(Date.now()),
        log,
        now,
        everyMs: 1e9,
      });
    return { one: watch(), other: watch(), logged };
  };
  const told = async () =>
    (
      await database.pool.query(
        `select channel, to_address, subject, facts->>'threadId' as opens, facts->'ended' as ended
         from notifications order by id`,
      )
    ).rows;

  it('has one of two backends tell the other channels, once, and again when it works', async () => {
    let now = start;
    const { one, other } = given(() => now);
    one.settled('ops-slack', 'ops-slack', 'ops-slack (slack, hooks.slack.com): HTTP 500', false);
    await one.look();
    now += minutes(4);
    other.settled('ops-slack', 'ops-slack', 'ops-slack (slack, hooks.slack.com): HTTP 500', false);
    await Promise.all([one.look(), other.look()]);
    const failing = '[CHANNEL FAILS] ops-slack';
    expect(await told()).toMatchObject([
      { channel: 'email', to_address: 'a@example.com', subject: failing },
      { channel: 'email', to_address: 'b@example.com', subject: failing },
      { channel: 'on-call', subject: failing, opens: 'channel:ops-slack', ended: [] },
    ]);
    now += minutes(1);
    other.settled('ops-slack', 'ops-slack', undefined, false);
    await other.look();
    await one.look();
    expect((await told()).slice(3)).toMatchObject([
      { channel: 'email', subject: '[CHANNEL WORKS] ops-slack' },
      { channel: 'email' },
      { channel: 'on-call', opens: null, ended: ['channel:ops-slack'] },
    ]);
  });

  it('says how many were lost, to whom and why, and no more than once an hour however many', async () => {
    let now = start;
    const { one } = given(() => now);
    for (let minute = 0; minute < 130; minute += 1) {
      one.settled('email', `r${minute % 7}@example.com`, 'smtp: 550 no such user', true);
      one.settled('email', 'good@example.com', undefined, false);
      await one.look();
      now += minutes(1);
    }
    const rows = await told();
    expect(rows.filter(({ channel }) => channel === 'on-call')).toHaveLength(3);
    const { rows: texts } = await database.pool.query(
      `select body from notifications order by id desc limit 1`,
    );
    expect(texts[0].body).toMatch(/60 messages were given up for good, to r\d@example.com, /);
    expect(texts[0].body).toContain('550 no such user');
    now += hours(2);
  });

  it('gives up mails that wait when mails are switched off, and tells the others once', async () => {
    await givenPending(database.pool, 2, { silently: true });
    await database.pool.query(`update notifications set created_at = $1`, [new Date(start - hours(25))]);
    const logged: string[] = [];
    const watch = watchChannels({
      pool: database.pool,
      settings: { ...settings, enabled: false },
      newId: () => newId(Date.now()),
      log: { warn: () => {}, error: (_, message) => logged.push(message) },
      now: () => start,
      everyMs: 1e9,
    });
    await watch.look();
    await watch.look();
    const { rows } = await database.pool.query(
      'select distinct status from notifications where to_address like $1',
      ['%@%'],
    );
    expect(rows).toEqual([{ status: 'failed' }]);
    expect(logged).toEqual([expect.stringContaining('2 messages given up')]);
    expect((await told()).filter(({ subject }) => subject === '[CHANNEL GONE] email')).toMatchObject([
      { channel: 'ops-slack' },
      { channel: 'on-call' },
    ]);
  });

  it('sends nothing more that waits for who was taken off, but for a test and the word of that, or where nobody else is left', async () => {
    const rowsTo = async (to: string) =>
      (await database.pool.query('select status from notifications where to_address = $1', [to])).rows.map(
        ({ status }) => status,
      );
    for (const to of ['gone@example.com', 'away@example.com', 'a@example.com', 'b@example.com'])
      await givenPending(database.pool, 1, { silently: true, to });
    const [test] = await givenPending(database.pool, 1, { silently: true, to: 'gone@example.com' });
    const [last] = await givenPending(database.pool, 1, { silently: true, to: 'away@example.com' });
    await database.pool.query(
      `update notifications set reason = case id when $1 then 'test' else 'unsubscribed' end where id in ($1, $2)`,
      [test, last],
    );
    await database.pool.query(
      `insert into email_recipients (id, email, is_active)
       values (gen_random_uuid(), 'gone@example.com', false), (gen_random_uuid(), 'a@example.com', false)`,
    );
    await database.pool.query(`insert into unsubscriptions (address, at) values ('away@example.com', now())`);
    const { one } = given(() => start);
    await one.look();
    expect((await rowsTo('gone@example.com')).toSorted()).toEqual(['pending', 'skipped']);
    expect((await rowsTo('away@example.com')).toSorted()).toEqual(['pending', 'skipped']);
    expect(await rowsTo('a@example.com')).toEqual(['pending']);
    expect(await rowsTo('b@example.com')).toEqual(['pending']);
  });

  it('says no more that mails fail, once they are switched off', async () => {
    const { one, logged } = given(() => start);
    one.settled('email', 'a@example.com', 'smtp: no answer', false);
    await one.look();
    const later = watchChannels({
      pool: database.pool,
      settings: { ...settings, enabled: false },
      newId: () => newId(Date.now()),
      log: { warn: () => {}, error: (_, message) => logged.push(message) },
      now: () => start + hours(1),
      everyMs: 1e9,
    });
    await later.look();
    expect(await told()).toEqual([]);
  });

  it('says so in the log when there is nobody else to tell', async () => {
    const { logged } = given(() => start);
    const alone = watchChannels({
      pool: database.pool,
      settings: { ...settings, to: ['a@example.com'], channels: [] },
      newId: () => newId(Date.now()),
      log: { warn: () => {}, error: (_, message) => logged.push(message) },
      now: () => start,
      everyMs: 1e9,
    });
    alone.settled('email', 'a@example.com', 'smtp: 550', true);
    await alone.look();
    expect(logged[0]).toContain('there is no other to tell by');
    expect(await told()).toEqual([]);
  });
});
