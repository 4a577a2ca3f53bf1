// POST and GET /api/coverage: what agents could not read, told by them and shown to people.

import { WireHole } from '@log-detector/contract';
import { Type } from 'typebox';
import type { Pool } from '../db/pool.ts';
import { HttpError, type Misfit } from '../http/errors.ts';
import { type App, errorAnswers, type Routes } from '../http/http.ts';
import { cleanText } from './clean.ts';
import { listHoles, storeHoles } from './coverage.ts';
import { instantOf, parseInstant } from './instant.ts';

const Hole = Type.Intersect([
  WireHole,
  Type.Object({ id: Type.String({ format: 'uuid' }), received_at: Type.String() }),
]);
const mostHoles = 1000;
const mostOffset = 1_000_000_000;

export function coverageRoutes({ pool, now = Date.now }: { pool: Pool; now?: () => number }): Routes {
  return (app: App) => {
    app.post(
      '/api/coverage',
      {
        config: { scope: 'ingest' },
        schema: {
          tags: ['coverage'],
          summary: 'Declare what could not be read: one hole, or an array',
          body: Type.Union([WireHole, Type.Array(WireHole, { maxItems: mostHoles })]),
          response: { 200: Type.Object({ items: Type.Array(Hole) }), ...errorAnswers },
        },
      },
      async ({ body }) => {
        const holes = Array.isArray(body) ? body : [body];
        const checked = holes.map((hole, index) =>
          check(hole, Array.isArray(body) ? ['body', index] : ['body']),
        );
        return { items: await storeHoles(pool, checked, instantOf(now())) };
      },
    );

    app.get(
      '/api/coverage',
      {
        schema: {
          tags: ['coverage'],
          summary: 'List what could not be read, newest first',
          querystring: Type.Object({
            host: Type.Optional(Type.String()),
            container: Type.Optional(Type.String()),
            cursor: Type.Optional(Type.String({ format: 'uuid' })),
            limit: Type.Integer({ minimum: 1, maximum: 200, default: 50 }),
            offset: Type.Integer({ minimum: 0, default: 0 }),
          }),
          response: {
            200: Type.Object({
              items: Type.Array(Hole),
              total: Type.Integer(),
              next_cursor: Type.Union([Type.String({ format: 'uuid' }), Type.Null()]),
            }),
            ...errorAnswers,
          },
        },
      },
      async ({ query }) => {
        const list = await listHoles(pool, {
          ...query,
          host: query.host && cleanText(query.host),
          container: query.container && cleanText(query.container),
          offset: Math.min(query.offset, mostOffset),
        });
        const next_cursor = list.items.length === query.limit ? list.items.at(-1)!.id : null;
        return { ...list, next_cursor };
      },
    );
  };
}

/** Times are read as everywhere, and texts cleaned. */
function check(hole: WireHole, loc: Misfit['loc']): Required<WireHole> {
  const misfits: Misfit[] = [];
  const instant = (name: 'from' | 'to') => {
    const parsed = parseInstant(hole[name]);
    const msg = 'Input should be a valid datetime of the years 1 to 9999, in ISO 8601';
    if (parsed === undefined) misfits.push({ loc: [...loc, name], msg, type: 'datetime_parsing' });
    return parsed ?? '';
  };
  const cleaned = {
    event_id: hole.event_id.toLowerCase(),
    host: cleanText(hole.host),
    container: cleanText(hole.container),
    container_id: hole.container_id ? cleanText(hole.container_id) : null,
    stream: hole.stream ?? null,
    from: instant('from'),
    to: instant('to'),
    reason: cleanText(hole.reason),
    detail: hole.detail ? cleanText(hole.detail) : null,
    records: hole.records ?? null,
  };
  if (!Number.isSafeInteger(cleaned.records ?? 0))
    misfits.push({ loc: [...loc, 'records'], msg: 'Input should be a valid integer', type: 'int_type' });
  if (misfits.length > 0) throw new HttpError(422, misfits);
  return cleaned;
}
