// The queue's statements on `notifications`, a table that stays local to the coordinator on Citus. All times of the
// queue are the database's own, so that backends whose clocks differ agree on whose lease has ended.

import type { MessageFacts } from '../channels/channel.ts';
import type { Pool } from '../db/pool.ts';
import type { LeasedNotification, NextState } from './notification.ts';

/** PostgreSQL's NOTIFY channel on which ingest tells that notifications are due. */
export const wakeChannel = 'log_detector_notifications';

export interface Lease {
  /** Of `notifications.channel`. */
  channel: string;
  /** At most so many. */
  limit: number;
  /** Who leases: unique to this worker. */
  worker: string;
  leaseMs: number;
  /** Ids still in this worker's hands: not leased again, even if their lease has ended. */
  except: readonly string[];
}

/** Takes what is due, oldest first. Two workers at once never get the same. */
export async function leaseDueNotifications(pool: Pool, lease: Lease): Promise<LeasedNotification[]> {
  const { rows } = await pool.query<LeasedRow>({
    text: `
      with due as (
        select id
        from notifications d
        where status = 'pending'
          and next_attempt_at <= now()
          and (leased_until is null or leased_until <= now())
          and channel = $1
          and not (id = any($5::uuid[]))
          -- What closes a thread at a pager must not overtake what opens it.
          and (coalesce(jsonb_array_length(facts->'ended'), 0) = 0 or not exists (
            select from notifications o
            where o.status = 'pending' and o.channel = $1 and o.to_address = d.to_address and o.id < d.id
              and d.facts->'ended' ? (o.facts->>'threadId')))
        order by next_attempt_at
        limit $2
        for update of d skip locked
      )
      update notifications n
      set attempts = attempts + 1,
        leased_by = $3,
        leased_until = now() + $4 * interval '1 millisecond'
      from due
      where n.id = due.id
      returning n.id, n.to_address, n.subject, n.headers, n.message_id, n.attempts, n.created_at,
        coalesce(n.body, (select t.body from notification_texts t where t.id = n.text_id)) as body,
        coalesce(n.html, (select t.html from notification_texts t where t.id = n.text_id)) as html,
        coalesce(n.facts, (select t.facts from notification_texts t where t.id = n.text_id)) as facts`,
    values: [lease.channel, lease.limit, lease.worker, lease.leaseMs, lease.except],
  });
  return rows.map((row) => ({
    id: row.id,
    to: row.to_address,
    subject: row.subject,
    text: row.body,
    html: row.html,
    headers: row.headers,
    facts: row.facts,
    messageId: row.message_id,
    attempts: row.attempts,
    createdAt: row.created_at,
  }));
}

/** Keeps a notification that is in this worker's hands for longer. */
export async function renewLease(pool: Pool, id: string, worker: string, leaseMs: number): Promise<void> {
  await pool.query(
    `update notifications
     set leased_until = now() + $3 * interval '1 millisecond'
     where id = $1 and leased_by = $2 and status = 'pending'`,
    [id, worker, leaseMs],
  );
}

interface LeasedRow {
  id: string;
  to_address: string;
  subject: string;
  body: string;
  html: string | null;
  headers: Record<string, string> | null;
  facts: MessageFacts | null;
  message_id: string;
  attempts: number;
  created_at: string;
}

/**
 * Writes the outcome and ends the lease.
 * @param sentAt milliseconds since the epoch: when the provider took it.
 * @returns false when another worker holds the notification by now, and the outcome is its to write.
 */
export async function writeOutcome(
  pool: Pool,
  id: string,
  worker: string,
  next: NextState,
  sentAt: number,
): Promise<boolean> {
  if (next.status === 'sent') {
    // Whoever holds the lease by now: it was sent, and knowing that keeps it from being sent again.
    const { rowCount } = await pool.query(
      `update notifications
       set status = 'sent', sent_at = $3, provider_message_id = $2, error_message = null,
         leased_by = null, leased_until = null
       where id = $1 and status <> 'sent'`,
      [id, next.providerMessageId, new Date(sentAt)],
    );
    return rowCount === 1;
  }
  const { rowCount } = await pool.query(
    `update notifications
     set status = $3, error_message = $4,
       next_attempt_at = now() + $5 * interval '1 millisecond',
       leased_by = null, leased_until = null
     where id = $1 and leased_by = $2 and status = 'pending'`,
    [id, worker, next.status, next.errorMessage, next.status === 'pending' ? next.delayMs : 0],
  );
  return rowCount === 1;
}
