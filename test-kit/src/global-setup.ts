// Once per run of Vitest: a small server in Vitest's own process that starts PostgreSQL when a test first asks for a
// database, so that a run which needs none starts none. At the end everything is stopped and removed.

import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedPostgres, startEmbedded } from '../../backend/src/db/embedded.ts';
import { makeTemplate } from './postgres.ts';

/** Tests that are killed lose nothing: their server may be faster than a durable one. */
const fastSettings = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  max_connections: '300',
  shared_buffers: '64MB',
};

export default async function setup(): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), 'log-detector-tests-'));
  let server: Promise<EmbeddedPostgres> | undefined;
  const start = async () => {
    const started = await startEmbedded({ dataDir: folder, settings: fastSettings });
    await makeTemplate(started.connectionString);
    return started;
  };
  const front = createServer((_request, response) => {
    server ??= start();
    server.then(
      ({ connectionString }) => response.end(connectionString),
      (error) => response.writeHead(500).end(String(error?.stack ?? error)),
    );
  });
  await new Promise<void>((listening) => front.listen(0, '127.0.0.1', listening));
  process.env.TEST_POSTGRES_FRONT = `http://127.0.0.1:${(front.address() as AddressInfo).port}/`;

  return async () => {
    front.close();
    front.closeAllConnections();
    await server?.then((started) => started.stop()).catch(() => {});
    rmSync(folder, { recursive: true, force: true });
  };
}
