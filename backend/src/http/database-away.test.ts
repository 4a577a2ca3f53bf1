// The backend over a PostgreSQL that is killed, stopped or full, as `serve` would run it.

import { execFileSync, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LogRecord } from '@log-detector/contract';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildApp } from '../app.ts';
import { type EmbeddedPostgres, startEmbedded } from '../db/embedded.ts';
import { migrate } from '../db/migrate.ts';
import { createPool, type Pool } from '../db/pool.ts';
import { makePartitionsAhead } from '../upkeep/upkeep.ts';
import type { App } from './http.ts';
import { aRecord } from './test-help.ts';

let folder: string;
let server: EmbeddedPostgres;
let pool: Pool;
let app: App;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'database-away-'));
});
afterEach(async () => {
  await app?.close();
  // A test that starts no backend has the one before it.
  if (pool && !pool.ended) await pool.end();
  await server?.stop();
  spawnSync('umount', [folder]);
  rmSync(folder, { recursive: true, force: true });
});

async function startBackend(settings: Record<string, string> = { fsync: 'off' }): Promise<void> {
  server = await startEmbedded({ dataDir: join(folder, 'data'), settings });
  await migrate(server.connectionString);
  pool = createPool({ connectionString: server.connectionString, statementTimeoutMs: 5_000 });
  await makePartitionsAhead(pool, Date.now());
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
}

const post = (payload: object) => app.inject({ method: 'POST', url: '/api/logs', payload });

