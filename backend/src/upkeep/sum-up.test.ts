import type { Histogram, LogRecord } from '@log-detector/contract';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test-kit/src/postgres.ts';
import { type App, buildHttp } from '../http/http.ts';
import { Metrics } from '../http/metrics.ts';
import { searchRoutes } from '../search/routes.ts';
import { givenPast, issueOf, type PastRecord, randomFrom } from '../search/test-help.ts';
import { settledMs, sumUp } from './sum-up.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const now = Date.UTC(2027, 4, 20, 13, 37, 20);

let database: TestDatabase;
let app: App;
let past: PastRecord[];

beforeAll(async () => {
  database = await createTestDatabase();
  past = await givenPast(database.pool, { fromMs: now - 3 * dayMs, toMs: now, count: 3000 });
  app = await buildHttp({
    logger: pino({ level: 'silent' }),
    metrics: new Metrics(),
    version: 'test',
    guard: () => {},
  });
});
afterAll(async () => {
  await app?.close();
  await database.drop();
});

async function sumsOf(table: string, unit: string): Promise<number> {
  const { rows } = await database.pool.query<{ n: number }>(
    `select coalesce(sum(n), 0) as n from ${table} where unit = $1`,
    [unit],
  );
  return rows[0]!.n;
}
const before = (ms: number) => past.filter((record) => record.ms < ms).length;
const floor = (ms: number, unitMs: number) => Math.floor(ms / unitMs) * unitMs;

