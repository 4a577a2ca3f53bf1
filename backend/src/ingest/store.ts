// The statements of an ingest transaction on the tables of records: one for each table and batch, rows sorted by key.

import type { LogRecord } from '@log-detector/contract';
import { mostAheadMs } from '../db/clock.ts';
import type { Fields } from '../db/fields.ts';
import type { Ask, Step } from '../db/pipeline.ts';
import type { PoolClient } from '../db/pool.ts';
import { bucketOfId, markOf } from '../db/record-id.ts';
import { upsertRows, upsertSteps } from '../db/values.ts';
import { type RecordRow, recordColumns } from '../http/record-answer.ts';
import type { Decision, IncomingRecord, Issue, StoredRecord } from './types.ts';

/** A record with its identity, before it is known whether it was sent before. */
export interface Draft extends IncomingRecord {
  id: string;
  bucket: number;
  receivedAt: string;
  receivedAtMs: number;
  /** Filled in when it is stored: then it is a StoredRecord, without a copy. */
  isDuplicate?: boolean;
  duplicateOfId?: string | null;
  issue?: Issue | undefined;
}

/** Who has claimed the events of a batch. */
export interface Claimed {
  /** The first draft of each event. */
  owners: Map<string, string>;
  /** How many of these events nobody had claimed before. */
  fresh: number;
}

/**
 * Claims the drafts' events for their records. Waits for whoever is claiming the same event right now.
 * What comes back is a number alone: nearly always all are fresh, and `readEarlier` asks for the others.
 */
export function askClaims(drafts: readonly Draft[]): Ask<Claimed> {
  const owners = new Map<string, string>();
  for (const { eventId, id } of drafts) if (eventId !== null && !owners.has(eventId)) owners.set(eventId, id);
  const eventIds = sortedKeys(owners);
  return {
    steps: upsertRows(
      {
        count: eventIds.length,
        columns: 2,
        write(fields, row) {
          fields.uuid(eventIds[row]!);
          fields.uuid(owners.get(eventIds[row]!)!);
        },
      },
      (values) => `
      insert into record_events (event_id, record_id)
      values ${values}
      on conflict (event_id) do nothing`,
      'claim-events',
    ),
    read: (results) => ({ owners, fresh: results.reduce((sum, { count }) => sum + count, 0) }),
  };
}

/** @returns the record of each event: the draft's own id, or that of the record that claimed it before, in this batch or earlier. */
export async function readEarlier(
  client: PoolClient,
  { owners, fresh }: Claimed,
): Promise<Map<string, string>> {
  if (fresh === owners.size) return owners;
  const { rows } = await client.query<{ event_id: string; record_id: string }>(
    'select event_id, record_id from record_events where event_id = any($1::uuid[])',
    [[...owners.keys()]],
  );
  return new Map(rows.map(({ event_id, record_id }) => [event_id, record_id]));
}

/** Asks which of the drafts are duplicates, and of which record: the latest equal one before it, in this batch or earlier. */
export function askDuplicates(drafts: readonly Draft[], windowMs: number): Ask<Map<string, string>> {
  const duplicates = new Map<string, string>();
  if (windowMs === 0) return { steps: [], read: () => duplicates };
  const firsts = new Map<string, Draft>();
  const lasts: Draft[] = [];
  for (const run of runsOfEqual(drafts)) {
    for (let i = 1; i < run.length; i += 1) {
      const [before, draft] = [run[i - 1]!, run[i]!];
      if (isWithin(draft, before.receivedAtMs, windowMs)) duplicates.set(draft.id, before.id);
    }
    const last = run[run.length - 1]!;
    firsts.set(last.id, run[0]!);
    lasts.push(last);
  }
  return {
    steps: upsertRows(
      {
        count: lasts.length,
        columns: 4,
        write(fields, row) {
          const { bucket, host, container, logHash, id, receivedAt } = lasts[row]!;
          fields.int(bucket);
          fields.uuidOfBoth(markOf(host, container), logHash);
          fields.uuid(id);
          fields.timestamptz(receivedAt);
        },
      },
      (values) => `
      insert into latest_messages as d (bucket, message_key, last_id, last_at)
      values ${values}
      on conflict (bucket, message_key) do update
      set previous_id = d.last_id,
        previous_at = d.last_at,
        last_id = excluded.last_id,
        last_at = case
          when d.last_at - excluded.last_at > interval '${mostAheadMs} milliseconds' then excluded.last_at
          else greatest(d.last_at, excluded.last_at)
        end
      returning case when previous_id is null then null else last_id end as last_id, previous_id, previous_at`,
      'note-latest',
    ),
    read(results) {
      for (const { rows } of results)
        for (const { last_id, previous_id, previous_at } of rows as unknown as Latest[]) {
          if (previous_id === null || previous_at === null) continue;
          const first = firsts.get(last_id)!;
          if (isWithin(first, Date.parse(previous_at), windowMs)) duplicates.set(first.id, previous_id);
        }
      return duplicates;
    },
  };
}

/** Clocks of backends differ; an equal record of one that ran far ahead was received nobody knows when. */
function isWithin({ receivedAtMs }: Draft, beforeMs: number, windowMs: number): boolean {
  const pauseMs = receivedAtMs - beforeMs;
  return pauseMs <= windowMs && -pauseMs <= Math.max(windowMs, mostAheadMs);
}

interface Latest {
  last_id: string;
  previous_id: string | null;
  previous_at: string | null;
}

