// The same from a running backend, by its API: for a backend whose database only it can reach. What the API does not tell (an
// issue's rhythm) is taken as unknown.

import type { Issue, LogRecord } from '@log-detector/contract';
import { StartError } from '@log-detector/settings';
import type { StoredRule } from '../alerting/rules/types.ts';
import { bucketOfId } from '../db/record-id.ts';
import { serviceOf } from '../ingest/service-of.ts';
import type { MemoryIssue } from './memory-issues.ts';
import type { ReplayRecord } from './replay.ts';
import { knownIssue, type ReplaySource } from './stored-records.ts';

export interface ApiOptions {
  /** Where the backend is, `http://localhost:8000`. */
  url: string;
  /** Undefined: it asks for none. */
  apiKey: string | undefined;
}

const requestMs = 30_000;
const pageSize = 200;
/** Most records that are fetched, the newest ones. */
export const maxFetched = 20_000;

/** @throws {StartError} when it does not answer as expected. */
export async function readByApi(options: ApiOptions, since: number, until: number): Promise<ReplaySource> {
  const records: LogRecord[] = [];
  let cursor: string | null = null;
  do {
    const query = new URLSearchParams({
      since: new Date(since).toISOString(),
      until: new Date(until).toISOString(),
      limit: String(pageSize),
      ...(cursor === null ? {} : { cursor }),
    });
    const page: { items: LogRecord[]; next_cursor: string | null } = await get(options, `/api/logs?${query}`);
    records.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor !== null && records.length < maxFetched);
  records.reverse();

  const byId = new Map<string, Issue>();
  for (const id of new Set(records.flatMap(({ issue_id }) => issue_id ?? [])))
    byId.set(id, await get<Issue>(options, `/api/issues/${id}`));
  const { items: rules }: { items: StoredRule[] } = await get(options, '/api/rules');
  const recipients: { email: string }[] = await get(options, '/api/recipients');
  const older = [...new Map([...byId.values()].map((issue) => [issue.id, issue])).values()].filter(
    ({ first_seen }) => Date.parse(first_seen) < since,
  );
  const known: MemoryIssue[] = [];
  for (const issue of older) {
    const query = new URLSearchParams({
      issue_id: issue.id,
      until: new Date(since).toISOString(),
      limit: '1',
    });
    const { items: latest }: { items: LogRecord[] } = await get(options, `/api/logs?${query}`);
    const row = { ...issue, mute: null, window_peak: 0, rhythm: 0 };
    known.push(knownIssue(row, latest[0]?.received_at ?? issue.first_seen, toldBefore(issue, since), since));
  }
  return {
    records: records.flatMap((record) => {
      const issue = byId.get(record.issue_id ?? '');
      return issue ? [replayRecord(record, issue)] : [];
    }),
    known,
    rules,
    recipients: recipients.map(({ email }) => email),
    isCut: cursor !== null,
  };
}

/** The API says when an issue was told of last; where that is later, it is taken that it was told of when first seen. */
function toldBefore({ notified_at, first_seen }: Issue, since: number): string | null {
  if (notified_at === null) return null;
  return Date.parse(notified_at) < since ? notified_at : first_seen;
}

function replayRecord(record: LogRecord, issue: Issue): ReplayRecord {
  return {
    draft: {
      id: record.id,
      bucket: bucketOfId(record.id),
      host: record.host,
      container: record.container,
      service: issue.service || serviceOf(record.container, record.labels, record.image),
      severity: record.severity,
      message: record.message,
      logHash: record.log_hash,
      occurredAt: record.occurred_at,
      receivedAt: record.received_at,
      receivedAtMs: Date.parse(record.received_at),
      eventId: null,
      stream: record.stream,
      image: record.image,
      labels: record.labels,
      fields: record.fields,
      contextBefore: null,
      contextAfter: null,
      coalesceId: record.coalesce_id,
    },
    group: { fingerprint: issue.fingerprint, title: issue.title },
  };
}

async function get<Answer>({ url, apiKey }: ApiOptions, path: string): Promise<Answer> {
  const at = `${url.replace(/\/+$/, '')}${path.split('?')[0]}`;
  let response: Response;
  try {
    response = await fetch(`${url.replace(/\/+$/, '')}${path}`, {
      headers: apiKey ? { 'x-api-key': apiKey } : {},
      signal: AbortSignal.timeout(requestMs),
    });
  } catch (cause) {
    throw new StartError(`cannot reach ${at}: ${(cause as Error).message}; is the backend running there?`, {
      cause,
    });
  }
  if (response.status === 401)
    throw new StartError(`${at} asks for a key; set API_KEY, or BACKEND_API_KEY, to one that may read`);
  if (!response.ok)
    throw new StartError(`${at} answered ${response.status}; is it a backend of this version?`);
  return (await response.json()) as Answer;
}