describe('sumUp', () => {
  it('counts what has settled once in each unit, however many backends do it', async () => {
    await Promise.all([1, 2, 3].map(() => sumUp(database.pool, now - 2 * hourMs)));
    for (let n = 0; n < 3; n += 1) await sumUp(database.pool, now);
    const settled = floor(now - settledMs, minuteMs);
    expect(await sumsOf('count_sums', 'minute')).toBe(before(settled));
    expect(await sumsOf('count_sums', 'hour')).toBe(before(floor(settled, hourMs)));
    expect(await sumsOf('source_sums', 'hour')).toBe(before(floor(settled, hourMs)));
    expect(await sumsOf('count_sums', 'day')).toBe(before(floor(settled, dayMs)));
    expect(await sumsOf('source_sums', 'day')).toBe(before(floor(settled, dayMs)));
    const { rows } = await database.pool.query<{ n: number }>('select sum(n) as n from issue_sums');
    expect(rows[0]!.n).toBe(before(settled));
    expect(await sumUp(database.pool, now)).toBe(0);
  });

  it('leaves every answer as it is from the counts and records themselves', async () => {
    searchRoutes({ pool: database.pool, now: () => now })(app);
    const get = async <Body>(url: string) => {
      const answer = await app.inject({ method: 'GET', url });
      expect(answer.statusCode, answer.body).toBe(200);
      return answer.json<Body>();
    };
    const random = randomFrom(7);
    const pick = <Item>(items: readonly Item[]) => items[Math.floor(random() * items.length)]!;
    for (let round = 0; round < 60; round += 1) {
      const host = pick([undefined, undefined, 'host-0', 'host-4', 'nobody']);
      const container = pick([undefined, undefined, 'app-0', 'app-3']);
      const severity = pick([undefined, undefined, 'error', 'fatal']);
      const [a, b] = [now - random() * 3.2 * dayMs, now - random() * 3.2 * dayMs].map(Math.floor);
      const [since, until] = pick([
        [undefined, undefined],
        [Math.min(a!, b!), Math.max(a!, b!)],
      ] as const);
      const cursor = pick([undefined, undefined, pick(past).id]);
      const offset = pick([0, 0, 3, 499, 900, 2400]);
      const query = new URLSearchParams(
        Object.entries({
          host,
          container,
          severity,
          since: since === undefined ? undefined : new Date(since).toISOString(),
          until: until === undefined ? undefined : new Date(until).toISOString(),
          cursor,
          offset,
          limit: 20,
        }).flatMap(([name, value]) =>
          value === undefined ? [] : [[name, String(value)] as [string, string]],
        ),
      ).toString();
      const passing = past.filter(
        (record) =>
          (host === undefined || record.host === host) &&
          (container === undefined || record.container === container) &&
          (severity === undefined || record.severity === severity) &&
          (since === undefined || record.ms >= since) &&
          (until === undefined || record.ms < until),
      );
      const list = await get<{ items: LogRecord[]; total: number }>(`/api/logs?${query}`);
      const page = passing.filter(({ id }) => cursor === undefined || id < cursor).slice(offset, offset + 20);
      expect(list.total, query).toBe(passing.length);
      expect(
        list.items.map(({ id }) => id),
        query,
      ).toEqual(page.map(({ id }) => id));
    }
  });

  it('draws histograms that count each record of their steps', async () => {
    const get = async (url: string) => (await app.inject({ method: 'GET', url })).json<Histogram>();
    for (const [query, stepMs, passes] of [
      ['', 10 * minuteMs, () => true],
      ['?severity=fatal', 10 * minuteMs, (r: PastRecord) => r.severity === 'fatal'],
      ['?host=host-1', hourMs, (r: PastRecord) => r.host === 'host-1'],
      [
        '?host=host-1&container=app-0&step=300',
        5 * minuteMs,
        (r: PastRecord) => r.host === 'host-1' && r.container === 'app-0',
      ],
      [`?since=${new Date(now - 3 * dayMs).toISOString()}&step=86400`, dayMs, () => true],
    ] as const) {
      const drawn = await get(`/api/logs/histogram${query}`);
      expect(drawn.step_seconds).toBe(stepMs / 1000);
      for (const { at, total, by_severity } of drawn.items) {
        const fromMs = Date.parse(at);
        const inside = past.filter((r) => r.ms >= fromMs && r.ms < fromMs + stepMs && passes(r));
        expect(total, `${query} ${at}`).toBe(inside.length);
        expect(Object.values(by_severity).reduce((a, b) => a + b, 0)).toBe(total);
        expect(by_severity.fatal ?? 0).toBe(inside.filter((r) => r.severity === 'fatal').length);
      }
      expect(drawn.total).toBe(drawn.items.reduce((sum, { total }) => sum + total, 0));
    }
  });

  it('draws the histogram of an issue, its newest records too', async () => {
    const answer = await app.inject({ method: 'GET', url: `/api/issues/${issueOf('app-1')}/histogram` });
    const { items, step_seconds } = answer.json<Histogram>();
    expect(step_seconds).toBe(3600);
    expect(items).toHaveLength(25);
    for (const { at, total } of items) {
      const fromMs = Date.parse(at);
      const inside = past.filter((r) => r.container === 'app-1' && r.ms >= fromMs && r.ms < fromMs + hourMs);
      expect(total, at).toBe(inside.length);
    }
  });

  it('lists an issue with its exact total', async () => {
    const url = `/api/logs?issue_id=${issueOf('app-1')}&limit=30`;
    const list = (await app.inject({ method: 'GET', url })).json<{ items: LogRecord[]; total: number }>();
    const passing = past.filter((r) => r.container === 'app-1');
    expect(list.total).toBe(passing.length);
    expect(list.items.map(({ id }) => id)).toEqual(passing.slice(0, 30).map(({ id }) => id));
  });

  it.each([
    ['step=61', 'step'],
    ['since=2027-05-20&until=2027-05-19', 'since'],
    ['since=2020-01-01&step=60', 'step'],
    ['until=never', 'until'],
  ])('refuses a histogram with %s and names the parameter', async (query, name) => {
    const answer = await app.inject({ method: 'GET', url: `/api/logs/histogram?${query}` });
    expect(answer.statusCode).toBe(422);
    expect(answer.json().detail[0].loc).toEqual(['query', name]);
  });
});

describe('sumUp by a clock that ran ahead', () => {
  it('sums up again what came after it was set right', async () => {
    const pool = database.pool;
    const later = now + 50 * minuteMs;
    await sumUp(pool, now + 2 * dayMs);
    past.unshift(
      ...(await givenPast(pool, {
        fromMs: floor(now, minuteMs) + minuteMs,
        toMs: later,
        count: 200,
        seed: 9,
      })),
    );
    await Promise.all([1, 2].map(() => sumUp(pool, later)));

    const settled = floor(later - settledMs, minuteMs);
    expect(await sumsOf('count_sums', 'minute')).toBe(before(settled));
    expect(await sumsOf('count_sums', 'hour')).toBe(before(floor(settled, hourMs)));
    expect(await sumsOf('source_sums', 'hour')).toBe(before(floor(settled, hourMs)));
    expect(await sumsOf('source_sums', 'day')).toBe(before(floor(settled, dayMs)));
    const { rows } = await pool.query<{ n: number }>('select sum(n) as n from issue_sums');
    expect(rows[0]!.n).toBe(before(settled));
    expect(await sumUp(pool, later)).toBe(0);
  });
});
