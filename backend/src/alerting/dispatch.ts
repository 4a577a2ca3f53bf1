// Alerts that wait -> mails in the outbox, within the budgets: the edge around plan-mail.ts and gather.ts. One transaction,
// under a lock that all backends share, so that no two of them spend the same token or carry the same alert twice.

import { messageId } from '../channels/mail-headers.ts';
import { inTransaction, type Pool, type PoolClient } from '../db/pool.ts';
import type { NewNotification } from '../ingest/types.ts';
import { addNotifications } from '../outbox/add-notifications.ts';
import { type BudgetRow, lockBudgets, readBudgets, writeBudgets } from '../outbox/budgets.ts';
import { quotaLimits } from '../outbox/quota.ts';
import { beginEpisodes, endQuietEpisodes } from './episodes.ts';
import { type Gathered, gather, type WaitingAlert } from './gather.ts';
import { alertsChannel } from './keep-alerts.ts';
import { planMail } from './plan-mail.ts';
import { type AlertPolicy, mailLimits } from './policy.ts';
import { readMailed, writeMail } from './write-mail.ts';

export interface DispatchSettings {
  /** `ALERT_EMAIL_TO`. */
  to: readonly string[];
  /** `ALERT_EMAIL_FROM`. */
  from: string;
  /** `BASE_URL`. */
  baseUrl: string;
  policy: AlertPolicy;
}

export interface Dispatched {
  mails: number;
  /** When there may be something to do again without anything new, in ms since the epoch; null: not foreseen. */
  nextAt: number | null;
}

export { alertsChannel };

/**
 * Writes the mails that are due.
 * @param now ms since the epoch. @param newId makes the mails' ids.
 */
export function dispatch(
  pool: Pool,
  settings: DispatchSettings,
  now: number,
  newId: () => string,
): Promise<Dispatched> {
  return inTransaction(pool, async (client) => {
    await lockBudgets(client);
    const nextOver = await endQuietEpisodes(client, settings, now, newId);
    const recipients = await readWaiting(client);
    if (recipients.length === 0) return { mails: 0, nextAt: nextOver };
    const budgets = await readBudgets(client, ['whole', 'quota:email', ...recipients.map(budgetName)]);
    const changed = new Map<string, BudgetRow>();
    const untils = nextOver === null ? [] : [nextOver];
    const mails: NewNotification[] = [];
    for (const recipient of recipients) {
      const result = planFor(recipient, budgets, settings.policy, now);
      if (!result.send) {
        untils.push(result.until);
        continue;
      }
      for (const row of result.rows) {
        budgets.set(row.name, row);
        changed.set(row.name, row);
      }
      const { mail, isMoreWaiting } = await mailFor(client, recipient.to, settings, newId);
      mails.push(mail);
      if (isMoreWaiting) untils.push(now + settings.policy.digestMs);
    }
    await addNotifications(client, mails, new Date(now).toISOString());
    await writeBudgets(client, [...changed.values()]);
    return { mails: mails.length, nextAt: untils.length > 0 ? Math.min(...untils) : null };
  });
}

interface WaitingRecipient {
  to: string;
  hasFirst: boolean;
}

function budgetName({ to }: WaitingRecipient): string {
  return `to:${to}`;
}

/** Who has alerts waiting: first those that wait for an issue never told of, then who has waited longest. */
async function readWaiting(client: PoolClient): Promise<WaitingRecipient[]> {
  const { rows } = await client.query<{ to_address: string; has_first: boolean; is_inactive: boolean }>(
    `select a.to_address, a.has_first,
       exists (select from email_recipients r where r.email = a.to_address and not r.is_active) as is_inactive
     from (
       select to_address, bool_or(is_first) as has_first, min(created_at) as oldest
       from alerts
       where status = 'waiting'
       group by to_address
     ) as a
     order by a.has_first desc, a.oldest, a.to_address`,
  );
  const inactive = rows.filter(({ is_inactive }) => is_inactive).map(({ to_address }) => to_address);
  if (inactive.length > 0)
    await client.query(
      `update alerts set status = 'dropped' where status = 'waiting' and to_address = any($1::text[])`,
      [inactive],
    );
  return rows
    .filter(({ is_inactive }) => !is_inactive)
    .map(({ to_address, has_first }) => ({ to: to_address, hasFirst: has_first }));
}

function planFor(
  recipient: WaitingRecipient,
  budgets: ReadonlyMap<string, BudgetRow>,
  policy: AlertPolicy,
  now: number,
): { send: true; rows: BudgetRow[] } | { send: false; until: number } {
  const name = budgetName(recipient);
  const [own, whole, quota] = [name, 'whole', 'quota:email'].map((each) => budgets.get(each));
  const perDay = quota?.quota?.perDay ?? null;
  const plan = planMail(
    recipient.hasFirst,
    own?.gatherUntil ?? null,
    {
      recipient: { bucket: own, limits: mailLimits(policy.maxPerHour) },
      whole: { bucket: whole, limits: mailLimits(policy.maxPerHourTotal) },
      quota: perDay === null ? undefined : { bucket: quota, limits: quotaLimits(perDay) },
    },
    now,
  );
  if (!plan.send) return plan;
  const rows: BudgetRow[] = [
    { name, ...plan.recipient, gatherUntil: now + policy.digestMs, quota: null },
    { name: 'whole', ...plan.whole, gatherUntil: null, quota: null },
  ];
  if (plan.quota) rows.push({ name: 'quota:email', ...plan.quota, gatherUntil: null, quota: quota!.quota });
  return { send: true, rows };
}

/** Takes what waits for a recipient into one mail. */
async function mailFor(
  client: PoolClient,
  to: string,
  settings: DispatchSettings,
  newId: () => string,
): Promise<{ mail: NewNotification; isMoreWaiting: boolean }> {
  const waiting = await takeWaiting(client, to);
  const gathered = gather(waiting);
  const subjects = await beginEpisodes(
    client,
    gathered.shown.map(({ alert }) => alert),
  );
  const mailed = await readMailed(client, gathered.shown);
  const id = newId();
  const { headers, reason, mail, issueId } = writeMail(gathered, mailed, subjects, settings);
  const carried = [...gathered.shown, ...gathered.unshown].flatMap(({ alertIds }) => alertIds);
  await client.query(`update alerts set status = 'mailed', notification_id = $1 where id = any($2::uuid[])`, [
    id,
    carried,
  ]);
  const { alert } = gathered.shown[0]!;
  return {
    mail: {
      id,
      recordId: alert.recordId,
      bucket: alert.bucket,
      issueId,
      channel: 'email',
      toAddress: to,
      subject: mail.subject,
      body: mail.text,
      html: mail.html,
      reason,
      messageId: messageId(id, settings.from),
      coalesceId: null,
      headers,
    },
    isMoreWaiting: gathered.later.length > 0,
  };
}

export type { Gathered };

async function takeWaiting(client: PoolClient, to: string): Promise<WaitingAlert[]> {
  const { rows } = await client.query<WaitingAlert>(
    `select id, record_id as "recordId", bucket, part_ids as "partIds", issue_id as "issueId", fingerprint, service, reason,
       is_first as "isFirst", episode, held, held_muted as "heldMuted", mute_note as "muteNote", count,
       created_at as "createdAt"
     from alerts
     where status = 'waiting' and to_address = $1
     order by id`,
    [to],
  );
  return rows;
}
