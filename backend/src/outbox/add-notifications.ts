// New notifications -> rows of the outbox, in the transaction of the records that cause them. The NOTIFY goes out with
// the commit, or not at all.

import type { PoolClient } from '../db/pool.ts';
import { byText } from '../db/values.ts';
import type { NewNotification } from '../ingest/types.ts';
import { wakeChannel } from './queue.ts';

/**
 * Adds them, pending and due at once.
 * @param createdAt ISO 8601: when their records were received.
 * @returns the records whose alert another transaction made first, under the same coalesce_id and to the same
 * recipients: none of their notifications was added, so their decision is to be `coalesced` and not `notify`.
 */
export async function addNotifications(
  client: PoolClient,
  notifications: readonly NewNotification[],
  createdAt: string,
): Promise<Set<string>> {
  if (notifications.length === 0) return new Set();
  // Sorted, because rows that share a coalesce_id wait for each other: two batches must wait in the same order.
  const rows = [...notifications].sort((a, b) => byText(a.coalesceId ?? '', b.coalesceId ?? ''));
  const { rows: added } = await client.query<{ record_id: string }>(
    `insert into notifications
       (id, record_id, bucket, issue_id, channel, to_address, subject, body, html, reason, message_id, coalesce_id,
        headers, facts, next_attempt_at, created_at)
     select n.*, now(), $15::timestamptz
     from unnest($1::uuid[], $2::uuid[], $3::int[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[],
       $9::text[], $10::text[], $11::text[], $12::text[], $13::jsonb[], $14::jsonb[]) as n
     on conflict (coalesce_id, channel, to_address) where coalesce_id is not null do nothing
     returning record_id`,
    [
      rows.map((row) => row.id),
      rows.map((row) => row.recordId),
      rows.map((row) => row.bucket),
      rows.map((row) => row.issueId),
      rows.map((row) => row.channel),
      rows.map((row) => row.toAddress),
      rows.map((row) => row.subject),
      rows.map((row) => row.body),
      rows.map((row) => row.html),
      rows.map((row) => row.reason),
      rows.map((row) => row.messageId),
      rows.map((row) => row.coalesceId),
      rows.map((row) => (row.headers ? JSON.stringify(row.headers) : null)),
      rows.map((row) => (row.facts ? JSON.stringify(row.facts) : null)),
      createdAt,
    ],
  );
  if (added.length > 0) await client.query(`select pg_notify($1, '')`, [wakeChannel]);
  const recordsWithAny = new Set(added.map(({ record_id }) => record_id));
  return new Set(rows.map(({ recordId }) => recordId).filter((recordId) => !recordsWithAny.has(recordId)));
}
