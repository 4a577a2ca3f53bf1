// Records, read for the API.

import type { LogRecord } from '@log-detector/contract';
import type { Pool } from '../db/pool.ts';
import { bucketOfId } from '../db/record-id.ts';
import { type RecordRow, recordColumns } from '../http/record-answer.ts';
import type { IssueSeen } from './filter.ts';
import { findOfIssue, findPage, type Page } from './page.ts';
import type { Totals } from './total.ts';

export interface ListedRecords {
  /** Newest first. */
  items: LogRecord[];
  /** How many passed the filter, those skipped for the page among them. */
  found: number;
  /** Set when the search ended early: nothing received before this, in milliseconds since the epoch, was looked at. */
  searchedToMs: number | undefined;
  /** Ids of the page's further records, which are too large to be held together with these: see `readRest`. */
  rest: string[];
}

/** Of the texts read at once: no more records are read once they are as long. Each adds 2 MiB at the most. */
export const pieceBytes = 16 * 1024 * 1024;

export async function listRecords(pool: Pool, totals: Totals, page: Page): Promise<ListedRecords> {
  const { ids, found, searchedToMs } = await findPage(pool, totals, page);
  const read = ids.length === 0 ? { items: [], rest: [] } : await readEach(pool, ids);
  return { ...read, found, searchedToMs };
}

/** Reads what `listRecords` left, piece by piece, each when the one before it is done with. */
export async function* readRest(pool: Pool, rest: readonly string[]): AsyncGenerator<LogRecord[]> {
  for (let left = rest; left.length > 0; ) {
    const read = await readEach(pool, left);
    // Retention may have dropped them meanwhile.
    if (read.items.length > 0) yield read.items;
    left = read.rest;
  }
}

/** By id and bucket: the page's rows alone are read whole, and no wide row was ever sorted. At least one is read. */
async function readEach(pool: Pool, ids: readonly string[]): Promise<Pick<ListedRecords, 'items' | 'rest'>> {
  // The length of a message is known without reading it.
  const { rows } = await pool.query<RecordRow & { there: number }>(
    `select ${recordColumns}, there
     from (
       select *, count(*) over () as there, sum(bytes) over (order by id desc) - bytes as bytes_before
       from (
         select *, octet_length(message) + ${jsonColumns.map((name) => `coalesce(octet_length(${name}::text), 0)`).join(' + ')} as bytes
         from log_records
         where id = any($1::uuid[])
           and id between $3 and $4
           and bucket = any($2::int[])
       ) as sized
     ) as page
     where bytes_before < $5
     order by id desc`,
    [ids, [...new Set(ids.map(bucketOfId))], ids.at(-1), ids[0], pieceBytes],
  );
  const items = rows.map(({ there, ...record }) => record);
  const isAll = rows.length === (rows[0]?.there ?? 0);
  return { items, rest: isAll ? [] : ids.slice(ids.indexOf(items.at(-1)!.id) + 1) };
}

const jsonColumns = ['labels', 'fields', 'context_before', 'context_after'];

export async function readRecord(pool: Pool, id: string): Promise<LogRecord | undefined> {
  const { rows } = await pool.query<RecordRow>({
    name: 'read-record',
    text: `select ${recordColumns} from log_records where id = $1 and bucket = $2`,
    values: [id, bucketOfId(id)],
  });
  return rows[0];
}

/** A record in a list: of its message, the beginning and the end alone are read. */
export interface RecordLine
  extends Pick<LogRecord, 'id' | 'host' | 'container' | 'severity' | 'received_at'> {
  beginning: string;
  /** The same as the beginning, where the message is short. */
  end: string;
}

/**
 * The newest records of an issue and of those merged into it, newest first.
 * @param chars of the beginning, and of the end, of each message. @param now ms since the epoch.
 * @throws {HttpError} 503 when they cannot be found in time.
 */
export async function newestOfIssue(
  pool: Pool,
  issueId: string,
  { limit, chars, now }: { limit: number; chars: number; now: number },
): Promise<RecordLine[]> {
  const { ids: issueIds, seen: issueSeen } = await withMergedIssues(pool, issueId);
  const { ids } = await findOfIssue(pool, { filter: { issueIds, issueSeen }, limit, offset: 0, now });
  if (ids.length === 0) return [];
  const { rows } = await pool.query<RecordLine>(
    `select id, host, container, severity, received_at, left(message, $3) as beginning, right(message, $3) as "end"
     from log_records
     where id = any($1::uuid[])
       and id between $4 and $5
       and bucket = any($2::int[])
     order by id desc`,
    [ids, [...new Set(ids.map(bucketOfId))], chars, ids.at(-1), ids[0]],
  );
  return rows;
}

/** The issue and those merged into it, and when they were seen; none when there is no such issue, or it is one of canaries. */
export async function withMergedIssues(
  pool: Pool,
  issueId: string,
): Promise<{ ids: string[]; seen: IssueSeen | undefined }> {
  const { rows } = await pool.query<{ id: string; first_seen: string; last_seen: string; count: number }>({
    name: 'read-issue-with-merged',
    text: `select id, first_seen, last_seen, count
      from issues
      where (id = $1 or merged_into = $1)
        and fingerprint not like 'own:canary:%'`,
    values: [issueId],
  });
  const ids = rows.map(({ id }) => id);
  if (rows.length === 0) return { ids, seen: undefined };
  const seen = {
    firstMs: Math.min(...rows.map(({ first_seen }) => Date.parse(first_seen))),
    lastMs: Math.max(...rows.map(({ last_seen }) => Date.parse(last_seen))),
    count: rows.reduce((sum, { count }) => sum + count, 0),
  };
  return { ids, seen };
}
