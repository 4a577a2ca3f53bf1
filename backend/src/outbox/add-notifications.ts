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
  const { texts, rows } = withSharedTexts(notifications);
  await insertTexts(client, texts, createdAt);
  const { rows: added } = await client.query<{ record_id: string }>(
    `insert into notifications
       (id, record_id, bucket, issue_id, channel, to_address, subject, body, html, reason, message_id, coalesce_id,
        headers, facts, text_id, next_attempt_at, created_at)
     select n.*, now(), $16::timestamptz
     from unnest($1::uuid[], $2::uuid[], $3::int[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[],
       $9::text[], $10::text[], $11::text[], $12::text[], $13::jsonb[], $14::jsonb[], $15::uuid[]) as n
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
      rows.map((row) => (row.textId === null ? row.body : null)),
      rows.map((row) => (row.textId === null ? row.html : null)),
      rows.map((row) => row.reason),
      rows.map((row) => row.messageId),
      rows.map((row) => row.coalesceId),
      rows.map((row) => json(row.headers)),
      rows.map((row) => (row.textId === null ? json(row.facts) : null)),
      rows.map((row) => row.textId),
      createdAt,
    ],
  );
  if (added.length > 0) await client.query(`select pg_notify($1, '')`, [wakeChannel]);
  const recordsWithAny = new Set(added.map(({ record_id }) => record_id));
  return new Set(rows.map(({ recordId }) => recordId).filter((recordId) => !recordsWithAny.has(recordId)));
}

interface Text {
  id: string;
  of: NewNotification;
}

type Row = NewNotification & { textId: string | null };

/** What several recipients are told of a record alike is written once: a body and its HTML are some kilobytes. */
function withSharedTexts(notifications: readonly NewNotification[]): { texts: Text[]; rows: Row[] } {
  const texts: Text[] = [];
  const rows: Row[] = [];
  for (let from = 0; from < notifications.length; ) {
    const of = notifications[from]!;
    let to = from + 1;
    while (to < notifications.length && tellsTheSame(of, notifications[to]!)) to += 1;
    // Named after the first, whose id is like no other.
    const textId = to - from > 1 ? of.id : null;
    if (textId !== null) texts.push({ id: textId, of });
    for (; from < to; from += 1) rows.push({ ...notifications[from]!, textId });
  }
  // Sorted, because rows that share a coalesce_id wait for each other: two batches must wait in the same order.
  return { texts, rows: rows.sort((a, b) => byText(a.coalesceId ?? '', b.coalesceId ?? '')) };
}

function tellsTheSame(a: NewNotification, b: NewNotification): boolean {
  return a.recordId === b.recordId && a.body === b.body && a.html === b.html && a.facts === b.facts;
}

async function insertTexts(client: PoolClient, texts: readonly Text[], createdAt: string): Promise<void> {
  if (texts.length === 0) return;
  await client.query(
    `insert into notification_texts (id, record_id, body, html, facts, created_at)
     select t.*, $6::timestamptz
     from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::jsonb[]) as t`,
    [
      texts.map(({ id }) => id),
      texts.map(({ of }) => of.recordId),
      texts.map(({ of }) => of.body),
      texts.map(({ of }) => of.html),
      texts.map(({ of }) => json(of.facts)),
      createdAt,
    ],
  );
}

/** PostgreSQL refuses half a surrogate pair in JSON, which a cut text may end with; one such row would stop all of them. */
function json(value: object | null | undefined): string | null {
  return value
    ? JSON.stringify(value, (_key, each: unknown) => (typeof each === 'string' ? each.toWellFormed() : each))
    : null;
}
