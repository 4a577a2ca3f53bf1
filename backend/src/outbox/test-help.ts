// Words for the outbox's tests: rows of the queue with everything that does not matter filled in.

import { randomUUID } from 'node:crypto';
import type { Pool } from '../db/pool.ts';
import type { LeasedNotification } from './notification.ts';
import { wakeChannel } from './queue.ts';

export interface NotificationRow {
  id: string;
  status: string;
  attempts: number;
  leased_by: string | null;
  leased_until: string | null;
  next_attempt_at: string;
  message_id: string;
  provider_message_id: string | null;
  error_message: string | null;
  sent_at: string | null;
}

/** Puts `count` pending notifications into the queue and says so by NOTIFY, as ingest does. @returns their ids. */
export async function givenPending(
  pool: Pool,
  count: number,
  options: { channel?: string; to?: string; silently?: boolean } = {},
): Promise<string[]> {
  const ids = Array.from({ length: count }, () => randomUUID());
  await pool.query(
    `insert into notifications (id, record_id, bucket, channel, to_address, subject, body, html, reason, message_id,
       next_attempt_at, created_at)
     select id, id, 0, $2, $3, '[Log Alert] ERROR api on web-1', 'the text', '<p>the html</p>', 'new',
       '<' || id || '@example.com>', now(), now()
     from unnest($1::uuid[]) as id`,
    [ids, options.channel ?? 'email', options.to ?? 'ops@example.org'],
  );
  if (!options.silently) await pool.query(`select pg_notify($1, '')`, [wakeChannel]);
  return ids;
}

export async function rowOf(pool: Pool, id: string): Promise<NotificationRow> {
  const { rows } = await pool.query<NotificationRow>('select * from notifications where id = $1', [id]);
  return rows[0]!;
}

/** Resolves once `holds` does; rejects after a minute: the machine may be busy, and only a fault should end it. */
export async function until(holds: () => Promise<boolean> | boolean, what: string): Promise<void> {
  const end = Date.now() + 60_000;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`waited a minute until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export const silentLog = { info() {}, warn() {}, error() {} };

export function aLeased(parts: Partial<LeasedNotification> = {}): LeasedNotification {
  return {
    id: '019aabcd-0000-7000-8000-000000000001',
    messageId: '<019aabcd-0000-7000-8000-000000000001@example.com>',
    to: 'ops@example.org',
    subject: 's',
    text: 't',
    html: null,
    attempts: 1,
    createdAt: '2026-11-22T10:00:00.000000Z',
    ...parts,
  };
}
