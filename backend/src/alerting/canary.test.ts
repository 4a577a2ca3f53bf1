import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../db/record-id.ts';
import { type GivenBackend, givenBackend } from '../http/test-help.ts';
import type { Grouping, IncomingRecord } from '../ingest/types.ts';
import { type Delivery, startDelivery } from '../outbox/delivery.ts';
import { silentLog, until } from '../outbox/test-help.ts';
import { canaryOf, groupCanaries, noteCanary } from './canary.ts';
import { canaryNoteTaker, sweepCanaries } from './canary-channel.ts';
import { dispatch } from './dispatch.ts';
import { defaultPolicy } from './policy.ts';

const settings = {
  enabled: true,
  to: ['ops@example.org'],
  from: 'alerts@example.com',
  baseUrl: 'https://logs.example.com',
  policy: { ...defaultPolicy, grouping: 'on' as const },
};
let backend: GivenBackend;
let delivery: Delivery;

beforeAll(async () => {
  backend = await givenBackend({ alerts: settings });
  const { pool, url } = backend.database;
  delivery = startDelivery({
    pool,
    connectionString: url,
    channels: { canary: canaryNoteTaker(pool) },
    log: silentLog,
  });
});
afterAll(async () => {
  await delivery.stop();
  await backend.close();
});

const line = (at = new Date()) => `INFO log-detector-canary/1 id=${randomUUID()} at=${at.toISOString()}`;
const printed = (parts = {}) =>
  backend.post({ container: 'canary', severity: 'info', message: line(), event_id: randomUUID(), ...parts });
const rows = async (sql: string) => (await backend.database.pool.query<Record<string, unknown>>(sql)).rows;
const stages = async (host: string) =>
  (await rows(`select stage from canaries where host = '${host}' order by at`)).map(({ stage }) => stage);
const tell = () => dispatch(backend.database.pool, settings, Date.now(), () => newId(Date.now()));

