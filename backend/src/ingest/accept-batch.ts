// The backend's map: validated records -> stored records, their issues, decisions and notifications, in one transaction.
// receive > validate > fingerprint > store > issues > decide > outbox: the first two are in routes.ts, and who shares a
// transaction is in group-commit.ts.

import type { LogRecord } from '@log-detector/contract';
import { keepAlerts } from '../alerting/keep-alerts.ts';
import { inTransaction, type Pool, type PoolClient } from '../db/pool.ts';
import { recordAnswer } from '../http/record-answer.ts';
import { recordOccurrences } from '../issues/record-occurrences.ts';
import { addNotifications } from '../outbox/add-notifications.ts';
import { addCounts, claimEvents, type Draft, insertRecords, noteLatest, readRecords } from './store.ts';
import type { AlertPlan, AlertQuestion, Decision, Group, Grouping, StoredRecord } from './types.ts';

export interface AcceptParts {
  pool: Pool;
  grouping: Grouping;
  /** 0: no record is ever a duplicate. */
  dedupeWindowMs: number;
  planAlerts: (question: AlertQuestion) => AlertPlan;
}

/**
 * Stores the drafts, all or none.
 * @param mayBeStored an attempt before this one ended without a word, and may have been committed.
 * @returns the answer to each, in order: the record as stored, or for an event sent before, the first record.
 * @throws what PostgreSQL or the connection says; whether anything was stored is then not known for sure.
 */
export async function acceptBatch(
  parts: AcceptParts,
  drafts: readonly Draft[],
  mayBeStored = false,
): Promise<LogRecord[]> {
  const groups = await parts.grouping.group(drafts);
  const grouped = drafts.map((draft, index) => ({ draft, group: groups[index]! }));
  return inTransaction(parts.pool, async (client) => {
    const firstIds = await claimEvents(client, drafts);
    const done = mayBeStored
      ? await readRecords(
          client,
          drafts.map(({ id }) => id),
        )
      : undefined;
    const fresh = grouped.filter(
      ({ draft }) => firstIdOf(draft, firstIds) === draft.id && !done?.has(draft.id),
    );
    const stored = await storeFresh(parts, client, fresh);
    return answerEach(client, drafts, firstIds, stored);
  });
}

async function storeFresh(
  parts: AcceptParts,
  client: PoolClient,
  fresh: readonly { draft: Draft; group: Group }[],
): Promise<StoredRecord[]> {
  if (fresh.length === 0) return [];
  const drafts = fresh.map(({ draft }) => draft);
  const duplicateOf = await noteLatest(client, drafts, parts.dedupeWindowMs);
  const issues = await recordOccurrences(
    client,
    drafts,
    fresh.map(({ group }) => group),
  );
  const records = drafts.map((draft, index): StoredRecord => {
    const duplicateOfId = duplicateOf.get(draft.id) ?? null;
    return { ...draft, isDuplicate: duplicateOfId !== null, duplicateOfId, issue: issues[index]! };
  });
  const plan = parts.planAlerts({
    records,
    recipients: await readRecipients(client),
    coalesced: await readCoalesced(client, records),
    now: drafts[0]!.receivedAtMs,
  });
  const othersAlert = await addNotifications(client, plan.notifications, records[0]!.receivedAt);
  await keepAlerts(client, plan, records[0]!.receivedAt);
  const decisions = plan.decisions.map(
    (decision, index): Decision =>
      othersAlert.has(records[index]!.id) ? { notify: false, reason: 'coalesced' } : decision,
  );
  await addCounts(client, records, decisions);
  await insertRecords(client, records, decisions);
  return records;
}

/** The record that stands for the draft's event: itself, unless the event was claimed before, here or by another. */
function firstIdOf(draft: Draft, firstIds: ReadonlyMap<string, string>): string {
  return draft.eventId === null ? draft.id : firstIds.get(draft.eventId)!;
}

async function readRecipients(client: PoolClient): Promise<string[]> {
  const { rows } = await client.query<{ email: string }>({
    name: 'read-recipients',
    text: 'select email from email_recipients where is_active order by created_at, email',
  });
  return rows.map(({ email }) => email);
}

/** Which coalesce_ids of the records made an alert in an earlier batch. */
async function readCoalesced(client: PoolClient, records: readonly StoredRecord[]): Promise<Set<string>> {
  const ids = [...new Set(records.flatMap(({ coalesceId }) => coalesceId ?? []))].sort();
  if (ids.length === 0) return new Set();
  const { rows } = await client.query<{ coalesce_id: string }>(
    'select distinct coalesce_id from notifications where coalesce_id = any($1::text[])',
    [ids],
  );
  return new Set(rows.map(({ coalesce_id }) => coalesce_id));
}

async function answerEach(
  client: PoolClient,
  drafts: readonly Draft[],
  firstIds: ReadonlyMap<string, string>,
  stored: readonly StoredRecord[],
): Promise<LogRecord[]> {
  const answers = new Map(stored.map((record) => [record.id, recordAnswer(record)]));
  const ids = drafts.map((draft) => firstIdOf(draft, firstIds));
  const earlier = await readRecords(
    client,
    ids.filter((id) => !answers.has(id)),
  );
  return drafts.map((draft, index) => {
    const id = ids[index]!;
    return answers.get(id) ?? earlier.get(id) ?? droppedAnswer(id, draft);
  });
}

/** The first record has gone with its partition, while its event is remembered for longer: the sender's copy has its id. */
function droppedAnswer(id: string, draft: Draft): LogRecord {
  return recordAnswer({ ...draft, id, isDuplicate: false, duplicateOfId: null, issue: null });
}
