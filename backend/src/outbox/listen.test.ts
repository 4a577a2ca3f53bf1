import { getEventListeners } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test-kit/src/postgres.ts';
import { listen } from './listen.ts';
import { until } from './test-help.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

/** A way to the database that can go silent: it takes everything, gives nothing, and closes nothing. */
async function silenceable() {
  const { host, port, user, password, database: name } = new pg.Client({ connectionString: database.url });
  const ways: { near: Socket; far: Socket; isSilent: boolean }[] = [];
  const server = createServer((near) => {
    const far = host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host);
    const way = { near, far, isSilent: false };
    ways.push(way);
    near.on('data', (chunk) => way.isSilent || far.write(chunk));
    far.on('data', (chunk) => way.isSilent || near.write(chunk));
    near.on('error', () => {}).on('close', () => far.destroy());
    far.on('error', () => {}).on('close', () => near.destroy());
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const at = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `postgresql://${user}:${encodeURIComponent(password ?? '')}@${at}/${name}`,
    ways,
    /** Those connected now; new ones are heard. */
    silence() {
      for (const way of ways) way.isSilent = true;
    },
    close() {
      for (const { near, far } of ways) {
        near.destroy();
        far.destroy();
      }
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

describe('listen', () => {
  it('makes a new connection when the old one goes silent without ending, and hears again', async () => {
    const way = await silenceable();
    let wakes = 0;
    const troubles: string[] = [];
    const listener = listen({
      connectionString: way.url,
      channel: 'test_wake',
      onWake: () => {
        wakes += 1;
      },
      onTrouble: ({ message }) => troubles.push(message),
      heartbeatMs: 50,
      timeoutMs: 300,
    });
    await until(() => wakes === 1, 'it listens');
    way.silence();
    await until(() => way.ways.length === 2 && wakes === 2, 'it listens over a new connection');
    await database.pool.query(`select pg_notify('test_wake', '')`);
    await until(() => wakes === 3, 'it is woken');
    await listener.close();
    await way.close();
    expect(troubles.length).toBeGreaterThan(0);
  });

  it('closes at once while the server cannot be reached', async () => {
    const troubles: Error[] = [];
    const listener = listen({
      connectionString: 'postgresql://nobody@127.0.0.1:1/none',
      channel: 'test_wake',
      onWake: () => {},
      onTrouble: (error) => troubles.push(error),
    });
    await until(() => troubles.length > 1, 'it tried again');
    await listener.close();
  });

  it('leaves nothing with its signal for each connection that failed', async () => {
    const heard = vi.spyOn(EventTarget.prototype, 'addEventListener');
    const troubles: Error[] = [];
    const listener = listen({
      connectionString: 'postgresql://nobody@127.0.0.1:1/none',
      channel: 'test_wake',
      onWake: () => {},
      onTrouble: (error) => troubles.push(error),
    });
    await until(() => troubles.length > 2, 'it tried again');
    const signal = heard.mock.contexts.find((target) => target instanceof AbortSignal) as AbortSignal;
    heard.mockRestore();
    // That of the pause.
    expect(getEventListeners(signal, 'abort').length).toBeLessThanOrEqual(1);
    await listener.close();
  });
});
