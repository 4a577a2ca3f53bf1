// A container's last records and the records of its end -> one alert; and the fields that a record says of its container.

import type { MatchedRecord } from '../types.ts';

/** Records printed so long before the end, in ms, may tell why it came. */
export const causeMs = 10_000;

/** Gives all that belongs to the end one `coalesce_id`: that of the first record, which the others are told with. */
export function tellTogether(records: MatchedRecord[], end: MatchedRecord[]): MatchedRecord[] {
  const all = [...records, ...end];
  const death = end.find(({ record }) => record.fields?.event !== 'unhealthy');
  if (!death || all.length < 2) return all;
  const endedAt = msOf(death.first.at);
  const together = all.filter((one) => end.includes(one) || endedAt - msOf(one.last.at) <= causeMs);
  if (together.length < 2) return all;
  const id = together[0]!.record.coalesce_id ?? together[0]!.record.event_id;
  for (const { record } of together) record.coalesce_id = id;
  return all;
}

/** Adds what is known of the container; a JSON log's own field of such a name, or `phase`, which holds alerts back, is kept under `log.`. */
export function addFields(
  one: MatchedRecord,
  life: { fieldsOf(containerId: string, at: string): Record<string, unknown> | undefined },
): void {
  const { record, containerId = '', first } = one;
  // A record of the container's life has them.
  if (record.stream === undefined) return;
  const own = life.fieldsOf(containerId, first.at);
  if (!own) return;
  if (!record.fields) {
    record.fields = own;
    return;
  }
  const fields: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(record.fields))
    fields[name in own || name === 'phase' ? `log.${name}` : name] = value;
  record.fields = Object.assign(fields, own);
}

function msOf(at: string): number {
  return Date.parse(`${at.slice(0, 23)}Z`);
}
