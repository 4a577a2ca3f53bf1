// The contract that every channel over HTTP keeps, over real servers: what arrives, for every status and failure of the
// network whether trying again may help, and that no error shows a secret. A new channel adds itself to `cases`.

import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Channel, OutgoingMessage } from './channel.ts';
import { NotificationError } from './notification-error.ts';
import { channelTypes, configuredChannels } from './registry.ts';
import { aMessage, closedPort, type HttpTestServer, someFacts, startHttpServer } from './test-help.ts';

interface Case {
  options: (url: string) => Record<string, unknown>;
  /** What its service answers when all is well. */
  good: { status: number; body: string };
  /** The id that the channel then answers; undefined: the notification's own. */
  id?: string;
  /** A 2xx with anything in it is taken. */
  takesAnything?: boolean;
  secret: string;
  /** Most bytes of a request's body that the service takes. */
  maxBytes: number;
}

const cases: Record<string, Case> = {
  slack: {
    options: (url) => ({ url: `${url}/services/T000/B000/s3cr3t-path-9` }),
    good: { status: 200, body: 'ok' },
    secret: 's3cr3t-path-9',
    maxBytes: 40_000,
  },
  discord: {
    options: (url) => ({ url: `${url}/api/webhooks/1/s3cr3t-path-9` }),
    good: { status: 200, body: '{"id":"123"}' },
    id: '123',
    secret: 's3cr3t-path-9',
    maxBytes: 40_000,
  },
  teams: {
    options: (url) => ({ url: `${url}/workflows/x?sig=s3cr3t-path-9` }),
    good: { status: 202, body: '' },
    secret: 's3cr3t-path-9',
    maxBytes: 28_000,
  },
  telegram: {
    options: (url) => ({ token: '123:s3cr3t-path-9', chat_id: -100, url }),
    good: { status: 200, body: '{"ok":true,"result":{"message_id":7}}' },
    id: '7',
    secret: 's3cr3t-path-9',
    maxBytes: 40_000,
  },
  ntfy: {
    options: (url) => ({ topic: 'ops-s3cr3t-path-9', token: 'tk_other5ecret', url }),
    good: { status: 200, body: '{"id":"abc"}' },
    id: 'abc',
    secret: 's3cr3t-path-9',
    maxBytes: 8_192,
  },
  pagerduty: {
    options: (url) => ({ routing_key: 's3cr3t-path-9', url: `${url}/v2/enqueue` }),
    good: { status: 202, body: '{"status":"success","message":"Event processed"}' },
    id: 'log-detector:019aabcd-0000-7000-a000-000000000003',
    secret: 's3cr3t-path-9',
    maxBytes: 512_000,
  },
  opsgenie: {
    options: (url) => ({ api_key: 's3cr3t-path-9', url }),
    good: { status: 202, body: '{"result":"Request will be processed","requestId":"r-1"}' },
    id: 'r-1',
    secret: 's3cr3t-path-9',
    maxBytes: 512_000,
  },
  webhook: {
    options: (url) => ({
      url: `${url}/hook/s3cr3t-path-9`,
      secret: 'whsec_c2VjcmV0',
      headers: { authorization: 'Bearer other5ecret' },
    }),
    good: { status: 204, body: '' },
    takesAnything: true,
    secret: 's3cr3t-path-9',
    maxBytes: 512_000,
  },
};

const overHttp = Object.keys(channelTypes).filter((type) => !channelTypes[type]!.isMail);
const inTime = () => AbortSignal.timeout(60_000);

function make(type: string, url: string): Channel {
  const configs = [{ name: `ops-${type}`, type, options: cases[type]!.options(url) }];
  return configuredChannels(configs, { from: 'alerts@example.com', allowPrivate: true })[`ops-${type}`]!;
}

async function failureOf(
  channel: Channel,
  signal: AbortSignal = inTime(),
  message: OutgoingMessage = aMessage(),
): Promise<NotificationError> {
  const outcome = await channel.send(message, signal).then(
    (id) => new Error(`it was sent, as ${id}`),
    (error: unknown) => error,
  );
  expect(outcome).toBeInstanceOf(NotificationError);
  return outcome as NotificationError;
}

