// The place in a sorted list of issues where the next page begins, as text: sort value and id of the last issue shown.

import { HttpError } from '../http/errors.ts';
import { parseInstant } from '../ingest/instant.ts';
import type { IssueSort } from './read-issues.ts';

export interface IssueCursor {
  sort: IssueSort;
  order: 'asc' | 'desc';
  value: string;
  id: string;
}

const uuid = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/;

export function writeCursor({ sort, order, value, id }: IssueCursor): string {
  return Buffer.from([sort, order, value, id].join(' ')).toString('base64url');
}

/** @throws {HttpError} 422 when the text is no cursor, or one of a list sorted otherwise. */
export function readCursor(
  text: string,
  sort: IssueSort,
  order: 'asc' | 'desc',
): { value: string; id: string } {
  const [ofSort, ofOrder, value = '', id = ''] = Buffer.from(text, 'base64url').toString('latin1').split(' ');
  const isValue = sort === 'count' ? /^\d{1,18}$/.test(value) : parseInstant(value) !== undefined;
  if (ofSort === sort && ofOrder === order && isValue && uuid.test(id)) return { value, id };
  throw new HttpError(422, [
    {
      loc: ['query', 'cursor'],
      msg: 'Input should be the next_cursor of a page with the same sort and order',
      type: 'value_error',
    },
  ]);
}
