import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createServer as createTlsServer } from 'node:tls';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readDockerHost } from './docker-host.ts';
import { kindOf, readEvent, readInspected } from './engine.ts';
import { createEngineApi } from './engine-api.ts';
import { createEngineCommand, splitCommand } from './engine-command.ts';
import { createDechunker, readHead } from './http-body.ts';
import { createReader } from './reader.ts';
import { collectingSink, frame, stamped } from './testing.ts';

const signal = () => AbortSignal.timeout(60_000);

/** A new folder with a key, its certificate, and that one as its own authority; undefined without openssl. */
function certificatesIn(): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'certs-'));
  const made = spawnSync('openssl', [
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-subj', '/CN=localhost'],
    ...[
      '-addext',
      'subjectAltName=DNS:localhost',
      '-keyout',
      `${folder}/key.pem`,
      '-out',
      `${folder}/cert.pem`,
    ],
  ]);
  if (made.status !== 0) {
    rmSync(folder, { recursive: true });
    if ((made.error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') return undefined;
    throw new Error(`openssl made no certificate: ${made.error ?? made.stderr}`);
  }
  writeFileSync(`${folder}/ca.pem`, readFileSync(`${folder}/cert.pem`));
  return folder;
}

describe('reaching the engine', () => {
  it('says what to do when there is no socket, when it is not allowed, and when nobody listens', async () => {
    await expect(createEngineApi({ host: 'unix:///nowhere/docker.sock' }).connect(signal())).rejects.toThrow(
      /cannot reach Docker at unix:\/\/\/nowhere\/docker.sock: there is no such socket; start Docker/,
    );
    await expect(createEngineApi({ host: 'tcp://127.0.0.1:1' }).connect(signal())).rejects.toThrow(
      /nobody listens there; start Docker, or set DOCKER_HOST/,
    );
    expect(() => readDockerHost({ host: 'ssh://me@example.com' })).toThrow(/set DOCKER_CMD=docker/);
    expect(() => readDockerHost({ host: 'tcp://example.com', certPath: '/nowhere' })).toThrow(/ca\.pem/);
  });

  it.each(['tcp://:2375', 'tcp://exa mple:2375', 'tcp://example:port'])(
    'says what it expects in place of %s',
    (host) => {
      expect(() => readDockerHost({ host })).toThrow(/^DOCKER_HOST is tcp:.*expected unix:/);
    },
  );

  it('takes the port that it is given, also where it is that of http: or https:', () => {
    expect(readDockerHost({ host: 'tcp://example.com:80' }).port).toBe(80);
    expect(readDockerHost({ host: 'http://example.com:80' }).port).toBe(80);
    expect(readDockerHost({ host: 'https://example.com:443' }).port).toBe(443);
  });

  it('takes the ports that Docker uses with and without TLS', () => {
    expect(readDockerHost({ host: 'tcp://example.com' })).toEqual({
      label: 'tcp://example.com',
      host: 'example.com',
      port: 2375,
    });
    const folder = mkdtempSync(join(tmpdir(), 'certs-'));
    for (const name of ['ca.pem', 'cert.pem', 'key.pem']) writeFileSync(join(folder, name), 'x');
    const secured = readDockerHost({ host: 'tcp://[::1]', certPath: folder, tlsVerify: true });
    rmSync(folder, { recursive: true });
    expect(secured).toMatchObject({ host: '::1', port: 2376, tls: { rejectUnauthorized: true } });
  });

  it('speaks TLS with the certificates of DOCKER_CERT_PATH', async (context) => {
    const folder = certificatesIn();
    if (!folder)
      return context.skip("openssl is not installed; apt-get install openssl, or let 'npm test' do it");
    const [key, cert] = [readFileSync(`${folder}/key.pem`), readFileSync(`${folder}/cert.pem`)];
    const log = frame('stdout', stamped('2026-11-22T10:00:00.000000001Z', 'secret\n'));
    const options = { key, cert, ca: cert, requestCert: true, rejectUnauthorized: true };
    const server = createHttpsServer(options, (request, response) => {
      response.setHeader('api-version', '1.41');
      response.end(request.url === '/_ping' ? 'OK' : log);
    });
    await new Promise<void>((listening) => server.listen(0, 'localhost', listening));
    const host = `tcp://localhost:${(server.address() as AddressInfo).port}`;
    const engine = createEngineApi({ host, certPath: folder, tlsVerify: true });
    const sink = collectingSink();
    const reader = createReader({ sink, maxLineBytes: 1000 });
    reader.begin({ cursors: {}, startedAt: '', tty: false });
    await engine.logs({ id: 'x', tty: false, signal: signal(), onBytes: reader.bytes });
    expect(sink.lines.map((line) => line.text)).toEqual(['secret']);
    await expect(createEngineApi({ host, tlsVerify: true }).connect(signal())).rejects.toThrow(/self-signed/);
    server.close();
    rmSync(folder, { recursive: true });
  });

  it('says so when the docker command is not there', async () => {
    const engine = createEngineCommand({ command: 'no-such-docker' });
    await expect(engine.connect(signal())).rejects.toThrow(
      /cannot run no-such-docker: there is no such program/,
    );
  });

  it('splits DOCKER_CMD at spaces, and keeps quoted words', () => {
    expect(splitCommand('sudo -n "my docker" --context \'a b\'')).toEqual([
      'sudo',
      '-n',
      'my docker',
      '--context',
      'a b',
    ]);
    expect(() => splitCommand('docker "open')).toThrow(/quote/);
  });

  it('reads a log through a proxy that sends chunks', async () => {
    const bytes = Buffer.concat([
      frame('stdout', stamped('2026-11-22T10:00:00.000000001Z', 'one\n')),
      frame('stderr', stamped('2026-11-22T10:00:00.000000002Z', 'two\n')),
    ]);
    const server = createHttpServer((request, response) => {
      if (request.url === '/_ping') return void response.setHeader('api-version', '1.99').end('OK');
      expect(request.url).toMatch(/^\/v1\.51\/containers\/x\/logs\?stdout=1/);
      response.socket!.end(
        `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${'5\r\n'}${bytes.toString('latin1', 0, 5)}\r\n${(bytes.length - 5).toString(16)}\r\n${bytes.toString('latin1', 5)}\r\n0\r\n\r\n`,
        'latin1',
      );
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const engine = createEngineApi({ host: `tcp://127.0.0.1:${(server.address() as AddressInfo).port}` });
    const sink = collectingSink();
    const reader = createReader({ sink, maxLineBytes: 1000 });
    reader.begin({ cursors: {}, startedAt: '', tty: false });
    await engine.logs({ id: 'x', tty: false, signal: signal(), onBytes: reader.bytes });
    server.close();
    expect(sink.lines.map((line) => [line.stream, line.text])).toEqual([
      ['stdout', 'one'],
      ['stderr', 'two'],
    ]);
  });
});

describe('a log that becomes busy', () => {
  // In turns a full queue of the socket, some 278 messages, is read each 100 ms; gathered, what is encrypted comes line by
  // line each millisecond: either way so many lines would take longer than a test may.
  const many = 60_000;
  const lineAt = (n: number) =>
    frame('stdout', stamped(`2026-11-22T10:00:00.${String(n).padStart(9, '0')}Z`, `${n}\n`));

  function serve(socket: Socket): void {
    const write = (bytes: Buffer | string) => new Promise<void>((done) => socket.write(bytes, () => done()));
    const answer = async (request: string) => {
      if (request.includes('/_ping')) {
        socket.end('HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 2\r\n\r\nOK');
        return;
      }
      await write('HTTP/1.1 200 OK\r\n\r\n');
      for (let n = 0; n < 3; n++) {
        await write(lineAt(n));
        await sleep(250);
      }
      // As the engine does, one write for each line, the next when there is room for it.
      for (let n = 3; n < many; n++) await write(lineAt(n));
      socket.end();
    };
    socket.once('data', (data) => void answer(data.toString()));
    socket.on('error', () => {});
  }

  async function expectAll(engine: ReturnType<typeof createEngineApi>): Promise<void> {
    const sink = collectingSink();
    const reader = createReader({ sink, maxLineBytes: 1000 });
    reader.begin({ cursors: {}, startedAt: '', tty: false });
    await engine.logs({ id: 'x', tty: false, follow: true, signal: signal(), onBytes: reader.bytes });
    expect(sink.lines.map(({ text }) => text)).toEqual(Array.from({ length: many }, (_, n) => String(n)));
  }

  it('is not held back, however short its lines are', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'engine-'));
    const path = join(folder, 'docker.sock');
    const server = createServer(serve);
    await new Promise<void>((listening) => server.listen(path, listening));
    await expectAll(createEngineApi({ host: `unix://${path}` }));
    server.close();
    rmSync(folder, { recursive: true });
  }, 15_000);

  it('is not held back through TLS', async (context) => {
    const folder = certificatesIn();
    if (!folder)
      return context.skip("openssl is not installed; apt-get install openssl, or let 'npm test' do it");
    const [key, cert] = [readFileSync(`${folder}/key.pem`), readFileSync(`${folder}/cert.pem`)];
    const server = createTlsServer({ key, cert }, serve);
    await new Promise<void>((listening) => server.listen(0, 'localhost', listening));
    const host = `tcp://localhost:${(server.address() as AddressInfo).port}`;
    await expectAll(createEngineApi({ host, certPath: folder, tlsVerify: true }));
    server.close();
    rmSync(folder, { recursive: true });
  }, 30_000);
});

