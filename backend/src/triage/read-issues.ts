// Issues, read for the API. One that was merged is not shown: whoever asks for it gets the one that took it over. A list
// costs the same for a hundred issues and for a hundred thousand: each part of it is the beginning of an index.

import type { Issue, IssueState, IssueWithMerged, MergedIssue } from '@log-detector/contract';
import type { Pool, PoolClient } from '../db/pool.ts';
import { readServiceImages } from '../issues/service-images.ts';
import { textConditions } from '../search/filter.ts';
import { inSession } from '../search/search-back.ts';

export type IssueSort = 'last_seen' | 'first_seen' | 'count';

export interface IssueFilter {
  state?: IssueState;
  service?: string;
  host?: string;
  container?: string;
  severity?: string;
  /** Text that the title contains, in any case of letters. */
  q?: string;
  /** ISO 8601: seen at this instant or later. */
  since?: string;
  /** ISO 8601: first seen before this instant. */
  until?: string;
}

export interface IssuePage {
  filter: IssueFilter;
  sort: IssueSort;
  order: 'asc' | 'desc';
  limit: number;
  /** Sort value and id of the last issue of the page before. */
  after?: { value: string; id: string };
  /** ISO 8601. */
  now: string;
}

/** A mute that has run out is over, although nobody has written that down. `$1` is now. */
const stateNow = `case
    when state = 'muted' and (muted_until <= $1::timestamptz or count >= muted_until_count) then 'open'
    else state
  end`;

const columns = `id, title, fingerprint, service, severity, ${stateNow} as state, muted_until, muted_until_count,
  case when state = 'muted' then mute end as mute, first_seen, last_seen, count, hosts, containers, resolved_at, regressed_at, notified_at, last_record_id`;

/** How each sort finds its page in an index: by a coarser column first, which the index has. */
const sorts: Record<IssueSort, { by: string[]; type: string; coarse?: { column: string; of: string } }> = {
  last_seen: {
    by: ['seen_from', 'last_seen', 'id'],
    type: 'timestamptz',
    coarse: {
      column: 'seen_from',
      of: `date_bin('5 minutes', $::timestamptz at time zone 'UTC', timestamp '2000-01-01')`,
    },
  },
  first_seen: { by: ['first_seen', 'id'], type: 'timestamptz' },
  count: {
    by: ['count_size', 'count', 'id'],
    type: 'bigint',
    coarse: { column: 'count_size', of: 'floor(ln(greatest($::bigint, 1)::float8) * 1.4427)::int' },
  },
};

const muteIsOver = '(muted_until <= $1::timestamptz or count >= muted_until_count)';
/** Each state as the rows that have it, every one in an index by state. */
const rowsOf: Record<IssueState, string[]> = {
  open: [`state = 'open'`, `state = 'muted' and ${muteIsOver}`],
  muted: [`state = 'muted' and ${muteIsOver} is not true`],
  resolved: [`state = 'resolved'`],
};

/** Further than this, and for longer, issues are not counted. */
const mostCounted = 10_000;
const countingMs = 100;

export interface IssueList {
  items: Issue[];
  /** Of all pages. */
  total: number;
  /** There are at least so many. */
  isAtLeast: boolean;
}

/** The issues of a page, and how many pass the filter. */
export async function listIssues(pool: Pool, page: IssuePage): Promise<IssueList> {
  const [items, counted] = await Promise.all([readPage(pool, page), countIssues(pool, page)]);
  const isWhole = page.after === undefined && items.length < page.limit;
  if (isWhole) return { items, total: items.length, isAtLeast: false };
  return { items, ...counted, total: Math.max(counted.total, items.length) };
}

