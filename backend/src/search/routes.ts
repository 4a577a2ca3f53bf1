// GET /api/logs and /api/logs/{id}: lists, and single records with what was sent for them.

import { Readable } from 'node:stream';
import { LogRecord, Notification } from '@log-detector/contract';
import type { FastifyReply } from 'fastify';
import { Type } from 'typebox';
import { notificationsOfRecord } from '../alerting/history.ts';
import type { Pool } from '../db/pool.ts';
import { ErrorAnswer, notFound } from '../http/errors.ts';
import { type App, errorAnswers, type Routes } from '../http/http.ts';
import { instantOf } from '../ingest/instant.ts';
import { idRange, isCounted, isSummed, type RecordFilter } from './filter.ts';
import { histogramRoutes } from './histogram-routes.ts';
import type { Page } from './page.ts';
import { cleaned, instant, misfit } from './query.ts';
import {
  type ListedRecords,
  listRecords,
  pieceBytes,
  readRecord,
  readRest,
  withMergedIssues,
} from './read-records.ts';
import { type Total, Totals } from './total.ts';

const RecordPath = Type.Object({ id: Type.String({ format: 'uuid' }) });

const ListQuery = Type.Object({
  host: Type.Optional(Type.String()),
  container: Type.Optional(Type.String()),
  severity: Type.Optional(Type.String()),
  since: Type.Optional(Type.String({ description: 'ISO 8601: received at this instant or later.' })),
  until: Type.Optional(Type.String({ description: 'ISO 8601: received before this instant.' })),
  q: Type.Optional(
    Type.String({
      maxLength: 1000,
      description:
        'Text that the message contains, in any case of letters. A search that takes too long ends early: see `searched_to`. One for a text without three letters or digits in a row, which no index can answer, always does, after a tenth of a second.',
    }),
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
  total: Type.Integer({ description: 'Records that pass the filter; see `total_is_at_least`.' }),
  total_is_at_least: Type.Optional(
    Type.Boolean({
      description:
        'There may be more than `total`: with `q` it says how many were found so far, with `issue_id` how many were counted.',
    }),
  ),
  next_cursor: Type.Union([Type.String({ format: 'uuid' }), Type.Null()]),
  searched_to: Type.Optional(
    Type.String({
      description:
        'ISO 8601: the search ended early, and looked at nothing received before this. `next_cursor` goes on from there.',
    }),
  ),
});

/** With `q` or `issue_id` the records before the page are read, so there is an end; `cursor` has none. */
const mostOffset = 10_000;

export function searchRoutes({ pool, now = Date.now }: { pool: Pool; now?: () => number }): Routes {
  const totals = new Totals(pool);

  /** Where the total is not known, it is what was found; there may be more unless everything was looked at. */
  function answer(reply: FastifyReply, listed: ListedRecords, { limit, beforeId }: Page, known?: Total) {
    const { items, found, searchedToMs, rest } = listed;
    // Whoever pages by `offset` adds `limit` to it, so its pages are whole; a cursor goes on from where the page ended.
    const isCut = rest.length > 0 && beforeId !== undefined;
    const isFull = items.length + rest.length === limit;
    const { total, isAtLeast } = known ?? { total: found, isAtLeast: isFull || searchedToMs !== undefined };
    const lastId = isCut ? undefined : rest.at(-1);
    const end = {
      total,
      ...(isAtLeast ? { total_is_at_least: true } : {}),
      ...goingOn(isCut || isFull ? (lastId ?? items.at(-1)!.id) : null, isCut ? undefined : searchedToMs),
    };
    if (rest.length === 0 || isCut) return { items, ...end };
    // A piece that goes out, and the next one.
    reply.hold(2 * pieceBytes);
    reply.type('application/json; charset=utf-8');
    return reply.send(Readable.from(inPieces(items, readRest(pool, rest), end), { objectMode: false }));
  }

  return (app: App) => {
    histogramRoutes({ pool, sums: totals.sums, now })(app);

    app.get(
      '/api/logs',
      {
        schema: {
          tags: ['records'],
          summary: 'List records, newest received first',
          description:
            'Follow `next_cursor` until it is null. A page that is asked for by `cursor` ends after about 16 MiB, with fewer than `limit` records when they are large.',
          querystring: ListQuery,
          response: { 200: List, ...errorAnswers },
        },
      },
      async ({ query }, reply) => {
        const filter: RecordFilter = {
          host: cleaned(query.host),
          container: cleaned(query.container),
          severity: cleaned(query.severity),
          q: cleaned(query.q) || undefined,
          sinceMs: instant('since', query.since),
          untilMs: instant('until', query.until),
        };
        if (query.issue_id !== undefined) {
          const { ids, seen } = await withMergedIssues(pool, query.issue_id.toLowerCase());
          filter.issueIds = ids;
          filter.issueSeen = seen;
        }
        if (!isCounted(filter) && query.offset > mostOffset)
          throw misfit(
            'offset',
            `Input should be at most ${mostOffset} with q or issue_id; follow next_cursor instead`,
            'less_than_equal',
          );
        const { limit, offset } = query;
        const page = { filter, beforeId: query.cursor?.toLowerCase(), limit, offset, now: now() };

        if (!isSummed(filter)) return answer(reply, await listRecords(pool, totals, page), page);
        const counted = totals.of(filter);
        if (offset > mostOffset) {
          // Nothing stands behind the end; and no offset is too large for that.
          const { total, isAtLeast } = await counted;
          if (!isAtLeast && offset >= total) return { items: [], total, next_cursor: null };
        }
        const [{ total, isAtLeast }, listed] = await Promise.all([counted, listRecords(pool, totals, page)]);
        // Counted and read at two instants: where the list ends on this page, what was read is all there is.
        if (isWhole(listed, page))
          return answer(reply, listed, page, { total: listed.found, isAtLeast: false });
        return answer(reply, listed, page, {
          total: Math.max(total, isAtLeast ? listed.found : 0),
          isAtLeast,
        });
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

/** Whether the page holds the end of the list, and `found` counts all of it. */
function isWhole({ items, rest, searchedToMs }: ListedRecords, { beforeId, limit, offset }: Page): boolean {
  const count = items.length + rest.length;
  const isLast = count < limit && (count > 0 || offset === 0);
  return isLast && beforeId === undefined && searchedToMs === undefined;
}

function goingOn(nextCursor: string | null, searchedToMs: number | undefined) {
  if (searchedToMs === undefined) return { next_cursor: nextCursor };
  const searched = Math.floor(searchedToMs);
  return { next_cursor: idRange(0, searched).lastId, searched_to: instantOf(searched) };
}

/** A page as JSON, of which no more is held than is on its way. */
async function* inPieces(
  first: readonly LogRecord[],
  rest: AsyncIterable<readonly LogRecord[]>,
  end: object,
): AsyncGenerator<string> {
  yield `{"items":${JSON.stringify(first).slice(0, -1)}`;
  for await (const items of rest) yield `,${JSON.stringify(items).slice(1, -1)}`;
  yield `],${JSON.stringify(end).slice(1)}`;
}
