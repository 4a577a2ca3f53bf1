import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { connectTo, type PostOptions, TooSlow } from './post.ts';

const closes: (() => void)[] = [];
afterEach(() => {
  for (const close of closes.splice(0)) close();
});

/** Takes connections, and does with each what it is told. */
async function listener(use: (socket: Socket) => void): Promise<number> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    use(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closes.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

function post(url: string, options: Partial<PostOptions> = {}) {
  const connection = connectTo(new URL(url));
  closes.push(() => connection.close());
  return connection.post(
    Buffer.from('[]'),
    {},
    {
      connectTimeoutMs: 20_000,
      readTimeoutMs: 20_000,
      maxAnswerBytes: 1000,
      signal: AbortSignal.timeout(20_000),
      ...options,
    },
  );
}

describe('post', () => {
  it('gives up a connection whose handshake never ends', async () => {
    const port = await listener(() => {});
    const answer = post(`https://127.0.0.1:${port}/`, { connectTimeoutMs: 200 });
    await expect(answer).rejects.toThrow(/no connection within 200 ms/);
  });

  it('gives up an answer that does not come, as too slow', async () => {
    const port = await listener(() => {});
    await expect(post(`http://127.0.0.1:${port}/`, { readTimeoutMs: 200 })).rejects.toThrow(TooSlow);
  });

  it('takes no answer that is not HTTP', async () => {
    const port = await listener((socket) => socket.end('220 mail.example.com ESMTP\r\n'));
    await expect(post(`http://127.0.0.1:${port}/`)).rejects.toThrow(/Parse Error/);
  });

  it('sends again at once when the kept connection had been closed', async () => {
    let count = 0;
    const port = await listener((socket) => {
      socket.once('data', () => {
        count++;
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
        // The next request on it meets a reset.
        socket.once('data', () => socket.resetAndDestroy());
      });
    });
    const connection = connectTo(new URL(`http://127.0.0.1:${port}/`));
    closes.push(() => connection.close());
    const options = {
      connectTimeoutMs: 20_000,
      readTimeoutMs: 20_000,
      maxAnswerBytes: 1000,
      signal: AbortSignal.timeout(20_000),
    };
    for (let n = 0; n < 3; n++)
      expect(await connection.post(Buffer.from('[]'), {}, options)).toMatchObject({
        status: 200,
        body: 'ok',
      });
    expect(count).toBe(3);
  });

  it('ends at once when it is told to', async () => {
    const port = await listener(() => {});
    const stop = new AbortController();
    const answer = post(`http://127.0.0.1:${port}/`, { readTimeoutMs: 60_000, signal: stop.signal });
    setTimeout(() => stop.abort(), 20);
    await expect(answer).rejects.toThrow(/abort/);
  });
});
