// What GET /api/logs filters by -> conditions in SQL, for records and for counts.

import { firstIdOf } from '../db/partitions.ts';

export interface RecordFilter {
  host?: string | undefined;
  container?: string | undefined;
  severity?: string | undefined;
  /** Milliseconds since the epoch, of receipt; the first is inside, the second is not. */
  sinceMs?: number | undefined;
  untilMs?: number | undefined;
  /** Text that the message contains, in any case of letters. */
  q?: string | undefined;
  /** The issue, and those merged into it. */
  issueIds?: readonly string[] | undefined;
}

/** Collects the conditions and parameters of one statement. */
export class Conditions {
  readonly values: unknown[] = [];
  readonly #conditions: string[] = [];

  /** `$` in the text stands for the value's parameter. */
  add(text: string, value: unknown): this {
    this.values.push(value);
    this.#conditions.push(text.replaceAll('$', `$${this.values.length}`));
    return this;
  }

  /** A parameter outside the conditions. */
  parameter(value: unknown): string {
    this.values.push(value);
    return `$${this.values.length}`;
  }

  toString(): string {
    return this.#conditions.length > 0 ? `where ${this.#conditions.join('\n  and ')}` : '';
  }
}

/** Conditions on log_records, but for time and bucket. */
export function ofRecords(filter: RecordFilter): Conditions {
  const conditions = new Conditions();
  if (filter.host !== undefined) conditions.add('host = $', filter.host);
  if (filter.container !== undefined) conditions.add('container = $', filter.container);
  if (filter.severity !== undefined) conditions.add('severity = $', filter.severity);
  if (filter.issueIds !== undefined) conditions.add('issue_id = any($::uuid[])', filter.issueIds);
  if (filter.q !== undefined) conditions.add('message ilike $', `%${filter.q.replace(/[\\%_]/g, '\\$&')}%`);
  return conditions;
}

/** Conditions on log_counts, but for time. */
export function ofCounts(filter: RecordFilter): Conditions {
  const conditions = new Conditions();
  if (filter.host !== undefined) conditions.add('host = $', filter.host);
  if (filter.container !== undefined) conditions.add('container = $', filter.container);
  if (filter.severity !== undefined) conditions.add('severity = $', filter.severity);
  return conditions;
}

/** Ids of records received in [fromMs, toMs) are in [firstId, lastId). */
export function idRange(fromMs: number, toMs: number): { firstId: string; lastId: string } {
  return { firstId: firstIdOf(Math.ceil(fromMs)), lastId: firstIdOf(Math.ceil(toMs)) };
}

/** `sha256(host NUL container)` needs both. */
export function namesSource(
  filter: RecordFilter,
): filter is RecordFilter & { host: string; container: string } {
  return filter.host !== undefined && filter.container !== undefined;
}

/** Whether log_counts can answer for the filter. */
export function isCounted(filter: RecordFilter): boolean {
  return filter.q === undefined && filter.issueIds === undefined;
}
