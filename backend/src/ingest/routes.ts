// POST /api/logs: receive > validate > share a transaction > answer after its commit.

import { BatchResult, LogRecord, limits, WireRecord } from '@log-detector/contract';
import { Type } from 'typebox';
import { ErrorAnswer, HttpError, type Misfit } from '../http/errors.ts';
import { type App, errorAnswers, type Routes } from '../http/http.ts';
import type { Metrics } from '../http/metrics.ts';
import { Turn } from '../turn.ts';
import { answerBytes, recordBytes } from './answer-bytes.ts';
import type { Budget } from './budget.ts';
import type { GroupCommit } from './group-commit.ts';
import { type Received, receive } from './receive.ts';
import { type Body, bodyOf, takeBodies } from './take-bodies.ts';
import type { IncomingRecord } from './types.ts';
import { understandAhead } from './understand-ahead.ts';
import { validate } from './validate.ts';

export interface IngestRoutesOptions {
  commits: Pick<GroupCommit, 'submit'>;
  metrics: Metrics;
  /** Of all requests under way together. */
  budget: Budget;
}

const Batch = Type.Object({
  items: Type.Array(BatchResult, { description: 'One result per record, in order.' }),
});

export function ingestRoutes({ commits, metrics, budget }: IngestRoutesOptions): Routes {
  metrics.gauge('log_detector_ingest_held_bytes', 'Bytes of requests not answered yet.', () => budget.held);
  const records = metrics.counter('log_detector_records_total', 'Records, by what became of them.');

  /** @returns the JSON of a record or of a batch; the latter alone may be `isMinimal`. */
  async function accept(
    { bytes, share }: Body,
    contentType: string | undefined,
    isMinimal: boolean,
  ): Promise<{ json: Buffer; isMinimal: boolean }> {
    try {
      const turn = new Turn();
      const received = await receive(contentType, bytes, turn);
      if (received.kind === 'one')
        return { json: recordBytes(await acceptOne(received.value)), isMinimal: false };
      const items = await acceptBatch(received.items, turn);
      return { json: answerBytes(isMinimal ? items.map(idAlone) : items), isMinimal };
    } finally {
      share.give();
    }
  }

  async function acceptOne(value: unknown): Promise<LogRecord> {
    const validated = validate(value, ['body']);
    if ('misfits' in validated) {
      records.add(1, { outcome: 'refused' });
      throw new HttpError(422, validated.misfits);
    }
    understandAhead(validated.record);
    const [outcome] = await commits.submit([validated.record]);
    if ('record' in outcome!) {
      records.add(1, { outcome: 'stored' });
      return outcome.record;
    }
    records.add(1, { outcome: 'refused' });
    throw new HttpError(422, [refusal(outcome!.refusedBecause, ['body'])]);
  }

  async function acceptBatch(
    items: Extract<Received, { kind: 'batch' }>['items'],
    turn: Turn,
  ): Promise<BatchResult[]> {
    const good: IncomingRecord[] = [];
    // Null: what is good, and answered after the commit.
    const results: (BatchResult | null)[] = [];
    for (const [index, item] of items.entries()) {
      if (turn.isOver()) await turn.next();
      const validated = 'misfits' in item ? item : validate(item.value, ['body', index]);
      if ('misfits' in validated) results.push({ index, error: validated.misfits });
      else {
        understandAhead(validated.record);
        good.push(validated.record);
        results.push(null);
      }
    }
    const outcomes = await commits.submit(good);
    let refused = results.length - good.length;
    let next = 0;
    for (let index = 0; index < results.length; index += 1) {
      if (results[index] !== null) continue;
      const outcome = outcomes[next++]!;
      if ('record' in outcome) results[index] = outcome.record;
      else {
        results[index] = { index, error: [refusal(outcome.refusedBecause, ['body', index])] };
        refused += 1;
      }
    }
    records.add(results.length - refused, { outcome: 'stored' });
    if (refused > 0) records.add(refused, { outcome: 'refused' });
    return results as BatchResult[];
  }

  return (app: App) => {
    void app.register(async (scope) => {
      takeBodies(scope, budget);
      scope.post(
        '/api/logs',
        {
          config: { scope: 'ingest' },
          bodyLimit: limits.bodyBytes,
          // The schema is for the document; validate.ts does what it says.
          validatorCompiler: () => () => true,
          schema: {
            tags: ['records'],
            summary: 'Store one record, an array of records, or NDJSON',
            description:
              'Answered after the commit. A batch answers with one result per record, in order: a bad record is refused alone. Bodies may be compressed (`Content-Encoding: gzip` or `zstd`). A record with an `event_id` may be sent again: the first one is the answer. With `Prefer: return=minimal` a batch is answered with the ids of its records alone.',
            consumes: ['application/json', 'application/x-ndjson'],
            body: Type.Union([WireRecord, Type.Array(WireRecord, { maxItems: limits.batchRecords })]),
            response: {
              200: Type.Union([LogRecord, Batch]),
              413: ErrorAnswer,
              415: ErrorAnswer,
              ...errorAnswers,
            },
          },
        },
        async (request, reply) => {
          const body = bodyOf(request);
          const { headers } = request;
          const answer = await accept(body, headers['content-type'], asksForMinimum(headers.prefer));
          if (answer.isMinimal) reply.header('preference-applied', 'return=minimal');
          reply.type('application/json; charset=utf-8');
          return answer.json as unknown as LogRecord;
        },
      );
    });
  };
}

/** RFC 7240. It spares both sides an answer larger than the request. */
function asksForMinimum(prefer: string | string[] | undefined): boolean {
  return prefer !== undefined && /(?:^|[,;\s])return="?minimal\b/i.test(String(prefer));
}

function idAlone(result: BatchResult): BatchResult {
  return 'id' in result ? { id: result.id } : result;
}

function refusal(why: string, loc: Misfit['loc']): Misfit {
  return { loc, msg: `the record cannot be stored: ${why}`, type: 'value_error' };
}
