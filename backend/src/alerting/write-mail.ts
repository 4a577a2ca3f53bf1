// What was gathered, with the rows it speaks of -> the mail and its header fields.

import type { MessageFacts } from '../channels/channel.ts';
import type { PoolClient } from '../db/pool.ts';
import { bucketOfId } from '../db/record-id.ts';
import { aggregateParts } from './aggregate.ts';
import { alertHeaders } from './alert-headers.ts';
import { itemFacts, recordFacts, rollUpFacts } from './facts.ts';
import type { Gathered, GatheredIssue } from './gather.ts';
import { type ImageBefore, readImageBefore } from './image-before.ts';
import { type ContainerLife, type IssueAlert, type MailedIssue, renderIssueMail } from './issue-mail.ts';
import type { ActionLink, MailLinks } from './links/links.ts';
import type { Mail } from './mail.ts';
import { noiseReason } from './noise-alerts.ts';
import { renderRollUp } from './roll-up-mail.ts';
import type { Unsubscribe } from './states.ts';

/** A record as a mail shows it. */
export interface MailedRecord {
  id: string;
  issueId: string;
  host: string;
  container: string;
  severity: string;
  message: string;
  occurredAt: string | null;
  receivedAt: string;
  contextBefore: string[] | null;
  contextAfter: string[] | null;
  image: string | null;
  fields: Record<string, unknown> | null;
}

export interface Mailed {
  issues: ReadonlyMap<string, MailedIssue>;
  records: ReadonlyMap<string, MailedRecord>;
  /** By episode id. */
  episodes: ReadonlyMap<string, { beganAt: string; beganCount: number }>;
  /** Of the one record of a mail about one issue. */
  imageBefore?: ImageBefore | undefined;
}

/** What the mail of these needs. */
export async function readMailed(client: PoolClient, shown: readonly GatheredIssue[]): Promise<Mailed> {
  const isSingle = shown.length === 1;
  const recordIds = shown.flatMap(({ alert }) => [alert.recordId, ...(isSingle ? alert.partIds : [])]);
  const { rows: records } = await client.query<MailedRecord>(
    `select id, issue_id as "issueId", host, container, severity, message, occurred_at as "occurredAt", received_at as "receivedAt",
       context_before as "contextBefore", context_after as "contextAfter", image, fields
     from log_records
     where id = any($1::uuid[]) and bucket = any($2::int[])
     order by id`,
    [recordIds, [...new Set(recordIds.map(bucketOfId))]],
  );
  const { rows: episodes } = await client.query<{ id: string; beganAt: string; beganCount: number }>(
    `select id, began_at as "beganAt", began_count as "beganCount" from episodes where id = any($1::uuid[])`,
    [shown.map(({ alert }) => alert.episode)],
  );
  return {
    issues: await readIssues(
      client,
      shown.map(({ alert }) => alert.issueId),
    ),
    records: new Map(records.map((record) => [record.id, record])),
    episodes: new Map(episodes.map((episode) => [episode.id, episode])),
    ...(isSingle ? { imageBefore: await imageBeforeOf(client, shown[0]!, records) } : {}),
  };
}

async function imageBeforeOf(
  client: PoolClient,
  { alert }: GatheredIssue,
  records: readonly MailedRecord[],
): Promise<ImageBefore | undefined> {
  const record = records.find(({ id }) => id === alert.recordId);
  return record && readImageBefore(client, { ...record, imageId: textOf(record.fields, 'image_id') });
}

export async function readIssues(
  client: PoolClient,
  ids: readonly string[],
): Promise<Map<string, MailedIssue>> {
  if (ids.length === 0) return new Map();
  const { rows } = await client.query<MailedIssue>(
    `select id, service, title, severity, count, first_seen as "firstSeen", last_seen as "lastSeen", hosts, containers
     from issues
     where id = any($1::uuid[])`,
    [ids],
  );
  return new Map(rows.map((issue) => [issue.id, issue]));
}

