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
  const content = {
    recordId: alerting.id,
    host: alerting.host,
    container: alerting.container,
    severity: alerting.severity,
    message: alerting.message,
    occurredAt: alerting.occurredAt,
    receivedAt: alerting.receivedAt,
  };
  if (records.length === 1) return content;
  const times = records.map((record) => Date.parse(record.occurredAt ?? record.receivedAt));
  const [first, last] = times.reduce(
    ([low, high], time) => [Math.min(low!, time), Math.max(high!, time)],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  );
  const seconds = ((last! - first!) / 1000).toFixed(1);
  const summary = `Aggregated ${records.length} log entries over ${seconds}s.`;
  return {
    ...content,
    severity:
      records.find((record) => record.severity.toLowerCase() === 'fatal')?.severity ?? alerting.severity,
    message: [
      `${summary}\n\n${records[0]!.message}`,
      ...records.slice(1).map((record) => record.message),
    ].join(divider),
  };
}
