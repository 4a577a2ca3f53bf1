// Alerts that wait -> mails in the outbox, within the budgets: the edge around plan-mail.ts and gather.ts. One transaction,
// under a lock that all backends share, so that no two of them spend the same token or carry the same alert twice.

import { messageId } from '../channels/mail-headers.ts';
import { inTransaction, type Pool, type PoolClient } from '../db/pool.ts';
import { isDatabaseAway } from '../http/errors.ts';
import type { NewNotification } from '../ingest/types.ts';
import { addNotifications } from '../outbox/add-notifications.ts';
import { type BudgetRow, lockBudgets, readBudgets, writeBudgets } from '../outbox/budgets.ts';
import { quotaLimits } from '../outbox/quota.ts';
import { canaryChannel, canaryIn, noteCanary, sourceOf } from './canary.ts';
import { beginEpisodes, endQuietEpisodes } from './episodes.ts';
import { type Gathered, gather, type WaitingAlert } from './gather.ts';
import { alertsChannel } from './keep-alerts.ts';
import { signingKey } from './links/keys.ts';
import { type MailLinks, mailLinks } from './links/links.ts';
import { dueAt, noiseReason, noiseShownBy, noiseWaitMs, type Waits } from './noise-alerts.ts';
import { closingMessages, endedThreads, isAllOver, maxEnded, withoutEarlyEnds } from './pager-threads.ts';
import { plainMail } from './plain-mail.ts';
import { planMail } from './plan-mail.ts';
import { type AlertPolicy, mailLimits } from './policy.ts';
import { sqlIsTakenOff } from './recipients.ts';
import type { RuleSet } from './rules/rule-set.ts';
import { counted } from './states.ts';
import { type AlertChannel, isMail, isPager, type Target } from './targets.ts';
import { tellGivenUp } from './tell-health.ts';
import { applyTemplates, type Templates } from './templates.ts';
import { readMailed, writeMail } from './write-mail.ts';

export interface DispatchSettings {
  /** Whether mails are sent; left out: they are. */
  enabled?: boolean;
  /** `ALERT_EMAIL_TO`. */
  to?: readonly string[];
  /** Of RULES_FILE. */
  channels?: readonly AlertChannel[];
  /** Of TEMPLATES_DIR. */
  templates?: Templates;
  /** `ALERT_EMAIL_FROM`. */
  from: string;
  /** `BASE_URL`. */
  baseUrl: string;
  /** `LINK_SECRET` and `UNSUBSCRIBE_BASE_URL`. */
  linkSecrets?: readonly string[];
  unsubscribeBaseUrl?: string | undefined;
  policy: AlertPolicy;
  /** Told when a mail could not be written, and a plain one took its place. */
  onFault?: (error: Error, target: Target) => void;
  /** Told when what waited for a channel is given up, because no settings have had the channel for a day. */
  onGivenUp?: (target: Target) => void;
  /** Who has quiet hours; left out: nobody. */
  quiet?: Pick<RuleSet, 'quietUntil' | 'quietExcept'>;
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
    const waiting = await readWaiting(client, settings, now, newId);
    const untils = nextOver === null ? [] : [nextOver];
    const recipients = waiting.filter((recipient) => {
      const until = dueAt(recipient, now);
      if (until !== null) untils.push(until);
      return until === null;
    });
    if (recipients.length === 0) return { mails: 0, nextAt: untils.length > 0 ? Math.min(...untils) : null };
    const budgets = await readBudgets(client, [
      'whole',
      ...new Set(recipients.flatMap((recipient) => [budgetName(recipient), quotaName(recipient)])),
    ]);
    const key = await signingKey(client, settings.linkSecrets ?? [], now);
    const changed = new Map<string, BudgetRow>();
    const createdAt = new Date(now).toISOString();
    let mails = 0;
    for (const recipient of recipients) {
      // A canary goes to nobody: no quiet hours, no budgets.
      const isCanary = recipient.channel === canaryChannel;
      const quietUntil = isCanary ? null : (settings.quiet?.quietUntil(recipient, now) ?? null);
      if (quietUntil !== null) untils.push(quietUntil);
      const loud = quietUntil === null ? null : loudOf(recipient, settings);
      if (loud?.length === 0) continue;
      const result = isCanary
        ? { send: true as const, rows: [] }
        : planFor(recipient, budgets, settings.policy, now);
      if (!result.send) {
        untils.push(result.until);
        continue;
      }
      const linksOf = (id: string) => mailLinks(key, settings, recipient.toAddress, id, now);
      const tell = async () => {
        const written = await messagesFor(client, recipient, loud, settings, newId, linksOf);
        await addNotifications(client, written.messages, createdAt);
        if (isCanary) for (const message of written.messages) await noteDispatched(client, message);
        return written;
      };
      const { messages, isMoreWaiting } = await orPlainly(client, tell, async (error) => {
        settings.onFault?.(error, recipient);
        const waiting = await takeWaiting(client, recipient, loud);
        const id = newId();
        const mail = plainMail(waiting, recipient, settings, id, linksOf(id));
        await markMailed(
          client,
          mail.id,
          waiting.map(({ id }) => id),
        );
        await addNotifications(client, [mail], createdAt);
        return { messages: [mail], isMoreWaiting: false };
      });
      if (messages.length > 0)
        for (const row of result.rows) {
          budgets.set(row.name, row);
          changed.set(row.name, row);
        }
      mails += messages.length;
      untils.push(...noiseAfterMail(recipient, settings.policy, now));
      if (isMoreWaiting) untils.push(now + settings.policy.digestMs);
    }
    await writeBudgets(client, [...changed.values()]);
    return { mails, nextAt: untils.length > 0 ? Math.min(...untils) : null };
  });
}

