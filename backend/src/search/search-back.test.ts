import pg from 'pg';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test-kit/src/postgres.ts';
import { inTransaction } from '../db/pool.ts';
import { buildHttp } from '../http/http.ts';
import { Metrics } from '../http/metrics.ts';
import { trigramsOf } from './filter.ts';
import { searchRoutes } from './routes.ts';
import { inSession, searchBack } from './search-back.ts';
import { givenPast, type PastRecord } from './test-help.ts';

const hourMs = 3_600_000;
const now = Date.UTC(2027, 4, 20, 13, 37, 20);
const fromMs = now - 48 * hourMs;

let database: TestDatabase;
let past: PastRecord[];
beforeAll(async () => {
  database = await createTestDatabase();
  past = await givenPast(database.pool, { fromMs, toMs: now, count: 500 });
});
afterAll(() => database.drop());

const page = { filter: { q: 'message 1' }, limit: 1000, offset: 0, now };
const search = (toMs: number, endAt?: number) =>
  inSession(database.pool, (session) =>
    searchBack(session, page, {
      fromMs,
      toMs,
      firstStepMs: hourMs,
      ...(endAt === undefined ? {} : { endAt }),
    }),
  );

describe('searchBack', () => {
  const expected = () => past.filter(({ message }) => message.includes('message 1')).map(({ id }) => id);

  it('finds everything there is, newest first', async () => {
    expect(await search(now)).toEqual({ ids: expected() });
  });

  it('ends when its time is over, says how far it came, and goes on from there', async () => {
    const ids: string[] = [];
    let searches = 0;
    for (let toMs: number | undefined = now; toMs !== undefined; searches += 1) {
      const found = await search(toMs, performance.now() - 1);
      ids.push(...found.ids);
      expect(found.searchedToMs ?? 0).toBeLessThan(toMs);
      toMs = found.searchedToMs;
    }
    expect(ids).toEqual(expected());
    expect(searches).toBe(48);
  });

  it('leaves the connection as it was', async () => {
    await search(now);
    const { rows } = await database.pool.query<{ statement_timeout: string }>('show statement_timeout');
    expect(rows).toEqual([{ statement_timeout: '30s' }]);
  });

  it('gives no connection back on which the server may still be at work', async () => {
    const pool = new pg.Pool({ connectionString: database.url, max: 1, query_timeout: 1_000 });
    pool.on('error', () => {});
    const searching = inSession(pool, (session) => session.query(60_000, 'select pg_sleep(60)', []));
    await expect(searching).rejects.toThrow('Query read timeout');
    expect((await pool.query(`select 'an answer' as got`)).rows).toEqual([{ got: 'an answer' }]);
    await pool.end();
  });

  it('answers 503, and what to do, when not even a second can be looked at', async () => {
    const app = await buildHttp({
      logger: pino({ level: 'silent' }),
      metrics: new Metrics(),
      version: 'test',
      guard: () => {},
    });
    searchRoutes({ pool: database.pool, now: () => now })(app);
    await inTransaction(database.pool, async (client) => {
      await client.query('lock table log_records');
      const answer = await app.inject({ method: 'GET', url: '/api/logs?q=message' });
      expect(answer.statusCode).toBe(503);
      expect(answer.json().detail).toContain('since and until');
    });
    await app.close();
  }, 20_000);
});

describe('trigramsOf', () => {
  it.each([
    ['ab', 0],
    ['a-b-c', 0],
    ['größe', 0],
    ['abc', 1],
    ['timed out', 4],
    ['req-7f3c0ffee', 8],
  ])('knows how many an index is asked for with %s', (q, n) => expect(trigramsOf(q)).toBe(n));
});
