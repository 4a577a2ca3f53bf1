// What GET /api/logs filters by -> conditions in SQL, for records and for counts.

import { firstIdOf } from '../db/partitions.ts';
import { bucketOf } from '../db/record-id.ts';

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

/** Collects the conditions and parameters of one statement, or of a part of it when `values` are shared. */
export class Conditions {
  readonly values: unknown[];
  readonly #conditions: string[] = [];

  constructor(values: unknown[] = []) {
    this.values = values;
  }

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
export function ofRecords(filter: RecordFilter, values?: unknown[]): Conditions {
  const conditions = new Conditions(values);
  if (filter.host !== undefined) conditions.add('host = $', filter.host);
  if (filter.container !== undefined) conditions.add('container = $', filter.container);
  if (filter.severity !== undefined) conditions.add('severity = $', filter.severity);
  // One id as such: of a list the index would not give the newest first.
  if (filter.issueIds?.length === 1) conditions.add('issue_id = $', filter.issueIds[0]);
  else if (filter.issueIds !== undefined) conditions.add('issue_id = any($::uuid[])', filter.issueIds);
  if (filter.q !== undefined) addText(conditions, filter.q);
  return conditions;
}

/**
 * Collation "C" lowers ASCII letters alone, which is several times faster, and it is what the text indexes are made with.
 * So other letters are any character to it, and a second condition looks at those.
 */
function addText(conditions: Conditions, q: string): void {
  const escaped = q.replace(/[\\%_]/g, '\\$&');
  const isAscii = /^\p{ASCII}*$/u.test(q);
  conditions.add(`message collate "C" ilike $`, `%${escaped.replace(/\P{ASCII}/gu, '_')}%`);
  if (!isAscii) conditions.add('message ilike $', `%${escaped}%`);
}

/** Conditions on log_counts, but for time. Of one source its bucket: the key begins with it. */
export function ofCounts(filter: RecordFilter, values?: unknown[]): Conditions {
  const conditions = ofSums(filter, values);
  if (namesSource(filter)) conditions.add('bucket = $', bucketOf(filter.host, filter.container));
  return conditions;
}

/** Conditions on the sums of log_counts, but for time. */
export function ofSums(filter: RecordFilter, values?: unknown[]): Conditions {
  const conditions = new Conditions(values);
  if (filter.host !== undefined) conditions.add('host = $', filter.host);
  if (filter.container !== undefined) conditions.add('container = $', filter.container);
  if (filter.severity !== undefined) conditions.add('severity = $', filter.severity);
  return conditions;
}

/** Ids of records received in [fromMs, toMs) are in [firstId, lastId). */
export function idRange(fromMs: number, toMs: number): { firstId: string; lastId: string } {
  return { firstId: firstIdOf(Math.ceil(fromMs)), lastId: firstIdOf(Math.ceil(Math.min(toMs, 2 ** 48 - 1))) };
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

/** Whether the total is known without a search: of a text, or an issue's records of some source, it is what was found. */
export function isSummed({ q, issueIds, host, container, severity }: RecordFilter): boolean {
  if (q !== undefined) return false;
  return issueIds === undefined || (host === undefined && container === undefined && severity === undefined);
}
