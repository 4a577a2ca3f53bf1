import { randomUUID } from 'node:crypto';
import type { LogRecord } from '@log-detector/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readMigrations } from '../db/migrate.ts';
import type { App } from './http.ts';
import { aRecord, type GivenBackend, givenBackend } from './test-help.ts';

const recipients = ['a@example.org', 'b@example.org'];
const alerts = {
  enabled: true,
  to: recipients,
  from: 'alerts@example.com',
  baseUrl: 'https://logs.example.com',
};

let backend: GivenBackend;
let other: App;
beforeAll(async () => {
  backend = await givenBackend({ alerts, dedupeWindowMs: 60_000 });
  other = await backend.replica();
});
afterAll(() => backend.close());

async function postTo(app: App, parts: object): Promise<LogRecord> {
  const answer = await app.inject({ method: 'POST', url: '/api/logs', payload: { ...aRecord, ...parts } });
  expect(answer.statusCode, answer.body).toBe(200);
  return answer.json();
}
const emailsOf = async (record: LogRecord) =>
  (
    await backend.call<{ status: string; error_message: string; to_address: string }[]>(
      'GET',
      `/api/logs/${record.id}/emails`,
    )
  ).body;

describe('duplicates', () => {
  it('are those with the same host, container and message, and name the latest equal record before', async () => {
    const first = await backend.post({ message: 'same' });
    const second = await backend.post({ message: 'same' });
    const third = await backend.post({ message: 'same', severity: 'fatal' });
    expect(first).toMatchObject({ is_duplicate: false, duplicate_of_id: null });
    expect(second).toMatchObject({ is_duplicate: true, duplicate_of_id: first.id });
    expect(third).toMatchObject({ is_duplicate: true, duplicate_of_id: second.id });
    expect(await backend.post({ message: 'same', host: 'web-2' })).toMatchObject({ is_duplicate: false });
    expect(await backend.post({ message: 'same', container: 'api-2' })).toMatchObject({
      is_duplicate: false,
    });
  });

  it('are found within one batch too', async () => {
    const { body } = await backend.call<{ items: LogRecord[] }>('POST', '/api/logs', [
      { ...aRecord, message: 'thrice' },
      { ...aRecord, message: 'once' },
      { ...aRecord, message: 'thrice' },
      { ...aRecord, message: 'thrice' },
    ]);
    const [a, b, c, d] = body.items;
    expect([a, b, c, d].map((record) => record!.duplicate_of_id)).toEqual([null, null, a!.id, c!.id]);
  });

  it('are told by their source also where a batch mixes sources', async () => {
    const from = (host: string, container: string) => ({ ...aRecord, message: 'mixed', host, container });
    const sources = [
      from('mix-1', 'a'),
      from('mix-1', 'b'),
      from('mix-2', 'b'),
      from('mix-1', 'b'),
      from('mix-1', 'a'),
      from('mix-2', 'a'),
    ];
    const send = () => backend.call<{ items: LogRecord[] }>('POST', '/api/logs', sources);
    const { items: first } = (await send()).body;
    const ids = (records: readonly LogRecord[], at: readonly number[]) =>
      at.map((index) => records[index]!.id);
    const isOf = (records: readonly LogRecord[]) => records.map((record) => record.duplicate_of_id);
    expect(isOf(first)).toEqual([null, null, null, ...ids(first, [1, 0]), null]);
    const { items: second } = (await send()).body;
    expect(isOf(second)).toEqual([...ids(first, [4, 3, 2]), ...ids(second, [1, 0]), ...ids(first, [5])]);
  });

  it('end with the window', async () => {
    const first = await backend.post({ message: 'window' });
    await backend.database.pool.query(
      `update latest_messages set last_at = last_at - interval '60.5 seconds' where last_id = $1`,
      [first.id],
    );
    expect(await backend.post({ message: 'window' })).toMatchObject({ is_duplicate: false });
  });

  it('are known across the upgrade from a version that kept names and hash to tell them', async () => {
    const { pool } = backend.database;
    const places = [{}, { host: 'wéb-9', container: 'api' }, { host: 'web', container: '日本' }];
    const before = await Promise.all(places.map((place) => backend.post({ ...place, message: 'Überall' })));
    await pool.query(`
      insert into dedupe_state (bucket, host, container, log_hash, last_id, last_at)
      select bucket, host, container, decode(log_hash, 'hex'), id, received_at from log_records where message = 'Überall';
      drop table latest_messages`);
    await pool.query(readMigrations().find(({ name }) => name.endsWith('_latest_messages.sql'))!.sql);
    const after = await Promise.all(places.map((place) => backend.post({ ...place, message: 'Überall' })));
    expect(after.map((record) => record.duplicate_of_id)).toEqual(before.map(({ id }) => id));
    expect(await backend.post({ host: 'web-2', message: 'Überall' })).toMatchObject({ is_duplicate: false });
  });

  it('are one less than the equal messages, when twenty clients post at once to two backends, and one alert is owed to each recipient', async () => {
    for (let round = 0; round < 5; round += 1) {
      const message = `race ${round}`;
      const records = await Promise.all(
        Array.from({ length: 20 }, (_, n) => postTo(n % 2 ? other : backend.app, { message })),
      );
      const firsts = records.filter((record) => !record.is_duplicate);
      expect(firsts).toHaveLength(1);
      expect(new Set(records.map((record) => record.duplicate_of_id)).size).toBe(20); // a chain: each names another
      expect((await emailsOf(firsts[0]!)).map((email) => email.to_address).sort()).toEqual(recipients);
      const { rows } = await backend.database.pool.query(
        `select count(*) as n from notifications where record_id = any($1)`,
        [records.map((record) => record.id)],
      );
      expect(rows[0].n).toBe(2);
    }
  });

  it('have a history that says why no alert went out', async () => {
    await backend.post({ message: 'told' });
    const duplicate = await backend.post({ message: 'told' });
    expect(await emailsOf(duplicate)).toEqual([
      expect.objectContaining({ status: 'skipped', error_message: 'duplicate suppressed', sent_at: null }),
    ]);
    const { rows } = await backend.database.pool.query(
      `select status, error_message from email_notifications where record_id = $1`,
      [duplicate.id],
    );
    expect(rows).toEqual([{ status: 'skipped', error_message: 'duplicate suppressed' }]);
  });
});