/** Every part is the beginning of an index: of all issues, or of those that have the state in one way or another. */
async function readPage(pool: Pool, { filter, sort, order, limit, after, now }: IssuePage): Promise<Issue[]> {
  const values: unknown[] = [now];
  const value = (given: unknown): string => `$${values.push(given)}`;
  const conditions = conditionsOf(filter, value);
  const { by, type, coarse } = sorts[sort];
  if (after) {
    const before = order === 'desc' ? '<' : '>';
    const place = value(after.value);
    conditions.push(`(${sort}, id) ${before} (${place}::${type}, ${value(after.id)}::uuid)`);
    if (coarse) conditions.push(`${coarse.column} ${before}= ${coarse.of.replace('$', place)}`);
  }
  const most = value(limit);
  const sorted = (columns: readonly string[]) => columns.map((column) => `${column} ${order}`).join(', ');
  const parts = (filter.state === undefined ? ['true'] : rowsOf[filter.state]).map(
    (rows) =>
      `(select * from issues where ${[rows, ...conditions].join(' and ')} order by ${sorted(by)} limit ${most})`,
  );
  const { rows } = await pool.query<Issue>(
    `select ${columns}
     from (${parts.join(' union all ')}) as parts
     order by ${sorted([sort, 'id'])}
     limit ${most}`,
    values,
  );
  return rows;
}

async function countIssues(pool: Pool, { filter, now }: IssuePage): Promise<Omit<IssueList, 'items'>> {
  const values: unknown[] = [now];
  const value = (given: unknown): string => `$${values.push(given)}`;
  const conditions = conditionsOf(filter, value);
  if (filter.state !== undefined)
    conditions.push(`(${rowsOf[filter.state].map((rows) => `(${rows})`).join(' or ')})`);
  const text = `select count(*) as n, $1::timestamptz as now
    from (select from issues where ${conditions.join(' and ')} limit ${value(mostCounted)}) as found`;
  const rows = await inSession(pool, (session) => session.query<{ n: number }>(countingMs, text, values));
  if (rows === 'too-long') return { total: 0, isAtLeast: true };
  return { total: rows[0]!.n, isAtLeast: rows[0]!.n === mostCounted };
}

/** Conditions but for the state. */
function conditionsOf(filter: IssueFilter, value: (given: unknown) => string): string[] {
  // Those of canaries are nobody's faults.
  const conditions = ['merged_into is null', `fingerprint not like 'own:canary:%'`];
  if (filter.service !== undefined) conditions.push(`service = ${value(filter.service)}`);
  if (filter.host !== undefined) conditions.push(`${value(filter.host)} = any(hosts)`);
  if (filter.container !== undefined) conditions.push(`${value(filter.container)} = any(containers)`);
  if (filter.severity !== undefined) conditions.push(`severity = ${value(filter.severity)}`);
  if (filter.q !== undefined)
    for (const [text, given] of textConditions('title', filter.q, 'ask'))
      conditions.push(text.replace('$', value(given)));
  if (filter.since !== undefined) {
    const since = value(filter.since);
    conditions.push(`last_seen >= ${since}::timestamptz`);
    conditions.push(`seen_from >= ${sorts.last_seen.coarse!.of.replace('$', since)}`);
  }
  if (filter.until !== undefined) conditions.push(`first_seen < ${value(filter.until)}::timestamptz`);
  return conditions;
}

/** The issue, or the one that took it over, with those merged into it; undefined when there is none. */
export async function readIssue(
  client: Pool | PoolClient,
  id: string,
  now: string,
): Promise<IssueWithMerged | undefined> {
  const { rows } = await client.query<Issue & { merged_into: string | null }>(
    `select ${columns}, merged_into from issues where id = $2`,
    [now, id],
  );
  const row = rows[0];
  if (!row) return undefined;
  const { merged_into, ...issue } = row;
  if (merged_into !== null) return readIssue(client, merged_into, now);
  const { rows: merged } = await client.query<MergedIssue>(
    'select id, title, fingerprint, service from issues where merged_into = $1 order by first_seen, id',
    [issue.id],
  );
  return { ...issue, merged, images: await readServiceImages(client, issue.service) };
}
