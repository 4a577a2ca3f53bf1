// The wire contract, call by call, against the built backend as a process, on the embedded PostgreSQL and on PostgreSQL 15.
// An agent, script or dashboard written for the original must find everything here as it was.

import { createHash, randomUUID } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { needsPostgres15 } from '@log-detector/test-kit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apiAt } from './support/api.ts';
import { type Database, eventually, givenASystem, type System } from './support/given.ts';
import { startProgram } from './support/programs.ts';

const databases: Database[] = ['embedded', 'postgres15'];
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const aRecord = (changes: object = {}) => ({
  host: 'h',
  container: 'c',
  message: `ERROR ${randomUUID()}`,
  ...changes,
});

describe.each(databases)('the contract on the database %s', (database) => {
  const without = database === 'postgres15' ? needsPostgres15() : undefined;
  let system: System;
  beforeAll(async () => {
    if (!without) system = await givenASystem({ database, env: { ALERT_GROUPING: 'off' } });
  });
  afterAll(() => system?.stop());

  const post = (body: unknown, headers?: Record<string, string>) =>
    system.api.post('/api/logs', body, headers);
  const get = (path: string) => system.api.get(path);
  const settled = (id: string) =>
    eventually(
      async () => (await get(`/api/logs/${id}/emails`)).body,
      (all) => all.length > 0 && all.every(({ status }: { status: string }) => status !== 'pending'),
    );

  describe.skipIf(without)('GET /health', () => {
    it('answers ok', async () => {
      expect(await get('/health')).toMatchObject({ status: 200, body: { status: 'ok' } });
    });
  });

  describe.skipIf(without)('POST /api/logs', () => {
    it('answers 200 with the stored record', async () => {
      const message = 'ERROR größer als 5 € ✓';
      const { status, body } = await post({
        host: 'web-1',
        container: 'shop',
        message,
        severity: 'fatal',
        occurred_at: '2026-11-22T10:00:00.123456',
      });
      expect(status).toBe(200);
      expect(body).toMatchObject({
        id: expect.stringMatching(uuid),
        host: 'web-1',
        container: 'shop',
        severity: 'fatal',
        message,
        log_hash: sha256(message),
        occurred_at: '2026-11-22T10:00:00.123456Z',
        received_at: expect.stringMatching(instant),
        is_duplicate: false,
        duplicate_of_id: null,
        issue_id: expect.stringMatching(uuid),
      });
    });

    it('takes what the original agent sends: \\u escapes, and a time without a zone, which is UTC', async () => {
      const { body } = await post(
        '{"host":"h","container":"c","severity":"error","message":"ERROR \\u00fc\\ud83d\\ude00","occurred_at":"2026-11-22T10:00:00.123456"}',
      );
      expect(body).toMatchObject({ message: 'ERROR ü😀', occurred_at: '2026-11-22T10:00:00.123456Z' });
    });

    it('takes a time with a zone, and gives it in UTC', async () => {
      const { body } = await post(aRecord({ occurred_at: '2026-11-22T12:00:00+02:00' }));
      expect(body.occurred_at).toBe('2026-11-22T10:00:00.000000Z');
    });

    it('says error when there is no severity, takes any other word, and an empty message', async () => {
      expect((await post(aRecord())).body.severity).toBe('error');
      expect((await post(aRecord({ severity: 'whatever' }))).body.severity).toBe('whatever');
      expect(await post(aRecord({ message: '', container: randomUUID() }))).toMatchObject({
        status: 200,
        body: { message: '', log_hash: sha256('') },
      });
    });

    it('names the field that is missing or wrong', async () => {
      const { status, body } = await post({ container: 'c', message: 'm' });
      expect(status).toBe(422);
      expect(body.detail).toContainEqual({
        loc: ['body', 'host'],
        msg: expect.any(String),
        type: expect.any(String),
      });
      const wrong = await post(aRecord({ occurred_at: 'yesterday' }));
      expect(wrong.status).toBe(422);
      expect(wrong.body.detail[0].loc).toEqual(['body', 'occurred_at']);
    });

    it('marks a repeat as a duplicate of the latest equal record, and says in the history that its alert was suppressed', async () => {
      const record = aRecord({ host: 'dup' });
      const first = (await post(record)).body;
      const second = (await post(record)).body;
      const third = (await post(record)).body;
      expect(first).toMatchObject({ is_duplicate: false, duplicate_of_id: null });
      expect(second).toMatchObject({ is_duplicate: true, duplicate_of_id: first.id });
      expect(third).toMatchObject({ is_duplicate: true, duplicate_of_id: second.id });
      const history = (await get(`/api/logs/${second.id}/emails`)).body;
      expect(history.length).toBeGreaterThan(0);
      for (const notification of history)
        expect(notification).toMatchObject({ status: 'skipped', error_message: 'duplicate suppressed' });
    });

    it('takes another host or container for another message', async () => {
      const record = aRecord();
      await post(record);
      expect((await post({ ...record, host: 'other' })).body.is_duplicate).toBe(false);
      expect((await post({ ...record, container: 'other' })).body.is_duplicate).toBe(false);
    });

    it('stores a record once, however often its event_id comes', async () => {
      const record = aRecord({ event_id: randomUUID() });
      const first = (await post(record)).body;
      const again = await post({ ...record, host: 'renamed' });
      expect(again).toMatchObject({ status: 200, body: first });
      expect((await get(`/api/logs?host=renamed`)).body.total).toBe(0);
    });

    it('keeps what the sender adds', async () => {
      const more = {
        fields: { user: 'ann', attempt: 3 },
        stream: 'stderr',
        image: 'shop:1',
        labels: { team: 'a' },
        context_before: ['before'],
        context_after: ['after'],
        coalesce_id: 'x',
      };
      const { body } = await post(aRecord(more));
      expect(body).toMatchObject(more);
      expect((await get(`/api/logs/${body.id}`)).body).toMatchObject(more);
    });
  });

  describe.skipIf(without)('POST /api/logs with several records', () => {
    const three = () => [aRecord(), { host: 'h', container: 'c' }, aRecord()];

    it.each<[string, (records: object[]) => [string | Uint8Array, Record<string, string>]]>([
      ['an array', (all) => [JSON.stringify(all), {}]],
      ['NDJSON', (all) => [ndjson(all), { 'content-type': 'application/x-ndjson' }]],
      [
        'NDJSON in gzip',
        (all) => [
          gzipSync(ndjson(all)),
          { 'content-type': 'application/x-ndjson', 'content-encoding': 'gzip' },
        ],
      ],
      [
        'NDJSON in zstd',
        (all) => [
          zstdRaw(ndjson(all)),
          { 'content-type': 'application/x-ndjson', 'content-encoding': 'zstd' },
        ],
      ],
      ['an array in gzip', (all) => [gzipSync(JSON.stringify(all)), { 'content-encoding': 'gzip' }]],
    ])('answers one result per record, in order: %s', async (_name, encode) => {
      const records = three() as { message: string }[];
      const [body, headers] = encode(records);
      const answer = await post(body, headers);
      expect(answer.status).toBe(200);
      const [first, refused, third] = answer.body.items;
      expect(answer.body.items).toHaveLength(3);
      expect(first).toMatchObject({ id: expect.stringMatching(uuid), message: records[0]!.message });
      expect(JSON.stringify(refused)).toContain('message');
      expect(refused).toMatchObject({ index: 1 });
      expect(refused.id).toBeUndefined();
      expect(third).toMatchObject({ message: records[2]!.message });
      expect((await get(`/api/logs/${third.id}`)).status).toBe(200);
    });

    it('answers a line of NDJSON that is no JSON by its index, and stores the others', async () => {
      const answer = await post(`${JSON.stringify(aRecord())}\n{broken\n${JSON.stringify(aRecord())}\n`, {
        'content-type': 'application/x-ndjson',
      });
      expect(answer.status).toBe(200);
      expect(answer.body.items[1]).toMatchObject({ index: 1 });
      expect(answer.body.items[2].id).toMatch(uuid);
    });
  });

  describe.skipIf(without)('GET /api/logs', () => {
    it('gives the newest received first, with the total, filtered and in pages', async () => {
      const host = randomUUID();
      const ids: string[] = [];
      for (const container of ['a', 'b', 'a']) ids.push((await post(aRecord({ host, container }))).body.id);
      const all = (await get(`/api/logs?host=${host}`)).body;
      expect(all).toMatchObject({ total: 3 });
      expect(all.items.map(({ id }: { id: string }) => id)).toEqual(ids.toReversed());
      const ofA = (await get(`/api/logs?host=${host}&container=a`)).body;
      expect(ofA.items.map(({ id }: { id: string }) => id)).toEqual([ids[2], ids[0]]);
      const page = (await get(`/api/logs?host=${host}&limit=1&offset=1`)).body;
      expect(page).toMatchObject({ total: 3, items: [{ id: ids[1] }] });
      expect((await get(`/api/logs?host=${host}&offset=7`)).body).toMatchObject({ total: 3, items: [] });
    });

    it('also takes severity, q, since, until, issue_id and a cursor', async () => {
      const host = randomUUID();
      const one = (await post(aRecord({ host, severity: 'fatal', message: 'ERROR needle one' }))).body;
      const two = (await post(aRecord({ host, message: 'ERROR haystack two' }))).body;
      const found = async (query: string) =>
        (await get(`/api/logs?host=${host}&${query}`)).body.items.map(({ id }: { id: string }) => id);
      expect(await found('severity=fatal')).toEqual([one.id]);
      expect(await found('q=needle')).toEqual([one.id]);
      expect(await found(`issue_id=${two.issue_id}`)).toEqual([two.id]);
      expect(await found('since=2020-01-01T00:00:00Z')).toEqual([two.id, one.id]);
      expect(await found('until=2020-01-01T00:00:00Z')).toEqual([]);
    });

    it.each(['limit=0', 'limit=201', 'limit=x', 'offset=-1'])('refuses %s and names it', async (query) => {
      const { status, body } = await get(`/api/logs?${query}`);
      expect(status).toBe(422);
      expect(body.detail[0]).toMatchObject({
        loc: ['query', query.split('=')[0]],
        msg: expect.any(String),
        type: expect.any(String),
      });
    });
  });

  describe.skipIf(without)('GET /api/logs/{id}', () => {
    it('gives the record with its notifications', async () => {
      const { body: record } = await post(
        aRecord({ container: 'mailed', message: `ERROR ${randomUUID()} unheard of` }),
      );
      const notifications = await settled(record.id);
      const { status, body } = await get(`/api/logs/${record.id}`);
      expect(status).toBe(200);
      expect(body).toMatchObject(record);
      expect(body.emails).toEqual(notifications);
      for (const notification of notifications) {
        expect(Object.keys(notification)).toEqual(
          expect.arrayContaining([
            'id',
            'to_address',
            'subject',
            'body',
            'status',
            'provider_message_id',
            'error_message',
            'sent_at',
            'created_at',
          ]),
        );
        expect(notification.created_at).toMatch(instant);
      }
    });

    it('answers 404 for a record that is not there, and gives it no notifications', async () => {
      const none = '0192f0c0-0000-7000-8000-000000000000';
      expect(await get(`/api/logs/${none}`)).toMatchObject({
        status: 404,
        body: { detail: 'Log record not found' },
      });
      expect(await get(`/api/logs/${none}/emails`)).toMatchObject({ status: 200, body: [] });
    });
  });

  describe.skipIf(without)('the mail of a record', () => {
    it('has the original subject, and a body with host, container, severity, times, address and message', async () => {
      const message = 'ERROR the very first of its kind: kettle boiled over';
      const { body: record } = await post({
        host: 'web-9',
        container: 'kitchen',
        message,
        severity: 'fatal',
      });
      const [notification] = await settled(record.id);
      expect(notification).toMatchObject({
        to_address: 'ops@example.com',
        subject: '[Log Alert] FATAL kitchen on web-9',
        status: 'sent',
        error_message: null,
        sent_at: expect.stringMatching(instant),
      });
      for (const part of ['web-9', 'kitchen', 'fatal', record.id, system.backend.url, message])
        expect(notification.body.toLowerCase()).toContain(part.toLowerCase());
      const mails = (await system.mailbox.mails()).filter(({ text }) => text.includes(record.id));
      expect(mails).toHaveLength(1);
    });

    it('is in the list of all, newest first', async () => {
      const { status, body } = await get('/api/emails?limit=200');
      expect(status).toBe(200);
      expect(body.total).toBeGreaterThan(0);
      const times = body.items.map(({ created_at }: { created_at: string }) => created_at);
      expect(times).toEqual(times.toSorted().reverse());
      expect((await get('/api/emails?limit=1&offset=1')).body.items).toEqual([body.items[1]]);
      expect((await get('/api/emails?limit=0')).status).toBe(422);
    });
  });

  describe.skipIf(without)('recipients', () => {
    it('are added trimmed, lower-cased and once, deactivated, and added again', async () => {
      expect((await get('/api/recipients')).body).toEqual([]);
      const added = await system.api.post('/api/recipients', {
        emails: ' Ann@Example.com , bob@example.com,ann@example.com',
      });
      expect(added.status).toBe(200);
      expect(added.body.map(({ email }: { email: string }) => email).sort()).toEqual([
        'ann@example.com',
        'bob@example.com',
      ]);
      expect(added.body[0]).toMatchObject({
        id: expect.stringMatching(uuid),
        is_active: true,
        created_at: expect.stringMatching(instant),
      });

      const bob = added.body.find(({ email }: { email: string }) => email.startsWith('bob'));
      const gone = await system.api.delete(`/api/recipients/${bob.id}`);
      expect(gone).toMatchObject({
        status: 200,
        body: { id: bob.id, email: 'bob@example.com', is_active: false },
      });
      const emails = async (query: string) =>
        (await get(`/api/recipients${query}`)).body.map(({ email }: { email: string }) => email).sort();
      expect(await emails('')).toEqual(['ann@example.com']);
      expect(await emails('?include_inactive=true')).toEqual(['ann@example.com', 'bob@example.com']);

      const back = await system.api.post('/api/recipients', { emails: 'BOB@example.com' });
      expect(back.body).toMatchObject([{ id: bob.id, is_active: true }]);
    });

    it('in the database replace ALERT_EMAIL_TO, each getting one mail', async () => {
      const { body: record } = await post(
        aRecord({ message: 'ERROR something never heard of, about walruses' }),
      );
      const notifications = await settled(record.id);
      expect(notifications.map(({ to_address }: { to_address: string }) => to_address).sort()).toEqual([
        'ann@example.com',
        'bob@example.com',
      ]);
    });

    it('are refused all together when one address is invalid, and every invalid one is named', async () => {
      const { status, body } = await system.api.post('/api/recipients', {
        emails: 'new@example.com, nope, alsobad',
      });
      expect(status).toBe(400);
      expect(body).toEqual({ detail: 'Invalid email(s): nope, alsobad' });
      expect((await get('/api/recipients')).body).toHaveLength(2);
    });

    it.each([
      'a@x',
      'a b@example.com',
      'a@example.com\r\nBcc: c@example.com',
      `${'a'.repeat(400)}@example.com`,
      'a@\u0000example.com',
    ])('are refused when the address is %j', async (address) => {
      const { status } = await system.api.post('/api/recipients', { emails: address });
      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(500);
    });

    it('added by many at the same instant are there once', async () => {
      const answers = await Promise.all(
        Array.from({ length: 10 }, () => system.api.post('/api/recipients', { emails: 'cat@example.com' })),
      );
      expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200));
      expect(new Set(answers.map(({ body }) => body[0].id)).size).toBe(1);
      await system.api.delete(`/api/recipients/${answers[0]!.body[0].id}`);
    });

    it('that are not there cannot be deactivated', async () => {
      expect((await system.api.delete('/api/recipients/0192f0c0-0000-7000-8000-000000000000')).status).toBe(
        404,
      );
    });
  });

  describe.skipIf(without)('whatever a client sends', () => {
    it('is stored with a NUL as U+2400 and a lone surrogate as U+FFFD, and the hash of what was sent', async () => {
      const nul = (await post(aRecord({ message: 'ERROR a\u0000b' }))).body;
      expect(nul).toMatchObject({ message: 'ERROR a\u2400b', log_hash: sha256('ERROR a\u0000b') });
      const lone = await post('{"host":"h","container":"c","message":"ERROR \\ud800 lone"}');
      expect(lone).toMatchObject({ status: 200, body: { message: 'ERROR \ufffd lone' } });
    });

    it.each<[string, string]>([
      ['a NUL in the host', JSON.stringify(aRecord({ host: 'a\u0000b' }))],
      ['a NUL in a field', JSON.stringify(aRecord({ fields: { 'a\u0000': 'b\u0000' } }))],
      ['a lone surrogate in the container', '{"host":"h","container":"\\udfff","message":"m"}'],
      ['a host of 300 characters', JSON.stringify(aRecord({ host: 'h'.repeat(300) }))],
      ['a severity of 60 characters', JSON.stringify(aRecord({ severity: 's'.repeat(60) }))],
      ['a message of 1 MB', JSON.stringify(aRecord({ message: 'x'.repeat(1_000_000) }))],
      ['a message of 3 MB', JSON.stringify(aRecord({ message: 'x'.repeat(3_000_000) }))],
      ['a year past the database', JSON.stringify(aRecord({ occurred_at: '+294277-01-01T00:00:00Z' }))],
      ['a year before Christ', JSON.stringify(aRecord({ occurred_at: '-004714-01-01T00:00:00Z' }))],
      ['a date that is none', JSON.stringify(aRecord({ occurred_at: '2026-02-30T00:00:00Z' }))],
      ['an event_id that is none', JSON.stringify(aRecord({ event_id: 'abc' }))],
      ['the body NaN', 'NaN'],
      ['the body null', 'null'],
      ['a number', '7'],
      ['nothing', ''],
      ['half of it', '{"host":"h"'],
      ['an empty array', '[]'],
      ['deep nesting', `${'['.repeat(50_000)}${']'.repeat(50_000)}`],
      ['a key that is __proto__', '{"__proto__":{"host":"x"},"host":"h","container":"c","message":"m"}'],
    ])('is answered without a 5xx: %s', async (_what, body) => {
      expect((await post(body)).status).toBeLessThan(500);
    });

    it.each([
      '/api/logs?host=%00',
      '/api/logs?container=a%00b',
      '/api/logs?q=%00',
      '/api/logs?offset=99999999999999999999',
      '/api/logs?offset=9223372036854775807',
      '/api/logs?since=nonsense',
      '/api/logs?cursor=nonsense',
      '/api/logs?host=%FF',
      '/api/logs/not-a-uuid',
      '/api/logs/%00',
      '/api/logs/not-a-uuid/emails',
      '/api/emails?offset=1e99',
      '/api/nowhere',
    ])('gets no 5xx from GET %s', async (path) => {
      expect((await get(path)).status).toBeLessThan(500);
    });

    it('is refused when the body is over the limit, and the backend goes on', async () => {
      const answer = await post('x'.repeat(17 * 1024 * 1024)).catch(() => ({ status: 413 }));
      expect(answer.status).toBe(413);
      const bomb = await post(gzipSync(Buffer.alloc(64 * 1024 * 1024, 0x20)), {
        'content-encoding': 'gzip',
      }).catch(() => ({ status: 413 }));
      expect(bomb.status).toBeGreaterThanOrEqual(400);
      expect(bomb.status).toBeLessThan(500);
      expect((await get('/health')).status).toBe(200);
    });

    it('is refused in a media type or an encoding that is not spoken', async () => {
      const unknown: Record<string, string>[] = [
        { 'content-type': 'text/xml' },
        { 'content-encoding': 'br' },
      ];
      for (const headers of unknown) {
        const { status } = await post(JSON.stringify(aRecord()), headers);
        expect(status).toBeGreaterThanOrEqual(400);
        expect(status).toBeLessThan(500);
      }
    });
  });

  describe.skipIf(without)('the documentation', () => {
    it('is served: the OpenAPI document, and pages to try it', async () => {
      const { status, body } = await get('/openapi.json');
      expect(status).toBe(200);
      expect(Object.keys(body.paths)).toEqual(
        expect.arrayContaining(['/health', '/api/logs', '/api/recipients']),
      );
      const docs = await get('/docs');
      expect(docs.status).toBe(200);
      expect(docs.headers.get('content-type')).toContain('text/html');
    });
  });

  // These change how the backend is set up, so they stand last.
  describe.skipIf(without)('other settings', () => {
    it('without alerting, or without recipients, the history says so', async () => {
      const said = async () => {
        const { body } = await post(aRecord({ message: `ERROR ${randomUUID()} untold` }));
        return (await get(`/api/logs/${body.id}/emails`)).body;
      };
      const expected = [{ status: 'skipped', error_message: 'alerts disabled or missing recipients' }];
      await system.restartBackend({ ALERT_EMAIL_ENABLED: 'false' });
      expect(await said()).toMatchObject(expected);
      for (const { id } of (await get('/api/recipients')).body)
        await system.api.delete(`/api/recipients/${id}`);
      await system.restartBackend({ ALERT_EMAIL_ENABLED: 'true', ALERT_EMAIL_TO: '' });
      expect(await said()).toMatchObject(expected);
    });

    it('with DEDUPE_WINDOW_SECONDS=0 nothing is a duplicate', async () => {
      await system.restartBackend({ DEDUPE_WINDOW_SECONDS: '0' });
      const record = aRecord();
      await post(record);
      expect((await post(record)).body.is_duplicate).toBe(false);
    });

    it('with API_KEY every route with data asks for it', async () => {
      await system.restartBackend({ API_KEY: 'a-long-key-for-the-test' });
      const stranger = apiAt(system.backend.url);
      expect((await stranger.get('/health')).status).toBe(200);
      for (const path of ['/api/logs', '/api/emails', '/api/recipients', '/metrics'])
        expect((await stranger.get(path)).status).toBe(401);
      expect((await stranger.post('/api/logs', aRecord())).status).toBe(401);
      expect((await apiAt(system.backend.url, { 'x-api-key': 'wrong' }).get('/api/logs')).status).toBe(401);
      expect((await system.api.get('/api/logs')).status).toBe(200);
      const bearer = apiAt(system.backend.url, { authorization: 'Bearer a-long-key-for-the-test' });
      expect((await bearer.get('/api/logs')).status).toBe(200);
    });

    it('an address that others can reach is refused without a key, with what to set', async () => {
      const program = await startProgram(['serve'], {
        folder: system.folder,
        env: { ...system.backendEnv, API_KEY: '', HOST: '0.0.0.0', PORT: '0' },
      });
      expect(await program.ended).not.toBe(0);
      expect(program.output()).toMatch(/API_KEY/);
      expect(program.output()).toMatch(/0\.0\.0\.0/);
    });

    it('every mistake is told at once, each with its remedy', async () => {
      const program = await startProgram(['serve'], {
        folder: system.folder,
        env: { PORT: 'abc', DEDUPE_WINDOW_SECONDS: '-1', SMTP_URL: 'nonsense', DATABASE_URL: 'x' },
      });
      expect(await program.ended).not.toBe(0);
      for (const name of ['PORT', 'DEDUPE_WINDOW_SECONDS', 'SMTP_URL', 'DATABASE_URL'])
        expect(program.output()).toContain(name);
    });

    it('log-detector migrate brings the database up to date and ends', async () => {
      await system.backend.stop();
      const program = await startProgram(['migrate'], { folder: system.folder, env: system.backendEnv });
      expect(await program.ended, program.output()).toBe(0);
    });
  });
});

const ndjson = (records: object[]) => `${records.map((record) => JSON.stringify(record)).join('\n')}\n`;

/** A zstd frame with one stored block (RFC 8878): Node 20 has no compressor for it. */
function zstdRaw(text: string): Uint8Array {
  const data = Buffer.from(text);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(data.length);
  const block = Buffer.alloc(4);
  block.writeUInt32LE((data.length << 3) | 1);
  // Descriptor 0xa0: a size of 4 bytes, a single segment.
  return Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xa0]), size, block.subarray(0, 3), data]);
}
