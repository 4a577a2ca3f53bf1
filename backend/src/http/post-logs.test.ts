import { createHash, randomUUID } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import type { LogRecord } from '@log-detector/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aRecord, type GivenBackend, givenBackend } from './test-help.ts';

let backend: GivenBackend;
beforeAll(async () => {
  backend = await givenBackend();
});
afterAll(() => backend.close());

const post = <Body = LogRecord>(payload: unknown, headers?: Record<string, string>) =>
  backend.call<Body>('POST', '/api/logs', payload, headers);
const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;
const uuidV7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
interface Misfits {
  detail: { loc: (string | number)[]; msg: string; type: string }[];
}

describe('POST /api/logs', () => {
  it('answers the stored record', async () => {
    const { status, body } = await post({
      ...aRecord,
      message: 'first of all',
      occurred_at: '2026-11-22T10:00:00.123456',
    });
    expect(status).toBe(200);
    expect(body).toEqual({
      id: expect.stringMatching(uuidV7),
      host: 'web-1',
      container: 'api',
      severity: 'error',
      message: 'first of all',
      log_hash: sha256('first of all'),
      occurred_at: '2026-11-22T10:00:00.123456Z',
      received_at: expect.stringMatching(instant),
      is_duplicate: false,
      duplicate_of_id: null,
      issue_id: expect.stringMatching(uuidV7),
      event_id: null,
      stream: null,
      image: null,
      labels: null,
      fields: null,
      context_before: null,
      context_after: null,
      coalesce_id: null,
    });
    const read = await backend.call<LogRecord & { emails: unknown[] }>('GET', `/api/logs/${body.id}`);
    const { emails, ...record } = read.body;
    expect(record).toEqual(body);
    expect(emails).toHaveLength(1);
  });

  it('keeps everything that the extensions add', async () => {
    const parts = {
      message: 'with everything',
      severity: 'fatal',
      event_id: randomUUID(),
      stream: 'stderr',
      image: 'api:1.2',
      labels: { 'com.docker.compose.service': 'api' },
      fields: { user: 7, nested: { a: [1, null, 'x'] }, __proto__x: 1 },
      context_before: ['a', 'b'],
      context_after: ['c'],
      coalesce_id: 'c1',
    };
    const { body } = await post({ ...aRecord, ...parts });
    expect(body).toMatchObject(parts);
    expect((await backend.call('GET', `/api/logs/${body.id}`)).body).toMatchObject(parts);
  });

  it('takes an empty message, and any severity', async () => {
    expect((await post({ ...aRecord, message: '', severity: 'Weird one' })).body).toMatchObject({
      message: '',
      severity: 'Weird one',
      log_hash: sha256(''),
    });
    expect((await post({ ...aRecord, message: 'e', severity: '' })).body).toMatchObject({ severity: '' });
  });

  it('takes a body without a content type for JSON, as the original does', async () => {
    const answer = await backend.app.inject({
      method: 'POST',
      url: '/api/logs',
      payload: Buffer.from(JSON.stringify(aRecord)),
      headers: {},
    });
    expect(answer.statusCode).toBe(200);
  });

  it('ignores fields it does not know', async () => {
    expect((await post({ ...aRecord, colour: 'red' })).status).toBe(200);
  });
});

describe('POST /api/logs, misfits', () => {
  it.each([
    [{ container: 'api', message: 'm' }, ['body', 'host'], 'missing'],
    [{ host: 'h', message: 'm' }, ['body', 'container'], 'missing'],
    [{ host: 'h', container: 'api' }, ['body', 'message'], 'missing'],
    [{ ...aRecord, message: 7 }, ['body', 'message'], 'string_type'],
    [{ ...aRecord, message: null }, ['body', 'message'], 'string_type'],
    [{ ...aRecord, severity: 3 }, ['body', 'severity'], 'string_type'],
    [{ ...aRecord, host: 'h'.repeat(256) }, ['body', 'host'], 'string_too_long'],
    [{ ...aRecord, severity: 's'.repeat(51) }, ['body', 'severity'], 'string_too_long'],
    [{ ...aRecord, occurred_at: 'yesterday' }, ['body', 'occurred_at'], 'datetime_parsing'],
    [{ ...aRecord, occurred_at: '99999-01-01T00:00:00Z' }, ['body', 'occurred_at'], 'datetime_parsing'],
    [{ ...aRecord, occurred_at: 1e300 }, ['body', 'occurred_at'], 'datetime_parsing'],
    [{ ...aRecord, event_id: 'not-a-uuid' }, ['body', 'event_id'], 'uuid_parsing'],
    [{ ...aRecord, stream: 'stdin' }, ['body', 'stream'], 'literal_error'],
    [{ ...aRecord, labels: { a: 1 } }, ['body', 'labels'], 'string_type'],
    [{ ...aRecord, fields: [] }, ['body', 'fields'], 'dict_type'],
    [{ ...aRecord, context_before: 'x' }, ['body', 'context_before'], 'list_type'],
    ['7', ['body'], 'model_attributes_type'],
    ['null', ['body'], 'model_attributes_type'],
    ['NaN', ['body'], 'json_invalid'],
    ['{"host": ', ['body'], 'json_invalid'],
    ['', ['body'], 'missing'],
  ])('%j is refused with the place and the kind', async (payload, loc, type) => {
    const { status, body } = await post<Misfits>(payload);
    expect(status).toBe(422);
    expect(body.detail).toEqual([{ loc, type, msg: expect.stringMatching(/\w/) }]);
  });

  it('refuses lines around the message that are too long together', async () => {
    const context_after = Array(50).fill('x'.repeat(6_000));
    const { status, body } = await post<Misfits>({ ...aRecord, context_after });
    expect(status).toBe(422);
    expect(body.detail).toEqual([
      { loc: ['body', 'context_after'], type: 'too_long', msg: expect.stringMatching(/\w/) },
    ]);
  });

  it('names every misfit at once', async () => {
    const { body } = await post<Misfits>({});
    expect(body.detail.map(({ loc }) => loc.join('.'))).toEqual([
      'body.host',
      'body.container',
      'body.message',
    ]);
  });

  it('says of a wrong content type which to send', async () => {
    const { status, body } = await post<Misfits>('host=a', {
      'content-type': 'application/x-www-form-urlencoded',
    });
    expect(status).toBe(422);
    expect(body.detail[0]!.msg).toMatch(/send application\/json or application\/x-ndjson/);
  });
});

