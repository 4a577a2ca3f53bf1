// Records a second when each comes in a request of its own, over 64 connections, each answered after its commit to disk:
// against a bare Fastify that answers the same at once, in one run.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbedded } from '../backend/src/db/embedded.ts';
import { migrate, readMigrations } from '../backend/src/db/migrate.ts';
import { cells, fastest, type Measured, measure, rate } from './ingest/measure.ts';
import { playPart, startServer } from './ingest/parts.ts';

if (process.env.INGEST_PART) await playPart();

const rounds = 2;
const connections = 64;
const requests = { backend: 16_000, echo: 20_000 };

/** @returns the table of `npm run bench ingest-single`. */
export async function run() {
  const folder = mkdtempSync(join(tmpdir(), 'log-detector-bench-'));
  const postgres = await startEmbedded({ dataDir: folder });
  try {
    await migrate(postgres.connectionString, readMigrations('backend/migrations'));
    const servers = {
      echo: await startServer('echo'),
      backend: await startServer('backend', { DATABASE_URL: postgres.connectionString }),
    };
    const results: Record<keyof typeof servers, Measured[]> = { echo: [], backend: [] };
    // The first round warms up.
    for (let round = 0; round <= rounds; round += 1) {
      for (const part of ['echo', 'backend'] as const) {
        const load = {
          connections,
          requests: requests[part],
          batch: 0,
          differentEach: 1,
          name: `${part}${round}`,
        };
        const result = await measure(servers[part], load, postgres.pid);
        if (round > 0) results[part].push(result);
      }
    }
    await servers.echo.end();
    await servers.backend.end();
    const [echo, backend] = [fastest(results.echo), fastest(results.backend)];
    const row = (what: string, result: Measured) => ({
      what,
      'requests/s': Math.round(rate(result)),
      'of the echo': (rate(result) / rate(echo)).toFixed(2),
      ...cells(result),
    });
    const failed = [...results.echo, ...results.backend].reduce((sum, result) => sum + result.failed, 0);
    return {
      title: 'Ingest, one record a request, 64 connections, durable',
      rows: [row('bare Fastify echo', echo), row('log-detector', backend)],
      notes: [
        `Best of ${rounds} rounds of each in turn, of ${requests.backend} records and ${requests.echo} echoes; ${failed} requests failed. Every record differs and has an event_id; alerts are decided for one recipient.`,
        'PostgreSQL 18 as the backend starts it, with fsync and synchronous_commit on. The load generator is a process of its own and shares the machine’s cores with the server and PostgreSQL.',
        `The original in FastAPI reaches about 250 a second: ${(rate(backend) / 250).toFixed(0)} times that.`,
      ],
    };
  } finally {
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
