import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type ChaosProxy, startProxy } from './proxy.ts';

describe('the proxy', () => {
  /** What the backend behind it got, whole. */
  const got: string[] = [];
  let broken = 0;
  let backend: Server;
  let proxy: ChaosProxy;

  beforeAll(async () => {
    backend = createServer(async (request, response) => {
      let body = '';
      try {
        for await (const chunk of request) body += chunk;
      } catch {
        broken += 1;
        return;
      }
      got.push(body);
      response.writeHead(201, { 'x-kept': 'yes' }).end(`took ${body.length}`);
    });
    await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve));
    proxy = await startProxy(`http://127.0.0.1:${(backend.address() as AddressInfo).port}`);
  });
  beforeEach(() => {
    got.length = 0;
    proxy.setMode('pass');
  });
  afterAll(async () => {
    await proxy?.close();
    backend?.closeAllConnections();
    backend?.close();
  });

  const post = async (body = 'x'.repeat(100_000), withinMs = 30_000) => {
    const response = await fetch(`${proxy.url}/api/logs`, {
      method: 'POST',
      body,
      signal: AbortSignal.timeout(withinMs),
    });
    return { status: response.status, headers: response.headers, text: await response.text() };
  };

  it('hands on request and answer', async () => {
    const { status, headers, text } = await post('hello');
    expect([status, headers.get('x-kept'), text]).toEqual([201, 'yes', 'took 5']);
    expect(got).toEqual(['hello']);
  });

  it('hands on slowly', async () => {
    proxy.setMode('slow');
    const startedAt = Date.now();
    expect(await post('x'.repeat(32 * 1024))).toMatchObject({ status: 201, text: 'took 32768' });
    expect(Date.now() - startedAt).toBeGreaterThan(400);
  });

  it.each([
    ['error-500', 500, '{"detail":"broken"}'],
    ['error-429', 429, '{"detail":"slow down"}'],
    ['error-401', 401, '{"detail":"who are you?"}'],
    ['garbage', 200, expect.stringMatching(/html|items/)],
  ] as const)('answers %s by itself', async (mode, status, text) => {
    proxy.setMode(mode);
    expect(await post()).toMatchObject({ status, text });
    expect(got).toEqual([]);
  });

  it('loses the answer after the backend has everything', async () => {
    proxy.setMode('lose-answer');
    await expect(post('kept')).rejects.toThrow();
    expect(got).toEqual(['kept']);
  });

  it('cuts the request in two, half-closes it, or is silent, and the backend never has it whole', async () => {
    for (const mode of ['cut', 'half-close', 'silence'] as const) {
      proxy.setMode(mode);
      await expect(post(undefined, mode === 'silence' ? 3000 : undefined), mode).rejects.toThrow();
    }
    expect(got).toEqual([]);
    await vi.waitFor(() => expect(broken).toBe(1), { timeout: 30_000 });
    proxy.setMode('pass');
    expect(await post('again')).toMatchObject({ status: 201 });
  });

  it('ends the connection when the backend is away, and goes on when it is back', async () => {
    const away = await startProxy('http://127.0.0.1:1');
    await expect(fetch(`${away.url}/`, { method: 'POST', body: 'x' })).rejects.toThrow();
    await away.close();
  });
});
