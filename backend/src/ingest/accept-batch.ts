// The backend's map: validated records -> stored records, their issues, decisions and notifications, in one transaction.
// receive > validate > fingerprint > store > issues > decide > outbox: the first two are in routes.ts, and who shares a
// transaction is in group-commit.ts.

import type { LogRecord } from '@log-detector/contract';
import { keepAlerts } from '../alerting/keep-alerts.ts';
import type { LinkKey } from '../alerting/links/token.ts';
import { type Ask, askTogether, begin, commit, justRun, mark, pipeline, together } from '../db/pipeline.ts';
import { onConnection, type Pool, type PoolClient } from '../db/pool.ts';
import { timeOfId } from '../db/record-id.ts';
import { textArray } from '../db/values.ts';
import { recordAnswer } from '../http/record-answer.ts';
import { askOccurrences, type Occurred, settleOccurrences } from '../issues/record-occurrences.ts';
import { addNotifications } from '../outbox/add-notifications.ts';
import {
  askClaims,
  askDuplicates,
  countSteps,
  type Draft,
  readEarlier,
  readRecords,
  recordSteps,
} from './store.ts';
import type { AlertPlan, AlertQuestion, Decision, Group, Grouping, StoredRecord } from './types.ts';

export interface AcceptParts {
  pool: Pool;
  grouping: Grouping;
  /** 0: no record is ever a duplicate. */
  dedupeWindowMs: number;
  planAlerts: (question: AlertQuestion) => AlertPlan;
  /** ALERT_GROUPING=off: each record may make a notification for each recipient. */
  isUngrouped?: boolean;
  /** What the thresholds of rules have counted, these records included; left out: there are none. */
  countForRules?: (
    client: PoolClient,
    records: readonly StoredRecord[],
    now: number,
  ) => Promise<ReadonlyMap<string, number>>;
  /** The key that signs the links of mails; left out: none are written yet. */
  linkKey?: ((client: PoolClient, now: number) => Promise<LinkKey>) | undefined;
}

interface GroupedDraft {
  draft: Draft;
  group: Group;
}

/** Most notifications, or alerts that wait to be one, that one transaction writes: about a second of the database's time. */
const mostNotifications = 20_000;

/** A transaction would write too many notifications; `records` at a time are all right. */
class TooMany extends Error {
  readonly records: number;
  constructor(records: number) {
    super('too many notifications for one transaction');
    this.records = records;
  }
}

/**
 * Stores the drafts, all or none; but when their notifications are too many for one transaction, in several, one after the
 * other, and an error may then leave the first ones stored.
 * @param mayBeStored an attempt before this one ended without a word, and may have been committed.
 * @returns the answer to each, in order: the record as stored, or for an event sent before, the first record.
 * @throws {OutOfOrder} when an equal record was stored that is later than its draft; else what PostgreSQL or the connection
 * says, and whether anything was stored is then not known for sure.
 */
export async function acceptBatch(
  parts: AcceptParts,
  drafts: readonly Draft[],
  mayBeStored = false,
): Promise<LogRecord[]> {
  const groups = await parts.grouping.group(drafts);
  const grouped = drafts.map((draft, index) => ({ draft, group: groups[index]! }));
  let atATime = grouped.length;
  const answers: LogRecord[] = [];
  while (answers.length < grouped.length) {
    const some = grouped.slice(answers.length, answers.length + atATime);
    try {
      // Once a part of them is stored, the others keep their ids too.
      const answered = await acceptTogether(parts, some, mayBeStored || answers.length > 0);
      for (const answer of answered) answers.push(answer);
    } catch (error) {
      if (!(error instanceof TooMany)) throw error;
      atATime = error.records;
    }
  }
  return answers;
}