describe('DEDUPE_WINDOW_SECONDS=0', () => {
  it('makes no record a duplicate', async () => {
    const open = await givenBackend({ dedupeWindowMs: 0 });
    try {
      const [first, second] = [await open.post(), await open.post()];
      expect([first.is_duplicate, second.is_duplicate]).toEqual([false, false]);
    } finally {
      await open.close();
    }
  });
});

describe('event_id', () => {
  it('sent again, is answered with the first record, and nothing is stored', async () => {
    const event_id = randomUUID();
    const first = await backend.post({ message: 'event', event_id });
    const again = await backend.post({ message: 'event, changed', event_id: event_id.toUpperCase() });
    expect(again).toEqual(first);
    const { rows } = await backend.database.pool.query(
      'select count(*) as n from log_records where event_id = $1',
      [event_id],
    );
    expect(rows[0].n).toBe(1);
  });

  it('is known within its own batch', async () => {
    const event_id = randomUUID();
    const { body } = await backend.call<{ items: LogRecord[] }>('POST', '/api/logs', [
      { ...aRecord, message: 'twice in one', event_id },
      { ...aRecord, message: 'twice in one', event_id },
    ]);
    expect(body.items[1]).toEqual(body.items[0]);
    expect(body.items[0]!.is_duplicate).toBe(false);
  });

  it('is stored once when many send it to two backends at once', async () => {
    const events = Array.from({ length: 30 }, () => randomUUID());
    const answers = await Promise.all(
      Array.from({ length: 10 }, async (_, n) => {
        const shuffled = n % 2 ? [...events].reverse() : events;
        const payload = shuffled.map((event_id) => ({ ...aRecord, message: `shared ${event_id}`, event_id }));
        const answer = await (n % 2 ? other : backend.app).inject({
          method: 'POST',
          url: '/api/logs',
          payload,
        });
        expect(answer.statusCode).toBe(200);
        return answer.json<{ items: LogRecord[] }>().items;
      }),
    );
    const ids = new Map(answers[0]!.map((record) => [record.event_id, record.id]));
    for (const items of answers) for (const { id, event_id } of items) expect(id).toBe(ids.get(event_id));
    const { rows } = await backend.database.pool.query(
      `select count(*) as records, (select sum(n) from log_counts) as counted,
         (select count(*) from log_records) as all_records
       from log_records where event_id = any($1)`,
      [events],
    );
    expect(rows[0].records).toBe(30);
    expect(rows[0].counted).toBe(rows[0].all_records);
  });

  it('is answered even when its record was dropped by retention', async () => {
    const event_id = randomUUID();
    const first = await backend.post({ message: 'gone', event_id });
    await backend.database.pool.query('delete from log_records where id = $1', [first.id]);
    expect(await backend.post({ message: 'gone', event_id })).toMatchObject({
      id: first.id,
      message: 'gone',
    });
  });
});

describe('coalesce_id', () => {
  it('makes one alert of the records that share it, across requests and backends', async () => {
    const coalesce_id = randomUUID();
    const records = await Promise.all(
      Array.from({ length: 6 }, (_, n) =>
        postTo(n % 2 ? other : backend.app, { message: `part ${n} of ${coalesce_id}`, coalesce_id }),
      ),
    );
    const { rows } = await backend.database.pool.query(
      'select to_address from notifications where coalesce_id = $1 order by 1',
      [coalesce_id],
    );
    expect(rows.map((row) => row.to_address)).toEqual(recipients);
    for (const record of records) expect((await emailsOf(record)).length).toBeGreaterThan(0);
  });
});

describe('issues', () => {
  it('count their records, and a record knows its issue', async () => {
    const records = [
      await backend.post({ message: 'counted 1' }),
      await backend.post({ message: 'counted 1', host: 'web-9' }),
    ];
    expect(records[0]!.issue_id).toBe(records[1]!.issue_id);
    const { rows } = await backend.database.pool.query(
      'select count, hosts, state from issues where id = $1',
      [records[0]!.issue_id],
    );
    expect(rows[0]).toMatchObject({ count: 2, hosts: ['web-1', 'web-9'], state: 'open' });
  });

  it('open again when a record comes after they were resolved', async () => {
    const { issue_id } = await backend.post({ message: 'regressed', container: 'lazarus' });
    await backend.database.pool.query(
      `update issues set state = 'resolved', resolved_at = now() where id = $1`,
      [issue_id],
    );
    const { id } = await backend.post({ message: 'regressed', container: 'lazarus' });
    const { rows } = await backend.database.pool.query(
      'select state, regressed_record_id from issues where id = $1',
      [issue_id],
    );
    expect(rows[0]).toEqual({ state: 'open', regressed_record_id: id });
  });
});
