// The backend over a PostgreSQL that is there and does not let it work: nothing is wrong with the records, so their senders
// keep them.

import { randomBytes } from 'node:crypto';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test-kit/src/postgres.ts';
import { buildApp } from '../app.ts';
import { createPool, type Pool } from '../db/pool.ts';
import type { App } from './http.ts';
import { aRecord } from './test-help.ts';

let database: TestDatabase;
let role: string;
let pool: Pool;
let app: App;

beforeEach(async () => {
  database = await createTestDatabase();
  role = `role_${randomBytes(6).toString('hex')}`;
  await database.pool.query(`create role ${role} login password 'one'`);
  await database.pool.query(`grant all on all tables in schema public to ${role}`);
  await database.pool.query(`grant all on all sequences in schema public to ${role}`);
  const url = new URL(database.url);
  url.username = role;
  url.password = 'one';
  pool = createPool({ connectionString: url.href });
  app = await buildApp({
    settings: {
      apiKey: undefined,
      dedupeWindowMs: 300_000,
      alerts: { enabled: false, to: [], from: 'alerts@example.com', baseUrl: 'https://logs.example.com' },
    },
    pool,
    logger: pino({ level: 'silent' }),
    version: '0.0.0-test',
  });
});
afterEach(async () => {
  await app.close();
  if (!pool.ending) await pool.end();
  await database.pool.query(`drop owned by ${role}`);
  await database.pool.query(`drop role ${role}`);
  await database.drop();
});

const post = (message: string) =>
  app.inject({ method: 'POST', url: '/api/logs', payload: [{ ...aRecord, message }] });

describe('a database that does not let the backend work', () => {
  it.each<[string, () => Promise<unknown>]>([
    ['its connections were ended by a stop', () => pool.end()],
    [
      'its login is refused',
      async () => {
        await database.pool.query(`alter role ${role} nologin`);
        await database.pool.query(
          'select pg_terminate_backend(pid) from pg_stat_activity where usename = $1',
          [role],
        );
      },
    ],
    ['a right was taken from it', () => database.pool.query(`revoke insert on log_counts from ${role}`)],
    ['a table is gone', () => database.pool.query('alter table log_counts rename to elsewhere')],
    [
      'the partition of today is gone',
      async () => {
        const { rows } = await database.pool.query<{ name: string }>(
          `select inhrelid::regclass::text as name from pg_inherits where inhparent = 'log_records'::regclass`,
        );
        for (const { name } of rows) await database.pool.query(`drop table ${name}`);
      },
    ],
  ])('has records kept by who sends them, when %s', async (_what, shut) => {
    expect((await post('before')).statusCode).toBe(200);
    await shut();
    const answer = await post('after');
    expect(answer.statusCode, answer.body).toBe(503);
    expect(answer.headers['retry-after']).toMatch(/^\d+$/);
  });

  it('is no fault of the backend when a list is asked for', async () => {
    await pool.end();
    expect((await app.inject('/api/logs')).statusCode).toBe(503);
  });
});