describe('a body in chunks', () => {
  it('gives the same bytes in any split', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 50 }), { maxLength: 10 }),
        fc.integer({ min: 1, max: 20 }),
        (chunks, step) => {
          const body = Buffer.concat([
            ...chunks.flatMap((chunk) => [
              Buffer.from(`${chunk.length.toString(16)};x=y\r\n`),
              chunk,
              Buffer.from('\r\n'),
            ]),
            Buffer.from('0\r\n\r\n'),
          ]);
          const got: Buffer[] = [];
          const take = createDechunker((bytes, from, to) => {
            got.push(Buffer.from(bytes.subarray(from, to)));
            return undefined;
          });
          for (let at = 0; at < body.length; at += step) take(body, at, Math.min(body.length, at + step));
          expect(Buffer.concat(got)).toEqual(Buffer.concat(chunks));
        },
      ),
    );
  });

  it('fails with its first chunk that fails, and leaves no failure to nobody', async () => {
    const unhandled: unknown[] = [];
    const note = (error: unknown) => unhandled.push(error);
    process.on('unhandledRejection', note);
    let chunks = 0;
    const take = createDechunker(() => Promise.reject(new Error(`chunk ${++chunks}`)));
    const body = Buffer.from('2\r\nab\r\n2\r\ncd\r\n2\r\nef\r\n');
    await expect(take(body, 0, body.length)).rejects.toThrow('chunk 1');
    await new Promise(setImmediate);
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
    expect(chunks).toBe(3);
  });

  it('is an error where a size is none', () => {
    for (const body of ['zz\r\nabc', '5 apples\r\nabc', '-1\r\n', 'f'.repeat(20_000)]) {
      const take = createDechunker(() => undefined);
      expect(() => take(Buffer.from(body), 0, body.length)).toThrow(/is no size of a chunk/);
    }
  });

  it('begins where the header ends', () => {
    expect(readHead(Buffer.from('HTTP/1.0 200 OK\r\nA: b\r\n'))).toBeUndefined();
    expect(readHead(Buffer.from('HTTP/1.0 404 No\r\nA: b\r\n\r\nbody'))).toEqual({
      status: 404,
      length: 25,
      chunked: false,
    });
  });
});

