// A migrated database of its own for each test file, copied from a template in some 30 ms, dropped afterwards. The
// server is started by global-setup.ts on the first request; TEST_DATABASE_URL names another one to use instead.

import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { migrate } from '../../backend/src/db/migrate.ts';
import { makePartitions } from '../../backend/src/db/partitions.ts';
import { createPool, type Pool } from '../../backend/src/db/pool.ts';

export interface TestDatabase {
  /** For a program of its own; it holds a password, of a server that lives as long as the test. */
  url: string;
  /** Connections as the backend makes them; ended by `drop`. */
  pool: Pool;
  /** Ends the pool and whoever else is connected, and drops the database. */
  drop(): Promise<void>;
}

const template = 'log_detector_template';
const dayMs = 86_400_000;

/** Makes the migrated database that test databases are copied from. */
export async function makeTemplate(serverUrl: string): Promise<void> {
  await onServer(serverUrl, async (client) => {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [template]);
    if (rowCount === 0) await client.query(`create database ${template}`);
  });
  const url = urlOf(serverUrl, template);
  await migrate(url);
  const pool = createPool({ connectionString: url });
  await makePartitions(pool, Date.now() - 2 * dayMs, Date.now() + 2 * dayMs);
  await pool.end();
}

/**
 * A database of its own, with the newest schema and partitions around today.
 * `empty`: without tables, to test migrations. Call `drop` in `afterAll`.
 */
export async function createTestDatabase(options: { empty?: boolean } = {}): Promise<TestDatabase> {
  const server = await serverUrl();
  const name = `test_${randomBytes(6).toString('hex')}`;
  await onServer(server, (client) =>
    client.query(`create database ${name} template ${options.empty ? 'template0' : template}`),
  );
  const url = urlOf(server, name);
  const pool = createPool({ connectionString: url, applicationName: 'test' });
  return {
    url,
    pool,
    async drop() {
      await pool.end();
      await onServer(server, (client) => client.query(`drop database if exists ${name} with (force)`));
    },
  };
}

let askedServer: Promise<string> | undefined;

/** A server for tests, with the template made. */
async function serverUrl(): Promise<string> {
  askedServer ??= askForServer();
  return askedServer;
}

async function askForServer(): Promise<string> {
  const given = process.env.TEST_DATABASE_URL;
  if (given) {
    await makeTemplate(given);
    return given;
  }
  const front = process.env.TEST_POSTGRES_FRONT;
  if (!front)
    throw new Error(
      'no server for tests: run under Vitest with test-kit/src/global-setup.ts, or set TEST_DATABASE_URL',
    );
  const response = await fetch(front, { signal: AbortSignal.timeout(60_000) });
  const text = await response.text();
  if (!response.ok) throw new Error(`the server for tests did not start: ${text}`);
  return text;
}

async function onServer<Result>(url: string, work: (client: pg.Client) => Promise<Result>): Promise<Result> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

function urlOf(serverUrl: string, name: string): string {
  return serverUrl.replace(/^(postgres(?:ql)?:\/\/[^/]*\/)[^?]*/, `$1${name}`);
}