/** A fault of ours in one recipient's mail must not keep the mails of all others: what was begun is undone, and `plainly` serves. */
async function orPlainly<Result>(
  client: PoolClient,
  work: () => Promise<Result>,
  plainly: (error: Error) => Promise<Result>,
): Promise<Result> {
  await client.query('savepoint one_mail');
  try {
    const result = await work();
    await client.query('release savepoint one_mail');
    return result;
  } catch (error) {
    // The next round may have more luck.
    if (isDatabaseAway(error)) throw error;
    await client.query('rollback to savepoint one_mail');
    return plainly(error as Error);
  }
}

async function noteDispatched(client: PoolClient, { toAddress, body }: NewNotification): Promise<void> {
  const canary = canaryIn(body);
  if (canary) await noteCanary(client, { ...canary, ...sourceOf(toAddress), stage: 'dispatched' });
}

/** What a mail did not take along. */
export function noiseAfterMail(
  { oldestNoise }: WaitingRecipient,
  { digestMs }: AlertPolicy,
  now: number,
): number[] {
  return oldestNoise === null ? [] : [Math.max(oldestNoise + noiseWaitMs, now + digestMs)];
}

export interface WaitingRecipient extends Target, Waits {
  hasFirst: boolean;
  /** In small letters. */
  severities: string[];
}

/** Of what waits, the severities that quiet hours do not hold. */
export function loudOf(recipient: WaitingRecipient, { quiet }: DispatchSettings): string[] {
  const except = quiet?.quietExcept(recipient) ?? [];
  return recipient.severities.filter((severity) => except.includes(severity));
}

function budgetName({ channel, toAddress }: Target): string {
  return channel === 'email' ? `to:${toAddress}` : `to:${channel}:${toAddress}`;
}

function quotaName({ channel }: Target): string {
  return `quota:${channel}`;
}

/** Alerts for a channel that has left the settings wait so long for a backend that still has it. */
const strangerMs = 24 * 3_600_000;

