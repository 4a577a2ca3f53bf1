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
  /** When they were seen; undefined when there are none. */
  issueSeen?: IssueSeen | undefined;
}

/** Milliseconds since the epoch, and how many records. */
export interface IssueSeen {
  firstMs: number;
  lastMs: number;
  count: number;
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

/**
 * Conditions on log_records, but for time and bucket. Canaries pass none: they are in no list and no count.
 * @param how `read`: the text is looked for in each record; `ask`: in a text index.
 */
export function ofRecords(
  filter: RecordFilter,
  values?: unknown[],
  how: 'read' | 'ask' = 'read',
): Conditions {
  const conditions = new Conditions(values);
  // Their issues are never asked for, so that the index of an issue answers alone.
  if (filter.issueIds === undefined) conditions.add('reason <> $', 'canary');
  if (filter.host !== undefined) conditions.add('host = $', filter.host);
  if (filter.container !== undefined) conditions.add('container = $', filter.container);
  if (filter.severity !== undefined) conditions.add('severity = $', filter.severity);
  // One id as such: of a list the index would not give the newest first.
  if (filter.issueIds?.length === 1) conditions.add('issue_id = $', filter.issueIds[0]);
  else if (filter.issueIds !== undefined) conditions.add('issue_id = any($::uuid[])', filter.issueIds);
  if (filter.q !== undefined) addText(conditions, filter.q, how);
  return conditions;
}

function addText(conditions: Conditions, q: string, how: 'read' | 'ask'): void {
  for (const [text, value] of textConditions('message', q, how)) conditions.add(text, value);
}

/**
 * Conditions for a text that a column contains, `$` standing for each one's value.
 * Collation "C" lowers ASCII letters alone, which is several times faster, and it is what the text indexes are made with.
 * So other letters are any character to it, and a second condition looks at those.
 */
export function textConditions(
  column: 'message' | 'title',
  q: string,
  how: 'read' | 'ask',
): [text: string, value: string][] {
  const escaped = q.replace(/[\\%_]/g, '\\$&');
  const isAscii = /^\p{ASCII}*$/u.test(q);
  const like = `${column} collate "C" ilike $`;
  const conditions: [string, string][] = [];
  if (how === 'read' || trigramsOf(q) <= mostTrigrams) {
    conditions.push([like, `%${escaped.replace(/\P{ASCII}/gu, '_')}%`]);
  } else {
    conditions.push([like, `%${piecesOf(q).join('%')}%`]);
    // In words that no index serves.
    if (isAscii) conditions.push([`strpos(lower(${column} collate "C"), $) > 0`, q.toLowerCase()]);
  }
  if (!isAscii) conditions.push([`${column} ilike $`, `%${escaped}%`]);
  return conditions;
}

/** Each trigram costs an index of 300,000 records some 0.3 ms, and a few of them find almost as little as all. */
const mostTrigrams = 10;
const mostPieces = 3;
const mostWithDigits = 2;

/** How many trigrams an index is asked for: three letters or digits in a row, each place in the text. */
export function trigramsOf(q: string): number {
  return [...q.matchAll(/[a-z0-9]{3,}/gi)].reduce((sum, [run]) => sum + run.length - 2, 0);
}

/** A few pieces of the text, in its order: those with digits, which are rare in more logs, or some from all of it. */
function piecesOf(q: string): string[] {
  const pieces = [...q.matchAll(/[a-z0-9]{3,5}/gi)].map(([text], n) => ({ text, n }));
  const chosen = spread(
    pieces.filter(({ text }) => /\d/.test(text)),
    mostWithDigits,
  );
  const others = pieces.filter(({ text }) => !/\d/.test(text));
  chosen.push(...spread(others, chosen.length === mostWithDigits ? 0 : mostPieces - chosen.length));
  return chosen.sort((a, b) => a.n - b.n).map(({ text }) => text);
}

/** At most so many of them, from the first to the last. */
function spread<Item>(items: readonly Item[], most: number): Item[] {
  if (items.length <= most) return [...items];
  return Array.from({ length: most }, (_, n) => items[Math.floor((n * items.length) / most)]!);
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
