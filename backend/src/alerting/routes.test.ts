import type { Notification, Recipient } from '@log-detector/contract';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test-kit/src/postgres.ts';
import { bucketOf, newId } from '../db/record-id.ts';
import { type App, buildHttp } from '../http/http.ts';
import { Metrics } from '../http/metrics.ts';
import { alertingRoutes } from './routes.ts';

let database: TestDatabase;
let app: App;
const settings = {
  enabled: true,
  from: 'alerts@example.com',
  baseUrl: 'https://logs.example.com',
  channels: [{ name: 'ops-slack', type: 'slack' }],
};

beforeAll(async () => {
  database = await createTestDatabase();
  app = await buildHttp({
    logger: pino({ level: 'silent' }),
    metrics: new Metrics(),
    version: '0.0.0',
    guard: () => {},
  });
  alertingRoutes(database.pool, settings)(app);
});
afterAll(async () => {
  await app.close();
  await database.drop();
});
afterEach(() => database.pool.query('truncate email_recipients, notifications, log_records, log_counts'));

async function call<Body>(method: 'GET' | 'POST' | 'DELETE', url: string, payload?: object | string) {
  const answer = await app.inject({
    method,
    url,
    ...(payload === undefined ? {} : { payload, headers: { 'content-type': 'application/json' } }),
  });
  return { status: answer.statusCode, body: answer.json<Body>() };
}
const add = (emails: string) => call<Recipient[]>('POST', '/api/recipients', { emails });
const emailsOf = (recipients: Recipient[]) => recipients.map(({ email }) => email);

describe('POST /api/recipients', () => {
  it('takes each trimmed, lower-cased and once, and answers the recipients in that order', async () => {
    const { status, body } = await add(' B@x.io, a@X.io,b@x.io');
    expect(status).toBe(200);
    expect(emailsOf(body)).toEqual(['b@x.io', 'a@x.io']);
    expect(body[0]).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      email: 'b@x.io',
      is_active: true,
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/),
    });
  });

  it('gives one that was deactivated back, active again', async () => {
    const [first] = (await add('a@x.io')).body;
    await call('DELETE', `/api/recipients/${first!.id}`);
    const [again] = (await add('a@x.io, b@x.io')).body;
    expect(again).toEqual(first);
  });

  it('names every invalid one and adds nothing', async () => {
    expect(await add('nope, a@x.io, alsobad')).toEqual({
      status: 400,
      body: { detail: 'Invalid email(s): nope, alsobad' },
    });
    expect((await call<Recipient[]>('GET', '/api/recipients')).body).toEqual([]);
  });

  it.each([
    'a@x.io\nBcc: thief@x.io',
    'a b@x.io',
    'a@localhost',
    `a@${'b'.repeat(390)}.example.com`,
    'a\0@x.io',
    'a@x\ud800.io',
    '',
    ' , ',
  ])('refuses %j with a reason', async (emails) => {
    const { status, body } = await call<{ detail: string }>(
      'POST',
      '/api/recipients',
      JSON.stringify({ emails }),
    );
    expect(status).toBe(400);
    expect(body.detail).toEqual(expect.stringMatching(/./));
  });

  it('refuses a thousand and one', async () => {
    const many = Array.from({ length: 1001 }, (_, n) => `a${n}@x.io`);
    expect((await add(many.join())).status).toBe(400);
    expect((await add(many.slice(1).join())).status).toBe(200);
  });

  it.each([{}, { emails: null }, { emails: ['a@x.io'] }, []])(
    'says what does not fit of %j',
    async (payload) => {
      const { status, body } = await call<{ detail: { loc: string[] }[] }>(
        'POST',
        '/api/recipients',
        payload,
      );
      expect(status).toBe(422);
      expect(body.detail[0]!.loc[0]).toBe('body');
    },
  );

  it('adds one address once, when many add it at once in different orders', async () => {
    const addresses = ['a@x.io', 'b@x.io', 'c@x.io'];
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => add((n % 2 ? addresses : [...addresses].reverse()).join())),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    const { body } = await call<Recipient[]>('GET', '/api/recipients');
    expect(emailsOf(body).sort()).toEqual(addresses);
  });
});

