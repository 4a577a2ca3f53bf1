// GET /api/logs/histogram and /api/issues/{id}/histogram: how many records there were over time.

import { Histogram } from '@log-detector/contract';
import { Type } from 'typebox';
import type { Pool } from '../db/pool.ts';
import { errorAnswers, type Routes } from '../http/http.ts';
import {
  histogramOf,
  histogramOfIssue,
  mostSteps,
  type Range,
  stepFor,
  stepsMs,
  wholeSteps,
} from './histogram.ts';
import { cleaned, instant, misfit } from './query.ts';
import { withMergedIssues } from './read-records.ts';
import { dayMs, hourMs, minuteMs, type Sums } from './sums.ts';

/** Of a source only whole hours are summed: over longer than this, minutes are drawn only when asked for. */
const fewHoursMs = 6 * hourMs;
const usualOfSome = { usual: hourMs };
const stepNames = stepsMs.map((ms) => ms / 1000).join(', ');

const OverTime = {
  since: Type.Optional(
    Type.String({
      description: 'ISO 8601: received at this instant or later; a day before `until` when left out.',
    }),
  ),
  until: Type.Optional(
    Type.String({ description: 'ISO 8601: received before this instant; now when left out.' }),
  ),
  step: Type.Optional(
    Type.Integer({
      minimum: 60,
      description: `Seconds: ${stepNames}; an issue has none below 3600. Left out, it is chosen to make some hundred steps at most.`,
    }),
  ),
};

const RecordsQuery = Type.Object({
  host: Type.Optional(Type.String()),
  container: Type.Optional(Type.String()),
  severity: Type.Optional(Type.String()),
  ...OverTime,
});
const IssueQuery = Type.Object(OverTime);
const IssuePath = Type.Object({ id: Type.String({ format: 'uuid' }) });

export function histogramRoutes(parts: { pool: Pool; sums: Sums; now: () => number }): Routes {
  const { pool, sums, now } = parts;
  return (app) => {
    app.get(
      '/api/logs/histogram',
      {
        schema: {
          tags: ['records'],
          summary: 'Count records over time, by severity',
          querystring: RecordsQuery,
          response: { 200: Histogram, ...errorAnswers },
        },
      },
      ({ query }) => {
        const { host, container, severity } = query;
        const filter = { host: cleaned(host), container: cleaned(container), severity: cleaned(severity) };
        const isOfSome = filter.host !== undefined || filter.container !== undefined;
        return histogramOf(sums, filter, rangeOf(query, now(), isOfSome ? usualOfSome : {}));
      },
    );

    app.get(
      '/api/issues/:id/histogram',
      {
        schema: {
          tags: ['issues'],
          summary: 'Count the records of an issue over time',
          params: IssuePath,
          querystring: IssueQuery,
          response: { 200: Histogram, ...errorAnswers },
        },
      },
      async ({ params, query }) => {
        const range = rangeOf(query, now(), { shortest: hourMs, usual: hourMs });
        const { ids } = await withMergedIssues(pool, params.id.toLowerCase());
        return histogramOfIssue(pool, sums, ids, range);
      },
    );
  };
}

/** @throws {HttpError} 422. */
function rangeOf(
  query: { since?: string; until?: string; step?: number },
  now: number,
  { shortest = minuteMs, usual = minuteMs }: { shortest?: number; usual?: number },
): Range {
  const untilMs = instant('until', query.until) ?? now;
  const sinceMs = instant('since', query.since) ?? untilMs - dayMs;
  if (sinceMs > untilMs) throw misfit('since', 'Input should not be after `until`', 'value_error');
  const stepMs =
    query.step === undefined
      ? stepFor(sinceMs, untilMs, untilMs - sinceMs > fewHoursMs ? usual : shortest)
      : query.step * 1000;
  if (!stepsMs.includes(stepMs as never) || stepMs < shortest)
    throw misfit('step', `Input should be one of ${stepNames}`, 'value_error');
  if ((untilMs - sinceMs) / stepMs > mostSteps)
    throw misfit(
      'step',
      `Input should be longer: the time has more than ${mostSteps} such steps`,
      'value_error',
    );
  return wholeSteps(sinceMs, untilMs, stepMs);
}
