// What SES said of a mail -> noted on its notification; and when no mail will arrive there any more, its recipient is
// deactivated and another one told. Said again, it does nothing.

import { noFacts } from '../alerting/facts.ts';
import { addOwnNotification } from '../alerting/own-notification.ts';
import { activeAddresses } from '../alerting/recipients.ts';
import { mailTo, type Target } from '../alerting/targets.ts';
import { type HealthSettings, othersThan } from '../alerting/tell-health.ts';
import { inTransaction, type Pool, type PoolClient } from '../db/pool.ts';
import { lockBudgets, readBudgets, writeBudgets } from '../outbox/budgets.ts';
import { type BucketLimits, take } from '../outbox/token-bucket.ts';
import type { SesEvent } from './ses-event.ts';

export interface FeedbackParts {
  pool: Pool;
  settings: HealthSettings;
  newId: () => string;
  log: { info(fields: object, message: string): void; error(fields: object, message: string): void };
}

/** Messages about deactivated recipients: five at once, then one in twelve minutes. */
const tellLimits: BucketLimits = { capacity: 5, perMs: 5 / 3_600_000, reserve: 0 };
const tellBudget = 'told:deactivated';

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
  { settings, newId, log }: FeedbackParts,
  { feedback, detail }: SesEvent,
  address: string,
  now: number,
): Promise<void> {
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
  const fields = { recipient: address };
  log.info(fields, `a recipient gets no more mails: ${because}`);
  const other = await otherThan(client, address, settings);
  if (!other) {
    log.error(
      fields,
      'the last recipient gets no more mails, and there is no other to tell; add a recipient',
    );
    return;
  }
  if (!(await mayTell(client, now))) return;
  const text = [
    `${address} gets no more mails from Log Detector: ${because}.`,
    'To send there again, mend the address and add it to the recipients again.',
  ].join('\n');
  await addOwnNotification(
    client,
    other,
    {
      id: newId(),
      reason: 'recipient-deactivated',
      subject: `[RECIPIENT DEACTIVATED] ${address}`,
      text: `${text}\n`,
      facts: {
        ...noFacts,
        state: 'recipient-deactivated',
        service: 'log-detector',
        severity: 'warning',
        title: `${address} gets no more mails`,
        message: text,
        url: settings.baseUrl,
      },
    },
    settings,
  );
}

/** Another recipient, else a channel. */
async function otherThan(
  client: PoolClient,
  address: string,
  settings: HealthSettings,
): Promise<Target | undefined> {
  const addresses = await activeAddresses(client, settings.to);
  const another = addresses.find((each) => each !== address);
  if (another !== undefined && settings.enabled) return mailTo(another);
  return othersThan({ channel: 'email', lostTo: [address] }, [], settings)[0];
}

async function mayTell(client: PoolClient, now: number): Promise<boolean> {
  await lockBudgets(client);
  const known = (await readBudgets(client, [tellBudget])).get(tellBudget);
  const taken = take(known, tellLimits, now, true);
  if (!taken.taken) return false;
  await writeBudgets(client, [{ name: tellBudget, ...taken.bucket, gatherUntil: null, quota: null }]);
  return true;
}
