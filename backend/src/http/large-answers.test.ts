// Readers of large answers that take little or nothing of them.

import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { until } from '../outbox/test-help.ts';
import { type App, buildHttp } from './http.ts';
import type { LargeAnswersOptions } from './large-answers.ts';
import { Metrics } from './metrics.ts';

const mebibyte = 1024 * 1024;
// More than the kernel takes for a reader that does not come.
const large = 'x'.repeat(32 * mebibyte);
let app: App;
let port: number;
const sockets: Socket[] = [];
/** Those who asked for `/late`, which is answered when they are called. */
const letGo: (() => void)[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await app.close();
});

/** @returns how many large answers were begun. */
async function listen(largeAnswers: LargeAnswersOptions): Promise<() => number> {
  let begun = 0;
  app = await buildHttp({
    logger: pino({ level: 'silent' }),
    metrics: new Metrics(),
    version: 'test',
    guard: () => {},
    largeAnswers,
  });
  app.get('/large', async () => {
    begun += 1;
    return large;
  });
  app.get('/late', async () => {
    await new Promise<void>((resolve) => letGo.push(resolve));
    return large;
  });
  app.post('/large', async () => large);
  app.get('/small', async () => 'small');
  await app.listen({ port: 0, host: '127.0.0.1' });
  port = (app.server.address() as AddressInfo).port;
  return () => begun;
}

async function askAndReadNothing(paths = ['/large']): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  sockets.push(socket);
  await once(socket, 'connect');
  socket.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`).join(''));
  return socket;
}

async function ask(
  path: string,
  method = 'GET',
): Promise<{ status: number; retryAfter: string | null; text: string }> {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method });
  return {
    status: answer.status,
    retryAfter: answer.headers.get('retry-after'),
    text: await answer.text(),
  };
}

describe('large answers', () => {
  it('are so many at once, and beyond that a reader is told to come again, until there is room', async () => {
    const begun = await listen({ mostChars: 2 * large.length });
    const slow = [await askAndReadNothing(), await askAndReadNothing()];
    await until(async () => begun() === 2, 'both are under way');

    expect(await ask('/large')).toEqual({
      status: 503,
      retryAfter: '1',
      text: '{"detail":"too many large answers are under way; try again, or ask for less at once"}',
    });
    expect((await ask('/small')).text).toBe('small');
    // What was posted is done by then.
    expect((await ask('/large', 'POST')).status).toBe(200);

    slow[0]!.destroy();
    await until(async () => (await ask('/large')).status === 200, 'there is room again');
    for (let n = 0; n < 3; n += 1) expect((await ask('/large')).text.length).toBe(large.length);
  });

  it('take no room when their reader went before they began, nor behind another one on its connection', async () => {
    const begun = await listen({ mostChars: large.length });
    const gone = await askAndReadNothing(['/late', '/large']);
    await until(async () => letGo.length === 1 && begun() === 1, 'both were asked for');
    const connections = () =>
      new Promise<number>((resolve) => app.server.getConnections((_error, count) => resolve(count)));
    gone.destroy();
    await until(async () => (await connections()) === 0, 'the backend knows');
    letGo.splice(0)[0]!();
    await until(async () => (await ask('/large')).status === 200, 'there is room');
  });

  it('end with their connection when nothing of them is taken', async () => {
    const begun = await listen({ mostChars: large.length, stalledMs: 500 });
    await askAndReadNothing();
    await until(async () => begun() === 1, 'it is under way');
    // On a busy machine this one may seem to stall too.
    const isAnswered = () =>
      ask('/large').then(
        ({ status }) => status === 200,
        () => false,
      );
    await until(isAnswered, 'there is room again');
  });
});
