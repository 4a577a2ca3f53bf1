// What people, and mutes that ended, did to issues: written where it is done, read newest first.

import type { Pool, PoolClient } from '../db/pool.ts';
import { newId } from '../db/record-id.ts';

export interface HistoryEntry {
  issueId: string;
  /** ISO 8601. */
  at: string;
  /** A recipient; `api`; `log-detector` itself. */
  who: string;
  what: 'muted' | 'mute-over' | 'resolved' | 'opened' | 'excluded' | 'included';
  /** In words. */
  detail: string;
}

export async function addHistory(client: Pool | PoolClient, entry: HistoryEntry): Promise<void> {
  await client.query(
    `insert into issue_history (id, issue_id, at, who, what, detail) values ($1, $2, $3, $4, $5, $6)`,
    [newId(Date.parse(entry.at)), entry.issueId, entry.at, entry.who, entry.what, entry.detail],
  );
}

/** Of these issues (one, and those merged into it), newest first. @param limit most entries. */
export async function readHistory(
  client: Pool | PoolClient,
  issueIds: readonly string[],
  limit: number,
): Promise<HistoryEntry[]> {
  const { rows } = await client.query<HistoryEntry>(
    `select issue_id as "issueId", at, who, what, detail
     from issue_history
     where issue_id = any($1::uuid[])
     order by id desc
     limit $2`,
    [issueIds, limit],
  );
  return rows;
}
