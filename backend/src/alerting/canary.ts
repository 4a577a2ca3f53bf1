// Canaries: lines that `log-detector canary` prints, and that go the way of every line up to the rendered mail, so that it is
// known how fresh each stage is. They are addressed to nobody: no mail, no budget, no list and no count has them.
//
//   printed > matched by the agent > stored > decided > dispatched > its mail rendered > delivered: to canary-channel.ts

import { createHash } from 'node:crypto';
import type { Pool, PoolClient } from '../db/pool.ts';
import { bucketOfId } from '../db/record-id.ts';
import type {
  AlertPlan,
  AlertQuestion,
  Decision,
  Grouping,
  IncomingRecord,
  StoredRecord,
} from '../ingest/types.ts';
import { planGrouped } from './plan-grouped.ts';
import { defaultPolicy } from './policy.ts';

/** In `notifications.channel`, `alerts.channel` and `log_records.reason`. */
export const canaryChannel = 'canary';

/** What a canary container prints is this and nothing else: a line with more in it is a record like any other. */
const wholeLine =
  /^INFO log-detector-canary\/1 id=([0-9a-f-]{36}) at=(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)$/;
const withinText = new RegExp(wholeLine.source, 'm');

export interface Canary {
  id: string;
  /** ISO 8601, by the clock of whoever printed it. */
  printedAt: string;
}

/** The canary that a record's message is. */
export function canaryOf(message: string): Canary | undefined {
  return found(wholeLine.exec(message));
}

/** The canary that a rendered mail tells of. */
export function canaryIn(text: string): Canary | undefined {
  return found(withinText.exec(text));
}

function found(match: RegExpExecArray | null): Canary | undefined {
  const [, id, printedAt] = match ?? [];
  return id === undefined || printedAt === undefined || !isTime(printedAt) ? undefined : { id, printedAt };
}

/** Anyone can print such a line: a time that PostgreSQL would refuse must not come to it. */
function isTime(text: string): boolean {
  const ms = Date.parse(text);
  return ms >= 0 && new Date(ms).toISOString() === text;
}

/** A source's canaries that follow each other more closely are records like any other, so that a flood of them shows. */
const closestMs = 4_000;
const maxSources = 10_000;

/** A grouping that gives the canaries of each source an issue of their own. @param now ms since the epoch. */
export function groupCanaries(grouping: Grouping, now: () => number = Date.now): Grouping {
  const latest = new Map<string, { id: string; at: number }>();
  const grouped = (record: IncomingRecord): IncomingRecord => {
    const canary = canaryOf(record.message);
    if (!canary) return record;
    const fingerprint = issueOf(record);
    const before = latest.get(fingerprint);
    // The same one comes again when its batch is tried again.
    if (before && before.id !== canary.id && now() - before.at < closestMs) return record;
    if (latest.size >= maxSources) latest.clear();
    latest.set(fingerprint, { id: canary.id, at: now() });
    return { ...record, group: { fingerprint, title: 'Canary' } };
  };
  return {
    group: (records) =>
      grouping.group(records.some(({ message }) => canaryOf(message)) ? records.map(grouped) : records),
  };
}

const ownPrefix = 'own:canary:';
function issueOf({ host, container }: Pick<IncomingRecord, 'host' | 'container'>): string {
  return ownPrefix + createHash('sha256').update(`${host}\0${container}`).digest('hex').slice(0, 16);
}

const isCanary = ({ issue }: StoredRecord) => issue.fingerprint.startsWith(ownPrefix);

/**
 * Plans with `plan`, and has each source's canaries alert to nobody, however often they come.
 * @param delivers whether anything is gathered and sent at all; if not, a canary's way ends here.
 */
export function planWithCanaries(
  question: AlertQuestion,
  delivers: boolean,
  plan: (question: AlertQuestion) => AlertPlan,
  newId: () => string,
): AlertPlan {
  if (!question.records.some(isCanary)) return plan(question);
  const canaries = question.records.filter(isCanary);
  const others = plan({ ...question, records: question.records.filter((record) => !isCanary(record)) });
  const decided = others.decisions[Symbol.iterator]();
  const decisions = question.records.map(
    (record): Decision =>
      isCanary(record) ? { notify: true, reason: canaryChannel } : decided.next().value!,
  );
  if (!delivers) return { ...others, decisions };
  const { alerts = [] } = planGrouped(
    { ...question, records: canaries.map(asIfNew) },
    { enabled: true, recipients: [{ channel: canaryChannel, toAddress: '' }], policy: defaultPolicy },
    newId,
  );
  const ofCanaries = alerts.map((alert) => {
    const { host, container } = canaries.find(({ id }) => id === alert.recordId)!;
    return {
      ...alert,
      // One thread for all of a source, and a mail for each source.
      episode: alert.issueId,
      recipients: alert.recipients.map((recipient) => ({ ...recipient, toAddress: `${host} ${container}` })),
    };
  });
  return { ...others, decisions, alerts: [...(others.alerts ?? []), ...ofCanaries] };
}

/** It is decided on as a new fault would be. */
function asIfNew(record: StoredRecord): StoredRecord {
  return {
    ...record,
    isDuplicate: false,
    coalesceId: null,
    issue: { ...record.issue, state: 'open', isNew: true, notifiedAt: null, alertState: null, mute: null },
  };
}

export interface CanaryAtStage extends Canary {
  host: string;
  container: string;
  stage: 'stored' | 'dispatched' | 'delivered';
}

/** Notes that it came there. The clock is the database's. */
export async function noteCanary(client: Pool | PoolClient, canary: CanaryAtStage): Promise<void> {
  const { host, container, stage, id, printedAt } = canary;
  await client.query(
    `insert into canaries as c (host, container, stage, canary_id, printed_at, at)
     values ($1, $2, $3, $4, $5, clock_timestamp())
     on conflict (host, container, stage) do update
     set canary_id = excluded.canary_id, printed_at = excluded.printed_at, at = excluded.at
     -- One that was printed by a clock far ahead must not stand in the way of all after it.
     where c.printed_at <= excluded.printed_at or c.printed_at > clock_timestamp() + interval '5 minutes'`,
    [host, container, stage, id, printedAt],
  );
}

/**
 * Notes that canaries are stored; of these records the others are passed over.
 * @param delivers as in planWithCanaries: if not, they are dropped here.
 */
export async function canariesStored(
  pool: Pool,
  records: readonly StoredRecord[],
  delivers: boolean,
): Promise<void> {
  for (const { id, host, container, message, issue } of records) {
    const canary = issue.fingerprint.startsWith(ownPrefix) ? canaryOf(message) : undefined;
    if (!canary) continue;
    await noteCanary(pool, { ...canary, host, container, stage: 'stored' });
    if (!delivers) await dropCanary(pool, id);
  }
}

/** Its way is at its end: alone of all records it is not kept. */
export async function dropCanary(pool: Pool, recordId: string): Promise<void> {
  await pool.query(`delete from log_records where id = $1 and bucket = $2 and reason = 'canary'`, [
    recordId,
    bucketOfId(recordId),
  ]);
}

/** The source that a canary's notification or alert is "addressed" to. */
export function sourceOf(toAddress: string): { host: string; container: string } {
  const at = toAddress.lastIndexOf(' ');
  return { host: toAddress.slice(0, Math.max(0, at)), container: toAddress.slice(at + 1) };
}