export interface WriteSettings {
  from: string;
  /** Of the notification. */
  id: string;
  /** Threads that a pager is to close with it. */
  ended?: string[];
  /** To read and to act by. */
  links: MailLinks;
  /** Where this recipient is taken off. */
  unsubscribe?: Unsubscribe;
}

export interface WrittenMail {
  mail: Mail;
  headers: Record<string, string>;
  facts: MessageFacts;
  reason: string;
  issueId: string | null;
}

/** @param subjects by issue id. */
export function writeMail(
  gathered: Gathered,
  mailed: Mailed,
  subjects: ReadonlyMap<string, string>,
  settings: WriteSettings,
): WrittenMail {
  const { shown, unshown, later } = gathered;
  const [first] = shown;
  if (!first) throw new Error('bug: a mail about nothing');
  return shown.length === 1 && unshown.length === 0 && later.length === 0
    ? writeIssueMail(first, mailed, subjects, settings)
    : writeRollUp(gathered, mailed, settings);
}

function writeIssueMail(
  { alert, held, heldMuted }: GatheredIssue,
  mailed: Mailed,
  subjects: ReadonlyMap<string, string>,
  { from, ended = [], links, unsubscribe }: WriteSettings,
): WrittenMail {
  const record = recordOf(alert, mailed);
  const issue = issueOf(alert, mailed, record);
  const parts = alert.partIds.flatMap((id) => mailed.records.get(id) ?? []);
  const episode = alert.reason === 'over' ? mailed.episodes.get(alert.episode) : undefined;
  const content = {
    recordId: alert.recordId,
    host: record.host,
    container: record.container,
    ...aggregateParts(parts.length > 1 ? parts : [record], record),
    occurredAt: record.occurredAt,
    receivedAt: record.receivedAt,
    contextBefore: record.contextBefore ?? [],
    contextAfter: record.contextAfter ?? [],
    life: { ...lifeOf(record), before: mailed.imageBefore },
  };
  const isOver = alert.reason === 'over';
  const actions = links.ofIssue(alert.issueId, { withImage: record.image !== null, isOver });
  const mail = renderIssueMail(
    {
      reason: alert.reason,
      held,
      heldMuted,
      note: alert.note,
      actions,
      unsubscribe,
      subject: subjects.get(alert.issueId) ?? issue.title,
      issue,
      content,
      ...(episode ? { episode: lastedOf(episode, alert, issue) } : {}),
    },
    links,
  );
  const headers = alertHeaders({
    from,
    state: alert.reason,
    issueId: alert.issueId,
    episode: alert.episode,
    service: issue.service,
    host: record.host,
    container: record.container,
    severity: record.severity,
    unsubscribe: unsubscribe ?? undefined,
  });
  const facts = recordFacts(
    content,
    {
      state: alert.reason,
      issue,
      held,
      threadId: isOver || alert.reason === noiseReason ? null : alert.episode,
      ended,
      links: mostUsedFirst(actions).map(({ label, url }) => ({ label, url })),
    },
    links,
  );
  return { mail, headers, facts, reason: alert.reason, issueId: alert.issueId };
}

/** A chat may show the first few alone, as buttons. */
const byUse: readonly ActionLink['purpose'][] = [
  'mute-hour',
  'resolve',
  'not-an-error',
  'mute-worse',
  'mute-deployed',
  'mute-ever',
  'open',
];

function mostUsedFirst(actions: readonly ActionLink[]): ActionLink[] {
  return actions.toSorted((a, b) => byUse.indexOf(a.purpose) - byUse.indexOf(b.purpose));
}

