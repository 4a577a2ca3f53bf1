// What it costs the database to remember what was sent, for repeats and duplicates, when much is remembered already: ids of
// events that begin with the time, as agents make them, beside random ones; and the key that tells equal messages beside
// the one of names and hash that versions before had. Statements alone, on one connection, nothing else under way.

import { createHash, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventId } from '../agent/src/ship/event-id.ts';
import { startEmbedded } from '../backend/src/db/embedded.ts';
import type { Fields } from '../backend/src/db/fields.ts';
import { migrate, readMigrations } from '../backend/src/db/migrate.ts';
import { begin, commit, pipeline } from '../backend/src/db/pipeline.ts';
import { createPool, onConnection, type PoolClient } from '../backend/src/db/pool.ts';
import { bucketOf, markOf, newId } from '../backend/src/db/record-id.ts';
import { upsertRows } from '../backend/src/db/values.ts';
import { postgresCpuSeconds } from './ingest/postgres-cpu.ts';

const remembered = 2_000_000;
const rounds = 3;
const batches = 20;
const perBatch = 1000;
const host = 'web-1';
const containers = Array.from({ length: 20 }, (_, n) => `shop-api-${n}`);
const began = Date.UTC(2026, 10, 22);

interface Kind {
  what: string;
  /** Fills the table with what is remembered. */
  fill: string;
  columns: number;
  /** Writes the n-th row of all that are sent. */
  write: (fields: Fields, n: number) => void;
  statement: (values: string) => string;
}

const upsertLatest = (table: string, key: string) => (values: string) =>
  `
  insert into ${table} as d (${key}, last_id, last_at) values ${values}
  on conflict (${key}) do update set previous_id = d.last_id, previous_at = d.last_at, last_id = excluded.last_id,
    last_at = greatest(d.last_at, excluded.last_at)
  returning case when previous_id is null then null else last_id end as last_id, previous_id, previous_at`;
const hashOf = (n: number) => createHash('sha256').update(`message ${n}`).digest('hex');
const containerOf = (n: number) => containers[Math.floor((n % perBatch) / (perBatch / containers.length))]!;
const at = '2026-11-22T10:00:00.123456Z';

const kinds: readonly Kind[] = [
  {
    what: 'events, ids that begin with the time',
    fill: `insert into record_events
      select (lpad(to_hex(${began} + n / 16), 12, '0') || '8' || substr(md5(n::text), 14))::uuid, gen_random_uuid()
      from generate_series(1, ${remembered}) n`,
    columns: 2,
    write(fields, n) {
      const instant = new Date(began + 86_400_000 + (n >> 4)).toISOString().slice(0, -1);
      fields.uuid(eventId('c', 'stderr', { at: `${instant}000000Z`, ordinal: n & 15 }));
      fields.uuid(newId(began));
    },
    statement: claim,
  },
  {
    what: 'events, random ids',
    fill: `truncate record_events; insert into record_events
      select gen_random_uuid(), gen_random_uuid() from generate_series(1, ${remembered})`,
    columns: 2,
    write(fields) {
      fields.uuid(randomUUID());
      fields.uuid(newId(began));
    },
    statement: claim,
  },
  {
    what: 'latest messages, by the key of 20 bytes',
    fill: `insert into latest_messages
      select (n % 20) * 97, gen_random_uuid(), gen_random_uuid(), now() from generate_series(1, ${remembered / 2}) n`,
    columns: 4,
    write(fields, n) {
      const container = containerOf(n);
      fields.int(bucketOf(host, container));
      fields.uuidOfBoth(markOf(host, container), hashOf(n));
      fields.uuid(newId(began));
      fields.timestamptz(at);
    },
    statement: upsertLatest('latest_messages', 'bucket, message_key'),
  },
  {
    what: 'latest messages, by names and hash',
    fill: `insert into dedupe_state
      select (n % 20) * 97, '${host}', 'shop-api-' || n % 20, sha256(n::text::bytea), gen_random_uuid(), now()
      from generate_series(1, ${remembered / 2}) n`,
    columns: 6,
    write(fields, n) {
      const container = containerOf(n);
      fields.int(bucketOf(host, container));
      fields.text(host);
      fields.text(container);
      fields.bytea(Buffer.from(hashOf(n), 'hex'));
      fields.uuid(newId(began));
      fields.timestamptz(at);
    },
    statement: upsertLatest('dedupe_state', 'bucket, host, container, log_hash'),
  },
];

function claim(values: string): string {
  return `insert into record_events (event_id, record_id) values ${values} on conflict (event_id) do nothing`;
}

/** @returns the table of `npm run bench remembered`. */
export async function run() {
  const folder = mkdtempSync(join(tmpdir(), 'log-detector-bench-'));
  const postgres = await startEmbedded({ dataDir: folder });
  const pool = createPool({ connectionString: postgres.connectionString, statementTimeoutMs: 0 });
  try {
    await migrate(postgres.connectionString, readMigrations('backend/migrations'));
    const rows = await onConnection(pool, async (client) => {
      const measured = [];
      for (const kind of kinds) measured.push(await measure(client, kind, postgres.pid));
      return measured;
    });
    return {
      title: `Remembering what was sent, with ${remembered.toLocaleString('en')} events and half as many messages remembered`,
      rows,
      notes: [
        `PostgreSQL’s processor time for each record, the median of ${rounds} rounds of ${batches} transactions of ${perBatch} rows, all new; "empty" before anything is remembered.`,
        'Events are remembered for as long as records are, 30 days at least; messages for a day. With little remembered all of it lies in memory, whatever its order.',
      ],
    };
  } finally {
    await pool.end();
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(client: PoolClient, kind: Kind, postmaster: number | undefined) {
  let next = 0;
  const send = async () => {
    const took: number[] = [];
    // The first one prepares.
    for (let round = 0; round <= rounds; round += 1) {
      const before = postgresCpuSeconds(postmaster) ?? Number.NaN;
      for (let batch = 0; batch < batches; batch += 1) {
        const from = next;
        next += perBatch;
        const { columns, statement, write } = kind;
        const rows = {
          count: perBatch,
          columns,
          write: (fields: Fields, row: number) => write(fields, from + row),
        };
        await pipeline(client, [begin, ...upsertRows(rows, statement, kind.what), commit]);
      }
      const seconds = (postgresCpuSeconds(postmaster) ?? Number.NaN) - before;
      if (round > 0) took.push((seconds * 1e6) / (batches * perBatch));
    }
    return took.sort((a, b) => a - b)[took.length >> 1]!;
  };
  const empty = await send();
  await client.query(kind.fill);
  await client.query('checkpoint');
  const full = await send();
  return {
    what: kind.what,
    'empty, µs': empty.toFixed(1),
    'full, µs': full.toFixed(1),
    'full : empty': (full / empty).toFixed(1),
  };
}
