// A mail that a person asked for, to see whether mails arrive. It takes the way of every other one: the outbox.

import type { Notification } from '@log-detector/contract';
import { messageId } from '../channels/mail-headers.ts';
import type { Pool } from '../db/pool.ts';
import { wakeChannel } from '../outbox/queue.ts';

/** Puts it into the outbox. It belongs to no record, and carries its own id in that place. */
export async function addTestNotification(
  pool: Pool,
  id: string,
  to: string,
  settings: { from: string; baseUrl: string },
): Promise<Notification> {
  const text = `This is a test from Log Detector at ${settings.baseUrl}: alerts for ${to} arrive here.\n`;
  const { rows } = await pool.query<Notification>(
    `insert into notifications
       (id, record_id, bucket, channel, to_address, subject, body, html, reason, message_id, next_attempt_at, created_at)
     values ($1, $1, 0, 'email', $2, '[Log Alert] TEST', $3, null, 'test', $4, now(), now())
     returning id, to_address, subject, body, status, provider_message_id, error_message, sent_at, created_at,
       reason`,
    [id, to, text, messageId(id, settings.from)],
  );
  await pool.query(`select pg_notify($1, '')`, [wakeChannel]);
  return rows[0]!;
}