describe("the engine's answers", () => {
  it('tell kinds of failure apart', () => {
    expect(kindOf('configured logging driver does not support reading', 501)).toBe('unreadable');
    expect(
      kindOf(
        "this container is using the 'passthrough' log driver, cannot read logs: this container is not logging output",
        500,
      ),
    ).toBe('unreadable');
    expect(kindOf('Error: No such container: x')).toBe('not-found');
    expect(kindOf('can not get logs from container which is dead or marked for removal', 409)).toBe('gone');
    expect(kindOf('Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?')).toBe(
      'unreachable',
    );
  });

  it('give the nanoseconds of an event in full', () => {
    const event = readEvent(
      '{"Type":"container","Action":"die","Actor":{"ID":"abc","Attributes":{"name":"web","exitCode":"1"}},"timeNano":1795341601123456789}',
    );
    expect(event).toMatchObject({ action: 'die', name: 'web', at: '2026-11-22T10:00:01.123456789Z' });
  });

  it('tell at which size a log is rotated', () => {
    const rotatesAt = (Type: string, size?: string) =>
      readInspected({
        Id: 'x',
        HostConfig: { LogConfig: { Type, Config: size ? { 'max-size': size } : {} } },
      }).rotatesAt;
    expect(rotatesAt('json-file')).toBeUndefined();
    for (const [size, bytes] of [
      ['10m', 10_000_000],
      ['64k', 64_000],
      ['1.5MB', 1_500_000],
      ['10 MiB', 10_000_000],
      ['2g', 2_000_000_000],
      ['1t', 1e12],
      ['500', 500],
      ['500b', 500],
    ] as const)
      expect(rotatesAt('json-file', size)).toBe(bytes);
    expect(rotatesAt('json-file', '-1')).toBeUndefined();
    expect(rotatesAt('local')).toBe(20 * 1024 * 1024);
  });
});
