// Notifications as the API answers them: rows of `notifications`, and one `skipped` for each record held back, answered
// from the record. The view email_notifications says the same to people who query by hand.

import type { Notification } from '@log-detector/contract';
import { firstIdOf } from '../db/partitions.ts';
import type { Pool } from '../db/pool.ts';
import { bucketOfId } from '../db/record-id.ts';
import { maxMessageChars, subjectOf } from './mail.ts';
import { stateWord } from './states.ts';

/** What a signed link can do belongs to whom it was sent to, and not to whoever may read the history. */
const bodyWithoutLinks =
  "regexp_replace(coalesce(body, (select t.body from notification_texts t where t.id = text_id)), '/(act|unsubscribe|(records|issues)/[0-9a-f-]{36})/[A-Za-z0-9_-]{40,}', '/\\1/…', 'g') as body";
export const sentColumns = `id, channel, to_address, subject, ${bodyWithoutLinks}, status, provider_message_id, error_message, sent_at,
  created_at, reason, feedback, feedback_at, feedback_detail`;
const heldColumns = 'id, host, container, severity, message, reason, received_at';
/** For a list, which would be as large as all its messages: no longer than they are in mails. */
const briefMessage = `case
  when char_length(message) > ${maxMessageChars} then left(message, ${maxMessageChars}) || '…'
  else message
end as message`;

interface HeldRow {
  id: string;
  host: string;
  container: string;
  severity: string;
  message: string;
  reason: string;
  received_at: string;
}

/**
 * The notifications that a record caused, or that carry its alert together with others; an alert that no mail carries yet is
 * pending; or why there is none. An unknown record has none.
 */
export async function notificationsOfRecord(pool: Pool, recordId: string): Promise<Notification[]> {
  const [{ rows }, waiting] = await Promise.all([
    pool.query<Notification>(
      `select ${sentColumns}
       from notifications
       where record_id = $1 or id in (select notification_id from alerts where record_id = $1)
       order by id`,
      [recordId],
    ),
    waitingOfRecord(pool, recordId),
  ]);
  if (rows.length + waiting.length > 0) return [...rows, ...waiting];
  const { rows: held } = await pool.query<HeldRow>(
    `select ${heldColumns} from log_records where id = $1 and bucket = $2 and not notify`,
    [recordId, bucketOfId(recordId)],
  );
  return held.map(skipped);
}

/** All notifications, newest first, and how many there are. The body of one that was held back is cut as in a mail. */
export async function listNotifications(
  pool: Pool,
  page: { limit: number; offset: number },
): Promise<{ items: Notification[]; total: number }> {
  // What is held back is summed up by the day and by the minute (upkeep/sum-up.ts), and counted where it is not yet.
  const { rows: totals } = await pool.query<{ total: number }>(
    `with upto as (
       select
         coalesce(max(upto) filter (where name = 'day'), '-infinity') as of_days,
         coalesce(max(upto) filter (where name = 'minute'), '-infinity') as of_minutes
       from sums_upto
     )
     select
       (select count(*) from notifications)
       - (select count(*) from notifications where channel = 'canary')
       + (select coalesce(sum(held), 0) from count_sums where unit = 'day' and at < (select of_days from upto))
       + (
         select coalesce(sum(held), 0)
         from count_sums
         where unit = 'minute' and at >= (select of_days from upto) and at < (select of_minutes from upto)
       )
       + (select coalesce(sum(held), 0) from log_counts where minute >= (select of_minutes from upto)) as total`,
  );
  const { total } = totals[0]!;
  if (page.offset >= total) return { items: [], total };
  return { items: await pageOf(pool, page), total };
}

