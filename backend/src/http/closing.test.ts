// Requests that come on a connection in use while the server ends.

import { EventEmitter, once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { buildHttp } from './http.ts';
import { Metrics } from './metrics.ts';

it('finishes the request under way, and asks the sender of the next one to come again', async () => {
  const app = await buildHttp({
    logger: pino({ level: 'silent' }),
    metrics: new Metrics(),
    version: 'test',
    guard: () => {},
  });
  const steps = new EventEmitter();
  app.get('/slow', async () => {
    const finish = once(steps, 'finish');
    steps.emit('begun');
    await finish;
    return 'done';
  });
  app.addHook('preClose', async () => void steps.emit('closing'));
  await app.listen({ port: 0, host: '127.0.0.1' });
  const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1');
  await once(socket, 'connect');
  const answered = text(socket);
  const askAndSee = async (seen: Promise<unknown>) => {
    socket.write('GET /slow HTTP/1.1\r\nHost: x\r\n\r\n');
    await seen;
  };

  await askAndSee(once(steps, 'begun'));
  const isClosing = once(steps, 'closing');
  const closed = app.close();
  await isClosing;
  await askAndSee(once(app.server, 'request'));
  steps.emit('finish');

  const [first, second] = (await answered).split(/(?=HTTP\/1\.1 )/);
  expect(first).toMatch(/^HTTP\/1\.1 200 /);
  expect(second).toMatch(/^HTTP\/1\.1 503 [\s\S]*\nretry-after: 1\r\n[\s\S]*\n\{"detail":"[^"]+"\}$/i);
  await closed;
});
