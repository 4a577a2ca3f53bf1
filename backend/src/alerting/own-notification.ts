// Messages that no record causes: a test, or that a channel fails. They take the way of every other one, the outbox.

import type { Notification } from '@log-detector/contract';
import type { MessageFacts } from '../channels/channel.ts';
import { messageId } from '../channels/mail-headers.ts';
import type { Pool, PoolClient } from '../db/pool.ts';
import { wakeChannel } from '../outbox/queue.ts';
import { sentColumns } from './history.ts';
import { link, page, paragraph } from './mail-html.ts';
import { type AlertChannel, isMail, type Target } from './targets.ts';
import { applyTemplates, type Templates } from './templates.ts';

export interface OwnSettings {
  /** `ALERT_EMAIL_FROM`. */
  from: string;
  /** `BASE_URL`. */
  baseUrl: string;
  channels?: readonly AlertChannel[];
  templates?: Templates;
}

export interface OwnMessage {
  id: string;
  reason: string;
  subject: string;
  /** One paragraph a line; the links of `facts` come below. */
  text: string;
  facts: MessageFacts;
}

/** Puts it into the outbox, due at once. It belongs to no record, and carries its own id in that place. */
export async function addOwnNotification(
  client: Pool | PoolClient,
  { channel, toAddress }: Target,
  message: OwnMessage,
  settings: OwnSettings,
): Promise<Notification> {
  const { id, reason, subject, facts } = message;
  const text = message.text + facts.links.map(({ label, url }) => `\n${label}:\n${url}\n`).join('');
  const html = page(subject, [
    ...message.text.trim().split('\n').map(paragraph),
    ...facts.links.map(({ label, url }) => link(url, label)),
  ]);
  const told = applyTemplates(settings.templates, channel, { subject, text, html }, facts);
  const { rows } = await client.query<Notification>(
    `insert into notifications
       (id, record_id, bucket, channel, to_address, subject, body, html, reason, message_id, facts, next_attempt_at,
        created_at)
     values ($1, $1, 0, $2, $3, $4, $5, $6, $7, $8, $9, now(), now())
     returning ${sentColumns}`,
    [
      id,
      channel,
      toAddress,
      told.subject,
      told.text,
      isMail(channel, settings.channels) ? told.html : null,
      reason,
      messageId(id, settings.from),
      JSON.stringify(told.facts),
    ],
  );
  await client.query(`select pg_notify($1, '')`, [wakeChannel]);
  return rows[0]!;
}