/** Who has alerts waiting: first those that wait for an issue never told of, then who has waited longest. */
async function readWaiting(
  client: PoolClient,
  settings: DispatchSettings,
  now: number,
  newId: () => string,
): Promise<WaitingRecipient[]> {
  const { enabled = true, to = [], channels = [], onGivenUp } = settings;
  const { rows } = await client.query<
    Target & {
      hasFirst: boolean;
      severities: string[] | null;
      oldest: string | null;
      oldestNoise: string | null;
      isInactive: boolean;
    }
  >(
    `select a.channel, a.to_address as "toAddress", a.has_first as "hasFirst", a.severities, a.oldest,
       a.oldest_noise as "oldestNoise",
       a.channel = 'email' and ${sqlIsTakenOff('a.to_address', '$1::text[]')} as "isInactive"
     from (
       select channel, to_address, bool_or(is_first) as has_first,
         min(created_at) filter (where reason <> $2) as oldest,
         min(created_at) filter (where reason = $2) as oldest_noise,
         array_agg(distinct lower(coalesce(severity, ''))) filter (where reason <> $2 or created_at <= $3) as severities
       from alerts
       where status = 'waiting'
       group by channel, to_address
     ) as a
     order by a.has_first desc, coalesce(a.oldest, a.oldest_noise), a.channel <> 'email', a.to_address`,
    [to, noiseReason, new Date(now - noiseWaitMs)],
  );
  const recipients = rows.map(({ oldest, oldestNoise, severities, ...row }) => ({
    ...row,
    severities: severities ?? [],
    oldest: oldest === null ? null : Date.parse(oldest),
    oldestNoise: oldestNoise === null ? null : Date.parse(oldestNoise),
  }));
  const known = new Set([canaryChannel, ...(enabled ? ['email'] : []), ...channels.map(({ name }) => name)]);
  const gone = recipients.filter(
    ({ channel, oldest, oldestNoise, isInactive }) =>
      isInactive || (!known.has(channel) && (oldest ?? oldestNoise ?? now) + strangerMs <= now),
  );
  if (gone.length > 0) {
    const { rows: dropped } = await client.query<{ channel: string; issueId: string }>(
      `update alerts as a
       set status = 'dropped'
       from unnest($1::text[], $2::text[]) as g (channel, to_address)
       where a.status = 'waiting' and a.channel = g.channel and a.to_address = g.to_address
       returning a.channel, a.issue_id as "issueId"`,
      [gone.map(({ channel }) => channel), gone.map(({ toAddress }) => toAddress)],
    );
    for (const target of gone) if (!target.isInactive) onGivenUp?.(target);
    const strange = new Set(gone.flatMap(({ channel, isInactive }) => (isInactive ? [] : [channel])));
    for (const channel of strange) {
      const issues = new Set(
        dropped.filter((each) => each.channel === channel).map(({ issueId }) => issueId),
      );
      await tellGivenUp(
        client,
        channel,
        counted(issues.size, 'issue', 'issues'),
        { ...settings, enabled, to },
        now,
        newId,
      );
    }
  }
  return recipients.filter(({ channel, isInactive }) => known.has(channel) && !isInactive);
}

