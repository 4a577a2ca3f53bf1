// Issues, read for the API. One that was merged is not shown: whoever asks for it gets the one that took it over.

import type { Issue, IssueState, IssueWithMerged, MergedIssue } from '@log-detector/contract';
import type { Pool, PoolClient } from '../db/pool.ts';
import { readServiceImages } from '../issues/service-images.ts';

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

const sortTypes: Record<IssueSort, string> = {
  last_seen: 'timestamptz',
  first_seen: 'timestamptz',
  count: 'bigint',
};

/** The issues of a page, and how many pass the filter. */
export async function listIssues(pool: Pool, page: IssuePage): Promise<{ items: Issue[]; total: number }> {
  const { filter, sort, order, limit, after, now } = page;
  const values: unknown[] = [now];
  const value = (given: unknown): string => `$${values.push(given)}`;
  // Those of canaries are nobody's faults.
  const conditions = ['merged_into is null', `fingerprint not like 'own:canary:%'`];
  if (filter.state !== undefined) conditions.push(`${stateNow} = ${value(filter.state)}`);
  if (filter.service !== undefined) conditions.push(`service = ${value(filter.service)}`);
  if (filter.host !== undefined) conditions.push(`${value(filter.host)} = any(hosts)`);
  if (filter.container !== undefined) conditions.push(`${value(filter.container)} = any(containers)`);
  if (filter.severity !== undefined) conditions.push(`severity = ${value(filter.severity)}`);
  if (filter.q !== undefined) conditions.push(`position(lower(${value(filter.q)}) in lower(title)) > 0`);
  if (filter.since !== undefined) conditions.push(`last_seen >= ${value(filter.since)}::timestamptz`);
  if (filter.until !== undefined) conditions.push(`first_seen < ${value(filter.until)}::timestamptz`);
  const counted = pool.query<{ total: number }>(
    `select count(*) as total, $1::timestamptz as now from issues where ${conditions.join(' and ')}`,
    [...values],
  );
  if (after) {
    const before = order === 'desc' ? '<' : '>';
    conditions.push(
      `(${sort}, id) ${before} (${value(after.value)}::${sortTypes[sort]}, ${value(after.id)}::uuid)`,
    );
  }
  const listed = pool.query<Issue>(
    `select ${columns}
    from issues
    where ${conditions.join(' and ')}
    order by ${sort} ${order}, id ${order}
    limit ${value(limit)}`,
    values,
  );
  const [{ rows: items }, { rows: counts }] = await Promise.all([listed, counted]);
  return { items, total: counts[0]?.total ?? 0 };
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