function acceptTogether(
  parts: AcceptParts,
  grouped: readonly GroupedDraft[],
  mayBeStored: boolean,
): Promise<LogRecord[]> {
  return onConnection(parts.pool, async (client) => {
    if (!mayBeStored) {
      const stored = await storeAllFresh(parts, client, grouped);
      if (stored) return stored.map(recordAnswer);
    }
    return storeWhatIsFresh(parts, client, grouped, mayBeStored);
  });
}

/**
 * The usual case, in two round trips: one that asks all, one that writes what follows from it.
 * @returns undefined, and nothing is stored, when an event of the batch was sent before or twice.
 */
async function storeAllFresh(
  parts: AcceptParts,
  client: PoolClient,
  grouped: readonly GroupedDraft[],
): Promise<StoredRecord[] | undefined> {
  const drafts = grouped.map(({ draft }) => draft);
  const claims = askClaims(drafts);
  const [, claimed, known] = await askTogether(client, [
    justRun(begin),
    claims,
    askKnown(parts, grouped),
  ] as const);
  const events = drafts.reduce((sum, { eventId }) => sum + (eventId === null ? 0 : 1), 0);
  if (claimed.fresh !== events) {
    await client.query('rollback');
    return undefined;
  }
  return storeFresh(parts, client, grouped, known, false);
}

/** When something was sent before: first what, then the rest as ever. */
async function storeWhatIsFresh(
  parts: AcceptParts,
  client: PoolClient,
  grouped: readonly GroupedDraft[],
  mayBeStored: boolean,
): Promise<LogRecord[]> {
  const drafts = grouped.map(({ draft }) => draft);
  const [, claimed] = await askTogether(client, [justRun(begin), askClaims(drafts)] as const);
  const firstIds = await readEarlier(client, claimed);
  const ids = drafts.map(({ id }) => id);
  const done = mayBeStored ? await readRecords(client, ids) : undefined;
  const fresh = grouped.filter(
    ({ draft }) => firstIdOf(draft, firstIds) === draft.id && !done?.has(draft.id),
  );
  let stored: StoredRecord[] = [];
  if (fresh.length > 0) {
    const [known] = await askTogether(client, [askKnown(parts, fresh)] as const);
    stored = await storeFresh(parts, client, fresh, known, mayBeStored);
  } else await pipeline(client, [mark, commit]);
  return answerEach(client, drafts, firstIds, stored);
}

/** What is to be known of fresh drafts before alerting decides. */
interface Known {
  duplicateOf: Map<string, string>;
  occurred: Occurred;
  recipients: Recipients;
  coalesced: Set<string>;
}

/** Also counts the drafts on their issues, and notes them as the latest of their kind. */
function askKnown(parts: AcceptParts, grouped: readonly GroupedDraft[]): Ask<Known> {
  const drafts = grouped.map(({ draft }) => draft);
  const { steps, read } = together([
    askDuplicates(drafts, parts.dedupeWindowMs),
    askRecipients,
    askCoalesced(drafts),
    // Last, because other transactions wait for the issues' rows until this one has ended.
    askOccurrences(
      drafts,
      grouped.map(({ group }) => group),
    ),
  ] as const);
  return {
    steps,
    read(results) {
      const [duplicateOf, recipients, coalesced, occurred] = read(results);
      return { duplicateOf, occurred, recipients, coalesced };
    },
  };
}

