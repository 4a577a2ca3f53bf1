import { randomUUID } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { apiKeyGuard } from '../access/api-key.ts';
import { aRecord, type GivenBackend, givenBackend } from './test-help.ts';

let backend: GivenBackend;
beforeAll(async () => {
  backend = await givenBackend();
});
afterAll(() => backend.close());

describe('GET /health', () => {
  it('says ok', async () => {
    expect(await backend.call('GET', '/health')).toMatchObject({ status: 200, body: { status: 'ok' } });
  });
});

describe('what is not there', () => {
  it('answers as JSON', async () => {
    expect(await backend.call('GET', '/nowhere')).toMatchObject({
      status: 404,
      body: { detail: 'Not Found' },
    });
    expect((await backend.call('GET', '/api/logs/%ZZ')).status).toBe(400);
  });

  it('says which methods a path takes when it is asked with another', async () => {
    for (const [method, path, allow] of [
      ['DELETE', '/api/logs', 'GET, HEAD, POST'],
      ['DELETE', '/api/logs?limit=1', 'GET, HEAD, POST'],
      ['DELETE', `/api/logs/${randomUUID()}`, 'GET, HEAD'],
      ['POST', '/health', 'GET, HEAD'],
      ['GET', `/api/logs/${randomUUID()}/nothing`, null],
      ['POST', '/api', null],
      ['DELETE', '/api/logs/', 'GET, HEAD, POST'],
    ] as const) {
      const answer = await backend.call(method, path);
      expect([answer.status, answer.headers.allow ?? null], `${method} ${path}`).toEqual(
        allow === null ? [404, null] : [405, allow],
      );
      expect(answer.body).toEqual({ detail: allow === null ? 'Not Found' : 'Method Not Allowed' });
    }
  });
});

describe('a slash at the end of a path', () => {
  it('does not matter, so that a sender whose BACKEND_URL has one is heard', async () => {
    expect((await backend.call('POST', '/api/logs/', aRecord)).status).toBe(200);
    const { status, body } = await backend.call<{ items: unknown[] }>(
      'GET',
      '/api/logs//?limit=1&host=web-1',
    );
    expect([status, body.items.length]).toEqual([200, 1]);
    expect((await backend.call('GET', '/health/')).body).toEqual({ status: 'ok' });
    expect((await backend.call('GET', '/api/')).status).toBe(404);
  });
});