describe('GET and DELETE /api/recipients', () => {
  it('deactivates, and lists the inactive only when asked', async () => {
    const [a, b] = (await add('a@x.io,b@x.io')).body;
    expect(await call('DELETE', `/api/recipients/${a!.id}`)).toEqual({
      status: 200,
      body: { ...a, is_active: false },
    });
    expect((await call('GET', '/api/recipients')).body).toEqual([b]);
    expect((await call('GET', '/api/recipients?include_inactive=false')).body).toEqual([b]);
    for (const yes of ['true', 'True', '1', 'yes', 'on', 't', 'y']) {
      const { body } = await call<Recipient[]>('GET', `/api/recipients?include_inactive=${yes}`);
      expect(body, yes).toHaveLength(2);
    }
  });

  it('says 404 of an unknown one and 422 of what is no id', async () => {
    const unknown = await call<{ detail: string }>('DELETE', `/api/recipients/${newId(Date.now())}`);
    expect(unknown).toEqual({ status: 404, body: { detail: 'Recipient not found' } });
    expect((await call('DELETE', '/api/recipients/nope')).status).toBe(422);
    expect((await call('DELETE', '/api/recipients/%00')).status).toBe(422);
  });
});

describe('POST /api/recipients/{id}/test', () => {
  it('puts a test mail into the outbox', async () => {
    const [recipient] = (await add('a@x.io')).body;
    const { status, body } = await call<Notification>('POST', `/api/recipients/${recipient!.id}/test`);
    expect(status).toBe(200);
    expect(body).toMatchObject({ to_address: 'a@x.io', status: 'pending', subject: '[Log Alert] TEST' });
    const { body: history } = await call<{ items: Notification[] }>('GET', '/api/emails');
    expect(history.items).toEqual([body]);
  });

  it('says so when mails are off, instead of leaving it in the outbox', async () => {
    const [recipient] = (await add('a@x.io')).body;
    settings.enabled = false;
    const { status } = await call('POST', `/api/recipients/${recipient!.id}/test`);
    settings.enabled = true;
    expect(status).toBe(409);
    expect((await call('GET', '/api/emails')).body).toEqual({ items: [], total: 0 });
  });

  it('says 404 of an unknown recipient', async () => {
    expect((await call('POST', `/api/recipients/${newId(Date.now())}/test`)).status).toBe(404);
  });
});

describe('POST /api/test-notification', () => {
  const send = (body: object) => call<Notification>('POST', '/api/test-notification', body);

  it('puts a test into the outbox of a channel, or of an address', async () => {
    const { status, body } = await send({ channel: 'ops-slack' });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      channel: 'ops-slack',
      to_address: 'ops-slack',
      status: 'pending',
      reason: 'test',
    });
    expect((await send({ to: 'A@x.io' })).body).toMatchObject({ channel: 'email', to_address: 'a@x.io' });
    expect((await call<{ total: number }>('GET', '/api/emails')).body.total).toBe(2);
  });

  it('names the channels that there are, and asks for one address', async () => {
    const unknown = await send({ channel: 'nope' });
    expect([unknown.status, unknown.body]).toEqual([
      400,
      { detail: 'There is no channel "nope"; there are email, ops-slack' },
    ]);
    for (const to of [undefined, 'nope', 'a@x.io, b@x.io']) expect((await send({ to })).status).toBe(400);
  });
});

describe('GET /api/channels', () => {
  it('says which there are and whether they work, and nothing of their options', async () => {
    await database.pool.query(
      `insert into channel_health (channel, failing_since, last_error) values ('ops-slack', '2026-11-22T10:00:00Z', 'HTTP 500')`,
    );
    expect((await call('GET', '/api/channels')).body).toEqual([
      { name: 'email', type: 'email', failing_since: null, last_error: null },
      {
        name: 'ops-slack',
        type: 'slack',
        failing_since: '2026-11-22T10:00:00.000000Z',
        last_error: 'HTTP 500',
      },
    ]);
  });
});

let minutes = 0;
/** A record a minute after the one before, held back for `reason`, or with a notification to each of `to`. */
async function aStoredRecord(held: string | { to: string[] }): Promise<string> {
  minutes += 1;
  const at = new Date(Date.now() - 86_400_000 + minutes * 60_000);
  const bucket = bucketOf('web-1', 'api');
  const id = newId(at.getTime(), bucket);
  const notify = typeof held !== 'string';
  await database.pool.query(
    `insert into log_records (id, bucket, host, container, severity, message, log_hash, received_at, is_duplicate, notify, reason)
     values ($1, $2, 'web-1', 'api', 'error', 'ERROR x', '', $3, false, $4, $5)`,
    [id, bucket, at, notify, notify ? 'new' : held],
  );
  await database.pool.query(
    `insert into log_counts (bucket, minute, host, container, severity, n, duplicates, held)
     values ($1, date_trunc('minute', $2::timestamptz), 'web-1', 'api', 'error', 1, 0, $3)`,
    [bucket, at, notify ? 0 : 1],
  );
  for (const to of notify ? held.to : [])
    await database.pool.query(
      `insert into notifications (id, record_id, bucket, channel, to_address, subject, body, reason, message_id, next_attempt_at, created_at)
       values ($1, $2, $3, 'email', $4, 'subject', 'body', 'new', 'm', now(), $5)`,
      [newId(at.getTime()), id, bucket, to, at],
    );
  return id;
}

