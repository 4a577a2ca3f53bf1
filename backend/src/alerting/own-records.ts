// What Log Detector itself has to tell (an agent is missing, a container is silent) -> records that go the way of all
// others: store, issue, decision, budgets, history. Their issue is made by their kind and subject, not by their text, and
// their event_id by kind, subject and event: several backends that raise the same one store it once.
//
// No loop: a subject may raise a few records an hour and all together a few more, whatever they are about, so that a
// channel that fails to tell of its own failures makes no endless row of them.

import { createHash } from 'node:crypto';
import type { Group, Grouping, IncomingRecord } from '../ingest/types.ts';
import { type Bucket, take } from '../outbox/token-bucket.ts';

export interface OwnRecord {
  /** What it is about, in a word: `agent-missing`. Kept as `fields.kind`; with `subject` it makes the issue. */
  kind: string;
  /** Whom it is about: an agent's id, a stage, a rule's name. Kept as `fields.subject`. */
  subject: string;
  /** Tells this event from others of the kind and subject, in every backend alike: when it began, for example. */
  event: string;
  /** Its first line, without times and numbers that change, is the issue's title. */
  message: string;
  severity?: string;
  /** `log-detector` when left out; for what concerns a host, that host. */
  host?: string;
  /** Also its service, of which the mail's subject speaks. `log-detector` when left out. */
  container?: string;
  /** Further named values. */
  fields?: Readonly<Record<string, unknown>>;
}

export interface OwnRecords {
  /**
   * Stores the record, unless its event was stored before.
   * @returns `held-back` when the subject has raised too many within the hour, and nothing was stored.
   * @throws {HttpError} 503 when the database cannot store now: raise it again later, which is harmless.
   */
  raise(record: OwnRecord): Promise<'raised' | 'held-back'>;
}

export interface OwnRecordsOptions {
  /** Where records that were checked come in: GroupCommit's submit. */
  submit(records: readonly IncomingRecord[]): Promise<readonly object[]>;
  /** Told when a record is held back. */
  onHeldBack?: (record: OwnRecord) => void;
  /** Ms since the epoch. */
  now?: () => number;
}

/** Of one kind and subject: twelve an hour. */
const limitsOfSubject = { capacity: 12, perMs: 12 / 3_600_000, reserve: 0 };
/** Of all together: two hundred an hour. */
const limitsOfAll = { capacity: 200, perMs: 200 / 3_600_000, reserve: 0 };
const maxSubjects = 10_000;
const ownName = 'log-detector';
const ownPrefix = 'own:';

export function createOwnRecords({ submit, onHeldBack, now = Date.now }: OwnRecordsOptions): OwnRecords {
  const buckets = new Map<string, Bucket>();
  let all: Bucket | undefined;

  function mayRaise(subject: string): boolean {
    const ofAll = take(all, limitsOfAll, now(), true);
    const ofSubject = take(buckets.get(subject), limitsOfSubject, now(), true);
    if (!ofAll.taken || !ofSubject.taken) return false;
    all = ofAll.bucket;
    if (buckets.size >= maxSubjects) buckets.clear();
    buckets.set(subject, ofSubject.bucket);
    return true;
  }

  return {
    async raise(record) {
      const { fingerprint } = ownGroup(record);
      if (!mayRaise(fingerprint)) {
        onHeldBack?.(record);
        return 'held-back';
      }
      const [outcome] = await submit([toIncoming(record)]);
      if (outcome && 'refusedBecause' in outcome)
        throw new Error(`bug: an own record (${record.kind}) was refused: ${outcome.refusedBecause}`);
      return 'raised';
    },
  };
}

/** The issue of a kind and subject: equal in every backend, and of no other record. */
export function ownIssue({ kind, subject }: Pick<OwnRecord, 'kind' | 'subject'>): string {
  return `${ownPrefix}${kind}:${digest(subject).slice(0, 16)}`;
}

export function isOwnIssue(fingerprint: string): boolean {
  return fingerprint.startsWith(ownPrefix);
}

/** A grouping that leaves records which bring their group where they belong. */
export function groupOwn(grouping: Grouping): Grouping {
  return {
    async group(records) {
      if (records.every(({ group }) => group === undefined)) return grouping.group(records);
      const others = (await grouping.group(records.filter(({ group }) => group === undefined)))[
        Symbol.iterator
      ]();
      return records.map(({ group }): Group => group ?? others.next().value!);
    },
  };
}

function ownGroup(record: OwnRecord): Group {
  const title = record.message.split('\n', 1)[0]!;
  return { fingerprint: ownIssue(record), title: title.slice(0, 200).toWellFormed() };
}

function toIncoming(record: OwnRecord): IncomingRecord {
  const { kind, subject, message, host = ownName, container = ownName } = record;
  return {
    host: host.slice(0, 255),
    container: container.slice(0, 255),
    service: container.slice(0, 255),
    severity: record.severity ?? 'error',
    message,
    logHash: digest(message),
    occurredAt: null,
    eventId: eventIdOf(record),
    stream: null,
    image: null,
    labels: null,
    fields: { ...record.fields, kind, subject },
    contextBefore: null,
    contextAfter: null,
    coalesceId: null,
    group: ownGroup(record),
  };
}

/** A UUID (version 8: one's own making) from what tells the event apart. */
function eventIdOf({ kind, subject, event }: OwnRecord): string {
  const hex = digest(['log-detector own record', kind, subject, event].join('\0'));
  const variant = ((Number.parseInt(hex[16]!, 16) & 3) | 8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