describe('the type of a body', () => {
  interface Misfits {
    detail: { loc: string[]; msg: string }[];
  }
  const body = JSON.stringify({ emails: 'typed@example.com' });
  const add = (type: string | undefined, payload = body, url = '/api/recipients', headers = {}) =>
    backend.app.inject({
      method: 'POST',
      url,
      payload: Buffer.from(payload),
      headers: { ...(type === undefined ? {} : { 'content-type': type }), ...headers },
    });

  it('is taken for JSON when it is left out', async () => {
    expect((await add(undefined)).statusCode).toBe(200);
    const { statusCode, json } = await add(undefined, 'emails=typed@example.com');
    expect([statusCode, json<Misfits>().detail]).toEqual([
      422,
      [expect.objectContaining({ type: 'json_invalid' })],
    ]);
  });

  it('is not left out by a browser, where any site could send it', async () => {
    for (const [url, sent] of [
      ['/api/recipients', body],
      ['/api/logs', JSON.stringify(aRecord)],
      ['/api/coverage', '[]'],
    ] as const) {
      const { statusCode } = await add(undefined, sent, url, { origin: 'https://example.net' });
      expect(statusCode, url).toBe(422);
    }
  });

  it.each(['application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'image/png', 'json'])(
    'that is %s does not fit, and is told which to send',
    async (type) => {
      const { statusCode, json } = await add(type);
      expect(statusCode).toBe(422);
      expect(json<Misfits>().detail).toEqual([
        {
          loc: ['header', 'content-type'],
          msg: expect.stringContaining('send application/json'),
          type: 'value_error',
        },
      ]);
    },
  );

  it('does not matter where there is no body, or nobody to take it', async () => {
    for (const type of [undefined, 'application/json', 'application/x-www-form-urlencoded']) {
      const { detail } = (await add(type, '')).json<Misfits>();
      expect(detail, type).toEqual([expect.objectContaining({ loc: ['body'] })]);
      expect((await add(type, 'no json', '/api/nowhere')).statusCode, type).toBe(404);
      expect((await add(type, 'no json', '/health')).statusCode, type).toBe(405);
    }
  });
});

describe('API_KEY', () => {
  let locked: GivenBackend;
  beforeAll(async () => {
    locked = await givenBackend({ apiKey: 'the key' });
  });
  afterAll(() => locked.close());

  it('is asked for by every route but /health, the front page and the description of the API', async () => {
    for (const url of ['/health', '/', '/openapi.json', '/docs', '/docs/static/swagger-ui-bundle.js'])
      expect((await locked.call('GET', url)).status, url).toBe(200);
    for (const url of [
      '/api/logs',
      '/api/emails',
      '/api/recipients',
      '/api/coverage',
      '/metrics',
      '/docsy',
      '/nowhere',
      `/api/logs/${randomUUID()}`,
    ])
      expect((await locked.call('GET', url)).status, url).toBe(401);
    expect((await locked.call('POST', '/api/logs', aRecord)).status).toBe(401);
    expect((await locked.call('POST', '/api/logs', 'not json')).status).toBe(401);
  });

  it('may have an umlaut, whether a client writes headers as Latin-1 or as UTF-8', async () => {
    const guard = apiKeyGuard('schlüssel');
    const pass = (key: string) => guard({ headers: { 'x-api-key': key } } as never, 'read');
    pass('schlüssel');
    // As Node reads the bytes of UTF-8.
    pass(Buffer.from('schlüssel').toString('latin1'));
    for (const key of ['schlussel', '', Buffer.from('schlüsse').toString('latin1')])
      expect(() => pass(key), key).toThrow('This API key is not the right one');
  });

  it('is taken as X-API-Key and as Authorization: Bearer', async () => {
    expect((await locked.call('POST', '/api/logs', aRecord, { 'x-api-key': 'the key' })).status).toBe(200);
    expect(
      (await locked.call('GET', '/api/logs', undefined, { authorization: 'Bearer the key' })).status,
    ).toBe(200);
    expect(
      (await locked.call('GET', '/metrics', undefined, { authorization: 'bearer the key' })).status,
    ).toBe(200);
  });

  it('is told from a wrong one', async () => {
    for (const key of ['', 'the ke', 'the key ', 'THE KEY', 'x'.repeat(1000)]) {
      const { status, body } = await locked.call('GET', '/api/logs', undefined, { 'x-api-key': `${key}!` });
      expect(status).toBe(401);
      expect(body).toEqual({ detail: 'This API key is not the right one' });
    }
  });
});

describe('the OpenAPI document', () => {
  interface Document {
    openapi: string;
    paths: Record<
      string,
      Record<string, { responses: Record<string, unknown>; summary?: string; requestBody?: object }>
    >;
    components: { securitySchemes: object; schemas: Record<string, unknown> };
  }

  it('names every route, its errors and how to show a key', async () => {
    const { body } = await backend.call<Document>('GET', '/openapi.json');
    expect(body.openapi).toBe('3.1.0');
    expect(Object.keys(body.paths).sort()).toEqual(
      expect.arrayContaining([
        '/api/coverage',
        '/api/emails',
        '/api/logs',
        '/api/logs/{id}',
        '/api/logs/{id}/emails',
        '/api/recipients',
        '/api/recipients/{id}',
        '/health',
        '/metrics',
      ]),
    );
    expect(body.components.securitySchemes).toHaveProperty('apiKey');
    for (const [path, methods] of Object.entries(body.paths))
      for (const [method, { summary, responses, requestBody }] of Object.entries(methods)) {
        expect(summary, `${method} ${path}`).toMatch(/\w/);
        expect(responses, `${method} ${path}`).toHaveProperty('200');
        if (path.startsWith('/api/'))
          expect(Object.keys(responses), `${method} ${path}`).toEqual(expect.arrayContaining(['401', '422']));
        if (method === 'post' && path === '/api/logs') expect(requestBody).toBeDefined();
      }
  });

  it('refers to nothing that is missing', async () => {
    const { body } = await backend.call<Document>('GET', '/openapi.json');
    const references = [...JSON.stringify(body).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map(
      ([, name]) => name!,
    );
    expect(references.length).toBeGreaterThan(0);
    for (const name of references) expect(body.components.schemas).toHaveProperty(name);
  });

  it('names what is no JSON by its type, and asks for no field of a body that has a default', async () => {
    const { body } = await backend.call<{
      paths: Record<
        string,
        Record<
          string,
          {
            responses: Record<string, { content: object }>;
            requestBody?: { content: Record<string, { schema: { required?: string[] } }> };
          }
        >
      >;
    }>('GET', '/openapi.json');
    for (const [method, path, status, type] of [
      ['get', '/metrics', '200', 'text/plain'],
      ['get', '/', '200', 'text/html'],
      ['get', '/act/{token}', '403', 'text/html'],
      ['post', '/act/{token}', '409', 'text/html'],
      ['get', '/records/{id}/{token}', '410', 'text/html'],
      ['get', '/api/logs', '200', 'application/json'],
    ] as const) {
      const answer = body.paths[path]![method]!.responses[status]!;
      expect(Object.keys(answer.content), `${method} ${path} ${status}`).toEqual([type]);
    }
    const { requestBody } = body.paths['/api/test-notification']!.post!;
    expect(requestBody!.content['application/json']!.schema.required).toEqual([]);
  });

  it('asks for no parameter that has a default', async () => {
    const { body } = await backend.call<{
      paths: Record<string, { get?: { parameters?: { name: string; required: boolean }[] } }>;
    }>('GET', '/openapi.json');
    const parameters = body.paths['/api/logs']!.get!.parameters!;
    expect(parameters.filter(({ required }) => required)).toEqual([]);
    expect(parameters.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['limit', 'offset', 'q', 'cursor']),
    );
  });

  it('can be tried out at /docs, and in no frame of another site', async () => {
    const { status, body, headers } = await backend.call<string>('GET', '/docs');
    expect(status).toBe(200);
    expect(body).toContain('swagger-ui');
    expect(headers['content-security-policy']).toBe("frame-ancestors 'none'");
  });
});

describe('GET /metrics', () => {
  it('tells Prometheus what was stored and answered', async () => {
    await backend.post();
    const { body, headers } = await backend.call<string>('GET', '/metrics');
    expect(headers['content-type']).toContain('text/plain; version=0.0.4');
    expect(body).toMatch(/^log_detector_records_total\{outcome="stored"\} [1-9]/m);
    expect(body).toMatch(
      /^log_detector_http_requests_total\{method="POST",route="\/api\/logs",status="200"\} [1-9]/m,
    );
    expect(body).toMatch(/^log_detector_http_request_seconds_bucket\{le="\+Inf"\} \d+/m);
  });
});

describe('/api/coverage', () => {
  const aHole = (parts: object = {}) => ({
    event_id: randomUUID(),
    host: 'web-1',
    container: 'api',
    from: '2026-11-22T10:00:00.123456789Z',
    to: '2026-11-22T10:05:00Z',
    reason: 'rotated',
    ...parts,
  });
  interface Holes {
    items: { id: string; event_id: string; from: string }[];
    total: number;
    next_cursor: string | null;
  }
  afterEach(() => backend.database.pool.query('truncate coverage_holes'));

  it('stores a hole once, however often it is sent', async () => {
    const hole = aHole({ stream: 'stderr', records: 12, detail: 'max-file=1', container_id: 'abc' });
    const first = await backend.call<Holes>('POST', '/api/coverage', hole);
    const again = await backend.call<Holes>('POST', '/api/coverage', [hole, aHole()]);
    expect(first).toMatchObject({
      status: 200,
      body: { items: [{ ...hole, from: '2026-11-22T10:00:00.123456Z', to: '2026-11-22T10:05:00.000000Z' }] },
    });
    expect(again.body.items[0]).toEqual(first.body.items[0]);
    expect((await backend.call<Holes>('GET', '/api/coverage')).body.total).toBe(2);
  });

  it('refuses a bad hole of an array alone, by its index', async () => {
    const [one, bad, two] = [aHole(), aHole({ to: 'later' }), aHole()];
    const { status, body } = await backend.call<{ items: unknown[] }>('POST', '/api/coverage', [
      one,
      bad,
      7,
      two,
    ]);
    expect(status).toBe(200);
    expect(body.items).toEqual([
      expect.objectContaining({ event_id: one.event_id }),
      { index: 1, error: [expect.objectContaining({ loc: ['body', 1, 'to'] })] },
      { index: 2, error: [expect.objectContaining({ loc: ['body', 2] })] },
      expect.objectContaining({ event_id: two.event_id }),
    ]);
    expect((await backend.call<Holes>('GET', '/api/coverage')).body.total).toBe(2);
  });

  it.each([
    ['plain', (body: Buffer) => body, {}],
    ['gzip', (body: Buffer) => gzipSync(body), { 'content-encoding': 'gzip' }],
  ])(
    'takes as many holes at once as are allowed, %s',
    async (_, compress, headers: Record<string, string>) => {
      const holes = Array.from({ length: 1000 }, () => aHole({ detail: 'd'.repeat(2000) }));
      const body = compress(Buffer.from(JSON.stringify(holes)));
      expect(await backend.call('POST', '/api/coverage', body, headers)).toMatchObject({ status: 200 });
      expect((await backend.call<Holes>('GET', '/api/coverage')).body.total).toBe(1000);
    },
  );

  it('lists the newest first, by container, and by cursor', async () => {
    for (const container of ['a', 'b', 'a'])
      await backend.call('POST', '/api/coverage', aHole({ container }));
    const all = (await backend.call<Holes>('GET', '/api/coverage?limit=2')).body;
    expect(all).toMatchObject({ total: 3, items: [{ container: 'a' }, { container: 'b' }] });
    expect(
      (await backend.call<Holes>('GET', `/api/coverage?cursor=${all.next_cursor}`)).body.items,
    ).toHaveLength(1);
    expect((await backend.call<Holes>('GET', '/api/coverage?container=a')).body.total).toBe(2);
  });

  it('refuses what is no hole, and takes hostile texts', async () => {
    for (const parts of [
      { from: 'then' },
      { to: '99999-01-01' },
      { event_id: 'x' },
      { host: '' },
      { records: -1 },
      { records: 1e300 },
      { stream: 'x' },
      { host: 'h'.repeat(300) },
    ])
      expect((await backend.call('POST', '/api/coverage', aHole(parts))).status, JSON.stringify(parts)).toBe(
        422,
      );
    for (const payload of ['NaN', 'null', '7', '', '[1]', '{'])
      expect((await backend.call('POST', '/api/coverage', payload)).status, payload).toBe(422);
    const { status, body } = await backend.call<Holes>(
      'POST',
      '/api/coverage',
      '{"event_id":"019aabcd-0000-7000-8000-000000000001","host":"a\\u0000","container":"\\ud800","from":"2026-11-22","to":"2026-11-23","reason":"x"}',
    );
    expect(status).toBe(200);
    expect(body.items[0]).toMatchObject({ host: 'a\u2400', container: '\ufffd' });
  });
});

describe('overload', () => {
  it('answers 503 with Retry-After before memory grows', async () => {
    const small = await givenBackend({ maxHeldBytes: 200_000 });
    try {
      const message = 'x'.repeat(30_000);
      const answers = await Promise.all(
        Array.from({ length: 40 }, () => small.call('POST', '/api/logs', { ...aRecord, message })),
      );
      const statuses = new Set(answers.map(({ status }) => status));
      expect([...statuses].sort()).toEqual([200, 503]);
      expect(answers.find(({ status }) => status === 503)!.headers['retry-after']).toMatch(/^\d+$/);
      expect((await small.call('POST', '/api/logs', aRecord)).status).toBe(200);
    } finally {
      await small.close();
    }
  });
});