describe('the history of notifications', () => {
  it('tells why a record was held back, in the words of the contract', async () => {
    for (const [reason, said] of [
      ['duplicate', 'duplicate suppressed'],
      ['disabled', 'alerts disabled or missing recipients'],
      ['no-recipients', 'alerts disabled or missing recipients'],
      ['coalesced', 'coalesced'],
    ]) {
      const id = await aStoredRecord(reason!);
      expect((await call('GET', `/api/logs/${id}/emails`)).body).toEqual([
        {
          id,
          to_address: '',
          subject: '[Log Alert] ERROR api on web-1',
          body: 'ERROR x',
          status: 'skipped',
          provider_message_id: null,
          error_message: said,
          sent_at: null,
          created_at: expect.stringMatching(/\.\d{6}Z$/),
          reason,
        },
      ]);
    }
  });

  it("gives each recipient's notification of a record that alerted", async () => {
    const id = await aStoredRecord({ to: ['a@x.io', 'b@x.io'] });
    const { body } = await call<Notification[]>('GET', `/api/logs/${id}/emails`);
    expect(body.map(({ to_address, status }) => [to_address, status])).toEqual([
      ['a@x.io', 'pending'],
      ['b@x.io', 'pending'],
    ]);
  });

  it('is empty for an unknown record, and 422 for what is no id', async () => {
    expect(await call('GET', `/api/logs/${newId(Date.now())}/emails`)).toEqual({ status: 200, body: [] });
    expect((await call('GET', '/api/logs/nope/emails')).status).toBe(422);
  });

  it('lists all, newest first, skipped ones in their place, page by page', async () => {
    const ids: string[] = [];
    for (let n = 0; n < 12; n += 1) {
      const held = await aStoredRecord(n % 3 === 0 ? { to: ['a@x.io', 'b@x.io'] } : 'duplicate');
      ids.unshift(...(n % 3 === 0 ? [held, held] : [held]));
    }
    const seen: string[] = [];
    for (let offset = 0; offset < 20; offset += 5) {
      const { status, body } = await call<{ items: Notification[]; total: number }>(
        'GET',
        `/api/emails?limit=5&offset=${offset}`,
      );
      expect(status).toBe(200);
      expect(body.total).toBe(16);
      seen.push(...body.items.map(({ id, status }) => (status === 'skipped' ? id : 'sent')));
    }
    expect(seen).toHaveLength(16);
    const sentIds = new Set(ids.filter((id, n) => ids.indexOf(id) !== n));
    expect(seen).toEqual(ids.map((id) => (sentIds.has(id) ? 'sent' : id)));
  });

  it('agrees with the view that people query by hand', async () => {
    await aStoredRecord('duplicate');
    await aStoredRecord({ to: ['a@x.io'] });
    const { rows } = await database.pool.query(
      `select id, to_address, subject, body, status, provider_message_id, error_message, sent_at, created_at, reason
       from email_notifications order by id desc`,
    );
    expect((await call<{ items: Notification[] }>('GET', '/api/emails')).body.items).toMatchObject(rows);
  });

  it.each(['limit=0', 'limit=201', 'offset=-1', 'limit=x', 'offset=1.5'])('refuses %s', async (query) => {
    expect((await call('GET', `/api/emails?${query}`)).status).toBe(422);
  });

  it('has nothing at a huge offset', async () => {
    await aStoredRecord('duplicate');
    for (const offset of ['9223372036854775808', '9'.repeat(400), '1000000000000'])
      expect((await call('GET', `/api/emails?offset=${offset}`)).status).toSatisfy((status) => status < 500);
    expect((await call('GET', '/api/emails?offset=1000000000000')).body).toEqual({ items: [], total: 1 });
  });
});