describe('POST /api/logs, hostile input', () => {
  it('stores a NUL as U+2400, everywhere, with the hash of the message as sent', async () => {
    const nasty = 'a\0b';
    const { status, body } = await post({
      host: nasty,
      container: nasty,
      message: nasty,
      severity: nasty,
      image: nasty,
      coalesce_id: nasty,
      labels: { [nasty]: nasty },
      fields: { [nasty]: [nasty, { [nasty]: nasty }] },
      context_before: [nasty],
    });
    const stored = 'a\u2400b';
    expect(status).toBe(200);
    expect(body).toMatchObject({
      host: stored,
      container: stored,
      message: stored,
      severity: stored,
      image: stored,
      coalesce_id: stored,
      labels: { [stored]: stored },
      fields: { [stored]: [stored, { [stored]: stored }] },
      context_before: [stored],
      log_hash: sha256(nasty),
    });
  });

  it('stores a lone surrogate as U+FFFD', async () => {
    const payload =
      '{"host":"h\\ud800","container":"c\\udc00x","message":"m\\ud83d \\ud83d\\ude00","fields":{"a":"\\ud800"}}';
    const { status, body } = await post(payload);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      host: 'h\ufffd',
      container: 'c\ufffdx',
      message: 'm\ufffd 😀',
      fields: { a: '\ufffd' },
    });
  });

  it('stores a message of 1 MB, and refuses a longer one', async () => {
    const message = 'é'.repeat(512 * 1024);
    const { status, body } = await post({ ...aRecord, message });
    expect(status).toBe(200);
    expect(body.log_hash).toBe(sha256(message));
    expect((await post({ ...aRecord, message: `${message}é` })).status).toBe(422);
  });

  it('stores names that mean something to JavaScript', async () => {
    const payload =
      '{"host":"h","container":"constructor","message":"__proto__","fields":{"__proto__":{"host":"x"},"constructor":1}}';
    const { status, body } = await post(payload);
    expect(status).toBe(200);
    expect(JSON.stringify(body.fields)).toBe('{"__proto__":{"host":"x"},"constructor":1}');
    expect((await post('{"__proto__":{"host":"h","container":"c","message":"m"}}')).status).toBe(422);
  });

  it('refuses what nests without end', async () => {
    const deep = `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`;
    expect((await post(`{"host":"h","container":"c","message":"m","fields":${deep}}`)).status).toBe(422);
    expect((await post(deep)).status).toBe(422);
    expect((await post(`${'['.repeat(100_000)}${']'.repeat(100_000)}`)).status).toBe(200); // an array with one bad record
  });

  it('keeps the fields of a host and container as long as they may be', async () => {
    const long = '😀'.repeat(255);
    const { status, body } = await post({
      host: long,
      container: long,
      message: 'm',
      severity: '😀'.repeat(50),
    });
    expect(status).toBe(200);
    expect((await backend.call('GET', `/api/logs/${body.id}`)).status).toBe(200);
  });

  it('refuses a body over the limit with 413, plain or as a bomb', async () => {
    const headers = { 'content-type': 'application/json' };
    const long = Buffer.alloc(17 * 1024 * 1024, ' ');
    expect((await post(long, headers)).status).toBe(413);
    expect((await post(gzipSync(long), { ...headers, 'content-encoding': 'gzip' })).status).toBe(413);
  });

  it('refuses compression that is broken or unknown', async () => {
    expect((await post(Buffer.from('not gzip'), { 'content-encoding': 'gzip' })).status).toBe(422);
    expect((await post(Buffer.from('not zstd'), { 'content-encoding': 'zstd' })).status).toBe(422);
    expect((await post(gzipSync('{}').subarray(0, 10), { 'content-encoding': 'gzip' })).status).toBe(422);
    expect((await post('{}', { 'content-encoding': 'br' })).status).toBe(415);
  });
});

