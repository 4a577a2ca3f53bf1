// Records that share a coalesce_id -> what their one alert tells, in the words of the original's coalesced batch.

import type { StoredRecord } from '../ingest/types.ts';
import type { AlertContent } from './mail.ts';

const divider = `\n\n${'-'.repeat(72)}\n\n`;

/**
 * @param records at least one, in the order received.
 * @param alerting the one that alerts: its id, host, container and times stand in the mail.
 * @returns its own content when it is alone; else `Aggregated N log entries over S.Ss.` and all entries, `fatal` if any is.
 */
export function aggregate(records: readonly StoredRecord[], alerting: StoredRecord): AlertContent {
  return {
    recordId: alerting.id,
    host: alerting.host,
    container: alerting.container,
    ...aggregateParts(records, alerting),
    occurredAt: alerting.occurredAt,
    receivedAt: alerting.receivedAt,
  };
}

type Part = Pick<StoredRecord, 'severity' | 'message' | 'occurredAt' | 'receivedAt'>;

/** Severity and message of the one alert that these make. */
export function aggregateParts(
  records: readonly Part[],
  alerting: Part,
): { severity: string; message: string } {
  if (records.length === 1) return { severity: alerting.severity, message: alerting.message };
  const times = records.map((record) => Date.parse(record.occurredAt ?? record.receivedAt));
  const [first, last] = times.reduce(
    ([low, high], time) => [Math.min(low!, time), Math.max(high!, time)],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  );
  const seconds = ((last! - first!) / 1000).toFixed(1);
  const summary = `Aggregated ${records.length} log entries over ${seconds}s.`;
  return {
    severity:
      records.find((record) => record.severity.toLowerCase() === 'fatal')?.severity ?? alerting.severity,
    message: [
      `${summary}\n\n${records[0]!.message}`,
      ...records.slice(1).map((record) => record.message),
    ].join(divider),
  };
}

/** The records that one alert speaks of; duplicates are among them, because the reader wants to see how often. */
export function partsByCoalesceId(records: readonly StoredRecord[]): Map<string | null, StoredRecord[]> {
  const parts = new Map<string | null, StoredRecord[]>();
  for (const record of records) {
    if (record.coalesceId === null) continue;
    const sharing = parts.get(record.coalesceId);
    if (sharing) sharing.push(record);
    else parts.set(record.coalesceId, [record]);
  }
  return parts;
}