let server: HttpTestServer;
let elsewhere: HttpTestServer;
beforeAll(async () => {
  server = await startHttpServer();
  elsewhere = await startHttpServer();
});
afterAll(async () => {
  await server.close();
  await elsewhere.close();
});
beforeEach(() => {
  server.received.length = 0;
  elsewhere.received.length = 0;
});

it('holds for every channel that there is', () => {
  expect(Object.keys(cases).sort()).toEqual(overHttp.sort());
});

describe.each(overHttp)('the %s channel', (type) => {
  const { good, id, takesAnything, secret, maxBytes } = cases[type]!;
  const answerWith = (status: number, body = '', headers: Record<string, string> = {}) =>
    server.answer((response) => response.writeHead(status, headers).end(body));

  it('sends one request of JSON, and answers the id by which the service knows it', async () => {
    answerWith(good.status, good.body);
    const message = aMessage();
    expect(await make(type, server.url).send(message, inTime())).toBe(id ?? message.id);
    expect(server.received).toHaveLength(1);
    const [request] = server.received;
    expect(request).toMatchObject({ method: 'POST', headers: { 'content-type': 'application/json' } });
    expect(JSON.stringify(JSON.parse(request!.body))).toContain('ConnectionRefused');
  });

  it('has its name and its server in its name, and no secret', () => {
    const { name } = make(type, server.url);
    expect(name).toBe(`ops-${type} (${type}, ${new URL(server.url).host})`);
  });

  it.each([
    { status: 301, retry: 'later' },
    { status: 302, retry: 'later' },
    { status: 307, retry: 'later' },
    { status: 400, retry: 'never' },
    { status: 401, retry: 'later' },
    { status: 403, retry: 'later' },
    { status: 404, retry: 'never' },
    { status: 408, retry: 'later' },
    { status: 410, retry: 'never' },
    { status: 413, retry: 'never' },
    { status: 422, retry: 'never' },
    { status: 429, retry: 'later' },
    { status: 500, retry: 'later' },
    { status: 502, retry: 'later' },
    { status: 503, retry: 'later' },
  ] as const)('says $retry to $status, with the words of the answer', async ({ status, retry }) => {
    answerWith(status, `{"error":"because"}`, { location: `${elsewhere.url}/login` });
    const failure = await failureOf(make(type, server.url));
    expect(failure.retry).toBe(retry);
    expect(failure.message).toContain(`HTTP ${status}`);
    expect(failure.message).toContain('because');
    // A redirect is not followed.
    expect(elsewhere.received).toEqual([]);
    expect(server.received).toHaveLength(1);
  });

  it('waits as long as Retry-After says, in seconds or as a date, and an hour at most', async () => {
    answerWith(429, '', { 'retry-after': '7' });
    expect((await failureOf(make(type, server.url))).retryAfterMs).toBe(7000);
    answerWith(503, '', { 'retry-after': new Date(Date.now() + 60_000).toUTCString() });
    const { retryAfterMs } = await failureOf(make(type, server.url));
    expect(retryAfterMs).toBeGreaterThan(50_000);
    expect(retryAfterMs).toBeLessThanOrEqual(60_000);
    answerWith(429, '', { 'retry-after': '86400' });
    expect((await failureOf(make(type, server.url))).retryAfterMs).toBe(3_600_000);
    answerWith(429, '', { 'retry-after': 'soon' });
    expect((await failureOf(make(type, server.url))).retryAfterMs).toBeUndefined();
  });

  it(`says ${takesAnything ? 'sent' : 'later'} to a 200 that is not its service's`, async () => {
    answerWith(200, '<html><body>Please log in</body></html>');
    const channel = make(type, server.url);
    if (takesAnything) await channel.send(aMessage(), inTime());
    else expect((await failureOf(channel)).retry).toBe('later');
  });

  it('says later when nothing listens', async () => {
    const failure = await failureOf(make(type, `http://127.0.0.1:${await closedPort()}`));
    expect(failure.retry).toBe('later');
    expect(failure.message).toContain('ECONNREFUSED');
  });

  it('says later when the name has no address', async () => {
    const failure = await failureOf(make(type, 'http://nowhere.invalid'));
    expect(failure.retry).toBe('later');
  });

  it('says later when the connection is reset', async () => {
    server.answer((response) => response.socket?.resetAndDestroy());
    expect((await failureOf(make(type, server.url))).retry).toBe('later');
  });

  it('says later to half an answer', async () => {
    server.answer((response) => {
      response.writeHead(good.status === 204 ? 200 : good.status, { 'content-length': '1000' });
      response.write('{"id":');
      setTimeout(() => response.destroy(), 20);
    });
    expect((await failureOf(make(type, server.url))).retry).toBe('later');
  });

  it('says later when no answer comes in time', async () => {
    server.answer(() => {});
    const failure = await failureOf(make(type, server.url), AbortSignal.timeout(300));
    expect(failure).toMatchObject({ retry: 'later' });
    expect(failure.message).toContain('no answer in time');
  });

  it('reads no more of an endless answer than it needs', async () => {
    server.answer((response) => {
      response.writeHead(500);
      const more = () => {
        if (!response.destroyed && response.write('x'.repeat(16_384))) setImmediate(more);
      };
      response.on('drain', more);
      more();
    });
    expect((await failureOf(make(type, server.url))).message.length).toBeLessThan(500);
  });

  it('never shows a secret, although the answer repeats the request', async () => {
    server.answer((response, { path, body, headers }) =>
      response.writeHead(400).end(`${path} ${body} ${JSON.stringify(headers)}`),
    );
    const failure = await failureOf(make(type, server.url));
    const all = `${failure.message} ${failure.stack} ${JSON.stringify(failure)} ${failure.cause}`;
    expect(all).not.toContain(secret);
    expect(all).not.toContain('other5ecret');
  });

  it('refuses a private address unless it is allowed', async () => {
    const options = cases[type]!.options(server.url);
    const common = { from: 'alerts@example.com', allowPrivate: false };
    const strict = configuredChannels([{ name: 'a', type, options }], common).a!;
    expect((await failureOf(strict)).message).toContain('allow_private');
    expect(server.received).toEqual([]);
    const named = configuredChannels(
      [{ name: 'a', type, options: cases[type]!.options(server.url.replace('127.0.0.1', 'localhost')) }],
      common,
    ).a!;
    expect((await failureOf(named)).message).toContain('private address');
    expect(server.received).toEqual([]);
    answerWith(good.status, good.body);
    const allowed = configuredChannels(
      [{ name: 'a', type, options: { ...options, allow_private: true } }],
      common,
    );
    await allowed.a!.send(aMessage(), inTime());
    expect(server.received).toHaveLength(1);
  });

  it('stays within what the service takes, and sends valid JSON, whatever the log says', async () => {
    answerWith(good.status, good.body);
    const channel = make(type, server.url);
    const text = fc.string({ unit: 'binary', maxLength: 60 }).map((part) => part.repeat(200));
    await fc.assert(
      fc.asyncProperty(text, text, fc.boolean(), async (title, body, isRollUp) => {
        server.received.length = 0;
        const item = {
          ...someFacts({ title: title.slice(0, 300) }),
          issueId: 'i',
          recordId: 'r',
        };
        const facts = {
          title,
          message: body.slice(0, 8000),
          host: title,
          service: title,
          items: isRollUp ? Array.from({ length: 80 }, () => item) : [],
          links: Array.from({ length: 9 }, (_, n) => ({
            label: `Mute ${n}`,
            url: `https://logs.example.com/act/${'t'.repeat(200)}`,
          })),
        };
        await channel.send(aMessage({ subject: title.slice(0, 255), text: body }, facts), inTime());
        const sent = server.received[0]!.body;
        JSON.parse(sent);
        expect(Buffer.byteLength(sent)).toBeLessThanOrEqual(maxBytes);
      }),
      { numRuns: 25 },
    );
  });
});