async function storeFresh(
  parts: AcceptParts,
  client: PoolClient,
  fresh: readonly GroupedDraft[],
  { duplicateOf, occurred, recipients, coalesced }: Known,
  mayBeStored: boolean,
): Promise<StoredRecord[]> {
  if (!mayBeStored) refuseLater(duplicateOf);
  if (parts.isUngrouped) refuseTooMany(fresh.length, fresh.length * recipients.recipients.length);
  const issues = await settleOccurrences(client, occurred);
  const records = fresh.map(({ draft }, index): StoredRecord => {
    draft.duplicateOfId = duplicateOf.get(draft.id) ?? null;
    draft.isDuplicate = draft.duplicateOfId !== null;
    draft.issue = issues[index]!;
    return draft as StoredRecord;
  });
  const { receivedAt, receivedAtMs } = fresh[0]!.draft;
  const ruleCounts = await parts.countForRules?.(client, records, receivedAtMs);
  const linkKey = await parts.linkKey?.(client, receivedAtMs);
  const plan = parts.planAlerts({
    records,
    ...recipients,
    coalesced,
    ruleCounts,
    linkKey,
    now: receivedAtMs,
  });
  const alerts = plan.alerts?.reduce((sum, alert) => sum + alert.recipients.length, 0) ?? 0;
  refuseTooMany(fresh.length, plan.notifications.length + alerts);
  const othersAlert = await addNotifications(client, plan.notifications, receivedAt);
  await keepAlerts(client, plan, receivedAt);
  const decisions =
    othersAlert.size === 0
      ? plan.decisions
      : plan.decisions.map(
          (decision, index): Decision =>
            othersAlert.has(records[index]!.id) ? { notify: false, reason: 'coalesced' } : decision,
        );
  await pipeline(client, [...countSteps(records, decisions), ...recordSteps(records, decisions), commit]);
  return records;
}

function refuseTooMany(records: number, notifications: number): void {
  if (notifications <= mostNotifications || records === 1) return;
  throw new TooMany(Math.max(1, Math.floor((records * mostNotifications) / notifications)));
}

/**
 * Two batches at once may meet an equal message in another order than they were received in, or another backend's clock may
 * be ahead. A record is the duplicate of one before it, so the batch is to be received anew, after that one.
 */
export class OutOfOrder extends Error {
  /** Milliseconds since the epoch; the batch is to be later. */
  readonly afterMs: number;
  constructor(afterMs: number) {
    super('an equal record was stored that is later than its draft');
    this.afterMs = afterMs;
  }
}

function refuseLater(duplicateOf: ReadonlyMap<string, string>): void {
  let afterMs = 0;
  for (const [id, earlier] of duplicateOf) if (earlier > id) afterMs = Math.max(afterMs, timeOfId(earlier));
  if (afterMs > 0) throw new OutOfOrder(afterMs);
}

/** The record that stands for the draft's event: itself, unless the event was claimed before, here or by another. */
function firstIdOf(draft: Draft, firstIds: ReadonlyMap<string, string>): string {
  return draft.eventId === null ? draft.id : firstIds.get(draft.eventId)!;
}

type Recipients = Required<Pick<AlertQuestion, 'recipients' | 'unsubscribed' | 'removed'>>;

const askRecipients: Ask<Recipients> = {
  steps: [
    {
      name: 'read-recipients',
      text: `
        select email, case when is_active then 'recipients' else 'removed' end as kind, created_at from email_recipients
        union all
        select address, 'unsubscribed', at from unsubscriptions
        order by created_at, email`,
    },
  ],
  read([result]) {
    const rows = result!.rows as { email: string; kind: keyof Recipients }[];
    const emails = (wanted: keyof Recipients) =>
      rows.filter(({ kind }) => kind === wanted).map(({ email }) => email);
    return {
      recipients: emails('recipients'),
      unsubscribed: new Set(emails('unsubscribed')),
      removed: new Set(emails('removed')),
    };
  },
};

/** Which coalesce_ids of the drafts made an alert in an earlier batch. */
function askCoalesced(drafts: readonly Draft[]): Ask<Set<string>> {
  const ids = [...new Set(drafts.flatMap(({ coalesceId }) => coalesceId ?? []))].sort();
  if (ids.length === 0) return { steps: [], read: () => new Set() };
  return {
    steps: [
      {
        name: 'read-coalesced',
        text: 'select distinct coalesce_id from notifications where coalesce_id = any($1::text[])',
        values: [textArray(ids)],
      },
    ],
    read: ([result]) => new Set(result!.rows.map(({ coalesce_id }) => coalesce_id as string)),
  };
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
