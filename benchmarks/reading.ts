// How long the API takes to read: lists, filters, an issue, histograms, text and deep pages, beside a read by primary key
// in the same run, and a tenth of the records, to see what grows. Requests go through the backend's own routes, without
// the network. Options: --records=10000000, --keep=folder (to use the records again), --only=text (questions named so).

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { startEmbedded } from '../backend/src/db/embedded.ts';
import { migrate, readMigrations } from '../backend/src/db/migrate.ts';
import { firstIdOf } from '../backend/src/db/partitions.ts';
import { createPool, type Pool } from '../backend/src/db/pool.ts';
import { bucketOfId } from '../backend/src/db/record-id.ts';
import { type App, buildHttp } from '../backend/src/http/http.ts';
import { Metrics } from '../backend/src/http/metrics.ts';
import { searchRoutes } from '../backend/src/search/routes.ts';
import { writeCursor } from '../backend/src/triage/cursor.ts';
import { issueRoutes } from '../backend/src/triage/routes.ts';
import { indexText } from '../backend/src/upkeep/index-text.ts';
import { sumUp } from '../backend/src/upkeep/sum-up.ts';
import { makeIssues, rareService, titleWords } from './reading/given-issues.ts';
import { makeRecords, oldHost, servicesOf, words } from './reading/given-records.ts';
import { insertCost } from './reading/insert-cost.ts';

const dayMs = 86_400_000;
const usualRounds = 60;
/** A search that ends early takes its whole time each time. */
const endsEarly = 'text of two letters, in none';
/** So many issues beside the records' own, at the larger number of records; a tenth at the smaller. */
const usualIssues = 200_000;
const goal = { medianMs: 30, p99Ms: 150 };

/** Faster to fill; reading is as with the product's own settings. */
const fillSettings = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_wal_size: '8GB',
  autovacuum: 'off',
};

type Question = [name: string, url: (round: number) => string];

interface Given {
  pool: Pool;
  /** Milliseconds since the epoch: the evening of the last day, so that the day under way has many records. */
  now: number;
}

/** A database with so many records, as upkeep leaves it. With --keep=folder it stays there, and is used again. */
async function withRecords<Result>(
  records: number,
  issues: number,
  work: (given: Given) => Promise<Result>,
): Promise<Result> {
  const kept = option('keep');
  const folder = kept ? join(kept, String(records)) : mkdtempSync(join(tmpdir(), 'log-detector-bench-'));
  const server = await startEmbedded({ dataDir: folder, settings: fillSettings });
  const pool = createPool({ connectionString: server.connectionString });
  try {
    await migrate(server.connectionString, readMigrations('backend/migrations'));
    const made = join(folder, 'made.json');
    const log = { info() {}, warn: (fields: object, text: string) => console.error(text, fields) };
    if (!existsSync(made)) {
      const now = Math.floor(Date.now() / dayMs) * dayMs + 18 * 3_600_000;
      await makeRecords(pool, records, now);
      await sumUp(pool, now);
      writeFileSync(made, JSON.stringify({ now }));
    }
    const { now } = JSON.parse(readFileSync(made, 'utf8')) as { now: number };
    await makeIssues(pool, issues, now);
    await indexText({ pool, log }, now);
    await pool.query('vacuum (analyze) issues');
    return await work({ pool, now });
  } finally {
    await pool.end();
    await server.stop();
    if (!kept) rmSync(folder, { recursive: true, force: true });
  }
}

async function api({ pool, now }: Given): Promise<App> {
  const app = await buildHttp({
    logger: pino({ level: 'silent' }),
    metrics: new Metrics(),
    version: 'benchmark',
    guard: () => {},
  });
  searchRoutes({ pool, now: () => now })(app);
  issueRoutes({ pool, now: () => new Date(now) })(app);
  return app;
}

