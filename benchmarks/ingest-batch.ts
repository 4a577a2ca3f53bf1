// Records a second in batches of 500 over four connections, each batch answered after its commit to disk, with counts, issues
// and decisions: against COPY of the same rows into the same table with its indexes, in one run. Each record is answered whole,
// as the contract says, or by its id alone, which is what agents ask for.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbedded } from '../backend/src/db/embedded.ts';
import { migrate, readMigrations } from '../backend/src/db/migrate.ts';
import { createPool, onConnection, type Pool } from '../backend/src/db/pool.ts';
import { type CopyFormat, copyRows, readAsCopied } from './ingest/copy.ts';
import type { Load } from './ingest/load.ts';
import { cells, fastest, type Measured, measure, rate } from './ingest/measure.ts';
import { playPart, startServer } from './ingest/parts.ts';
import { postgresCpuSeconds } from './ingest/postgres-cpu.ts';

if (process.env.INGEST_PART) await playPart();

const rounds = 3;
const batch = 500;
const requests = 80;
const kinds: Record<string, Pick<Load, 'differentEach' | 'isMinimal'>> = {
  'all messages different': { differentEach: 1 },
  'one in a hundred different': { differentEach: 100 },
  'all different, answered by ids': { differentEach: 1, isMinimal: true },
  'one in a hundred, answered by ids': { differentEach: 100, isMinimal: true },
};
const formats: readonly CopyFormat[] = ['text', 'binary'];

interface TimedCopy {
  seconds: number;
  records: number;
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
    const copies = new Map<CopyFormat, TimedCopy[]>(formats.map((format) => [format, []]));
    // The first round warms up.
    for (let round = 0; round <= rounds; round += 1) {
      for (const [n, [kind, asked]] of Object.entries(kinds).entries()) {
        const load = { connections: 4, requests, batch, ...asked, name: `${round}-${n}` };
        const result = await measure(backend, load, postgres.pid);
        if (round > 0) results.get(kind)!.push(result);
      }
      for (const format of formats) {
        const copied = await copySame(pool, `${round}-0-%`, format, postgres.pid);
        if (round > 0) copies.get(format)!.push(copied);
      }
    }
    await backend.end();
    const copy = rate(fastest(copies.get('text')!));
    const failed = [...results.values()].flat().reduce((sum, result) => sum + result.failed, 0);
    return {
      title: 'Ingest, batches of 500, durable',
      rows: [
        ...[...copies].map(([format, all]) => {
          const copied = fastest(all);
          return {
            what: format === 'text' ? 'COPY' : `COPY, ${format}`,
            'records/s': Math.round(rate(copied)),
            'of COPY': (rate(copied) / copy).toFixed(2),
            'PostgreSQL’s': Math.round((copied.postgresCpu / copied.records) * 1e6),
          };
        }),
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
        'COPY: one statement, one transaction, no work but that of the server; the rows are those that the round before it stored, with all their columns. As text, its default, it is the measure; in binary it is how log-detector stores them.',
        'Answered by ids: with `Prefer: return=minimal`, as agents ask; the others get each record whole, as the contract says.',
        'PostgreSQL 18 as the backend starts it, with fsync and synchronous_commit on. The load generator is a process of its own and shares the machine’s cores with the server and PostgreSQL.',
      ],
    };
  } finally {
    await pool.end();
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** COPY of what the first load of this round stored into a table like log_records. */
async function copySame(
  pool: Pool,
  hosts: string,
  format: CopyFormat,
  postmaster: number | undefined,
): Promise<TimedCopy> {
  return onConnection(pool, async (client) => {
    // A partitioned table of one partition, with the same indexes.
    await client.query('create table copied (like log_records including all) partition by range (id)');
    await client.query(
      'create table copied_all partition of copied for values from (minvalue) to (maxvalue)',
    );
    const { data } = await readAsCopied(client, hosts, format);
    const cpu = postgresCpuSeconds(postmaster) ?? 0;
    const started = performance.now();
    const records = await copyRows(client, 'copied', data, format);
    const seconds = (performance.now() - started) / 1000;
    const postgresCpu = (postgresCpuSeconds(postmaster) ?? 0) - cpu;
    await client.query('drop table copied');
    if (records !== requests * batch) throw new Error(`COPY stored ${records} of ${requests * batch} rows`);
    return { seconds, records, postgresCpu };
  });
}
