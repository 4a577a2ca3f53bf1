import type { Issue } from '@log-detector/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test-kit/src/postgres.ts';
import { indexText } from '../upkeep/index-text.ts';
import { type IssueFilter, type IssuePage, type IssueSort, listIssues } from './read-issues.ts';

const now = Date.UTC(2027, 4, 20, 13, 37, 20);
const iso = (ms: number) => new Date(ms).toISOString();
const count = 400;

let database: TestDatabase;
let all: Issue[];

/** Issues of all states, seen at times close together and far apart; mutes that are over, and some merged away. */
async function givenIssues(from: number, to: number): Promise<void> {
  await database.pool.query(
    `insert into issues (fingerprint, service, id, title, severity, state, muted_until, first_seen, last_seen, count, hosts, containers, last_record_id, merged_into)
     select 'v1:' || i, 'service-' || i % 4, gen_random_uuid(),
       (array['Order <…> failed', 'disk is full', 'größe 100% überschritten'])[1 + i % 3] || ' #' || i,
       (array['error', 'fatal'])[1 + i % 2], (array['open', 'muted', 'resolved'])[1 + i % 3],
       case when i % 6 = 1 then $1::timestamptz - interval '1 hour' end,
       $1::timestamptz - interval '400 days' + i * interval '1 minute',
       $1::timestamptz - (i * 7919 % 400) * (i * 7919 % 400) * interval '1 second' - i % 3 * interval '200 ms',
       1 + i * 31 % 97, array['web-' || i % 5], array['api'], gen_random_uuid(),
       case when i % 40 = 39 then gen_random_uuid() end
     from generate_series($2::int, $3::int) as i`,
    [iso(now), from, to],
  );
}

const pageOf = (parts: Partial<IssuePage>): IssuePage => ({
  filter: {},
  sort: 'last_seen',
  order: 'desc',
  limit: count + 1,
  now: iso(now),
  ...parts,
});

beforeAll(async () => {
  database = await createTestDatabase();
  await givenIssues(1, count);
  const { rows } = await database.pool.query<Issue>(
    `select id, title, service, severity, first_seen, last_seen, count, hosts,
       case when state = 'muted' and muted_until <= $1::timestamptz then 'open' else state end as state
     from issues
     where merged_into is null`,
    [iso(now)],
  );
  all = rows;
});
afterAll(() => database.drop());

function sorted(issues: readonly Issue[], sort: IssueSort): string[] {
  const key = (issue: Issue) => (sort === 'count' ? issue.count : Date.parse(issue[sort]) * 1000);
  return issues
    .toSorted(
      (a, b) =>
        key(b) - key(a) || (a[sort] < b[sort] ? 1 : a[sort] > b[sort] ? -1 : 0) || (a.id < b.id ? 1 : -1),
    )
    .map(({ id }) => id);
}

async function everyPage(filter: IssueFilter, sort: IssueSort, order: 'asc' | 'desc'): Promise<string[]> {
  const ids: string[] = [];
  let after: IssuePage['after'];
  for (;;) {
    const { items } = await listIssues(database.pool, pageOf({ filter, sort, order, limit: 41, after }));
    ids.push(...items.slice(0, 40).map(({ id }) => id));
    if (items.length <= 40) return ids;
    const last = items[39]!;
    after = { value: String(last[sort]), id: last.id };
  }
}

const filters: [string, IssueFilter, (issue: Issue) => boolean][] = [
  ['all', {}, () => true],
  ['open ones', { state: 'open' }, ({ state }) => state === 'open'],
  ['muted ones', { state: 'muted' }, ({ state }) => state === 'muted'],
  ['resolved ones', { state: 'resolved' }, ({ state }) => state === 'resolved'],
  ['those of a service', { service: 'service-3' }, ({ service }) => service === 'service-3'],
  ['a title in other letters', { q: 'ORDER' }, ({ title }) => title.startsWith('Order')],
  [
    'a title with others than a to z',
    { q: 'GRÖSSE'.replace('SS', 'ß') },
    ({ title }) => title.startsWith('größe'),
  ],
  ['a title with a sign of patterns', { q: '100% ü' }, ({ title }) => title.includes('100% ü')],
  ['two letters', { q: 'is' }, ({ title }) => title.includes('is')],
  [
    'those seen since, first seen before',
    { since: iso(now - 3_600_000), until: iso(now - 399.9 * 86_400_000) },
    ({ last_seen, first_seen }) =>
      last_seen >= iso(now - 3_600_000) && first_seen < iso(now - 399.9 * 86_400_000),
  ],
];

describe('listIssues', () => {
  const itListsThem = (name: string) =>
    it.each(filters)(`${name}: lists %s in order, page by page`, async (_, filter, passes) => {
      const expected = all.filter(passes);
      expect(expected.length).toBeGreaterThan(5);
      for (const sort of ['last_seen', 'first_seen', 'count'] as const) {
        const ids = sorted(expected, sort);
        expect(await everyPage(filter, sort, 'desc')).toEqual(ids);
        expect(await everyPage(filter, sort, 'asc')).toEqual(ids.toReversed());
      }
      expect(await listIssues(database.pool, pageOf({ filter }))).toMatchObject({
        total: expected.length,
        isAtLeast: false,
      });
      expect((await listIssues(database.pool, pageOf({ filter, limit: 3 }))).total).toBe(expected.length);
    });
  itListsThem('without an index of titles');
  describe('with one', () => {
    beforeAll(async () => {
      const log = { info() {}, warn: (_: object, text: string) => expect.fail(text) };
      // Twice: what is there is left as it is.
      for (let n = 0; n < 2; n += 1) await indexText({ pool: database.pool, log }, now);
      const { rowCount } = await database.pool.query(
        `select from pg_indexes where indexname = 'issues_title_text'`,
      );
      expect(rowCount).toBe(1);
    });
    itListsThem('with one');
  });

  it('counts so many and no more, and says so', async () => {
    await givenIssues(count + 1, 11_000);
    // Fewer where the machine is too slow to count so many in time.
    const { total, isAtLeast } = await listIssues(database.pool, pageOf({ limit: 51 }));
    expect(isAtLeast).toBe(true);
    expect(total).toBeGreaterThanOrEqual(51);
    expect(total).toBeLessThanOrEqual(10_000);
    expect(await listIssues(database.pool, pageOf({ limit: 51, filter: { q: '#777' } }))).toMatchObject({
      isAtLeast: false,
    });
  });
});
