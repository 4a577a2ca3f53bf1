import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { holeId } from './event-id.ts';
import {
  appendNumbers,
  cleanUp,
  cursorOf,
  folder,
  holeOf,
  listeningLog,
  numberOf,
  range,
  recordOf,
  spoolIn,
} from './given.ts';
import { coverageUrl, createSender, type Sender, type SenderOptions } from './send.ts';
import type { Spool } from './spool.ts';

interface Received {
  path: string;
  headers: IncomingMessage['headers'];
  bytes: number;
  // biome-ignore lint/suspicious/noExplicitAny: whatever the client sent
  body: any;
}
/** Answers one request; `taken` is the answer of a backend that takes everything. */
type Script = (request: Received, response: ServerResponse, taken: () => void, socket: Socket) => void;

const servers: Server[] = [];
const stops: AbortController[] = [];
const runs: Promise<void>[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0)) stop.abort();
  await Promise.all(runs.splice(0));
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  await cleanUp();
});

/** A backend that answers by the script, request by request, and takes everything after its end. */
async function backend(...script: Script[]) {
  const requests: Received[] = [];
  const stored: number[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    const plain = request.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes;
    const received = {
      path: request.url ?? '',
      headers: request.headers,
      bytes: bytes.length,
      body: JSON.parse(plain.toString()),
    };
    requests.push(received);
    const taken = () => {
      if (received.path.endsWith('/logs'))
        stored.push(...[received.body].flat().map(({ occurred_at }) => numberOf(occurred_at)));
      const items = [received.body].flat().map((record, index) => ({ id: `id-${index}`, ...record }));
      json(response, 200, Array.isArray(received.body) ? { items } : items[0]);
    };
    const answer = script.shift();
    if (answer) answer(received, response, taken, request.socket);
    else taken();
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { requests, stored, url: `http://127.0.0.1:${port}/api/logs`, port };
}

function json(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

const says =
  (status: number, detail: unknown = 'no', headers: Record<string, string> = {}): Script =>
  (_request, response) =>
    json(response, status, { detail }, headers);

const misfit = [{ loc: ['body'], msg: 'Input should be a valid dictionary', type: 'model_attributes_type' }];

/** A sender that waits no time, but writes down how long it would have. */
function senderTo(url: string, spool: Spool, options: Partial<SenderOptions> = {}) {
  const waits: number[] = [];
  const log = listeningLog();
  const sender = createSender({
    spool,
    url,
    host: 'example.com',
    log,
    readTimeoutMs: 300,
    connectTimeoutMs: 300,
    random: () => 0,
    batch: { maxRecords: 100, maxBytes: 1024 * 1024, lingerMs: 0 },
    sleep: async (ms) => {
      waits.push(ms);
    },
    ...options,
  });
  return { sender, waits, log, stop: start(sender) };
}

function start(sender: Sender): AbortController {
  const stop = new AbortController();
  stops.push(stop);
  runs.push(sender.run(stop.signal));
  return stop;
}

async function isEmpty(spool: Spool): Promise<void> {
  const end = Date.now() + 60_000;
  while (spool.stats().records + spool.stats().holes > 0) {
    if (Date.now() > end) throw new Error(`still in the spool: ${JSON.stringify(spool.stats())}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function setAsideIn(dir: string) {
  const names = await readdir(join(dir, 'aside')).catch(() => []);
  return Promise.all(
    names.sort().map(async (name) => JSON.parse(await readFile(join(dir, 'aside', name), 'utf8'))),
  );
}

describe('send', () => {
  it('sends batches in order, compressed, with the key, over one connection', async () => {
    const { url, requests, stored } = await backend();
    const spool = await spoolIn(await folder());
    await appendNumbers(spool, 0, 250, { each: 10 });
    senderTo(url, spool, { apiKey: 'secret' });
    await isEmpty(spool);
    expect(stored).toEqual(range(0, 250));
    expect(requests.map(({ body }) => body.length)).toEqual([100, 100, 50]);
    expect(requests[0]?.headers).toMatchObject({ 'x-api-key': 'secret', 'content-encoding': 'gzip' });
    expect(requests[0]!.bytes).toBeLessThan(JSON.stringify(requests[0]!.body).length / 3);
    expect(requests[0]?.body[0]).toEqual(recordOf(0).record);
  });

  it.each<[string, Script]>([
    ['500', says(500)],
    ['503 without a body', (_, response) => response.writeHead(503).end()],
    ['429', says(429)],
    ['408', says(408)],
    ['a page with status 200', (_, response) => response.writeHead(200).end('<html>Log in to the network')],
    ['JSON of something else', (_, response) => json(response, 200, { ok: true })],
    ['the results of another batch', (_, response) => json(response, 200, { items: [{ id: 'x' }] })],
    ['results that are none', (r, response) => json(response, 200, { items: r.body.map(() => null) })],
    ['an empty 204', (_, response) => response.writeHead(204).end()],
    ['a redirect', (_, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()],
    ['404', says(404)],
    ['a refusal by a proxy', (_, response) => response.writeHead(400).end('<html>Bad Request')],
    ['nothing, for too long', () => {}],
    ['a reset', (_request, _response, _taken, socket) => socket.resetAndDestroy()],
    ['an end without an answer', (_request, _response, _taken, socket) => socket.end()],
    [
      'half an answer, then a reset',
      (_request, response, _taken, socket) => {
        response.writeHead(200, { 'content-length': '1000' }).write('{"items":[');
        setTimeout(() => socket.resetAndDestroy(), 20);
      },
    ],
    [
      'half an answer, then the end',
      (_request, response, _taken, socket) => {
        response.writeHead(200, { 'content-length': '1000' }).write('{"items":[');
        setTimeout(() => socket.end(), 20);
      },
    ],
    [
      'half an answer, then nothing',
      (_request, response) => void response.writeHead(200, { 'content-length': '1000' }).write('{"items":['),
    ],
    [
      'an answer without end',
      (_request, response) => {
        response.writeHead(200);
        const more = () => response.write('x'.repeat(1024 * 1024)) || response.once('drain', more);
        const timer = setInterval(more, 1);
        response.on('close', () => clearInterval(timer));
      },
    ],
  ])('keeps everything and tries again after %s', async (_name, script) => {
    const { url, stored, requests } = await backend(script, script);
    const spool = await spoolIn(await folder());
    await appendNumbers(spool, 0, 30);
    const { sender, waits } = senderTo(url, spool);
    await isEmpty(spool);
    expect(stored).toEqual(range(0, 30));
    expect(requests.length).toBeGreaterThanOrEqual(3);
    expect(waits.length).toBeGreaterThanOrEqual(1);
    expect(sender.stats()).toMatchObject({ takenRecords: 30, refusedRecords: 0, failure: undefined });
    expect(spool.stats().setAside).toBe(0);
  });

  it('waits longer from try to try, with jitter, for ever', async () => {
    const { url } = await backend(...range(0, 12).map(() => says(503)));
    const spool = await spoolIn(await folder());
    await appendNumbers(spool, 0, 1);
    const { waits, log } = senderTo(url, spool, { random: () => 1 });
    await isEmpty(spool);
    expect(waits).toEqual([1.5, 3, 6, 12, 15, 15, 15, 15, 15, 15, 15, 15].map((seconds) => seconds * 1000));
    // One line at each doubling, and one when it is over.
    expect(log.lines).toHaveLength(5);
    expect(log.lines.at(-1)).toBe('info the backend takes records again');
  });

  it('heeds Retry-After, in seconds and as a date, up to a limit', async () => {
    const now = Date.UTC(2026, 10, 22, 10);
    const { url } = await backend(
      says(429, '', { 'retry-after': '7' }),
      says(503, '', { 'retry-after': new Date(now + 9000).toUTCString() }),
      says(503, '', { 'retry-after': '86400' }),
      says(503, '', { 'retry-after': '0' }),
      says(503, '', { 'retry-after': 'soon' }),
    );
    const spool = await spoolIn(await folder());
    await appendNumbers(spool, 0, 1);
    const { waits } = senderTo(url, spool, { now: () => now });
    await isEmpty(spool);
    expect(waits).toEqual([7000, 9000, 300_000, 100, 7500]);
  });

  it('keeps everything when the backend answers 401 or 403, because a new key may come', async () => {
    const { url, stored } = await backend(...range(0, 7).map((n) => says(n % 2 ? 403 : 401, 'Unauthorized')));
    const spool = await spoolIn(await folder());
    await appendNumbers(spool, 0, 10);
    const { waits, log } = senderTo(url, spool, { random: () => 1 });
    await isEmpty(spool);
    expect(stored).toEqual(range(0, 10));
    // Soon at first, because the key may be changing just now; then seldom.
    expect(waits).toEqual([1500, 3000, 6000, 12_000, 24_000, 30_000, 30_000]);
    expect(log.lines[0]).toMatch(
      /^error 127.0.0.1:\d+\/api\/logs does not accept the API key .*set BACKEND_API_KEY/,
    );
    expect(log.lines.length).toBeLessThan(5);
  });

  it('says that BACKEND_URL is wrong when it is redirected', async () => {
    const { url } = await backend((_, response) => response.writeHead(301, { location: '/elsewhere' }).end());
    const spool = await spoolIn(await folder());
    await appendNumbers(spool, 0, 1);
    const { log } = senderTo(url, spool);
    await isEmpty(spool);
    expect(log.lines[0]).toMatch(/a redirect to \/elsewhere\); set BACKEND_URL/);
  });

  it('sends less at once when the backend finds it too large, and sets aside what alone is', async () => {
    const script: Script = (request, response, taken) =>
      JSON.stringify(request.body).length > 3000
        ? says(413)(request, response, taken, response.socket!)
        : taken();
    const { url, stored } = await backend(...range(0, 1000).map(() => script));
    const dir = await folder();
    const spool = await spoolIn(dir);
    await appendNumbers(spool, 0, 20);
    await appendNumbers(spool, 20, 21, { message: 'x'.repeat(5000) });
    await appendNumbers(spool, 21, 30);
    const { sender } = senderTo(url, spool);
    await isEmpty(spool);
    expect(stored).toEqual(range(0, 30).filter((n) => n !== 20));
    expect(sender.stats()).toMatchObject({ takenRecords: 29, refusedRecords: 1 });
    expect(await setAsideIn(dir)).toMatchObject([
      { reason: 'status 413: no', record: { event_id: recordOf(20).record.event_id } },
    ]);
  });

  it('hears a 413 that comes before it has sent everything', async () => {
    const server = createServer((request, response) => {
      response
        .writeHead(413, { 'content-type': 'application/json', connection: 'close' })
        .end('{"detail":"too large"}');
      request.socket.end();
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const dir = await folder();
    const spool = await spoolIn(dir);
    const message = randomBytes(6 * 1024 * 1024).toString('base64');
    await spool.append({ records: [recordOf(0, { message })], cursors: [] });
    senderTo(`http://127.0.0.1:${(server.address() as AddressInfo).port}/api/logs`, spool);
    await isEmpty(spool);
    expect(await setAsideIn(dir)).toMatchObject([{ reason: 'status 413: too large' }]);
  });

  it.each([400, 415, 422])('finds the one record for which the whole is refused with %d', async (status) => {
    const script: Script = (request, response, taken, socket) =>
      JSON.stringify(request.body).includes('poison')
        ? says(status, misfit)(request, response, taken, socket)
        : taken();
    const { url, stored } = await backend(...range(0, 1000).map(() => script));
    const dir = await folder();
    const spool = await spoolIn(dir);
    await appendNumbers(spool, 0, 37);
    await appendNumbers(spool, 37, 38, { message: 'poison' });
    await appendNumbers(spool, 38, 90);
    senderTo(url, spool);
    await isEmpty(spool);
    expect(stored).toEqual(range(0, 90).filter((n) => n !== 37));
    expect(await setAsideIn(dir)).toMatchObject([
      { reason: `status ${status}: body: Input should be a valid dictionary`, record: { message: 'poison' } },
    ]);
  });

  it('sets aside the one record that the backend refuses by its index', async () => {
    const { url } = await backend((request, response) =>
      json(response, 200, {
        items: request.body.map((record: object, index: number) =>
          index === 2
            ? { index, error: [{ loc: ['body', 2, 'host'], msg: 'Field required', type: 'missing' }] }
            : { id: 'x', ...record },
        ),
      }),
    );
    const dir = await folder();
    const spool = await spoolIn(dir);
    await appendNumbers(spool, 0, 5, { each: 5 });
    const { sender } = senderTo(url, spool);
    await isEmpty(spool);
    expect(sender.stats()).toMatchObject({ takenRecords: 4, refusedRecords: 1 });
    expect(await setAsideIn(dir)).toMatchObject([
      { reason: 'body.2.host: Field required', record: { event_id: recordOf(2).record.event_id } },
    ]);
  });

  it('sends one at a time, plain and in order, to a backend of old that knows no arrays', async () => {
    const original: Script = (request, response, taken, socket) => {
      if (request.headers['content-encoding'])
        says(400, 'There was an error parsing the body')(request, response, taken, socket);
      else if (Array.isArray(request.body)) says(422, misfit)(request, response, taken, socket);
      else taken();
    };
    const { url, stored, requests } = await backend(...range(0, 1000).map(() => original));
    const spool = await spoolIn(await folder());
    await appendNumbers(spool, 0, 60, { message: 'x'.repeat(2000) });
    let now = 1_000_000;
    const { log } = senderTo(url, spool, { now: () => now });
    await isEmpty(spool);
    expect(stored).toEqual(range(0, 60));
    expect(spool.stats().setAside).toBe(0);
    expect(requests.length).toBeLessThan(75);
    expect(log.lines).toEqual([expect.stringMatching(/takes no arrays/)]);
    // Later it asks again: the backend may be a new one.
    now += 11 * 60_000;
    await appendNumbers(spool, 60, 61);
    await isEmpty(spool);
    expect(requests.slice(-2).map(({ body }) => Array.isArray(body))).toEqual([true, false]);
  });

  it('sends less at once to a backend that does not answer large batches in time', async () => {
    const script: Script = (request, _response, taken) => (request.body.length > 10 ? undefined : taken());
    const { url, stored } = await backend(...range(0, 1000).map(() => script));
    const spool = await spoolIn(await folder());
    await appendNumbers(spool, 0, 20, { each: 20 });
    senderTo(url, spool, { readTimeoutMs: 150 });
    await isEmpty(spool);
    expect(stored).toEqual(range(0, 20));
  });

  it('posts holes beside the records, after those that came before them', async () => {
    const { url, requests } = await backend();
    const spool = await spoolIn(await folder());
    await spool.append({ records: [recordOf(0)], holes: [holeOf(1)], cursors: [cursorOf(2)] });
    const { sender } = senderTo(url, spool);
    await isEmpty(spool);
    expect(requests.map(({ path }) => path)).toEqual(['/api/logs', '/api/coverage']);
    expect(requests[1]?.body).toEqual([
      {
        event_id: holeId(holeOf(1)),
        host: 'example.com',
        container: 'name-of-c1',
        container_id: 'c1',
        stream: null,
        from: holeOf(1).from,
        to: holeOf(1).to,
        reason: 'rotated',
        detail: null,
        records: null,
      },
    ]);
    expect(sender.stats().takenHoles).toBe(1);
  });

  it('goes on without holes when the backend has no place for them, and says so once', async () => {
    const script: Script = (request, response, taken, socket) =>
      request.path === '/api/coverage' ? says(404)(request, response, taken, socket) : taken();
    const { url, stored } = await backend(...range(0, 100).map(() => script));
    const spool = await spoolIn(await folder());
    for (const n of range(0, 5))
      await spool.append({ records: [recordOf(n)], holes: [holeOf(n)], cursors: [] });
    const { sender, log } = senderTo(url, spool, { batch: { maxRecords: 1, maxBytes: 1e6, lingerMs: 0 } });
    await isEmpty(spool);
    expect(stored).toEqual(range(0, 5));
    expect(sender.stats().unwantedHoles).toBe(5);
    expect(log.lines).toHaveLength(1);
  });

  it('settles the batch under way when it is stopped, and leaves the rest on disk', async () => {
    let answer = () => {};
    const asked = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const { url } = await backend((_request, _response, taken) => {
      setTimeout(taken, 100);
      answer();
    });
    const dir = await folder();
    const spool = await spoolIn(dir);
    await appendNumbers(spool, 0, 150, { each: 150 });
    const { stop } = senderTo(url, spool);
    await asked;
    stop.abort();
    await Promise.all(runs.splice(0));
    await spool.close();
    expect((await spoolIn(dir)).stats().records).toBe(50);
  });

  it('breaks off a request that does not settle in time when it is stopped', async () => {
    let answer = () => {};
    const asked = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const { url } = await backend(() => answer());
    const spool = await spoolIn(await folder());
    await appendNumbers(spool, 0, 5);
    const { stop, log } = senderTo(url, spool, { readTimeoutMs: 60_000, settleMs: 50 });
    await asked;
    stop.abort();
    await Promise.all(runs.splice(0));
    expect(spool.stats().records).toBe(5);
    expect(log.lines).toEqual([]);
  });

  it('stops at once while it waits to try again', async () => {
    const spool = await spoolIn(await folder());
    await appendNumbers(spool, 0, 5);
    const { stop, sender } = senderTo('http://127.0.0.1:9/api/logs', spool, { sleep: undefined });
    while (sender.stats().attempts === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(sender.stats()).toMatchObject({
      state: 'retrying',
      failure: expect.stringContaining('ECONNREFUSED'),
    });
    stop.abort();
    await Promise.all(runs.splice(0));
    expect(spool.stats().records).toBe(5);
  });

  it('keeps secrets in BACKEND_URL out of the log', async () => {
    const { port } = await backend(says(500));
    const spool = await spoolIn(await folder());
    await appendNumbers(spool, 0, 1);
    const { log } = senderTo(`http://user:secret@127.0.0.1:${port}/api/logs?key=secret`, spool);
    await isEmpty(spool);
    expect(log.lines.join()).not.toContain('secret');
  });

  it('keeps holes while it is no backend that has no place for them: a wrong address, or a proxy', async () => {
    let isThere = false;
    const script: Script = (request, response, taken, socket) =>
      isThere ? taken() : says(404)(request, response, taken, socket);
    const { url, requests } = await backend(...range(0, 20).map(() => script));
    const spool = await spoolIn(await folder());
    await spool.append({ records: [], holes: [holeOf(1)], cursors: [] });
    const { sender, log } = senderTo(url, spool, {
      sleep: async () => {
        isThere = requests.length > 3;
      },
    });
    await isEmpty(spool);
    expect(sender.stats()).toMatchObject({ takenHoles: 1, unwantedHoles: 0 });
    expect(log.lines[0]).toMatch(/is not where records go .*set BACKEND_URL/);
    expect(requests.at(-1)).toMatchObject({ path: '/api/coverage', body: [{ event_id: holeId(holeOf(1)) }] });
  });

  it('finds the place for holes beside the one for records', () => {
    expect(String(coverageUrl('http://example.com/api/logs'))).toBe('http://example.com/api/coverage');
    expect(String(coverageUrl('https://example.com/under/api/logs/'))).toBe(
      'https://example.com/under/api/coverage',
    );
  });
});
