// Routes of issues: lists, one with what was merged into it, its state, merging and splitting.

import { Issue, IssueEvent, IssueState, IssueWithMerged } from '@log-detector/contract';
import { Type } from 'typebox';
import { readHistory } from '../alerting/issue-history.ts';
import type { Pool } from '../db/pool.ts';
import { ErrorAnswer, HttpError, notFound } from '../http/errors.ts';
import { errorAnswers, type Routes } from '../http/http.ts';
import { cleanText } from '../ingest/clean.ts';
import { parseQueryInstant } from '../ingest/instant.ts';
import { splitMessage } from '../ingest/template-store.ts';
import { readRecord } from '../search/read-records.ts';
import { changeState, mergeIssues, splitIssues } from './change-issues.ts';
import { readCursor, writeCursor } from './cursor.ts';
import { listIssues, readIssue } from './read-issues.ts';

const Id = Type.String({ format: 'uuid' });
const WithId = Type.Object({ id: Id });
const Ids = Type.Array(Id, { minItems: 1, maxItems: 100 });
const issues = { tags: ['issues'] };

const Sort = Type.Union([Type.Literal('last_seen'), Type.Literal('first_seen'), Type.Literal('count')], {
  default: 'last_seen',
});
const Order = Type.Union([Type.Literal('desc'), Type.Literal('asc')], { default: 'desc' });

const ListQuery = Type.Object({
  state: Type.Optional(IssueState),
  service: Type.Optional(Type.String()),
  host: Type.Optional(Type.String()),
  container: Type.Optional(Type.String()),
  severity: Type.Optional(Type.String()),
  q: Type.Optional(
    Type.String({ maxLength: 1000, description: 'Text that the title contains, in any case of letters.' }),
  ),
  since: Type.Optional(Type.String({ description: 'ISO 8601: seen at this instant or later.' })),
  until: Type.Optional(Type.String({ description: 'ISO 8601: first seen before this instant.' })),
  sort: Sort,
  order: Order,
  limit: Type.Integer({ minimum: 1, maximum: 200, default: 50 }),
  cursor: Type.Optional(Type.String({ maxLength: 200, description: '`next_cursor` of the page before.' })),
});

const List = Type.Object({
  items: Type.Array(Issue),
  total: Type.Integer({ description: 'Issues that pass the filter; see `total_is_at_least`.' }),
  total_is_at_least: Type.Optional(
    Type.Boolean({
      description:
        'There may be more than `total`: they are counted up to 10,000, or for a tenth of a second.',
    }),
  ),
  next_cursor: Type.Union([Type.String(), Type.Null()]),
});

const Change = Type.Object({
  state: IssueState,
  muted_until: Type.Optional(
    Type.Union([Type.String(), Type.Null()], { description: 'ISO 8601; for `muted`: until then.' }),
  ),
  muted_until_count: Type.Optional(
    Type.Union([Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }), Type.Null()], {
      description: 'For `muted`: until it has so many records.',
    }),
  ),
  muted_until_state: Type.Optional(
    Type.Union([Type.Literal('worse'), Type.Literal('deployed'), Type.Null()], {
      description:
        'For `muted`: until it is twice as bad, or until a record of another image comes. With none of the three, until someone opens it.',
    }),
  ),
});

