// The statements of an ingest transaction on the tables of records: one for each table and batch, rows sorted by key.

import type { LogRecord } from '@log-detector/contract';
import type { PoolClient } from '../db/pool.ts';
import { bucketOfId } from '../db/record-id.ts';
import { byText, upsert } from '../db/values.ts';
import { type RecordRow, recordColumns } from '../http/record-answer.ts';
import type { Decision, IncomingRecord, StoredRecord } from './types.ts';

/** A record with its identity, before it is known whether it was sent before. */
export interface Draft extends IncomingRecord {
  id: string;
  bucket: number;
  receivedAt: string;
  receivedAtMs: number;
}

/**
 * Claims the drafts' events for their records.
 * @returns the record of each event: the draft's own id, or that of the record that claimed it before, in this batch or
 * earlier. Waits for whoever is claiming the same event right now.
 */
export async function claimEvents(
  client: PoolClient,
  drafts: readonly Draft[],
): Promise<Map<string, string>> {
  const owners = new Map<string, string>();
  for (const { eventId, id } of drafts) if (eventId !== null && !owners.has(eventId)) owners.set(eventId, id);
  if (owners.size === 0) return owners;
  const rows = [...owners].sort(([a], [b]) => byText(a, b));
  const won = await upsert<{ event_id: string }>(
    client,
    rows,
    (values) => `
      insert into record_events (event_id, record_id)
      values ${values}
      on conflict (event_id) do nothing
      returning event_id`,
    'claim-events',
  );
  if (won.length === owners.size) return owners;
  const mine = new Set(won.map(({ event_id }) => event_id));
  const lost = [...owners.keys()].filter((eventId) => !mine.has(eventId));
  const earlier = await client.query<{ event_id: string; record_id: string }>(
    'select event_id, record_id from record_events where event_id = any($1::uuid[])',
    [lost],
  );
  for (const { event_id, record_id } of earlier.rows) owners.set(event_id, record_id);
  return owners;
}

/** Which of the drafts are duplicates, and of which record: the latest equal one before it, in this batch or earlier. */
export async function noteLatest(
  client: PoolClient,
  drafts: readonly Draft[],
  windowMs: number,
): Promise<Map<string, string>> {
  const duplicates = new Map<string, string>();
  if (windowMs === 0) return duplicates;
  const runs = new Map<string, Draft[]>();
  for (const draft of drafts) {
    const key = latestKey(draft.bucket, draft.logHash, draft.host, draft.container);
    const run = runs.get(key);
    const before = run?.at(-1);
    if (before && draft.receivedAtMs - before.receivedAtMs <= windowMs) duplicates.set(draft.id, before.id);
    if (run) run.push(draft);
    else runs.set(key, [draft]);
  }
  const rows = [...runs]
    .sort(([a], [b]) => byText(a, b))
    .map(([, run]) => {
      const { bucket, host, container, logHash, id, receivedAt } = run.at(-1)!;
      return [bucket, host, container, Buffer.from(logHash, 'hex'), id, receivedAt];
    });
  const known = await upsert<{
    bucket: number;
    host: string;
    container: string;
    log_hash: string;
    previous_id: string | null;
    previous_at: string | null;
  }>(
    client,
    rows,
    (values) => `
      insert into dedupe_state as d (bucket, host, container, log_hash, last_id, last_at)
      values ${values}
      on conflict (bucket, host, container, log_hash) do update
      set previous_id = d.last_id,
        previous_at = d.last_at,
        last_id = excluded.last_id,
        last_at = greatest(d.last_at, excluded.last_at)
      returning bucket, host, container, encode(log_hash, 'hex') as log_hash, previous_id, previous_at`,
    'note-latest',
  );
  for (const { bucket, host, container, log_hash, previous_id, previous_at } of known) {
    if (previous_id === null || previous_at === null) continue;
    const first = runs.get(latestKey(bucket, log_hash, host, container))![0]!;
    if (first.receivedAtMs - Date.parse(previous_at) <= windowMs) duplicates.set(first.id, previous_id);
  }
  return duplicates;
}

function latestKey(bucket: number, logHash: string, host: string, container: string): string {
  return `${String(bucket).padStart(4, '0')}\0${host}\0${container}\0${logHash}`;
}

/** Adds the records to the counts of their minute and source. */
export async function addCounts(
  client: PoolClient,
  records: readonly StoredRecord[],
  decisions: readonly Decision[],
): Promise<void> {
  const counts = new Map<string, [number, string, string, string, string, number, number, number]>();
  for (const [index, { bucket, receivedAt, host, container, severity, isDuplicate }] of records.entries()) {
    const minute = `${receivedAt.slice(0, 16)}:00Z`;
    const key = `${String(bucket).padStart(4, '0')}\0${minute}\0${host}\0${container}\0${severity}`;
    let count = counts.get(key);
    if (!count) {
      count = [bucket, minute, host, container, severity, 0, 0, 0];
      counts.set(key, count);
    }
    count[5] += 1;
    if (isDuplicate) count[6] += 1;
    if (!decisions[index]!.notify) count[7] += 1;
  }
  await upsert(
    client,
    [...counts].sort(([a], [b]) => byText(a, b)).map(([, count]) => count),
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

const columns: readonly [
  name: string,
  type: string,
  of: (record: StoredRecord, decision: Decision) => unknown,
][] = [
  ['id', 'uuid', (r) => r.id],
  ['bucket', 'int', (r) => r.bucket],
  ['host', 'text', (r) => r.host],
  ['container', 'text', (r) => r.container],
  ['severity', 'text', (r) => r.severity],
  ['message', 'text', (r) => r.message],
  ['log_hash', 'text', (r) => r.logHash],
  ['occurred_at', 'timestamptz', (r) => r.occurredAt],
  ['received_at', 'timestamptz', (r) => r.receivedAt],
  ['is_duplicate', 'boolean', (r) => r.isDuplicate],
  ['duplicate_of_id', 'uuid', (r) => r.duplicateOfId],
  ['issue_id', 'uuid', (r) => r.issue.id],
  ['event_id', 'uuid', (r) => r.eventId],
  ['stream', 'text', (r) => r.stream],
  ['image', 'text', (r) => r.image],
  ['labels', 'jsonb', (r) => json(r.labels)],
  ['fields', 'jsonb', (r) => json(r.fields)],
  ['context_before', 'jsonb', (r) => json(r.contextBefore)],
  ['context_after', 'jsonb', (r) => json(r.contextAfter)],
  ['coalesce_id', 'text', (r) => r.coalesceId],
  ['notify', 'boolean', (_, d) => d.notify],
  ['reason', 'text', (_, d) => d.reason],
];

// Without `on conflict` and `returning`: Citus then turns it into COPY.
const insertRecordsText = `
  insert into log_records (${columns.map(([name]) => name).join(', ')})
  select * from unnest(${columns.map(([, type], index) => `$${index + 1}::${type}[]`).join(', ')})`;

/** Writes the records. Their ids are ours, so nothing needs to come back. */
export async function insertRecords(
  client: PoolClient,
  records: readonly StoredRecord[],
  decisions: readonly Decision[],
): Promise<void> {
  await client.query({
    name: 'insert-records',
    text: insertRecordsText,
    values: columns.map(([, , of]) => records.map((record, index) => of(record, decisions[index]!))),
  });
}

function json(value: unknown): string | null {
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
