// Records, read for the API.

import type { LogRecord } from '@log-detector/contract';
import type { Pool } from '../db/pool.ts';
import { bucketOfId } from '../db/record-id.ts';
import { type RecordRow, recordColumns } from '../http/record-answer.ts';
import { findPage, type Page } from './page.ts';
import type { Totals } from './total.ts';

export interface ListedRecords {
  /** Newest first. */
  items: LogRecord[];
  /** How many passed the filter, those skipped for the page among them. */
  found: number;
  /** Set when the search ended early: nothing received before this, in milliseconds since the epoch, was looked at. */
  searchedToMs: number | undefined;
}

export async function listRecords(pool: Pool, totals: Totals, page: Page): Promise<ListedRecords> {
  const { ids, found, searchedToMs } = await findPage(pool, totals, page);
  return { items: ids.length === 0 ? [] : await readEach(pool, ids), found, searchedToMs };
}

/** By id and bucket: the page's rows alone are read whole, and no wide row was ever sorted. */
async function readEach(pool: Pool, ids: readonly string[]): Promise<LogRecord[]> {
  const { rows } = await pool.query<RecordRow>(
    `select ${recordColumns}
     from log_records
     where id = any($1::uuid[])
       and id between $3 and $4
       and bucket = any($2::int[])
       and reason <> 'canary'
     order by id desc`,
    [ids, [...new Set(ids.map(bucketOfId))], ids.at(-1), ids[0]],
  );
  return rows;
}

export async function readRecord(pool: Pool, id: string): Promise<LogRecord | undefined> {
  const { rows } = await pool.query<RecordRow>({
    name: 'read-record',
    text: `select ${recordColumns} from log_records where id = $1 and bucket = $2`,
    values: [id, bucketOfId(id)],
  });
  return rows[0];
}

/** The issue and those merged into it. */
export async function withMergedIssues(pool: Pool, issueId: string): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>('select id from issues where merged_into = $1', [
    issueId,
  ]);
  return [issueId, ...rows.map(({ id }) => id)];
}