export function issueRoutes({ pool, now = () => new Date() }: { pool: Pool; now?: () => Date }): Routes {
  async function answer(id: string): Promise<IssueWithMerged> {
    const issue = await readIssue(pool, id, now().toISOString());
    if (!issue) throw notFound('Issue');
    return issue;
  }

  return (app) => {
    app.get(
      '/api/issues',
      {
        schema: {
          ...issues,
          summary: 'List issues',
          description:
            'Pages follow `next_cursor`, and no issue comes twice. Sorted by `last_seen`, one that is seen again meanwhile moves to the front, before the page one reads; sorted by `first_seen`, none moves.',
          querystring: ListQuery,
          response: { 200: List, ...errorAnswers },
        },
      },
      async ({ query }) => {
        const { sort, order, limit, cursor } = query;
        const { items, total, isAtLeast } = await listIssues(pool, {
          filter: {
            state: query.state,
            service: cleaned(query.service),
            host: cleaned(query.host),
            container: cleaned(query.container),
            severity: cleaned(query.severity),
            q: cleaned(query.q),
            since: instant(['query', 'since'], query.since),
            until: instant(['query', 'until'], query.until),
          },
          sort,
          order,
          limit: limit + 1,
          after: cursor === undefined || cursor === '' ? undefined : readCursor(cursor, sort, order),
          now: now().toISOString(),
        });
        const last = items.length > limit ? items[limit - 1] : undefined;
        return {
          items: items.slice(0, limit),
          total,
          ...(isAtLeast ? { total_is_at_least: true } : {}),
          next_cursor: last ? writeCursor({ sort, order, value: String(last[sort]), id: last.id }) : null,
        };
      },
    );

    app.get(
      '/api/issues/:id',
      {
        schema: {
          ...issues,
          summary: 'Read an issue, or the one that took it over',
          params: WithId,
          response: { 200: IssueWithMerged, 404: ErrorAnswer, ...errorAnswers },
        },
      },
      ({ params }) => answer(params.id.toLowerCase()),
    );

    app.patch(
      '/api/issues/:id',
      {
        config: { scope: 'admin' },
        schema: {
          ...issues,
          summary: 'Open, mute or resolve an issue',
          params: WithId,
          body: Change,
          response: { 200: IssueWithMerged, 404: ErrorAnswer, 409: ErrorAnswer, ...errorAnswers },
        },
      },
      async ({ params, body }) => {
        const { state } = body;
        const muted = state === 'muted';
        const mutedUntil = muted
          ? (instant(['body', 'muted_until'], body.muted_until ?? undefined) ?? null)
          : null;
        const at = now().toISOString();
        if (mutedUntil !== null && mutedUntil <= at)
          throw misfit(['body', 'muted_until'], 'Input should be in the future', 'datetime_future');
        const mutedUntilCount = muted ? (body.muted_until_count ?? null) : null;
        const mutedUntilState = muted ? (body.muted_until_state ?? null) : null;
        const change = { state, mutedUntil, mutedUntilCount, mutedUntilState };
        return answer(await changeState(pool, params.id.toLowerCase(), change, at));
      },
    );

    app.get(
      '/api/issues/:id/history',
      {
        schema: {
          ...issues,
          summary: 'What was done to an issue, newest first',
          params: WithId,
          response: { 200: Type.Array(IssueEvent), 404: ErrorAnswer, ...errorAnswers },
        },
      },
      async ({ params }) => {
        const { id, merged } = await answer(params.id.toLowerCase());
        const history = await readHistory(pool, [id, ...merged.map((issue) => issue.id)], 200);
        return history.map(({ issueId: _, ...event }) => event);
      },
    );

    app.post(
      '/api/issues/:id/merge',
      {
        config: { scope: 'admin' },
        schema: {
          ...issues,
          summary: 'Merge other issues into this one',
          description: 'Their records and what comes for them count on this one from now on.',
          params: WithId,
          body: Type.Object({ issue_ids: Ids }),
          response: { 200: IssueWithMerged, 404: ErrorAnswer, ...errorAnswers },
        },
      },
      async ({ params, body }) =>
        answer(await mergeIssues(pool, params.id.toLowerCase(), body.issue_ids.map(lower))),
    );

    app.post(
      '/api/issues/:id/split',
      {
        config: { scope: 'admin' },
        schema: {
          ...issues,
          summary: 'Take merged issues, or the message of one record, out of this one',
          description:
            '`issue_ids`: issues that were merged into it. `record_id`: messages like that record’s make an issue of their own from now on.',
          params: WithId,
          body: Type.Object({ issue_ids: Type.Optional(Ids), record_id: Type.Optional(Id) }),
          response: { 200: IssueWithMerged, 404: ErrorAnswer, 409: ErrorAnswer, ...errorAnswers },
        },
      },
      async ({ params, body }) => {
        const id = params.id.toLowerCase();
        if ((body.issue_ids === undefined) === (body.record_id === undefined))
          throw misfit(['body'], 'Give either issue_ids or record_id', 'value_error');
        const issue = await answer(id);
        if (body.issue_ids) await splitIssues(pool, id, body.issue_ids.map(lower));
        if (body.record_id) {
          const record = await readRecord(pool, lower(body.record_id));
          const ids = [issue.id, ...issue.merged.map((merged) => merged.id)];
          if (!record || record.issue_id === null || !ids.includes(record.issue_id))
            throw notFound('Log record');
          const refusal = await splitMessage(pool, record.message);
          if (refusal !== undefined) throw new HttpError(409, refusal);
        }
        return answer(issue.id);
      },
    );
  };
}

const lower = (id: string): string => id.toLowerCase();

function misfit(loc: (string | number)[], msg: string, type: string): HttpError {
  return new HttpError(422, [{ loc, msg, type }]);
}

/** As stored texts were cleaned, so are those that look for them. An empty filter is one that was left empty. */
function cleaned(text: string | undefined): string | undefined {
  return text === undefined || text === '' ? undefined : cleanText(text);
}

function instant(loc: (string | number)[], text: string | undefined): string | undefined {
  if (text === undefined || text === '') return undefined;
  const parsed = parseQueryInstant(text);
  if (parsed !== undefined) return parsed;
  throw misfit(
    loc,
    'Input should be a valid datetime of the years 1 to 9999, in ISO 8601',
    'datetime_parsing',
  );
}
