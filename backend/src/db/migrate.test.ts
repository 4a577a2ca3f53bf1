import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createTestDatabase, type TestDatabase } from '@log-detector/test-kit';
import { afterEach, describe, expect, it } from 'vitest';
import { advisoryLocks } from './advisory-locks.ts';
import { migrate, readMigrations } from './migrate.ts';

const databases: TestDatabase[] = [];
async function anEmptyDatabase(): Promise<TestDatabase> {
  const database = await createTestDatabase({ empty: true });
  databases.push(database);
  return database;
}
afterEach(async () => {
  for (const database of databases.splice(0)) await database.drop();
});

describe('migrate', () => {
  it('applies each migration once, when several backends start at once', async () => {
    const { url } = await anEmptyDatabase();
    const applied = await Promise.all([migrate(url), migrate(url), migrate(url), migrate(url)]);
    expect(applied.flat().sort()).toEqual(readMigrations().map(({ name }) => name));
  });

  it('refuses a database from a newer version, and says what to do', async () => {
    const { url, pool } = await anEmptyDatabase();
    await migrate(url);
    await pool.query(`insert into schema_migrations (version, name) values (9999, '9999_flying_cars.sql')`);
    await expect(migrate(url)).rejects.toThrow(
      /newer version of Log Detector \(it has 9999_flying_cars\.sql\); start that version, or restore/,
    );
  });

  it('takes as long as it takes, whatever time limits the role or the database has', async () => {
    const { url, pool } = await anEmptyDatabase();
    const { rows } = await pool.query<{ name: string }>('select current_database() as name');
    for (const limit of ['statement_timeout', 'lock_timeout'])
      await pool.query(`alter database ${rows[0]!.name} set ${limit} = '100ms'`);
    const other = await pool.connect();
    await other.query('select pg_advisory_lock($1)', [advisoryLocks.migrate]);
    const migrated = migrate(url);
    await Promise.race([migrated, sleep(400)]).finally(() => other.release(true));
    expect(await migrated).toHaveLength(readMigrations().length);
  });

  it('applies each once, when several start at once, also where the database sets other rules for statements', async () => {
    const { url, pool } = await anEmptyDatabase();
    const { rows } = await pool.query<{ name: string }>('select current_database() as name');
    for (const theirs of [
      `default_transaction_isolation = 'serializable'`,
      'standard_conforming_strings = off',
      `bytea_output = 'escape'`,
      `datestyle = 'German'`,
    ])
      await pool.query(`alter database ${rows[0]!.name} set ${theirs}`);
    const applied = await Promise.all([migrate(url), migrate(url)]);
    expect(applied.flat().sort()).toEqual(readMigrations().map(({ name }) => name));
  });

  it('says what to do when the role may make no tables', async () => {
    const { url, pool } = await anEmptyDatabase();
    const role = `poor_${randomBytes(4).toString('hex')}`;
    await pool.query(`create role ${role} login password 'poor'`);
    try {
      const asRole = url.replace(/\/\/[^@/]*@/, `//${role}:poor@`);
      await expect(migrate(asRole)).rejects.toThrow(
        /may make no tables there \(permission denied for schema public\); have an administrator run/,
      );
    } finally {
      await pool.query(`drop role ${role}`);
    }
  });

  it('leaves nothing of a migration that fails half-way', async () => {
    const { url, pool } = await anEmptyDatabase();
    const broken = { version: 1, name: '0001_broken.sql', sql: 'create table a (); select 1/0' };
    await expect(migrate(url, [broken])).rejects.toThrow(
      /0001_broken\.sql failed and changed nothing: division by zero; report this/,
    );
    const { rows } = await pool.query(
      `select to_regclass('a') as a, (select count(*) from schema_migrations) as n`,
    );
    expect(rows[0]).toEqual({ a: null, n: 0 });
  });

  it('refuses a database that cannot hold what logs hold, with how to make one that can', async () => {
    const { url, pool } = await anEmptyDatabase();
    const name = `${new URL(url).pathname.slice(1)}_latin`;
    await pool.query(`create database ${name} encoding 'LATIN1' locale 'C' template template0`);
    try {
      const latin = new URL(url);
      latin.pathname = `/${name}`;
      await expect(migrate(latin.href)).rejects.toThrow(
        /has the encoding LATIN1, .* create database … encoding 'UTF8'/,
      );
    } finally {
      await pool.query(`drop database ${name} with (force)`);
    }
  });

  it('says in the first line of each migration what an operator will notice', () => {
    for (const { name, sql } of readMigrations()) expect(sql, name).toMatch(/^-- \w.{20}/);
  });
});

describe('the schema', () => {
  it('has nothing that Citus would refuse', async () => {
    const { url, pool } = await anEmptyDatabase();
    await migrate(url);
    const check = readFileSync(fileURLToPath(new URL('./scale-out-ready.sql', import.meta.url)), 'utf8');
    const { rows } = await pool.query(check);
    expect(rows).toEqual([]);
  });
});
