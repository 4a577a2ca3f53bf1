// The records of a time, and what was known of their issues before it, read from the database and nothing written.

import { issueLimits } from '../alerting/policy.ts';
import { patternSees } from '../alerting/rules/pattern.ts';
import { listRules } from '../alerting/rules/store.ts';
import type { StoredRule } from '../alerting/rules/types.ts';
import { firstIdOf } from '../db/partitions.ts';
import type { Pool } from '../db/pool.ts';
import { serviceOf } from '../ingest/service-of.ts';
import type { Draft } from '../ingest/store.ts';
import type { Mute } from '../ingest/types.ts';
import type { MemoryIssue } from './memory-issues.ts';
import type { ReplayRecord } from './replay.ts';

/** What a replay begins with. */
export interface ReplaySource {
  records: ReplayRecord[];
  /** Issues that were there before. */
  known: MemoryIssue[];
  /** Of the database. */
  rules: StoredRule[];
  /** Active recipients in the database. */
  recipients: string[];
  /** There were more records than were read. */
  isCut: boolean;
}

export const noSource: ReplaySource = { records: [], known: [], rules: [], recipients: [], isCut: false };

/** Most records of one replay. */
export const maxRecords = 100_000;
/** What an issue did longer before is not asked for: it was quiet by any measure. */
const lookBackMs = 8 * 86_400_000;

interface RecordRow {
  id: string;
  bucket: number;
  host: string;
  container: string;
  severity: string;
  message: string;
  log_hash: string;
  occurred_at: string | null;
  received_at: string;
  issue_id: string | null;
  stream: string | null;
  image: string | null;
  labels: Record<string, string> | null;
  fields: Record<string, unknown> | null;
  coalesce_id: string | null;
}

interface IssueRow {
  id: string;
  fingerprint: string;
  service: string;
  title: string;
  severity: string;
  state: 'open' | 'muted' | 'resolved';
  muted_until: string | null;
  muted_until_count: number | null;
  mute: Mute | null;
  first_seen: string;
  window_peak: number;
  rhythm: number;
  hosts: string[];
  containers: string[];
  merged_into: string | null;
  last_record_id: string;
}

/** @param since, until ms since the epoch. */
export async function readStored(pool: Pool, since: number, until: number): Promise<ReplaySource> {
  const { rows } = await pool.query<RecordRow>(
    `select id, bucket, host, container, severity, left(message, ${patternSees}) as message, log_hash, occurred_at, received_at,
       issue_id, stream, image, labels, fields, coalesce_id
     from log_records
     where id >= $1 and id < $2 and reason <> 'canary'
     order by id
     limit ${maxRecords + 1}`,
    [firstIdOf(since), firstIdOf(until)],
  );
  const issues = await readIssues(pool, [...new Set(rows.flatMap(({ issue_id }) => issue_id ?? []))]);
  const records = rows.slice(0, maxRecords).flatMap((row): ReplayRecord[] => {
    const issue = issues.get(row.issue_id ?? '');
    return issue
      ? [
          {
            draft: draftOf(row, issue.service),
            group: { fingerprint: issue.fingerprint, title: issue.title },
          },
        ]
      : [];
  });
  const { rows: recipients } = await pool.query<{ email: string }>(
    'select email from email_recipients where is_active order by created_at, email',
  );
  return {
    records,
    known: await readKnown(pool, [...new Set(issues.values())], since),
    rules: await listRules(pool),
    recipients: recipients.map(({ email }) => email),
    isCut: rows.length > maxRecords,
  };
}

