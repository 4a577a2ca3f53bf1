// What SES said of a mail -> noted on its notification; and when no mail will arrive there any more, its recipient is
// deactivated and another one told. Said again, it does nothing.

import { type TakenOffParts, tellTakenOff } from '../alerting/tell-taken-off.ts';
import { inTransaction, type Pool, type PoolClient } from '../db/pool.ts';
import type { SesEvent } from './ses-event.ts';

export interface FeedbackParts extends TakenOffParts {
  pool: Pool;
  log: { info(fields: object, message: string): void; error(fields: object, message: string): void };
}

/** SES may say of a mail that it bounced before we have written down that SES took it. */
const settlingMs = 60_000;

/** @returns `early`: there is no such notification, and it may yet come; `ignored`: nor will it, or this was known of it. */
export function applyFeedback(
  parts: FeedbackParts,
  event: SesEvent,
  now: number,
): Promise<'noted' | 'ignored' | 'early'> {
  return inTransaction(parts.pool, async (client) => {
    const to = await noteFeedback(client, event);
    if (to === undefined) {
      const isFresh = event.mailAt !== null && now - event.mailAt < settlingMs;
      return isFresh && !(await isKnown(client, event)) ? 'early' : 'ignored';
    }
    if (event.endsRecipients && event.recipients.includes(to.toLowerCase()))
      await deactivate(client, parts, event, to.toLowerCase(), now);
    return 'noted';
  });
}

async function isKnown(client: PoolClient, { providerMessageId }: SesEvent): Promise<boolean> {
  const { rows } = await client.query('select 1 from notifications where provider_message_id = $1 limit 1', [
    providerMessageId,
  ]);
  return rows.length > 0;
}

/** A bounce or a complaint comes after a delivery, and outweighs it. @returns whom the mail went to. */
async function noteFeedback(client: PoolClient, event: SesEvent): Promise<string | undefined> {
  const { rows } = await client.query<{ to_address: string }>(
    `update notifications
     set feedback = $2, feedback_at = $3, feedback_detail = $4
     where id = coalesce(
         (select id from notifications where provider_message_id = $1 limit 1),
         $5::uuid
       )
       and channel = 'email'
       and (feedback is null or (feedback = 'delivered' and $2 <> 'delivered'))
     returning to_address`,
    [event.providerMessageId, event.feedback, event.at, event.detail, event.notificationId],
  );
  return rows[0]?.to_address;
}

async function deactivate(
  client: PoolClient,
  parts: FeedbackParts,
  { feedback, detail }: SesEvent,
  address: string,
  now: number,
): Promise<void> {
  const { log } = parts;
  const because = `${feedback === 'bounced' ? 'a mail bounced' : 'the recipient complained of a mail'}: ${detail}`;
  const { rowCount: rows } = await client.query(
    `update email_recipients
     set is_active = false, deactivated_at = $2, deactivated_because = $3
     where email = $1 and is_active`,
    [address, new Date(now), because],
  );
  // Also holds for addresses of ALERT_EMAIL_TO and of rules, which have no row above; adding one again ends it.
  const { rowCount: held } = await client.query(
    'insert into unsubscriptions (address, at) values ($1, $2) on conflict (address) do nothing',
    [address, new Date(now)],
  );
  if (rows === 0 && held === 0) return;
  log.info({ recipient: address }, `a recipient gets no more mails: ${because}`);
  const remedy = 'To send there again, mend the address and add it to the recipients again.';
  await tellTakenOff(client, parts, { address, because, remedy }, now);
}