async function until(holds: () => Promise<boolean>, what: string): Promise<void> {
  const end = Date.now() + 60_000;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`waited 60 s until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

describe.skipIf(process.platform !== 'linux')('a database that is killed', () => {
  it('loses no acknowledged record and stores none twice, with an event_id or without', async () => {
    await startBackend();
    const acknowledged: string[] = [];
    const refusals = new Set<number>();
    let isOver = false;
    const senders = Array.from({ length: 8 }, async (_, sender) => {
      for (let n = 0; !isOver; n += 1) {
        const message = `sender ${sender} number ${n}`;
        const record = {
          ...aRecord,
          container: `c${sender}`,
          message,
          event_id: sender % 2 ? randomUUID() : null,
        };
        for (let isStored = false; !isStored && !isOver; ) {
          const answer = await post(record);
          if (answer.statusCode === 200) {
            isStored = true;
            acknowledged.push(message);
            expect(answer.json<LogRecord>().message).toBe(message);
          } else {
            refusals.add(answer.statusCode);
            expect(answer.headers['retry-after']).toMatch(/^\d+$/);
            // Without an event_id a repeat could be a second record: only those that have one come again.
            if (record.event_id === null) break;
          }
        }
      }
    });
    for (let round = 0; round < 3; round += 1) {
      const before = acknowledged.length;
      await until(async () => acknowledged.length > before + 40, 'records are stored');
      process.kill(server.pid!, 'SIGKILL');
    }
    const before = acknowledged.length;
    await until(async () => acknowledged.length > before + 40, 'records are stored again');
    isOver = true;
    await Promise.all(senders);
    const { rows } = await pool.query<{ message: string; n: number }>(
      'select message, count(*) as n from log_records group by 1',
    );
    const stored = new Map(rows.map(({ message, n }) => [message, n]));
    expect(acknowledged.filter((message) => !stored.has(message))).toEqual([]);
    expect(rows.filter(({ n }) => n !== 1)).toEqual([]);
    expect([...refusals].filter((status) => status !== 503)).toEqual([]);
    const totals = await pool.query(
      'select (select sum(n) from log_counts) as counted, (select sum(count) from issues) as occurred, (select count(*) from log_records) as records',
    );
    const { counted, occurred, records } = totals.rows[0];
    expect([counted, occurred]).toEqual([records, records]);
  }, 240_000);

  it('makes lists answer 503, and come back', async () => {
    await startBackend();
    process.kill(server.pid!, 'SIGKILL');
    const answers: number[] = [];
    await until(async () => {
      const { statusCode } = await app.inject('/api/logs');
      answers.push(statusCode);
      return statusCode === 200 && answers.length > 3;
    }, 'lists answer again');
    expect(answers.filter((status) => status !== 200 && status !== 503)).toEqual([]);
    expect((await app.inject('/health')).statusCode).toBe(200);
  }, 240_000);
});

describe.skipIf(process.platform !== 'linux')(
  'a standby that every commit waits for, and that is away',
  () => {
    it('keeps what it does not have from being acknowledged, also when it is sent again and stored already', async () => {
      await startBackend({ fsync: 'off' });
      const { host, container } = aRecord;
      const hole = {
        host,
        container,
        from: '2026-11-22T10:00:00Z',
        to: '2026-11-22T10:00:01Z',
        reason: 'rotated',
      };
      const declare = (payload: object) => app.inject({ method: 'POST', url: '/api/coverage', payload });
      const asks = [
        [post, { ...aRecord, event_id: randomUUID() }],
        [declare, { ...hole, event_id: randomUUID() }],
      ] as const;
      const standby = async (name: string) => {
        await pool.query(`alter system set synchronous_standby_names = '${name}'`);
        await pool.query('select pg_reload_conf()');
        // Whoever writes knows of it once it read its configuration.
        await until(async () => {
          const { rows } = await pool.query<{ name: string }>('show synchronous_standby_names');
          return Object.values(rows[0]!)[0] === name;
        }, 'the server knows of the standby');
      };
      for (const [send, payload] of asks) expect((await send(payload)).statusCode).toBe(200);
      await standby('elsewhere');
      const answers: number[] = [];
      const sent = asks.map(([send, payload]) =>
        send(payload).then(({ statusCode }) => answers.push(statusCode)),
      );
      await until(async () => {
        const { rows } = await pool.query<{ n: number }>(
          `select count(*) as n from pg_stat_activity where wait_event = 'SyncRep'`,
        );
        return rows[0]!.n === asks.length || answers.length > 0;
      }, 'both wait for the standby');
      expect(answers).toEqual([]);
      await standby('');
      await Promise.all(sent);
      expect(answers).toEqual([200, 200]);
    }, 120_000);
  },
);

const canMount = process.platform === 'linux' && process.getuid?.() === 0;

describe.skipIf(!canMount)('a disk that is full', () => {
  it('keeps the embedded server from starting, which says what to do, and then it starts', async () => {
    const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=160m,mode=0755', 'tmpfs', folder]);
    if (status !== 0) return; // no right to mount here
    const dataDir = join(folder, 'data');
    server = await startEmbedded({ dataDir, settings: { fsync: 'off' } });
    await server.stop();
    const ballast = join(folder, 'ballast');
    spawnSync('dd', ['if=/dev/zero', `of=${ballast}`, 'bs=4096'], { stdio: 'ignore' });
    await expect(startEmbedded({ dataDir, settings: { fsync: 'off' } })).rejects.toThrow(
      /No space left on device; make room for \S+data/,
    );
    rmSync(ballast);
    server = await startEmbedded({ dataDir, settings: { fsync: 'off' } });
  }, 120_000);

  it('makes ingest answer 503, and goes on by itself when there is room', async () => {
    const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=160m,mode=0755', 'tmpfs', folder]);
    if (status !== 0) return; // no right to mount here
    await startBackend({ fsync: 'off', max_wal_size: '48MB', wal_recycle: 'off', restart_after_crash: 'on' });
    expect((await post({ ...aRecord, message: 'before' })).statusCode).toBe(200);
    const ballast = join(folder, 'ballast');
    const fill = () => {
      const { bavail, bsize } = statfsSync(folder);
      execFileSync(
        'dd',
        [
          'if=/dev/zero',
          `of=${ballast}`,
          'bs=4096',
          `count=${Math.max(0, Math.floor((bavail * bsize) / 4096))}`,
          'oflag=append',
          'conv=notrunc',
        ],
        { stdio: 'ignore' },
      );
    };
    mkdirSync(folder, { recursive: true });
    writeFileSync(ballast, '');
    fill();
    const statuses: number[] = [];
    await until(async () => {
      fill();
      const { statusCode } = await post(
        Array.from({ length: 200 }, () => ({
          ...aRecord,
          message: randomUUID().repeat(200),
        })),
      );
      statuses.push(statusCode);
      return statusCode === 503;
    }, 'the disk is full');
    rmSync(ballast);
    await until(
      async () => (await post({ ...aRecord, message: 'after' })).statusCode === 200,
      'it stores again',
    );
    expect(statuses.filter((code) => code !== 200 && code !== 503)).toEqual([]);
  }, 240_000);
});