/** By UTF-16 units, as `byText` does, and sooner: nothing of ours is called to compare. */
function sortedKeys(map: ReadonlyMap<string, unknown>): string[] {
  return [...map.keys()].sort();
}

/** Drafts of one source and message, each run in the order they came; the runs in an order that is the same in every backend. */
function runsOfEqual(drafts: readonly Draft[]): Draft[][] {
  const sources = new Map<string, Map<string, Draft[]>>();
  let before: Draft | undefined;
  let ofSource = new Map<string, Draft[]>();
  for (const draft of drafts) {
    const { bucket, host, container, logHash } = draft;
    // Most come after one of the same source.
    if (!before || before.host !== host || before.container !== container) {
      const key = `${padded(bucket)}\0${host}\0${container}`;
      ofSource = sources.get(key) ?? new Map();
      sources.set(key, ofSource);
      before = draft;
    }
    const run = ofSource.get(logHash);
    if (run) run.push(draft);
    else ofSource.set(logHash, [draft]);
  }
  return sortedKeys(sources).flatMap((key) => {
    const runs = sources.get(key)!;
    return sortedKeys(runs).map((logHash) => runs.get(logHash)!);
  });
}

function padded(bucket: number): string {
  return bucket < 1000 ? String(bucket).padStart(4, '0') : String(bucket);
}

/** Adds the records to the counts of their minute and source. */
export function countSteps(records: readonly StoredRecord[], decisions: readonly Decision[]): Step[] {
  const counts = new Map<string, [number, string, string, string, string, number, number, number]>();
  let before: StoredRecord | undefined;
  let count: [number, string, string, string, string, number, number, number] | undefined;
  for (let i = 0; i < records.length; i += 1) {
    const record = records[i]!;
    const { notify, reason } = decisions[i]!;
    // A canary is in no list and no count.
    if (reason === 'canary') continue;
    // Most come after one of the same place.
    if (!count || !before || !isCountedWith(record, before)) {
      const { bucket, receivedAt, host, container, severity } = record;
      const minute = receivedAt.slice(0, 16);
      const key = `${padded(bucket)}\0${minute}\0${host}\0${container}\0${severity}`;
      count = counts.get(key);
      if (!count) {
        count = [bucket, `${minute}:00Z`, host, container, severity, 0, 0, 0];
        counts.set(key, count);
      }
      before = record;
    }
    count[5] += 1;
    if (record.isDuplicate) count[6] += 1;
    if (!notify) count[7] += 1;
  }
  return upsertSteps(
    sortedKeys(counts).map((key) => counts.get(key)!),
    (values) => `
      insert into log_counts as c (bucket, minute, host, container, severity, n, duplicates, held)
      values ${values}
      on conflict (bucket, minute, host, container, severity) do update
      set n = c.n + excluded.n,
        duplicates = c.duplicates + excluded.duplicates,
        held = c.held + excluded.held`,
    'add-counts',
  );
}

function isCountedWith(a: StoredRecord, b: StoredRecord): boolean {
  return (
    a.receivedAt === b.receivedAt &&
    a.host === b.host &&
    a.container === b.container &&
    a.severity === b.severity
  );
}

const copyRecords = `copy log_records (
  id, bucket, host, container, severity, message, log_hash, occurred_at, received_at, is_duplicate, duplicate_of_id, issue_id,
  event_id, stream, image, labels, fields, context_before, context_after, coalesce_id, notify, reason)
  from stdin (format binary)`;

/**
 * Writes the records, by COPY: it costs the server about half of an insert from arrays, and this process a third (measured).
 * Their ids are ours, so nothing needs to come back.
 */
export function recordSteps(records: readonly StoredRecord[], decisions: readonly Decision[]): Step[] {
  const write = (fields: Fields, row: number) => writeRecord(fields, records[row]!, decisions[row]!);
  return [{ name: 'copy-records', text: copyRecords, copy: { count: records.length, columns: 22, write } }];
}

/** The columns of `copyRecords`, in order. */
function writeRecord(fields: Fields, record: StoredRecord, { notify, reason }: Decision): void {
  fields.uuid(record.id);
  fields.int(record.bucket);
  fields.text(record.host);
  fields.text(record.container);
  fields.text(record.severity);
  fields.text(record.message);
  fields.text(record.logHash);
  fields.timestamptz(record.occurredAt);
  fields.timestamptz(record.receivedAt);
  fields.boolean(record.isDuplicate);
  fields.uuid(record.duplicateOfId);
  fields.uuid(record.issue.id);
  fields.uuid(record.eventId);
  fields.text(record.stream);
  fields.text(record.image);
  fields.jsonb(jsonOf(record.labels));
  fields.jsonb(jsonOf(record.fields));
  fields.jsonb(jsonOf(record.contextBefore));
  fields.jsonb(jsonOf(record.contextAfter));
  fields.text(record.coalesceId);
  fields.boolean(notify);
  fields.text(reason);
}

function jsonOf(value: object | null): string | null {
  return value === null ? null : JSON.stringify(value);
}

/** The records that have these ids, as answers, by id. Those that retention dropped are missing. */
export async function readRecords(
  client: PoolClient,
  ids: readonly string[],
): Promise<Map<string, LogRecord>> {
  if (ids.length === 0) return new Map();
  const { rows } = await client.query<RecordRow>(
    `select ${recordColumns} from log_records where id = any($1::uuid[]) and bucket = any($2::int[])`,
    [ids, [...new Set(ids.map(bucketOfId))]],
  );
  return new Map(rows.map((row) => [row.id, row]));
}
