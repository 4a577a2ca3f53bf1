import { randomUUID } from 'node:crypto';
import type { LogRecord } from '@log-detector/contract';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test-kit/src/postgres.ts';
import { createPool, inTransaction, type Pool } from '../db/pool.ts';
import { type App, buildHttp } from '../http/http.ts';
import { Metrics } from '../http/metrics.ts';
import { lockBudgets } from '../outbox/budgets.ts';
import { searchRoutes } from '../search/routes.ts';
import { givenPast, type PastRecord } from '../search/test-help.ts';
import { indexText } from './index-text.ts';
import { sumUp } from './sum-up.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const now = Date.UTC(2027, 4, 20, 13, 37, 20);
const today = Date.UTC(2027, 4, 20);

/** `needle` in a few, `haystack` in all, letters of all kinds. */
const messageOf = (n: number) =>
  `haystack ${n} 100%_sure ${n % 97 === 5 ? 'Needle' : 'straw'} ${n % 211 === 9 ? 'STRASSE Größe' : 'größe'} req-${(n * 7919).toString(16)}`;

let database: TestDatabase;
let pool: Pool;
let app: App;
let warned: string[];
beforeEach(async () => {
  database = await createTestDatabase();
  pool = database.pool;
  warned = [];
  app = await buildHttp({
    logger: pino({ level: 'silent' }),
    metrics: new Metrics(),
    version: 'test',
    guard: () => {},
  });
  searchRoutes({ pool, now: () => now })(app);
});
afterEach(async () => {
  await app.close();
  await database.drop();
});

const log = { info() {}, warn: (_: object, text: string) => void warned.push(text) };
const index = (at: number) => indexText({ pool, log, leastRecords: 100 }, at);
const givenDays = (count: number) =>
  givenPast(pool, { fromMs: now - 3 * dayMs, toMs: now, count, message: messageOf });

interface List {
  items: LogRecord[];
  total: number;
  total_is_at_least?: boolean;
  next_cursor: string | null;
  searched_to?: string;
}
async function list(query: string): Promise<List> {
  const answer = await app.inject({ method: 'GET', url: `/api/logs?${query}` });
  expect(answer.statusCode, answer.body).toBe(200);
  return answer.json();
}
async function indexes(): Promise<string[]> {
  const { rows } = await pool.query<{ name: string }>(
    `select c.relname as name from pg_class c join pg_index i on i.indexrelid = c.oid
     where c.relname like '%\\_text\\_%' and c.relname like 'log\\_records%' order by 1`,
  );
  return rows.map(({ name }) => name);
}
async function ranges(): Promise<string[]> {
  const { rows } = await pool.query<{ name: string }>('select name from text_indexes order by 1');
  return rows.map(({ name }) => name);
}

describe('text search', () => {
  const texts = [
    'needle',
    'HAYSTACK',
    '100%_s',
    'größe',
    'GRÖSSE',
    'Strasse',
    'zebra',
    'zz',
    '7919',
    'dle größe req',
    'stack 12',
  ];

  async function findsAll(past: readonly PastRecord[]): Promise<void> {
    for (const q of texts) {
      const expected = past.filter(({ message }) => message.toLowerCase().includes(q.toLowerCase()));
      const found: string[] = [];
      for (let cursor: string | null = ''; cursor !== null; ) {
        const page: List = await list(`q=${encodeURIComponent(q)}&limit=200${cursor && `&cursor=${cursor}`}`);
        found.push(...page.items.map(({ id }) => id));
        cursor = page.next_cursor;
      }
      expect(found, q).toEqual(expected.map(({ id }) => id));
    }
    const some = past.filter((r) => r.host === 'host-1' && r.message.includes('Needle'));
    const page = await list('q=needle&host=host-1&offset=2&limit=5');
    expect(page.items.map(({ id }) => id)).toEqual(some.slice(2, 7).map(({ id }) => id));
  }

  it('finds the same without an index, with some and with all, page by page', async () => {
    const past = await givenDays(1200);
    await findsAll(past);
    await sumUp(pool, now);
    await index(now - 20 * hourMs);
    await findsAll(past);
    await index(now - 4 * hourMs);
    await index(now);
    await findsAll(past);
    expect(await indexes()).toEqual(await ranges());
    expect((await ranges()).filter((name) => name.endsWith('_all'))).toHaveLength(3);
  }, 240_000);

  it('asks the indexes, and none that is not there', async () => {
    await givenDays(3000);
    await sumUp(pool, now);
    await index(now);
    const { rows } = await inTransaction(pool, async (client) => {
      await client.query('set local enable_seqscan = off'); // so few rows are read faster
      return client.query<{ 'QUERY PLAN': string }>(
        `explain select id from log_records where id >= '${idAt(today - dayMs)}' and id < '${idAt(today)}' and message collate "C" ilike '%needle%'`,
      );
    });
    expect(rows.map((row) => row['QUERY PLAN']).join('\n')).toContain('log_records_20270519_text_all');
  });

  it('says how many it found, and that there may be more', async () => {
    const past = await givenDays(1000);
    const needles = past.filter(({ message }) => message.includes('Needle')).length;
    expect(await list('q=needle&limit=200')).toMatchObject({ total: needles, next_cursor: null });
    const page = await list('q=needle&limit=3');
    expect(page).toMatchObject({ total: 3, total_is_at_least: true, next_cursor: page.items[2]!.id });
    const refused = await app.inject({ method: 'GET', url: '/api/logs?q=needle&offset=10001' });
    expect(refused.statusCode).toBe(422);
  });
});

