// Brings a database to the newest schema: numbered SQL files, forward only, each in a transaction of its own, all under
// one advisory lock, so that several backends may start at once.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { StartError } from '@log-detector/settings';
import pg from 'pg';
import { comesBackByItself } from '../http/errors.ts';
import { advisoryLocks } from './advisory-locks.ts';

export interface Migration {
  version: number;
  name: string;
  sql: string;
}

const oldestServer = 150000;

/** In a clone the files stand in backend/migrations; in a build, in the folder `migrations` beside the program or its chunks. */
function migrationsFolder(): string {
  const candidates = ['../../migrations/', '../migrations/', './migrations/'].map((path) =>
    fileURLToPath(new URL(path, import.meta.url)),
  );
  const found = candidates.find((path) => existsSync(path));
  if (found) return found;
  throw new StartError(`no folder of migrations at ${candidates.join(' or ')}; install the program again`);
}

/** The migrations of a folder, by version. @throws when two share a number. */
export function readMigrations(folder: string = migrationsFolder()): Migration[] {
  const migrations = readdirSync(folder)
    .filter((file) => file.endsWith('.sql'))
    .sort()
    .map((file) => {
      const version = Number(/^(\d{4})_\w+\.sql$/.exec(file)?.[1]);
      return { version, name: file, sql: readFileSync(`${folder}/${file}`, 'utf8') };
    });
  for (const [index, { version, name }] of migrations.entries()) {
    // A gap is one that is still being written beside it; each is applied by its own number, whenever it comes.
    if (!(version > (migrations[index - 1]?.version ?? 0)))
      throw new Error(`bug: migration ${name} needs a number of its own; name it 0001_words.sql and so on`);
  }
  return migrations;
}

/**
 * Applies what is missing.
 * @param onMissing hears the names of it, when there is any, before it is applied: with many records that takes a while.
 * @returns the names of the migrations applied now.
 * @throws {StartError} when the server is too old, or the database is from a newer version of the program.
 */
export async function migrate(
  connectionString: string,
  migrations: readonly Migration[] = readMigrations(),
  onMissing: (names: readonly string[]) => void = () => {},
): Promise<string[]> {
  const client = new pg.Client({
    connectionString,
    connectionTimeoutMillis: 10_000,
    application_name: 'log-detector migrate',
  });
  client.on('error', () => {}); // the query under way rejects with the same error
  await client.connect();
  try {
    // Of the role or the database: a migration, or waiting for another backend's, takes as long as it takes.
    await client.query('set statement_timeout = 0; set lock_timeout = 0');
    // What is written in a migration means the same everywhere, and each sees what was applied while it waited.
    await client.query(
      `set standard_conforming_strings = on; set default_transaction_isolation = 'read committed'`,
    );
    await refuseUnfit(client);
    // Waits for another backend that is at it; released when the connection ends, however it ends.
    await client.query('select pg_advisory_lock($1)', [advisoryLocks.migrate]);
    return await applyMissing(client, migrations, onMissing);
  } finally {
    await client.end().catch(() => {});
  }
}

async function refuseUnfit(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ number: number; text: string; encoding: string }>(
    `select current_setting('server_version_num')::int as number, current_setting('server_version') as text,
      current_setting('server_encoding') as encoding`,
  );
  const { number, text, encoding } = rows[0]!;
  if (number < oldestServer)
    throw new StartError(
      `the server of DATABASE_URL is PostgreSQL ${text}, and 15 is the oldest that works; upgrade it, or unset DATABASE_URL to use the embedded one`,
    );
  // SQL_ASCII takes all that it is given.
  if (!['UTF8', 'SQL_ASCII'].includes(encoding))
    throw new StartError(
      `the database of DATABASE_URL has the encoding ${encoding}, which lacks most of what logs hold; make one with: create database … encoding 'UTF8' template template0`,
    );
}

async function applyMissing(
  client: pg.Client,
  migrations: readonly Migration[],
  onMissing: (names: readonly string[]) => void,
): Promise<string[]> {
  await makeTable(client);
  const { rows } = await client.query<{ version: number; name: string }>(
    'select version, name from schema_migrations order by version',
  );
  const newest = migrations.at(-1)?.version ?? 0;
  const unknown = rows.filter((row) => row.version > newest).map((row) => row.name);
  if (unknown.length > 0)
    throw new StartError(
      `the database is from a newer version of Log Detector (it has ${unknown.join(', ')}); start that version, or restore a backup made before the upgrade`,
    );
  const applied = new Set(rows.map((row) => row.version));
  const missing = migrations.filter(({ version }) => !applied.has(version));
  const names = missing.map(({ name }) => name);
  if (names.length > 0) onMissing(names);
  for (const migration of missing) await apply(client, migration);
  return names;
}

async function makeTable(client: pg.Client): Promise<void> {
  try {
    await client.query(`
      create table if not exists schema_migrations (
        version int primary key,
        name text not null,
        applied_at timestamptz not null default now()
      )`);
  } catch (cause) {
    // Nothing may be created there, or there is no schema at all.
    if (!['42501', '3F000'].includes((cause as { code?: string }).code ?? '')) throw cause;
    throw new StartError(
      `the user of DATABASE_URL may make no tables there (${(cause as Error).message}); have an administrator run: alter database … owner to …`,
      { cause },
    );
  }
}

async function apply(client: pg.Client, { version, name, sql }: Migration): Promise<void> {
  await client.query('begin');
  try {
    await client.query(sql);
    await client.query('insert into schema_migrations (version, name) values ($1, $2)', [version, name]);
    await client.query('commit');
  } catch (cause) {
    await client.query('rollback').catch(() => {});
    // The migration is not to blame, and whoever waits for the database must see that.
    if (comesBackByItself(cause)) throw cause;
    const { message, code } = cause as { message: string; code?: string };
    const remedy =
      code === '42501'
        ? "the database's user must own its schema"
        : 'report this; the version before goes on working';
    throw new StartError(`migration ${name} failed and changed nothing: ${message}; ${remedy}`, { cause });
  }
}
