// Records a second in batches of 500 over four connections, each batch answered after its commit to disk, with counts, issues
// and decisions: against COPY of the same rows into the same table with its indexes, in one run.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbedded } from '../backend/src/db/embedded.ts';
import { migrate, readMigrations } from '../backend/src/db/migrate.ts';
import { createPool, onConnection, type Pool } from '../backend/src/db/pool.ts';
import { copyRows, readAsCopied } from './ingest/copy.ts';
import { cells, fastest, type Measured, measure, rate } from './ingest/measure.ts';
import { playPart, startServer } from './ingest/parts.ts';
import { postgresCpuSeconds } from './ingest/postgres-cpu.ts';

if (process.env.INGEST_PART) await playPart();

const rounds = 2;
const batch = 500;
const requests = 48;
const kinds = { 'all messages different': 1, 'one in a hundred different': 100 };

interface Copied {
  seconds: number;
  rows: number;
  postgresCpu: number;
}

/** @returns the table of `npm run bench ingest-batch`. */
export async function run() {
  const folder = mkdtempSync(join(tmpdir(), 'log-detector-bench-'));
  const postgres = await startEmbedded({ dataDir: folder });
  const pool = createPool({ connectionString: postgres.connectionString });
  try {
    await migrate(postgres.connectionString, readMigrations('backend/migrations'));
    const backend = await startServer('backend', { DATABASE_URL: postgres.connectionString });
    const results = new Map<string, Measured[]>(Object.keys(kinds).map((kind) => [kind, []]));
    const copies: Copied[] = [];
    // The first round warms up.
    for (let round = 0; round <= rounds; round += 1) {
      for (const [kind, differentEach] of Object.entries(kinds)) {
        const load = { connections: 4, requests, batch, differentEach, name: `${round}-${differentEach}` };
        const result = await measure(backend, load, postgres.pid);
        if (round > 0) results.get(kind)!.push(result);
        if (differentEach === 1) {
          const copied = await copySame(pool, round, postgres.pid);
          if (round > 0) copies.push(copied);
        }
      }
    }
    await backend.end();
    const best = copies.toSorted((a, b) => b.rows / b.seconds - a.rows / a.seconds)[0]!;
    const copy = best.rows / best.seconds;
    const failed = [...results.values()].flat().reduce((sum, result) => sum + result.failed, 0);
    return {
      title: 'Ingest, batches of 500, durable',
      rows: [
        {
          what: 'COPY',
          'records/s': Math.round(copy),
          'of COPY': '1.00',
          'PostgreSQL’s': Math.round((best.postgresCpu / best.rows) * 1e6),
        },
        ...[...results].map(([kind, all]) => {
          const result = fastest(all);
          return {
            what: `log-detector, ${kind}`,
            'records/s': Math.round(rate(result)),
            'of COPY': (rate(result) / copy).toFixed(2),
            ...cells(result),
          };
        }),
      ],
      notes: [
        `Best of ${rounds} rounds of each in turn, of ${requests} batches over 4 connections; ${failed} requests failed. Messages of 300 bytes, each record with an event_id; alerts are decided for one recipient.`,
        'COPY: one statement, one transaction, no work but that of the server; the rows are those that the round before it stored, with all their columns.',
        'PostgreSQL 18 as the backend starts it, with fsync and synchronous_commit on. The load generator is a process of its own and shares the machine’s cores with the server and PostgreSQL.',
      ],
    };
  } finally {
    await pool.end();
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** COPY of what the last load of this round stored into a table like log_records. */
async function copySame(pool: Pool, round: number, postmaster: number | undefined): Promise<Copied> {
  return onConnection(pool, async (client) => {
    const table = `copied_${round}`;
    // A partitioned table of one partition, with the same indexes.
    await client.query(`create table ${table} (like log_records including all) partition by range (id)`);
    await client.query(
      `create table ${table}_all partition of ${table} for values from (minvalue) to (maxvalue)`,
    );
    const rows = await readAsCopied(client, `${round}-1-%`);
    const cpu = postgresCpuSeconds(postmaster) ?? 0;
    const started = performance.now();
    await copyRows(client, table, rows);
    const seconds = (performance.now() - started) / 1000;
    const postgresCpu = (postgresCpuSeconds(postmaster) ?? 0) - cpu;
    await client.query(`drop table ${table}`);
    return { seconds, rows: rows.length, postgresCpu };
  });
}
