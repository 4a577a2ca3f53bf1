// Records, read for the API.

import type { LogRecord } from '@log-detector/contract';
import type { Pool } from '../db/pool.ts';
import { bucketOfId } from '../db/record-id.ts';
import { type RecordRow, recordColumns } from '../http/record-answer.ts';
import { findPage, type Page } from './page.ts';

/** The records of a page, newest first. */
export async function listRecords(pool: Pool, page: Page): Promise<LogRecord[]> {
  const ids = await findPage(pool, page);
  if (ids.length === 0) return [];
  // By id and bucket: the page's rows alone are read whole, and no wide row was ever sorted.
  const { rows } = await pool.query<RecordRow>(
    `select ${recordColumns}
     from log_records
     where id = any($1::uuid[])
       and id between $3 and $4
       and bucket = any($2::int[])
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
