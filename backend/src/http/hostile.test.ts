// What no honest client sends, over a real connection: every answer is one of the contract's errors, and comes at once.

import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildHttp } from './http.ts';
import { Metrics } from './metrics.ts';
import { type GivenBackend, givenBackend } from './test-help.ts';

let backend: GivenBackend;
let address: AddressInfo;
beforeAll(async () => {
  backend = await givenBackend();
  await backend.app.listen({ port: 0, host: '127.0.0.1' });
  address = backend.app.server.address() as AddressInfo;
});
afterAll(() => backend.close());

/** Sends these bytes to the end, and only then reads, as simple clients do. */
async function sendRaw(head: string, body: Buffer | string = ''): Promise<{ status: number; body: unknown }> {
  const socket = connect(address.port, address.address);
  await once(socket, 'connect');
  const answered = text(socket);
  socket.write(head.replaceAll('\n', '\r\n'));
  await new Promise<void>((resolve, reject) =>
    socket.write(body, (error) => (error ? reject(error) : resolve())),
  );
  const answer = await answered;
  const [, status, rest] = /^HTTP\/1\.1 (\d+)[\s\S]*?\r\n\r\n([\s\S]*)$/.exec(answer)!;
  return { status: Number(status), body: JSON.parse(rest!) };
}

const nest = '['.repeat(100_000) + ']'.repeat(100_000);

describe('a request that is no HTTP', () => {
  it('is answered in the words of the contract', async () => {
    for (const head of [
      'garbage\n\n',
      'BREW /api/logs HTTP/1.1\nHost: x\n\n',
      'POST /api/logs HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\nzz\n',
    ]) {
      expect(await sendRaw(head)).toEqual({ status: 400, body: { detail: expect.any(String) } });
    }
    const tooMuch = await sendRaw(`GET /api/logs HTTP/1.1\nHost: x\nX: ${'a'.repeat(20_000)}\n\n`);
    expect(tooMuch).toEqual({ status: 431, body: { detail: expect.any(String) } });
  });
});

describe('a body far over the limit', () => {
  it('is read to its end, so that the sender gets the answer', async () => {
    const body = Buffer.alloc(20 * 1024 * 1024, 32);
    for (const path of ['/api/logs', '/api/recipients']) {
      const answer = await sendRaw(
        `POST ${path} HTTP/1.1\nHost: x\nConnection: close\nContent-Type: application/json\nContent-Length: ${body.length}\n\n`,
        body,
      );
      expect(answer, path).toEqual({ status: 413, body: { detail: expect.any(String) } });
    }
  });
});

describe('a body without an end', () => {
  it('is read and dropped up to 256 MiB after it passed the limit, in chunks too, and the answer comes at its end', async () => {
    const chunk = Buffer.alloc(1024 * 1024, 32);
    const socket = connect(address.port, address.address);
    await once(socket, 'connect');
    const answered = text(socket);
    socket.write(
      'POST /api/logs HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n',
    );
    const write = (data: Buffer | string) =>
      new Promise<void>((resolve, reject) =>
        socket.write(data, (error) => (error ? reject(error) : resolve())),
      );
    for (let sent = 0; sent < 100; sent += 1) {
      await write(`${chunk.length.toString(16)}\r\n`);
      await write(chunk);
      await write('\r\n');
    }
    await write('0\r\n\r\n');
    expect(await answered).toMatch(/^HTTP\/1\.1 413 /);
  }, 30_000);

  it('is answered 408 soon after its time is over, however slowly it trickles in', async () => {
    const app = await buildHttp({
      logger: pino({ level: 'silent' }),
      metrics: new Metrics(),
      version: '0',
      guard: () => {},
      requestTimeout: 1500,
    });
    app.post('/slow', (request) => request.body);
    await app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = app.server.address() as AddressInfo;
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    const answered = text(socket);
    socket.write(
      'POST /slow HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{',
    );
    const trickle = setInterval(() => socket.write(' '), 100);
    try {
      expect(await answered).toMatch(/^HTTP\/1\.1 408 /);
    } finally {
      clearInterval(trickle);
      await app.close();
    }
  }, 20_000);
});

describe('a body that does not fit', () => {
  const json = { 'content-type': 'application/json' };
  const call = async (method: 'POST' | 'PATCH' | 'DELETE', url: string, payload: string) => {
    const response = await backend.app.inject({ method, url, payload, headers: json });
    return { status: response.statusCode, body: response.json() };
  };
  const id = '01a204ac-e16e-7000-8000-327028a14357';

  it('is refused however deep it nests', async () => {
    for (const [method, url] of [
      ['POST', '/api/coverage'],
      ['POST', '/api/recipients'],
      ['PATCH', `/api/issues/${id}`],
    ] as const) {
      expect((await call(method, url, nest)).status, url).toBe(422);
      expect((await call(method, url, `{"emails":${nest},"state":${nest}}`)).status, url).toBe(422);
    }
  });

  it('is refused when a number is beyond the database', async () => {
    const { issue_id } = await backend.post();
    const answer = await call(
      'PATCH',
      `/api/issues/${issue_id}`,
      '{"state":"muted","muted_until_count":1e300}',
    );
    expect(answer.status).toBe(422);
    expect(answer.body.detail).toEqual([expect.objectContaining({ loc: ['body', 'muted_until_count'] })]);
  });

  it('is told the words that would fit, once', async () => {
    expect((await call('PATCH', `/api/issues/${id}`, '{"state":"closed"}')).body).toEqual({
      detail: [
        {
          loc: ['body', 'state'],
          msg: "Input should be 'open', 'muted' or 'resolved'",
          type: 'literal_error',
        },
      ],
    });
  });

  it('is told only what is wrong with the shape that it has', async () => {
    const hole = { event_id: id, host: '', container: 'c', from: 'x', to: 'y', reason: 'z' };
    const ofOne = await call('POST', '/api/coverage', JSON.stringify(hole));
    expect(ofOne.body.detail.map(({ loc }: { loc: unknown }) => loc)).toEqual([['body', 'host']]);
    const ofList = await call('POST', '/api/coverage', JSON.stringify([hole]));
    expect(ofList.body.detail.map(({ loc }: { loc: unknown }) => loc)).toEqual([['body', 0, 'host']]);
  });

  it('may be empty where none is asked for, whatever its content type says', async () => {
    expect(await call('DELETE', `/api/recipients/${id}`, '')).toEqual({
      status: 404,
      body: { detail: 'Recipient not found' },
    });
    expect(await call('POST', '/api/recipients', '')).toEqual({
      status: 422,
      body: { detail: [{ loc: ['body'], msg: 'Field required', type: 'missing' }] },
    });
  });
});