async function questions({ pool, now }: Given): Promise<Question[]> {
  const { rows: issues } = await pool.query<{ id: string }>(
    `select id from issues where fingerprint like 'v1:%' order by count desc`,
  );
  const [busy, quiet] = [issues[0]!.id, issues.at(-1)!.id];
  const { rows: counts } = await pool.query<{ n: number }>('select sum(n) as n from log_counts');
  const total = counts[0]!.n;
  const { rows: middle } = await pool.query<{ id: string }>(
    'select id from log_records where id > $1 order by id limit 50',
    [firstIdOf(now - 14 * dayMs)],
  );
  const iso = (ms: number) => new Date(ms).toISOString();
  const host = (round: number) => `web-${round % 50}`;
  const list = (query: string) => `/api/logs?${query}`;
  const { rows: pages } = await pool.query<{ id: string; last_seen: string }>(
    `select id, last_seen from issues where last_seen < $1 order by last_seen desc, id desc limit 50`,
    [new Date(now - 100 * dayMs)],
  );
  return [
    ['newest 50', () => list('')],
    ['host', (n) => list(`host=${host(n)}`)],
    ['container', (n) => list(`container=${['checkout-1', 'auth-2', 'cron-4'][n % 3]}`)],
    ['host and container', (n) => list(`host=${host(n)}&container=mailer-${1 + ((n % 50) % 4)}`)],
    ['severity, usual', () => list('severity=error')],
    ['severity, rare', () => list('severity=fatal')],
    [
      'host, container and severity',
      (n) => list(`host=${host(n)}&container=search-${1 + ((n % 50) % 4)}&severity=fatal`),
    ],
    [
      'host, with since and until',
      (n) => list(`host=${host(n)}&since=${iso(now - 9.3 * dayMs)}&until=${iso(now - 9 * dayMs)}`),
    ],
    ['a host that does not exist', () => list('host=nobody')],
    ['a severity that does not exist', () => list('severity=debug')],
    ['one old record', () => list(`host=${oldHost}`)],
    ['page by cursor, half-way', (n) => list(`cursor=${middle[n % middle.length]!.id}`)],
    [
      'page by cursor, host, half-way',
      (n) => list(`host=${host(n)}&cursor=${middle[n % middle.length]!.id}`),
    ],
    ['offset 10,000', () => list('offset=10000')],
    ['offset half of all', (n) => list(`offset=${Math.floor(total / 2) + n}`)],
    ['host, offset 2,000', (n) => list(`host=${host(n)}&offset=2000`)],
    ['issues, newest 50', () => '/api/issues'],
    ['issues, a page by cursor', (n) => `/api/issues?cursor=${cursorOf(pages[n % pages.length]!)}`],
    ['issues, open', () => '/api/issues?state=open'],
    ['issues, muted', () => '/api/issues?state=muted'],
    ['issues of a service', (n) => `/api/issues?service=${servicesOf[n % servicesOf.length]}`],
    ['issues of a service with few', () => `/api/issues?service=${rareService}`],
    ['issues, most records first', () => '/api/issues?sort=count'],
    ['issues, first seen last', () => '/api/issues?sort=first_seen'],
    ['issues, text, common', () => `/api/issues?q=${encodeURIComponent(titleWords.common)}`],
    ['issues, text, in one', () => `/api/issues?q=${titleWords.rare}`],
    ['issues, text, none', () => `/api/issues?q=${encodeURIComponent(titleWords.none)}`],
    ['issue', () => `/api/issues/${busy}`],
    ['issue, its newest 50', () => list(`issue_id=${busy}`)],
    ['issue, quiet, its newest 50', () => list(`issue_id=${quiet}`)],
    ['issue and host', (n) => list(`issue_id=${busy}&host=${host(n)}`)],
    ['issue, histogram of a day', () => `/api/issues/${busy}/histogram`],
    ['histogram of a day', () => '/api/logs/histogram'],
    ['histogram of 30 days', () => `/api/logs/histogram?since=${iso(now - 30 * dayMs)}`],
    ['histogram of a day, host', (n) => `/api/logs/histogram?host=${host(n)}`],
    ['histogram of a day, severity', () => '/api/logs/histogram?severity=fatal'],
    ['text, common', () => list(`q=${encodeURIComponent(words.common)}`)],
    ['text, one in ten thousand', () => list(`q=${encodeURIComponent(words.seldom)}`)],
    ['text, one old record', () => list(`q=${words.rare}`)],
    ['text, none', () => list(`q=${encodeURIComponent(words.none)}`)],
    ['text and host', (n) => list(`q=${encodeURIComponent(words.seldom)}&host=${host(n)}`)],
    [endsEarly, () => list('q=zq')],
  ];
}

function cursorOf({ id, last_seen }: { id: string; last_seen: string }): string {
  return writeCursor({ sort: 'last_seen', order: 'desc', value: last_seen, id });
}

interface Times {
  medianMs: number;
  p99Ms: number;
}