describe('indexText', () => {
  it('gives a day that is over one index, and the day under way some that grow', async () => {
    await givenDays(3000);
    await sumUp(pool, now);
    const at = (hours: number) => today + hours * hourMs;
    await index(at(3.2));
    const first = await ranges();
    expect(first).toEqual([
      'log_records_20270517_text_all',
      'log_records_20270518_text_all',
      'log_records_20270519_text_all',
      'log_records_20270520_text_0000_0187',
    ]);
    for (let hours = 4; hours <= 13; hours += 1) await index(at(hours));
    const parts = (await ranges()).filter((name) => name.startsWith('log_records_20270520'));
    expect(parts.length).toBeLessThanOrEqual(3);
    expect(parts[0]).toMatch(/_0000_\d{4}$/);
    expect(await indexes()).toEqual(await ranges());
    await index(at(24.2));
    expect(await ranges()).toEqual(expect.arrayContaining(['log_records_20270520_text_all']));
    expect((await ranges()).filter((name) => name.startsWith('log_records_20270520'))).toHaveLength(1);
    expect(await indexes()).toEqual(await ranges());
    expect(await index(at(24.2))).toEqual([]);
  }, 240_000);

  it('clears up after a kill: an index nothing knows of, and a row without one', async () => {
    await givenDays(500);
    await sumUp(pool, now);
    await index(now);
    const [lost] = await ranges();
    await pool.query(`create index log_records_20270519_text_0000_0100 on log_records_20270519 (host)`);
    await pool.query(`drop index ${lost}`);
    await index(now);
    expect(await indexes()).toEqual(await ranges());
    expect(await ranges()).toContain(lost);
  }, 30_000);

  it('holds up nobody who writes meanwhile', async () => {
    await givenDays(3000);
    await sumUp(pool, now);
    let written = 0;
    let isDone = false;
    const writer = (async () => {
      for (let n = 0; !isDone; n += 1) {
        await givenPast(pool, { fromMs: now + n * 1000, toMs: now + n * 1000 + 1000, count: 5, seed: n });
        written += 5;
      }
    })();
    const made = await index(now);
    isDone = true;
    await writer;
    expect(made!.length).toBeGreaterThan(2);
    expect(written).toBeGreaterThan(0);
    const { rows } = await pool.query<{ n: number }>('select count(*) as n from log_records');
    expect(rows[0]!.n).toBe(3000 + written);
  }, 240_000);

  it('lets mails be decided while an index takes its time', async () => {
    await givenDays(600);
    await sumUp(pool, now);
    const writer = await pool.connect();
    await writer.query('begin');
    await writer.query(`lock table log_records in row exclusive mode`);
    const building = index(now);
    await vi.waitUntil(async () => {
      const { rows } = await pool.query(
        `select from pg_stat_activity where query ~ '^create index' and wait_event_type = 'Lock'`,
      );
      return rows.length > 0;
    }, 20_000);
    await inTransaction(pool, async (client) => {
      await client.query(`set local lock_timeout = '1s'`);
      await lockBudgets(client);
    });
    await writer.query('commit');
    writer.release();
    expect((await building)!.length).toBeGreaterThan(0);
  });

  it('says once what to do where pg_trgm cannot be created, and search goes on without', async () => {
    const past = await givenDays(300);
    const role = `reader_${randomUUID().slice(0, 8)}`;
    await pool.query(`create role ${role} in role pg_read_all_data, pg_write_all_data`);
    const few = createPool({ connectionString: database.url });
    few.on('connect', (client) => void client.query(`set role ${role}`));
    try {
      expect(await indexText({ pool: few, log }, now)).toBeUndefined();
      expect(await indexText({ pool: few, log }, now)).toBeUndefined();
      expect(warned).toEqual([expect.stringContaining('create extension pg_trgm')]);
      expect((await list('q=needle&limit=200')).items).toHaveLength(
        past.filter(({ message }) => message.includes('Needle')).length,
      );
    } finally {
      await few.end();
      await pool.query(`drop role ${role}`);
    }
  });
});

function idAt(ms: number): string {
  const hex = ms.toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}
