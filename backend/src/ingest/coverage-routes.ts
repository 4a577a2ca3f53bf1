// POST and GET /api/coverage: what agents could not read, told by them and shown to people.

import { limits, WireHole } from '@log-detector/contract';
import { type Static, Type } from 'typebox';
import type { Pool } from '../db/pool.ts';
import { ErrorAnswer, HttpError, type Misfit } from '../http/errors.ts';
import { type App, errorAnswers, type Routes } from '../http/http.ts';
import { compileValidator } from '../http/validation.ts';
import type { Budget } from './budget.ts';
import { cleanText } from './clean.ts';
import { listHoles, storeHoles } from './coverage.ts';
import { instantOf, parseInstant } from './instant.ts';
import { type Received, receive } from './receive.ts';
import { bodyOf, takeBodies } from './take-bodies.ts';

const Hole = Type.Intersect([
  WireHole,
  Type.Object({ id: Type.String({ format: 'uuid' }), received_at: Type.String() }),
]);
/** One result of an array, at the index of its hole: the hole as stored, or why it was refused. */
const HoleResult = Type.Union([
  Hole,
  Type.Object({
    index: Type.Integer(),
    error: Type.Array(
      Type.Object({
        loc: Type.Array(Type.Union([Type.String(), Type.Integer()])),
        msg: Type.String(),
        type: Type.String(),
      }),
    ),
  }),
]);
type HoleResult = Static<typeof HoleResult>;
const mostHoles = 1000;
const fitsSchema = compileValidator({
  schema: WireHole,
  httpPart: 'body',
  method: 'POST',
  url: '/api/coverage',
});
const mostOffset = 1_000_000_000;

export interface CoverageRoutesOptions {
  pool: Pool;
  /** Of all requests under way together. */
  budget: Budget;
  now?: () => number;
}

export function coverageRoutes({ pool, budget, now = Date.now }: CoverageRoutesOptions): Routes {
  async function accept(received: Received): Promise<HoleResult[]> {
    const receivedAt = instantOf(now());
    if (received.kind === 'one') {
      const checked = check(received.value, []);
      if ('misfits' in checked) throw new HttpError(422, checked.misfits);
      return storeHoles(pool, [checked.hole], receivedAt);
    }
    if (received.items.length > mostHoles) throw tooManyHoles();
    const checked = received.items.map((item, index) =>
      'misfits' in item ? item : check(item.value, [index]),
    );
    const good = checked.flatMap((each) => ('hole' in each ? [each.hole] : []));
    if (good.length === 0 && checked.length > 0)
      throw new HttpError(
        422,
        checked.flatMap((each) => ('misfits' in each ? each.misfits : [])),
      );
    const stored = (await storeHoles(pool, good, receivedAt))[Symbol.iterator]();
    return checked.map(
      (each, index): HoleResult => ('hole' in each ? stored.next().value! : { index, error: each.misfits }),
    );
  }

  return (app: App) => {
    void app.register(async (scope) => {
      takeBodies(scope, budget);
      scope.post(
        '/api/coverage',
        {
          config: { scope: 'ingest' },
          bodyLimit: limits.bodyBytes,
          // The schema is for the document: of an array each hole is looked at by itself.
          validatorCompiler: () => () => true,
          schema: {
            tags: ['coverage'],
            summary: 'Declare what could not be read: one hole, or an array',
            description:
              'Of an array, a bad hole is refused alone, by its index, and the others are stored; when none is good, the answer is 422. Bodies may be compressed (`Content-Encoding: gzip` or `zstd`).',
            consumes: ['application/json', 'application/x-ndjson'],
            body: Type.Union([WireHole, Type.Array(WireHole, { maxItems: mostHoles })]),
            response: {
              200: Type.Object({ items: Type.Array(HoleResult) }),
              413: ErrorAnswer,
              415: ErrorAnswer,
              ...errorAnswers,
            },
          },
        },
        async (request) => {
          const { bytes, share } = bodyOf(request);
          try {
            return { items: await accept(await receive(request.headers['content-type'], bytes)) };
          } finally {
            share.give();
          }
        },
      );
    });

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

function tooManyHoles(): HttpError {
  const msg = `List should have at most ${mostHoles} items`;
  return new HttpError(422, [{ loc: ['body'], msg, type: 'too_long' }]);
}

/** Times are read as everywhere, and texts cleaned. @param place of the hole in the body. */
function check(sent: unknown, place: number[]): { hole: Required<WireHole> } | { misfits: Misfit[] } {
  const fit = fitsSchema(sent) as { value: WireHole } | { error: { misfits: Misfit[] } };
  if ('error' in fit)
    return {
      misfits: fit.error.misfits.map(({ loc: [body, ...rest], msg, type }) => ({
        loc: [body!, ...place, ...rest],
        msg,
        type,
      })),
    };
  const hole = fit.value;
  const misfits: Misfit[] = [];
  const instant = (name: 'from' | 'to') => {
    const parsed = parseInstant(hole[name]);
    const msg = 'Input should be a valid datetime of the years 1 to 9999, in ISO 8601';
    if (parsed === undefined) misfits.push({ loc: ['body', ...place, name], msg, type: 'datetime_parsing' });
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
    misfits.push({
      loc: ['body', ...place, 'records'],
      msg: 'Input should be a valid integer',
      type: 'int_type',
    });
  return misfits.length > 0 ? { misfits } : { hole: cleaned };
}
