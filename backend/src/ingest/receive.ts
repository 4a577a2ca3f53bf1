// A request's bytes -> JSON values, one by one: a single record, an array, or NDJSON, in which a line that is no JSON is
// that line's fault alone.

import { limits } from '@log-detector/contract';
import { HttpError, type Misfit } from '../http/errors.ts';
import { Turn } from '../turn.ts';
import { parseArray, piecesOfLines, textOf } from './pieces.ts';

export type Received =
  | { kind: 'one'; value: unknown }
  /** `misfits` in place of a value for what is no JSON. */
  | { kind: 'batch'; items: ParsedLine[] };

type ParsedLine = { value: unknown } | { misfits: Misfit[] };

const ndjsonTypes = [
  'application/x-ndjson',
  'application/ndjson',
  'application/jsonl',
  'application/x-jsonlines',
];

/**
 * Gives way while it reads a long one.
 * @param contentType of the request; left out, the body is taken for JSON, as the original does.
 * @throws {HttpError} 422 when the body is no JSON or of another type, 413 when it holds too many records.
 */
export async function receive(
  contentType: string | undefined,
  body: Buffer,
  turn = new Turn(),
): Promise<Received> {
  const type = (contentType ?? '').split(';', 1)[0]!.trim().toLowerCase();
  if (ndjsonTypes.includes(type)) {
    const lines: string[] = [];
    for (const piece of piecesOfLines(body))
      for (const line of piece.split('\n')) if (line.trim() !== '') lines.push(line);
    refuseTooMany(lines.length);
    const items: ParsedLine[] = [];
    for (const line of lines) {
      if (turn.isOver()) await turn.next();
      items.push(parseLine(line, items.length));
    }
    return { kind: 'batch', items };
  }
  if (type !== '' && !/^application\/(?:[\w.+-]+\+)?json$/.test(type)) {
    const msg = `Content-Type ${type} is not taken; send application/json or application/x-ndjson`;
    throw new HttpError(422, [{ loc: ['header', 'content-type'], msg, type: 'value_error' }]);
  }
  const values = await parseArray(body, turn);
  if (values) return batchOf(values);
  const text = textOf(body);
  if (text.trim() === '')
    throw new HttpError(422, [{ loc: ['body'], msg: 'Field required', type: 'missing' }]);
  const parsed = parseJson(text);
  if ('why' in parsed)
    throw new HttpError(422, [
      { loc: ['body'], msg: `JSON decode error: ${parsed.why}`, type: 'json_invalid' },
    ]);
  if (!Array.isArray(parsed.value)) return { kind: 'one', value: parsed.value };
  return batchOf(parsed.value);
}

function batchOf(values: readonly unknown[]): Received {
  refuseTooMany(values.length);
  return { kind: 'batch', items: values.map((value) => ({ value })) };
}

function parseLine(line: string, index: number): ParsedLine {
  const parsed = parseJson(line);
  if (!('why' in parsed)) return parsed;
  return {
    misfits: [{ loc: ['body', index], msg: `JSON decode error: ${parsed.why}`, type: 'json_invalid' }],
  };
}

function parseJson(text: string): { value: unknown } | { why: string } {
  try {
    return { value: JSON.parse(text) };
  } catch (error) {
    // V8 quotes the text; the sender knows it, and a mistyped secret need not come back.
    return { why: /at position \d+/.exec((error as Error).message)?.[0] ?? 'not JSON' };
  }
}

function refuseTooMany(records: number): void {
  if (records > limits.batchRecords)
    throw new HttpError(
      413,
      `${records} records in one request; send at most ${limits.batchRecords} at a time`,
    );
}