export function planFor(
  recipient: WaitingRecipient,
  budgets: ReadonlyMap<string, BudgetRow>,
  policy: AlertPolicy,
  now: number,
): { send: true; rows: BudgetRow[] } | { send: false; until: number } {
  const name = budgetName(recipient);
  const quotaRow = quotaName(recipient);
  const [own, whole, quota] = [name, 'whole', quotaRow].map((each) => budgets.get(each));
  const perDay = quota?.quota?.perDay ?? null;
  const plan = planMail(
    recipient.hasFirst,
    own?.gatherUntil ?? null,
    policy.digestMs,
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
  if (plan.quota) rows.push({ name: quotaRow, ...plan.quota, gatherUntil: null, quota: quota!.quota });
  return { send: true, rows };
}

/**
 * Takes what waits for a recipient into one mail; a pager gets further ones for more ends than one can carry, and none about
 * ends that close nothing.
 * @param only of issues that something of these severities waits for, or an end would be told before what it ended; null:
 * everything.
 */
async function messagesFor(
  client: PoolClient,
  target: Target,
  only: readonly string[] | null,
  settings: DispatchSettings,
  newId: () => string,
  linksOf: (notificationId: string) => MailLinks,
): Promise<{ messages: NewNotification[]; isMoreWaiting: boolean }> {
  const { channel, toAddress } = target;
  const waiting = await takeWaiting(client, target, only);
  const toPager = isPager(channel, settings.channels);
  const due = toPager ? withoutEarlyEnds(waiting) : waiting;
  const gathered = gather(due);
  const subjects = await beginEpisodes(client, gathered.shown);
  const carried = [...gathered.shown, ...gathered.unshown].flatMap(({ alertIds }) => alertIds);
  const isMoreWaiting = gathered.later.length > 0 || due.length < waiting.length;
  const allEnded = toPager ? await endedThreads(client, target, gathered) : [];
  if (toPager && allEnded.length === 0 && isAllOver(gathered)) {
    await client.query(`update alerts set status = 'dropped' where id = any($1::uuid[])`, [carried]);
    return { messages: [], isMoreWaiting };
  }
  const mailed = await readMailed(client, gathered.shown);
  const id = newId();
  const ended = allEnded.slice(0, maxEnded);
  const links = linksOf(id);
  const ofNoMail = isMail(channel, settings.channels) ? undefined : null;
  const unsubscribe = channel === 'email' ? links.unsubscribe : ofNoMail;
  const written = writeMail(gathered, mailed, subjects, { ...settings, id, ended, links, unsubscribe });
  const { headers, reason, issueId } = written;
  const told = applyTemplates(settings.templates, channel, written.mail, written.facts);
  await markMailed(client, id, [...carried, ...noiseShownBy(gathered, mailed.records, waiting)]);
  const { alert } = gathered.shown[0]!;
  const mail: NewNotification = {
    id,
    recordId: alert.recordId,
    bucket: alert.bucket,
    issueId,
    channel,
    toAddress,
    subject: told.subject,
    body: told.text,
    html: isMail(channel, settings.channels) ? told.html : null,
    reason,
    messageId: messageId(id, settings.from),
    coalesceId: null,
    headers,
    facts: told.facts,
  };
  const closing = closingMessages(mail, allEnded.slice(maxEnded), settings, newId);
  return { messages: [mail, ...closing], isMoreWaiting };
}

function markMailed(
  client: PoolClient,
  notificationId: string,
  alertIds: readonly string[],
): Promise<unknown> {
  return client.query(
    `update alerts set status = 'mailed', notification_id = $1 where id = any($2::uuid[])`,
    [notificationId, alertIds],
  );
}

export type { Gathered };

async function takeWaiting(
  client: PoolClient,
  { channel, toAddress }: Target,
  only: readonly string[] | null,
): Promise<WaitingAlert[]> {
  const { rows } = await client.query<WaitingAlert>(
    `select a.id, a.record_id as "recordId", a.bucket, a.part_ids as "partIds", a.issue_id as "issueId", a.fingerprint, a.service,
       a.reason, a.is_first as "isFirst", a.episode, a.held, a.held_muted as "heldMuted", a.mute_note as note, a.count,
       a.severity, a.created_at as "createdAt"
     from alerts a
     where a.status = 'waiting' and a.channel = $1 and a.to_address = $2
       and ($3::text[] is null or a.issue_id in (
         select l.issue_id
         from alerts l
         where l.status = 'waiting' and l.channel = $1 and l.to_address = $2 and lower(coalesce(l.severity, '')) = any($3::text[])
       ))
     order by a.id`,
    [channel, toAddress, only],
  );
  const held = rows.filter((alert) => alert.held > 0 && !alert.isFirst);
  if (held.length === 0) return rows;
  // Of all issues at once: one by one, with no statistics (a database just restored), each could read the whole table.
  const { rows: ends } = await client.query<{ issueId: string; count: number }>(
    `select distinct on (e.issue_id) e.issue_id as "issueId", o.count
     from episodes e
     join alerts o on o.episode = e.id
     where e.issue_id = any($3::uuid[]) and o.channel = $1 and o.to_address = $2 and o.reason = 'over' and o.status = 'mailed'
     order by e.issue_id, o.id desc`,
    [channel, toAddress, [...new Set(held.map(({ issueId }) => issueId))]],
  );
  const counts = new Map(ends.map(({ issueId, count }) => [issueId, count]));
  for (const alert of held) alert.endedCount = counts.get(alert.issueId) ?? null;
  return rows;
}
