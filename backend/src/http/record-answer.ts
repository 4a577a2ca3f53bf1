// A stored record -> the record as the API answers it: from ingest, or from a row of log_records.

import type { LogRecord } from '@log-detector/contract';
import type { StoredRecord } from '../ingest/types.ts';

/** Columns of log_records that an answer needs, in the names of the wire. */
export const recordColumns = `id, host, container, severity, message, log_hash, occurred_at, received_at, is_duplicate,
  duplicate_of_id, issue_id, event_id, stream, image, labels, fields, context_before, context_after, coalesce_id`;

/** A row read with `recordColumns` is the answer already. */
export type RecordRow = LogRecord;

/** What an answer is made of, of a record as ingest holds it. */
export type Answerable = Omit<StoredRecord, 'issue' | 'bucket' | 'service'> & {
  issue: { id: string } | null;
};

export function recordAnswer(record: Answerable): LogRecord {
  return {
    id: record.id,
    host: record.host,
    container: record.container,
    severity: record.severity,
    message: record.message,
    log_hash: record.logHash,
    occurred_at: record.occurredAt,
    received_at: record.receivedAt,
    is_duplicate: record.isDuplicate,
    duplicate_of_id: record.duplicateOfId,
    issue_id: record.issue?.id ?? null,
    event_id: record.eventId,
    stream: record.stream,
    image: record.image,
    labels: record.labels,
    fields: record.fields,
    context_before: record.contextBefore,
    context_after: record.contextAfter,
    coalesce_id: record.coalesceId,
  };
}