function writeRollUp(
  { shown, unshown, later }: Gathered,
  mailed: Mailed,
  { from, id, ended = [], links, unsubscribe }: WriteSettings,
): WrittenMail {
  const told = [...shown, ...unshown];
  const issuesByReason = new Map<string, number>();
  for (const { alert } of told) issuesByReason.set(alert.reason, (issuesByReason.get(alert.reason) ?? 0) + 1);
  const mail = renderRollUp(
    {
      items: shown.map(({ alert, held }) => {
        const record = recordOf(alert, mailed);
        const issue = issueOf(alert, mailed, record);
        return {
          reason: alert.reason,
          recordId: alert.recordId,
          held,
          issue,
          message: record.message,
          act: links.choose(alert.issueId),
        };
      }),
      issuesByReason,
      held: told.reduce((sum, { held }) => sum + held, 0),
      more: later.length,
      unsubscribe,
    },
    links,
  );
  const facts = rollUpFacts(
    shown.map(({ alert, held }) => {
      const record = recordOf(alert, mailed);
      return itemFacts(
        alert.reason,
        alert.recordId,
        record.host,
        held,
        issueOf(alert, mailed, record),
        links,
      );
    }),
    mail.subject,
    told.reduce((sum, { held }) => sum + held, 0),
    told.every(({ alert }) => alert.reason === 'over') ? null : id,
    ended,
  );
  return {
    mail,
    headers: alertHeaders({ from, state: 'roll-up', unsubscribe: unsubscribe ?? undefined }),
    facts,
    reason: 'roll-up',
    issueId: null,
  };
}

/** As the agent says it in the record's fields; what it does not say is left out. */
function lifeOf({ image, fields, occurredAt, receivedAt }: MailedRecord): ContainerLife {
  const startedAt = Date.parse(textOf(fields, 'started_at') ?? '');
  const restarts = fields?.restart_count;
  return {
    image,
    imageId: textOf(fields, 'image_id'),
    upMs: Number.isNaN(startedAt) ? null : Date.parse(occurredAt ?? receivedAt) - startedAt,
    restarts: Number.isSafeInteger(restarts) ? (restarts as number) : null,
    phase: textOf(fields, 'phase'),
  };
}

function textOf(fields: MailedRecord['fields'], name: string): string | null {
  const value = fields?.[name];
  return typeof value === 'string' ? value : null;
}

type Alert = GatheredIssue['alert'];

/** What Log Detector knows of itself does not come in records, one after the other: it ended when that was said. */
function lastedOf(
  { beganAt, beganCount }: { beganAt: string; beganCount: number },
  { note, createdAt }: Alert,
  { lastSeen, count }: MailedIssue,
): NonNullable<IssueAlert['episode']> {
  return note
    ? { beganAt, endedAt: createdAt, records: null }
    : { beganAt, endedAt: lastSeen, records: count - beganCount };
}

/**
 * Retention may have dropped the record while its alert waited. A rule may tell it as another severity. What is in order again
 * is told in place of what was amiss, and what to do about it.
 */
function recordOf(alert: Alert, { records }: Mailed): MailedRecord {
  const record = records.get(alert.recordId) ?? {
    id: alert.recordId,
    issueId: alert.issueId,
    host: '',
    container: alert.service,
    severity: '',
    message: 'The record is older than RETENTION_DAYS, and gone.',
    occurredAt: null,
    receivedAt: alert.createdAt,
    contextBefore: null,
    contextAfter: null,
    image: null,
    fields: null,
  };
  const { severity, reason, note } = alert;
  return {
    ...record,
    ...(severity ? { severity } : {}),
    ...(reason === 'over' && note ? { message: note } : {}),
  };
}

/** An issue that was merged keeps its row; one that was moved keeps its id. */
function issueOf(alert: Alert, { issues }: Mailed, record: MailedRecord): MailedIssue {
  return (
    issues.get(alert.issueId) ?? {
      id: alert.issueId,
      service: alert.service,
      title: record.message.split('\n', 1)[0]!,
      severity: record.severity,
      count: alert.count,
      firstSeen: alert.createdAt,
      lastSeen: alert.createdAt,
      hosts: [record.host],
      containers: [record.container],
    }
  );
}
