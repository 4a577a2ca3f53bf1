// Rows -> the `values (…), (…)` of an upsert, with parameters. Upserts take this form and not `select from unnest`,
// because Citus lets no other transaction write meanwhile with the latter (docs/scale-out.md).

import type { Parameter, Rows, Step } from './pipeline.ts';
import type { PoolClient } from './pool.ts';

/** PostgreSQL takes 65535 parameters. */
const maxParameters = 60_000;
/** A prepared statement costs the server a third of an unprepared one for 1 row, and three quarters for 32 (measured). */
const mostPrepared = 32;
/** Rows in a step of a pipeline: more than 64 gain nothing (measured), and a step for itself costs as much as some rows. */
const stepSizes = [64, 48, 32, 24, 16, 12, 8, 6, 4, 3, 2, 1];

/**
 * Runs `statement(values)` for the rows, in as few statements as the number of parameters allows.
 * @param rows sorted by key, so that two batches lock rows in the same order and cannot deadlock.
 * @param name under which each connection keeps the statement prepared, for small numbers of rows.
 * @returns all rows that `returning` gave, in no order that means anything.
 */
export async function upsert<Row extends object>(
  client: PoolClient,
  rows: readonly (readonly unknown[])[],
  statement: (values: string) => string,
  name?: string,
): Promise<Row[]> {
  const columns = rows[0]?.length ?? 1;
  const perStatement = Math.floor(maxParameters / columns);
  const returned: Row[] = [];
  for (let from = 0; from < rows.length; from += perStatement) {
    const part = rows.slice(from, from + perStatement);
    const answer = await client.query<Row>({
      name: name !== undefined && part.length <= mostPrepared ? `${name}-${part.length}` : undefined,
      text: statement(valuesText(part.length, columns)),
      values: part.flat(),
    });
    for (const row of answer.rows) returned.push(row);
  }
  return returned;
}

/** Steps of a pipeline for the rows, in a dozen sizes, so that each connection prepares a few statements once: for 500 rows
 * that costs the server two thirds of one unprepared statement (measured).
 * @param rows sorted by key, as for `upsert`. @param name begins the names of the statements, and stands for `statement`.
 */
export function upsertSteps(
  rows: readonly (readonly Parameter[])[],
  statement: (values: string) => string,
  name: string,
): Step[] {
  return stepsOf(rows.length, rows[0]?.length ?? 0, statement, name, (from, size) => ({
    values: rows.slice(from, from + size).flat(),
  }));
}

/** As `upsertSteps`, of rows that write themselves: where there are many, that is less work for both sides. */
export function upsertRows(
  { count, columns, write }: Rows,
  statement: (values: string) => string,
  name: string,
): Step[] {
  return stepsOf(count, columns, statement, name, (from, size) => ({
    rows: { count: size, columns, write: (fields, row) => write(fields, from + row) },
  }));
}

function stepsOf(
  count: number,
  columns: number,
  statement: (values: string) => string,
  name: string,
  parametersOf: (from: number, size: number) => Pick<Step, 'values' | 'rows'>,
): Step[] {
  const steps: Step[] = [];
  let at = 0;
  let size = stepSizes[0]!;
  for (let from = 0; from < count; from += size) {
    while (size > count - from) size = stepSizes[++at]!;
    const text = textOf(name, size, columns, statement);
    steps.push({ name: `${name}-${size}`, text, ...parametersOf(from, size) });
  }
  return steps;
}

/** The text of a step, made once. */
function textOf(name: string, rows: number, columns: number, statement: (values: string) => string): string {
  const key = `${name} ${rows}`;
  const known = stepTexts.get(key);
  if (known !== undefined) return known;
  const text = statement(valuesText(rows, columns));
  stepTexts.set(key, text);
  return text;
}
const stepTexts = new Map<string, string>();

function valuesText(rows: number, columns: number): string {
  const key = rows * 100 + columns;
  let text = texts.get(key);
  if (text === undefined) {
    let n = 0;
    const row = () => `(${Array.from({ length: columns }, () => `$${++n}`).join(',')})`;
    text = Array.from({ length: rows }, row).join(',');
    if (rows <= 1000) texts.set(key, text);
  }
  return text;
}
const texts = new Map<number, string>();

/** Texts -> the literal of a text[]. */
export function textArray(texts: readonly string[]): string {
  return `{${texts.map((text) => `"${text.replace(/["\\]/g, '\\$&')}"`).join(',')}}`;
}

/** Compares texts by UTF-16 units: the same order on every machine, whatever its locale. */
export function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
