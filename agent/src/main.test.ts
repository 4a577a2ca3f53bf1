// The whole agent, without a Docker Engine, against a backend that refuses its key.

import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readAgent } from './detection.ts';
import { checkHealth } from './health.ts';
import { runAgent } from './main.ts';

it('says in its check that the key is wrong, before there is anything to send, and is not ill for it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'ld-agent-'));
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(401).end('{"detail":"No such key"}');
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const stop = new AbortController();
  const { settings, detection } = await readAgent({
    BACKEND_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/logs`,
    BACKEND_API_KEY: 'wrong',
    DOCKER_HOST: `unix://${folder}/none.sock`,
    SPOOL_DIR: folder,
    HEARTBEAT_SECONDS: '0.1',
  });
  const running = runAgent(settings, detection, stop.signal);
  try {
    await expect
      .poll(() => checkHealth(folder, Date.now()), { timeout: 60_000 })
      .toEqual({
        healthy: true,
        state: expect.stringContaining(
          '0 records wait for the backend; the backend refuses heartbeats: status 401: No such key',
        ),
      });
  } finally {
    stop.abort();
    await running;
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
    rmSync(folder, { recursive: true, force: true });
  }
}, 90_000);

it.each([
  [{ DOCKER_HOST: 'tcp://example.com', DOCKER_CERT_PATH: '/nowhere' }, 'cannot read /nowhere/ca.pem'],
  [{ DOCKER_HOST: 'tcp://:2375' }, 'DOCKER_HOST is tcp://:2375'],
  [{ DOCKER_CMD: '"docker' }, 'a quote is not closed'],
])('says why it cannot start with %j, and that is all', async (env, words) => {
  const folder = mkdtempSync(join(tmpdir(), 'ld-agent-'));
  const { settings, detection } = await readAgent({ ...env, SPOOL_DIR: folder });
  await expect(runAgent(settings, detection, AbortSignal.timeout(1))).rejects.toMatchObject({
    name: 'StartError',
    message: expect.stringContaining(words),
  });
  rmSync(folder, { recursive: true, force: true });
});
