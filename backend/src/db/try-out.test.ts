import { spawnSync } from 'node:child_process';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test-kit/src/postgres.ts';
import { comesBackByItself } from '../http/errors.ts';
import { tryOut } from './try-out.ts';

let database: TestDatabase;
let server: Server | undefined;
beforeEach(async () => {
  database = await createTestDatabase({ empty: true });
});
afterEach(async () => {
  server?.close();
  await database.drop();
});

/** @returns the database's URL by way of a server of ours. */
async function through(onClient: (client: Socket) => void): Promise<string> {
  server = createServer(onClient);
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  const url = new URL(database.url);
  url.search = '';
  url.hostname = '127.0.0.1';
  url.port = String((server.address() as AddressInfo).port);
  return url.href;
}

/** TEST_DATABASE_URL may name a host; the server that tests start has a socket. */
function connectToServer(): Socket {
  const { hostname, port, searchParams } = new URL(database.url);
  const folder = searchParams.get('host');
  return folder ? connect(`${folder}/.s.PGSQL.${searchParams.get('port')}`) : connect(Number(port), hostname);
}

/** The first message of a client, without `options`: as PgBouncer passes it on with ignore_startup_parameters. */
function withoutOptions(startup: Buffer): Buffer {
  const words = startup.toString('latin1', 8).split('\0');
  const at = words.indexOf('options');
  const body = Buffer.from(words.toSpliced(at, 2).join('\0'), 'latin1');
  const head = Buffer.from(startup.subarray(0, 8));
  head.writeInt32BE(8 + body.length);
  return Buffer.concat([head, body]);
}

describe('tryOut', () => {
  it('is content with PostgreSQL itself, whatever the database sets', async () => {
    const name = new URL(database.url).pathname.slice(1);
    await database.pool.query(`alter database ${name} set timezone = 'Asia/Kolkata'`);
    await database.pool.query(`alter database ${name} set statement_timeout = 0`);
    await tryOut(database.url, 'here');
  });

  it('says that nothing can be written there, which may pass', async () => {
    const name = new URL(database.url).pathname.slice(1);
    await database.pool.query(`alter database ${name} set default_transaction_read_only = on`);
    const error = await tryOut(database.url, 'here').catch((error: Error) => error);
    expect(error).toMatchObject({ message: expect.stringMatching(/default_transaction_read_only is on/) });
    expect(comesBackByItself(error)).toBe(true);
  });

  it('refuses a pooler that drops what a connection asks for, with what to do', async () => {
    const url = await through((client) => {
      client.once('data', (startup) => {
        const upstream = connectToServer();
        upstream.write(withoutOptions(startup));
        client.pipe(upstream).pipe(client);
        upstream.on('error', () => client.destroy());
        client.on('error', () => upstream.destroy());
      });
    });
    await expect(tryOut(url, 'db.example.com/logs')).rejects.toThrow(
      /^what answers at db\.example\.com\/logs does not take .* \(.*statement_timeout 0\), as a pooler .* write the address of PostgreSQL itself into DATABASE_URL/,
    );
  });

  it('says the same of a pooler that refuses it', async () => {
    const words = Buffer.from('SFATAL\0C08P01\0Munsupported startup parameter: options\0\0');
    const head = Buffer.alloc(5, 'E');
    head.writeInt32BE(words.length + 4, 1);
    const url = await through((client) =>
      client.on('error', () => {}).once('data', () => client.end(Buffer.concat([head, words]))),
    );
    await expect(tryOut(url, 'here')).rejects.toThrow(
      /\(unsupported startup parameter: options\), as a pooler/,
    );
  });

  it('says what to do about a certificate that nobody vouches for', async (context) => {
    const { error, stdout } = spawnSync('openssl', [
      ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-subj', '/CN=db.example.com'],
      ...['-keyout', '-', '-out', '-'],
    ]);
    if (error)
      return context.skip("openssl is not installed; apt-get install openssl, or let 'npm test' do it");
    const url = await through((client) =>
      client
        .on('error', () => {})
        .once('data', () => {
          client.write('S'); // as PostgreSQL says that it speaks TLS
          new TLSSocket(client, { isServer: true, key: stdout, cert: stdout }).on('error', () => {});
        }),
    );
    await expect(tryOut(`${url}?sslmode=verify-full`, 'db.example.com/logs')).rejects.toThrow(
      /certificate of the database at db\.example\.com\/logs is not trusted \(self-signed certificate\); .* sslrootcert=FILE/,
    );
  });
});