describe('a canary', () => {
  it('goes through every stage to a rendered mail, and leaves no trace in lists, counts and budgets', async () => {
    const { id } = await printed({ host: 'web-7' });
    await until(async () => (await stages('web-7')).length === 1, 'it is stored');
    expect((await tell()).mails).toBe(1);
    await until(async () => (await stages('web-7')).length === 3, 'it is delivered');
    expect(await stages('web-7')).toEqual(['stored', 'dispatched', 'delivered']);
    const [sent] = await rows(
      `select channel, to_address, body from notifications where record_id = '${id}'`,
    );
    expect(sent).toMatchObject({ channel: 'canary', to_address: 'web-7 canary' });
    expect(sent!.body).toMatch(/log-detector-canary\/1/);
    await until(async () => (await rows('select 1 from log_records')).length === 0, 'it is not kept');

    const lists = ['/api/logs', '/api/emails'];
    for (const list of lists)
      expect((await backend.call('GET', list)).body).toMatchObject({ items: [], total: 0 });
    expect((await backend.call('GET', '/api/issues')).body).toMatchObject({ items: [] });
    expect(await rows('select 1 from log_counts')).toEqual([]);
    expect(await rows('select 1 from mail_budgets')).toEqual([]);
  });

  it('comes through however often it is sent, beside records of all kinds', async () => {
    for (let n = 0; n < 20; n += 1) {
      await backend.call('POST', '/api/logs', [
        { host: 'web-8', container: 'api', message: `ERROR order ${n} is lost` },
        { host: 'web-8', container: `canary-${n}`, message: line() },
      ]);
      await tell();
    }
    await until(async () => (await stages('web-8')).includes('delivered'), 'it is delivered');
    const { body } = await backend.call<{ items: unknown[]; total: number }>('GET', '/api/logs');
    expect([body.items.length, body.total]).toEqual([20, 20]);
    const mails = await rows(`select reason from notifications where channel = 'email'`);
    expect(mails.map(({ reason }) => reason)).toEqual(['new']);
  });

  it('is shown while it waits, in no list either', async () => {
    await printed({ host: 'web-9' });
    const { body } = await backend.call<{ items: { host: string }[] }>('GET', '/api/logs?host=web-9');
    expect(body.items).toEqual([]);
    await tell();
  });

  it('is nothing that could hide a fault: a line with more in it is a record as ever', async () => {
    expect(canaryOf(line())).toBeDefined();
    for (const text of [
      `${line()} ERROR`,
      `ERROR ${line()}`,
      `${line()}\nERROR`,
      line().replace('id=', 'id=x'),
    ])
      expect(canaryOf(text)).toBeUndefined();
    const { id } = await printed({ host: 'web-10', message: `${line()} ERROR disk full` });
    const { body } = await backend.call<{ items: { id: string }[] }>('GET', '/api/logs?host=web-10');
    expect(body.items.map((item) => item.id)).toEqual([id]);
  });

  it('is shown by GET /api/watch', async () => {
    const { body } = await backend.call<{ canaries: Record<string, unknown>[] }>('GET', '/api/watch');
    expect(body.canaries.filter(({ host }) => host === 'web-7')).toEqual([
      expect.objectContaining({ stage: 'delivered', latency_seconds: expect.any(Number) }),
      expect.objectContaining({ stage: 'dispatched' }),
      expect.objectContaining({ stage: 'stored' }),
    ]);
    expect((await backend.call('DELETE', '/api/watch/canaries/web-7')).status).toBe(200);
    expect((await backend.call('DELETE', '/api/watch/canaries/web-7')).status).toBe(404);
  });

  it('leaves the queue and its history after an hour', async () => {
    const { pool } = backend.database;
    await pool.query(`update notifications set created_at = created_at - interval '2 hours'`);
    await pool.query(`update alerts set created_at = created_at - interval '2 hours'`);
    await sweepCanaries(pool, Date.now() + 120_000);
    expect(await rows(`select 1 from notifications where channel = 'canary'`)).toEqual([]);
    expect((await rows(`select 1 from notifications where channel = 'email'`)).length).toBe(1);
    expect(await rows(`select 1 from log_records where reason = 'canary'`)).toEqual([]);
  });

  it('is one of a source in four seconds: more of them are records as ever, so that a flood shows', async () => {
    let now = 0;
    const inner: Grouping = { group: async (records) => records.map(({ group }) => group ?? ungrouped) };
    const ungrouped = { fingerprint: 'text', title: '' };
    const { group } = groupCanaries(inner, () => now);
    const record = (message: string) => ({ host: 'web-1', container: 'c', message }) as IncomingRecord;
    const first = record(line());
    const isCanary = async (each: IncomingRecord) => (await group([each]))[0]!.fingerprint !== 'text';
    const seen = [await isCanary(first), await isCanary(record(line())), await isCanary(first)];
    now += 4000;
    expect([...seen, await isCanary(record(line()))]).toEqual([true, false, true, true]);
  });

  it('with a time that is none is a record like any other, and keeps no mail back', async () => {
    for (const at of ['2026-99-99T99:99:99.999Z', '0000-01-01T00:00:00.000Z', '2026-02-30T00:00:00.000Z'])
      await printed({ host: 'web-11', message: line().replace(/at=.*$/, `at=${at}`) });
    await backend.database.pool.query('truncate mail_budgets');
    expect((await tell()).mails).toBeGreaterThan(0);
    expect(await stages('web-11')).toEqual([]);
    const { body } = await backend.call<{ total: number }>('GET', '/api/logs?host=web-11');
    expect(body.total).toBe(3);
  });

  it('hides nothing while it waits: searches, pages and totals are as if it were not there', async () => {
    const since = new Date().toISOString();
    const host = 'web-13';
    for (const n of [1, 2]) await backend.post({ host, message: `INFO order ${n}` });
    const { issue_id } = await printed({ host });
    await backend.post({ host, message: 'INFO order 3' });
    type List = { items: { message: string }[]; total: number; next_cursor: string | null };
    const list = async (query: string) => (await backend.call<List>('GET', `/api/logs?${query}`)).body;

    const first = await list(`q=info&host=${host}&limit=2`);
    expect(first.items.map(({ message }) => message)).toEqual(['INFO order 3', 'INFO order 2']);
    const second = await list(`q=info&host=${host}&limit=2&cursor=${first.next_cursor}`);
    expect(second.items.map(({ message }) => message)).toEqual(['INFO order 1']);
    expect(await list(`q=info&host=${host}`)).toMatchObject({ total: 3 });
    expect(await list(`since=${since}&host=${host}&limit=2`)).toMatchObject({ total: 3 });
    for (const query of [`issue_id=${issue_id}`, `issue_id=${issue_id}&q=info`])
      expect(await list(query)).toMatchObject({ items: [], total: 0, next_cursor: null });
  });

  it('printed by a clock that was far ahead does not stand in the way of those after it', async () => {
    const ahead = { id: randomUUID(), printedAt: '2999-01-01T00:00:00.000Z' };
    const source = { host: 'web-12', container: 'canary', stage: 'stored' as const };
    await noteCanary(backend.database.pool, { ...ahead, ...source });
    await printed({ host: 'web-12' });
    await until(async () => {
      const [row] = await rows(`select 1 from canaries where host = 'web-12' and printed_at < now()`);
      return row !== undefined;
    }, 'the one after it is noted');
  });
});
