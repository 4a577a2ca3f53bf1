// Rows of log_records -> the text of COPY, and back into a table: the limit that ingest is held against.

import { pipeline } from '../../backend/src/db/pipeline.ts';
import type { PoolClient } from '../../backend/src/db/pool.ts';

const columns = [
  'id',
  'bucket',
  'host',
  'container',
  'severity',
  'message',
  'log_hash',
  'occurred_at',
  'received_at',
  'is_duplicate',
  'duplicate_of_id',
  'issue_id',
  'event_id',
  'stream',
  'image',
  'labels',
  'fields',
  'context_before',
  'context_after',
  'coalesce_id',
  'notify',
  'reason',
];

/** The rows of some hosts as lines of COPY, in the order they were stored. */
export async function readAsCopied(client: PoolClient, hosts: string): Promise<string[]> {
  const { rows } = await client.query<Record<string, string | number | boolean | null>>(
    `select ${columns.join(', ')} from log_records where host like $1 order by id`,
    [`web-${hosts}`],
  );
  return rows.map((row) => `${columns.map((name) => cell(row[name]!)).join('\t')}\n`);
}

function cell(value: string | number | boolean | null): string {
  if (value === null) return '\\N';
  return String(value).replace(
    /[\\\n\r\t]/g,
    (char) => ({ '\n': '\\n', '\r': '\\r', '\t': '\\t' })[char] ?? '\\\\',
  );
}

/** In one statement and one transaction. */
export async function copyRows(client: PoolClient, table: string, rows: readonly string[]): Promise<void> {
  const pieces: string[] = [];
  for (let from = 0; from < rows.length; from += 500) pieces.push(rows.slice(from, from + 500).join(''));
  await pipeline(client, [{ text: `copy ${table} (${columns.join(', ')}) from stdin`, copy: pieces }]);
}
