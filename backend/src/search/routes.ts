// GET /api/logs and /api/logs/{id}: lists, and single records with what was sent for them.

import { LogRecord, Notification } from '@log-detector/contract';
import { Type } from 'typebox';
import { notificationsOfRecord } from '../alerting/history.ts';
import type { Pool } from '../db/pool.ts';
import { ErrorAnswer, HttpError, type Misfit, notFound } from '../http/errors.ts';
import { type App, errorAnswers, type Routes } from '../http/http.ts';
import { cleanText } from '../ingest/clean.ts';
import { parseInstant } from '../ingest/instant.ts';
import { listRecords, readRecord, withMergedIssues } from './read-records.ts';
import { Totals } from './total.ts';

const RecordPath = Type.Object({ id: Type.String({ format: 'uuid' }) });

const ListQuery = Type.Object({
  host: Type.Optional(Type.String()),
  container: Type.Optional(Type.String()),
  severity: Type.Optional(Type.String()),
  since: Type.Optional(Type.String({ description: 'ISO 8601: received at this instant or later.' })),
  until: Type.Optional(Type.String({ description: 'ISO 8601: received before this instant.' })),
  q: Type.Optional(
    Type.String({ maxLength: 1000, description: 'Text that the message contains, in any case of letters.' }),
  ),
  issue_id: Type.Optional(Type.String({ format: 'uuid' })),
  cursor: Type.Optional(
    Type.String({
      format: 'uuid',
      description: '`next_cursor` of the page before: pages stay stable while records come in.',
    }),
  ),
  limit: Type.Integer({ minimum: 1, maximum: 200, default: 50 }),
  offset: Type.Integer({ minimum: 0, default: 0 }),
});

const List = Type.Object({
  items: Type.Array(LogRecord),
  total: Type.Integer({
    description: 'Records that pass the filter; with `q` or `issue_id`, counted up to 10000.',
  }),
  total_is_at_least: Type.Optional(Type.Boolean({ description: 'There are more than `total`.' })),
  next_cursor: Type.Union([Type.String({ format: 'uuid' }), Type.Null()]),
});

export function searchRoutes({ pool, now = Date.now }: { pool: Pool; now?: () => number }): Routes {
  const totals = new Totals(pool);
  return (app: App) => {
    app.get(
      '/api/logs',
      {
        schema: {
          tags: ['records'],
          summary: 'List records, newest received first',
          querystring: ListQuery,
          response: { 200: List, ...errorAnswers },
        },
      },
      async ({ query }) => {
        const filter = {
          host: cleaned(query.host),
          container: cleaned(query.container),
          severity: cleaned(query.severity),
          q: cleaned(query.q) || undefined,
          sinceMs: instant('since', query.since),
          untilMs: instant('until', query.until),
          issueIds:
            query.issue_id === undefined
              ? undefined
              : await withMergedIssues(pool, query.issue_id.toLowerCase()),
        };
        const { total, isAtLeast } = await totals.of(filter, now());
        // Nothing stands behind the end; and no offset is too large for that.
        const isBehindEnd = !isAtLeast && query.offset >= total;
        const items = isBehindEnd
          ? []
          : await listRecords(pool, {
              filter,
              beforeId: query.cursor?.toLowerCase(),
              limit: query.limit,
              offset: Math.min(query.offset, 1_000_000_000),
              now: now(),
            });
        const next_cursor = items.length === query.limit ? items.at(-1)!.id : null;
        const counted = isAtLeast ? Math.max(total, query.offset + items.length) : total;
        return { items, total: counted, ...(isAtLeast ? { total_is_at_least: true } : {}), next_cursor };
      },
    );

    app.get(
      '/api/logs/:id',
      {
        schema: {
          tags: ['records'],
          summary: 'Read a record, with what was sent for it',
          params: RecordPath,
          response: {
            200: Type.Intersect([LogRecord, Type.Object({ emails: Type.Array(Notification) })]),
            404: ErrorAnswer,
            ...errorAnswers,
          },
        },
      },
      async ({ params }) => {
        const id = params.id.toLowerCase();
        const [record, emails] = await Promise.all([readRecord(pool, id), notificationsOfRecord(pool, id)]);
        if (!record) throw notFound('Log record');
        return { ...record, emails };
      },
    );
  };
}

/** As stored texts were cleaned, so are those that look for them. An empty filter is one that was left empty. */
function cleaned(text: string | undefined): string | undefined {
  return text === undefined || text === '' ? undefined : cleanText(text);
}

function instant(name: string, text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const parsed = parseInstant(text);
  if (parsed !== undefined) return Date.parse(parsed);
  const misfit: Misfit = {
    loc: ['query', name],
    msg: 'Input should be a valid datetime of the years 1 to 9999, in ISO 8601',
    type: 'datetime_parsing',
  };
  throw new HttpError(422, [misfit]);
}