async function time(ask: (round: number) => Promise<unknown>, rounds = usualRounds): Promise<Times> {
  for (let round = 0; round < 3; round += 1) await ask(round);
  const took: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const began = performance.now();
    await ask(round);
    took.push(performance.now() - began);
  }
  took.sort((a, b) => a - b);
  return { medianMs: took[Math.floor(took.length / 2)]!, p99Ms: took[Math.floor(took.length * 0.99)]! };
}

/** The times of each question, the read by primary key first. */
async function measure(given: Given): Promise<Map<string, Times>> {
  const app = await api(given);
  const times = new Map<string, Times>();
  const some: string[] = [];
  for (let n = 1; n <= 60; n += 1) {
    const from = firstIdOf(given.now - (29.4 * dayMs * ((n * 37) % 61)) / 61 - 3_600_000);
    const { rows } = await given.pool.query<{ id: string }>(
      'select id from log_records where id > $1 order by id limit 1',
      [from],
    );
    some.push(rows[0]!.id);
  }
  const byId = (id: string) =>
    given.pool.query({
      name: 'by-id',
      text: 'select * from log_records where id = $1 and bucket = $2',
      values: [id, bucketOfId(id)],
    });
  times.set('record by id', await time((round) => byId(some[round % some.length]!)));
  for (const [name, url] of await questions(given)) {
    if (!name.includes(option('only') ?? '')) continue;
    const ask = async (round: number) => {
      const { statusCode, body } = await app.inject({ method: 'GET', url: url(round) });
      if (statusCode !== 200) throw new Error(`${name}: ${statusCode} ${body.slice(0, 300)}`);
      return body;
    };
    times.set(name, await time(ask, name === endsEarly ? 5 : usualRounds));
  }
  await app.close();
  return times;
}

/** `--name=value` of the command line. */
function option(name: string): string | undefined {
  return process.argv.find((text) => text.startsWith(`--${name}=`))?.slice(name.length + 3);
}

async function costOf(pool: Pool, perStatement: number): Promise<string> {
  const { withUs, withoutUs } = await insertCost(pool, perStatement, perStatement === 1 ? 1000 : 20);
  return `${withoutUs.toFixed(1)} -> ${withUs.toFixed(1)} µs (${((100 * withUs) / withoutUs - 100).toFixed(1)} %) inserting ${perStatement} at a time`;
}

export async function run() {
  const large = Number(option('records') ?? 500_000);
  const sizes = [large / 10, large];
  const results: Map<string, Times>[] = [];
  const costs: string[] = [];
  const began = performance.now();
  for (const records of sizes)
    results.push(
      await withRecords(records, (usualIssues * records) / large, async (given) => {
        if (records === large) for (const size of [500, 1]) costs.push(await costOf(given.pool, size));
        return measure(given);
      }),
    );
  const [small, full] = results as [Map<string, Times>, Map<string, Times>];
  const base = full.get('record by id')!.medianMs;
  const ms = (value: number) => value.toFixed(1);
  const rows = [...full].map(([question, times]) => ({
    question,
    [`median ms, ${sizes[0]!.toLocaleString('en-US')}`]: ms(small.get(question)!.medianMs),
    [`median ms, ${large.toLocaleString('en-US')}`]: ms(times.medianMs),
    'p99 ms': ms(times.p99Ms),
    'times a read by id': (times.medianMs / base).toFixed(0),
  }));
  const missed = [...full].filter(
    ([, { medianMs, p99Ms }]) => medianMs > goal.medianMs || p99Ms > goal.p99Ms,
  );
  return {
    title: `Reading at ${large.toLocaleString('en-US')} records`,
    rows,
    notes: [
      `Goal: medians under ${goal.medianMs} ms, 99th percentile under ${goal.p99Ms} ms; ${missed.length === 0 ? 'all within' : `not within: ${missed.map(([name]) => name).join(', ')}`}.`,
      `${usualRounds} requests each, one after the other, through the backend's routes; 30 daily partitions, 600 sources; ${usualIssues.toLocaleString('en-US')} issues beside theirs, ${(usualIssues / 10).toLocaleString('en-US')} at the smaller number. Making and measuring took ${((performance.now() - began) / 1000).toFixed(0)} s.`,
      `Three text indexes of the day under way cost each new record, in the insert into log_records alone: ${costs.join('; ')}.`,
      `Load average of the machine at the end: ${loadavg()[0]!.toFixed(1)}.`,
    ],
  };
}