/** Each by the id that records give, merges followed. */
async function readIssues(pool: Pool, ids: readonly string[]): Promise<Map<string, IssueRow>> {
  const byId = new Map<string, IssueRow>();
  for (let wanted = ids; wanted.length > 0; ) {
    const { rows } = await pool.query<IssueRow>(
      `select id, fingerprint, service, title, severity, state, muted_until, muted_until_count, mute, first_seen, window_peak,
         rhythm, hosts, containers, merged_into, last_record_id
       from issues
       where id = any($1::uuid[])`,
      [wanted],
    );
    for (const row of rows) byId.set(row.id, row);
    wanted = rows.flatMap(({ merged_into }) =>
      merged_into !== null && !byId.has(merged_into) ? [merged_into] : [],
    );
  }
  const leaderOf = (row: IssueRow): IssueRow => {
    const leader = row.merged_into === null ? undefined : byId.get(row.merged_into);
    return leader && leader !== row ? leaderOf(leader) : row;
  };
  return new Map([...byId].map(([id, row]) => [id, leaderOf(row)]));
}

function draftOf(row: RecordRow, service: string): Draft {
  return {
    id: row.id,
    bucket: row.bucket,
    host: row.host,
    container: row.container,
    service: service || serviceOf(row.container, row.labels, row.image),
    severity: row.severity,
    message: row.message,
    logHash: row.log_hash,
    occurredAt: row.occurred_at,
    receivedAt: row.received_at,
    receivedAtMs: Date.parse(row.received_at),
    eventId: null,
    stream: row.stream,
    image: row.image,
    labels: row.labels,
    fields: row.fields,
    contextBefore: null,
    contextAfter: null,
    coalesceId: row.coalesce_id,
  };
}

/** Issues as they were at `since`, as far as it can be told: what their alerts remembered then was overwritten since. */
async function readKnown(pool: Pool, issues: readonly IssueRow[], since: number): Promise<MemoryIssue[]> {
  const older = issues.filter(({ first_seen }) => Date.parse(first_seen) < since);
  if (older.length === 0) return [];
  const ids = older.map(({ id }) => id);
  const { rows: seen } = await pool.query<{ issue_id: string; at: string }>(
    `select issue_id, max(received_at) as at
     from log_records
     where issue_id = any($1::uuid[]) and id >= $2 and id < $3
     group by issue_id`,
    [ids, firstIdOf(since - lookBackMs), firstIdOf(since)],
  );
  const { rows: told } = await pool.query<{ issue_id: string; at: string }>(
    `select issue_id, max(created_at) as at
     from alerts
     where issue_id = any($1::uuid[]) and created_at < $2 and reason <> 'over'
     group by issue_id`,
    [ids, new Date(since)],
  );
  const seenAt = new Map(seen.map(({ issue_id, at }) => [issue_id, at]));
  const toldAt = new Map(told.map(({ issue_id, at }) => [issue_id, at]));
  return older.map((row) =>
    knownIssue(row, seenAt.get(row.id) ?? row.first_seen, toldAt.get(row.id) ?? null, since),
  );
}

/** Also for what the API says of an issue. */
export function knownIssue(
  row: Omit<IssueRow, 'merged_into'>,
  lastSeen: string,
  notifiedAt: string | null,
  since: number,
): MemoryIssue {
  return {
    id: row.id,
    fingerprint: row.fingerprint,
    service: row.service,
    title: row.title,
    severity: row.severity,
    state: row.state === 'muted' ? 'muted' : 'open',
    mutedUntil: row.muted_until,
    mutedUntilCount: null,
    mute: null,
    mutedHeld: 0,
    firstSeen: row.first_seen,
    lastSeen,
    previousSeen: null,
    count: 0,
    notifiedAt,
    notifiedCount: notifiedAt === null ? null : 0,
    windowNo: 0,
    windowCount: 0,
    windowPeak: row.window_peak,
    rhythm: row.rhythm,
    alertState:
      notifiedAt === null
        ? null
        : {
            episode: `before ${row.id}`,
            bucket: { tokens: issueLimits.capacity, at: since },
            spikedAt: null,
            owesRegression: false,
          },
    hosts: row.hosts,
    containers: row.containers,
    lastRecordId: row.last_record_id,
  };
}