describe('POST /api/logs, batches', () => {
  const records = [1, 2, 3].map((n) => ({ ...aRecord, message: `batch ${n}` }));
  const messages = (body: { items: LogRecord[] }) => body.items.map(({ message }) => message);

  it('stores an array and answers in order', async () => {
    const { status, body } = await post<{ items: LogRecord[] }>(records);
    expect(status).toBe(200);
    expect(messages(body)).toEqual(['batch 1', 'batch 2', 'batch 3']);
    const ids = body.items.map(({ id }) => id);
    expect(ids).toEqual([...ids].sort());
  });

  it('answers with ids alone when the sender asks for no more, and with the reason for what it refused', async () => {
    const batch = [{ ...aRecord, event_id: randomUUID() }, { host: 'x' }, { ...aRecord, message: 'two' }];
    const prefer = { prefer: 'return=minimal' };
    const { body, headers } = await post<{ items: object[] }>(batch, prefer);
    const id = expect.stringMatching(uuidV7);
    expect(body.items).toEqual([{ id }, { index: 1, error: expect.any(Array) }, { id }]);
    expect(headers['preference-applied']).toBe('return=minimal');
    // Sent again, the first one is the answer.
    const again = await post<{ items: object[] }>(batch.slice(0, 1), prefer);
    expect(again.body.items).toEqual([body.items[0]]);
    // One alone is small as it is.
    const alone = await post(batch[2], prefer);
    expect(alone.body).toMatchObject({ message: 'two' });
    expect(alone.headers).not.toHaveProperty('preference-applied');
  });

  it('answers an empty array with no items', async () => {
    expect(await post([])).toMatchObject({ status: 200, body: { items: [] } });
  });

  it.each([
    ['plain', (body: Buffer) => body, {}],
    ['gzip', (body: Buffer) => gzipSync(body), { 'content-encoding': 'gzip' }],
    ['zstd', zstd, { 'content-encoding': 'zstd' }],
  ])('takes NDJSON, %s', async (_, compress, headers) => {
    const body = Buffer.from(records.map((record) => JSON.stringify(record)).join('\n'));
    const answer = await post<{ items: LogRecord[] }>(compress(body), {
      'content-type': 'application/x-ndjson',
      ...headers,
    });
    expect(answer.status).toBe(200);
    expect(messages(answer.body)).toEqual(['batch 1', 'batch 2', 'batch 3']);
  });

  it('refuses a bad record by its index, and stores the good ones', async () => {
    const body = `${JSON.stringify(records[0])}\nnot json\n\n{"host":"h"}\n${JSON.stringify(records[2])}\n`;
    const answer = await post<{ items: object[] }>(body, { 'content-type': 'application/x-ndjson' });
    expect(answer.status).toBe(200);
    expect(answer.body.items).toEqual([
      expect.objectContaining({ message: 'batch 1' }),
      { index: 1, error: [{ loc: ['body', 1], msg: expect.stringContaining('JSON'), type: 'json_invalid' }] },
      {
        index: 2,
        error: [
          { loc: ['body', 2, 'container'], msg: 'Field required', type: 'missing' },
          { loc: ['body', 2, 'message'], msg: 'Field required', type: 'missing' },
        ],
      },
      expect.objectContaining({ message: 'batch 3' }),
    ]);
  });

  it('stores texts that mean something to the database as they are, in any place', async () => {
    const odd = ['a"b', 'a\\b', '{a,b}', '\\N', '\\.', "a'b", 'a\tb', 'a\rb', '$1', 'NULL'];
    const sent = odd.map((text) => ({
      host: text,
      container: text,
      message: `ERROR: one message for all\n${text}\n\\.\n`,
      severity: text,
      image: text,
      coalesce_id: text,
      labels: { [text]: text },
      fields: { [text]: [text] },
      context_before: [text],
    }));
    for (let time = 0; time < 2; time += 1) {
      const { status, body } = await post(sent);
      expect(status).toBe(200);
      expect(body).toEqual({ items: sent.map((record) => expect.objectContaining(record)) });
      for (const item of (body as unknown as { items: { id: string; host: string }[] }).items) {
        const stored = await backend.call('GET', `/api/logs/${item.id}`);
        expect(stored.body).toMatchObject(sent.find(({ host }) => host === item.host)!);
      }
    }
  });

  it('refuses more records than a batch may hold', async () => {
    expect((await post(Array.from({ length: 5001 }, () => ({})))).status).toBe(413);
  });
});

/** One frame of one raw block: what RFC 8878 allows a compressor that does not compress. */
function zstd(body: Buffer): Buffer {
  const header = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 0]);
  header.writeUInt32LE(body.length, 5);
  const block = Buffer.alloc(3);
  block.writeUIntLE((body.length << 3) | 1, 0, 3);
  return Buffer.concat([header, block, body]);
}