/** First the ids of the page, of both kinds; then its rows alone: a message may be a megabyte. */
async function pageOf(
  pool: Pool,
  { limit, offset }: { limit: number; offset: number },
): Promise<Notification[]> {
  const depth = limit + offset;
  const oldest = await minuteOfHeld(pool, depth);
  const { rows: ids } = await pool.query<{ id: string; is_held: boolean }>(
    `select id, is_held
     from (
       (select id, false as is_held from notifications where channel <> 'canary' order by id desc limit $1)
       union all
       (select id, true from log_records where not notify and id >= $3 order by id desc limit $1)
     ) as newest
     order by id desc
     limit $2
     offset $1 - $2`,
    [depth, limit, oldest],
  );
  const heldIds = ids.filter(({ is_held }) => is_held).map(({ id }) => id);
  const sentIds = ids.filter(({ is_held }) => !is_held).map(({ id }) => id);
  const [sent, held] = await Promise.all([
    pool.query<Notification>(`select ${sentColumns} from notifications where id = any($1::uuid[])`, [
      sentIds,
    ]),
    pool.query<HeldRow>(
      `select ${heldColumns.replace('message', briefMessage)}
       from log_records
       where id = any($1::uuid[]) and bucket = any($2::int[])`,
      [heldIds, heldIds.map(bucketOfId)],
    ),
  ]);
  const byId = new Map([...sent.rows, ...held.rows.map(skipped)].map((row) => [row.id, row]));
  return ids.flatMap(({ id }) => byId.get(id) ?? []);
}

/**
 * The id before which the newest `count` held records need not be looked for. Where few records are held back, walking
 * the records themselves would read them all; every minute named here holds at least one.
 */
async function minuteOfHeld(pool: Pool, count: number): Promise<string> {
  const { rows } = await pool.query<{ minute: string }>(
    `select minute
     from log_counts
     where held > 0
     group by minute
     order by minute desc
     limit 1
     offset $1`,
    [count - 1],
  );
  return firstIdOf(rows[0] ? Date.parse(rows[0].minute) : 0);
}

/** Alerts of a record that wait to be gathered into a mail, or that were dropped. */
async function waitingOfRecord(pool: Pool, recordId: string): Promise<Notification[]> {
  const { rows } = await pool.query<
    Pick<Notification, 'id' | 'channel' | 'to_address' | 'created_at'> & AlertRow
  >(
    `select a.id, a.channel, a.to_address, a.created_at, a.reason, a.status, i.title
     from alerts a
     left join issues i on i.id = a.issue_id
     where a.record_id = $1 and a.status <> 'mailed'
     order by a.id`,
    [recordId],
  );
  return rows.map(({ id, channel, to_address, created_at, reason, status, title }) => ({
    id,
    channel,
    to_address,
    subject: `[${stateWord(reason)}] ${title ?? ''}`.trimEnd(),
    body: '',
    status: status === 'waiting' ? 'pending' : 'skipped',
    provider_message_id: null,
    error_message: status === 'waiting' ? 'waiting to be gathered with others' : droppedBecause(channel),
    sent_at: null,
    created_at,
    reason,
  }));
}

/** Why an alert is in no mail. */
export function droppedBecause(channel: string | null | undefined): string {
  return channel === 'email'
    ? 'the recipient is no longer active'
    : 'the channel is not configured any more, or kept nothing open that ended with it';
}

interface AlertRow {
  reason: string;
  status: 'waiting' | 'dropped';
  title: string | null;
}

/** The words of the contract for the reasons it knows; the reason itself for the others. */
const skippedBecause: Record<string, string> = {
  duplicate: 'duplicate suppressed',
  disabled: 'alerts disabled or missing recipients',
  'no-recipients': 'alerts disabled or missing recipients',
};

function skipped(row: HeldRow): Notification {
  return {
    id: row.id,
    to_address: '',
    subject: subjectOf(row),
    body: row.message,
    status: 'skipped',
    provider_message_id: null,
    error_message: skippedBecause[row.reason] ?? row.reason,
    sent_at: null,
    created_at: row.received_at,
    reason: row.reason,
  };
}
