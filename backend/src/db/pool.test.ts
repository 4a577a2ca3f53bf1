import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createTestDatabase } from '../../../test-kit/src/postgres.ts';
import { createPool, inTransaction } from './pool.ts';

let server: Server | undefined;
afterEach(() => server?.close());

/** One message of PostgreSQL's protocol. */
function message(type: string, body: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length + 4);
  return Buffer.concat([Buffer.from(type), length, body]);
}

describe('createPool', () => {
  it('lives when a connection breaks in the very packet that made it ready, as a killed postmaster does it', async () => {
    const welcome = Buffer.concat([
      message('R', Buffer.alloc(4)),
      message('Z', Buffer.from('I')),
      message(
        'E',
        Buffer.from('SFATAL\0C57P01\0Mterminating connection due to unexpected postmaster exit\0\0'),
      ),
    ]);
    server = createServer((socket) => {
      socket.once('data', () => socket.end(welcome));
      socket.on('error', () => {});
    });
    await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const pool = createPool({ connectionString: `postgresql://somebody@127.0.0.1:${port}/some` });
    await expect(pool.query('select 1')).rejects.toThrow();
    const client = await pool.connect();
    await expect(client.query('select 1')).rejects.toThrow();
    client.release(true);
    await pool.end();
  });

  it('keeps UTC and the time limit of statements beside the options of its URL, which hold otherwise', async () => {
    const database = await createTestDatabase({ empty: true });
    const theirs = '-c search_path=audit,public -c timezone=Europe/Berlin -c statement_timeout=0';
    const url = new URL(database.url);
    url.searchParams.set('options', theirs);
    url.searchParams.set('application_name', 'log detector & co');
    const pool = createPool({ connectionString: url.href, statementTimeoutMs: 7_000 });
    const { rows } = await pool.query(
      `select current_setting('search_path') as path, current_setting('statement_timeout') as "limit",
        current_setting('application_name') as name, '2026-11-22T10:00Z'::timestamptz as at`,
    );
    expect(rows).toEqual([
      { path: 'audit,public', limit: '7s', name: 'log detector & co', at: '2026-11-22T10:00:00.000000Z' },
    ]);
    await pool.end();
    await database.drop();
  });

  it('works as ever whatever the database or the role sets for those who connect', async () => {
    const database = await createTestDatabase({ empty: true });
    const name = new URL(database.url).pathname.slice(1);
    for (const theirs of [
      `default_transaction_isolation = 'serializable'`,
      `lock_timeout = '50ms'`,
      'standard_conforming_strings = off',
    ])
      await database.pool.query(`alter database ${name} set ${theirs}`);
    const pool = createPool({ connectionString: database.url });
    const { rows } = await pool.query(
      `select current_setting('transaction_isolation') as isolation, current_setting('lock_timeout') as "limit",
        length('\\') as backslashes`,
    );
    expect(rows).toEqual([{ isolation: 'read committed', limit: '0', backslashes: 1 }]);
    await pool.end();
    await database.drop();
  });

  it('connects anew where a server turned out to be read-only, as one does that gave over to another', async () => {
    const database = await createTestDatabase({ empty: true });
    const pool = createPool({ connectionString: database.url, max: 1 });
    const write = () => inTransaction(pool, (client) => client.query('create table if not exists notes ()'));
    await pool.query('set session characteristics as transaction read only');
    await expect(write()).rejects.toThrow(/read-only/);
    await write();
    await pool.end();
    await database.drop();
  });
});
