// Query parameters that several routes take.

import { HttpError, type Misfit } from '../http/errors.ts';
import { cleanText } from '../ingest/clean.ts';
import { parseQueryInstant } from '../ingest/instant.ts';

/** As stored texts were cleaned, so are those that look for them. An empty filter is one that was left empty. */
export function cleaned(text: string | undefined): string | undefined {
  return text === undefined || text === '' ? undefined : cleanText(text);
}

/** @returns milliseconds since the epoch. @throws {HttpError} 422. */
export function instant(name: string, text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const parsed = parseQueryInstant(text);
  if (parsed !== undefined) return Date.parse(parsed);
  throw misfit(
    name,
    'Input should be a valid datetime of the years 1 to 9999, in ISO 8601',
    'datetime_parsing',
  );
}

export function misfit(name: string, msg: string, type: string): HttpError {
  const fault: Misfit = { loc: ['query', name], msg, type };
  return new HttpError(422, [fault]);
}
