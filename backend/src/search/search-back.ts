// Walks back through time until a page is full: each step is one statement between two ids, short at first and longer
// while they are fast. A search that has taken long enough says how far it came, and the next page goes on from there.

import { type Parameter, pipeline, type Step, type StepResult } from '../db/pipeline.ts';
import { onConnection, type Pool, type PoolClient } from '../db/pool.ts';
import { textArray } from '../db/values.ts';
import { comeAgain } from '../http/errors.ts';
import { idRange, ofRecords } from './filter.ts';
import type { Page, Stretch } from './page.ts';

export interface Found {
  /** Newest first. */
  ids: string[];
  /** Set when it ended early: what was received before this, in milliseconds since the epoch, was not looked at. */
  searchedToMs?: number;
}

export interface Walk {
  fromMs: number;
  toMs: number;
  firstStepMs: number;
  /** When to end early, on the clock of performance.now(). */
  endAt?: number;
}

/** No search takes much longer than this. */
export const searchMs = 1_500;
const statementMs = 1_000;
/** A step that took less may be longer the next time; one that took more, shorter. */
const shortMs = 15;
const longMs = 60;

/** In a flood, a second has as many records as an hour of other days. */
const shortestStepMs = 1_000;

/** @throws {HttpError} 503 when not even one second could be looked at in time. */
export async function searchBack(session: Session, page: Page, walk: Walk): Promise<Found> {
  const endAt = walk.endAt ?? performance.now() + searchMs;
  const ids: string[] = [];
  let stepMs = Math.max(shortestStepMs, walk.firstStepMs);
  for (let toMs = walk.toMs; toMs > walk.fromMs; ) {
    const began = performance.now();
    const isFirst = toMs === walk.toMs;
    if (began > endAt && !isFirst) return { ids, searchedToMs: toMs };
    const fromMs = Math.max(walk.fromMs, toMs - stepMs);
    // The last step may end a little late, but not as late as one that found a page of the disk for each record.
    const mayTakeMs = isFirst ? statementMs : Math.min(statementMs, endAt - began + longMs);
    const found = await lookBetween(session, page, { fromMs, toMs }, page.limit - ids.length, mayTakeMs);
    if (found === 'too-long') {
      if (!isFirst && performance.now() > endAt) return { ids, searchedToMs: toMs };
      if (stepMs <= shortestStepMs)
        throw comeAgain('the search took too long; ask for a shorter time with since and until');
      stepMs = Math.max(shortestStepMs, stepMs / 16);
      continue;
    }
    ids.push(...found);
    if (ids.length === page.limit) return { ids };
    toMs = fromMs;
    stepMs = nextStep(stepMs, performance.now() - began, endAt - performance.now());
  }
  return { ids };
}

/** A step as long as the time that is left allows, going by the last one. */
function nextStep(stepMs: number, tookMs: number, leftMs: number): number {
  const grown = tookMs < shortMs ? 4 : tookMs < longMs ? 2 : 0.5;
  return Math.max(shortestStepMs, stepMs * Math.min(grown, leftMs / tookMs));
}

/** @returns the newest ids between two instants, or that the statement was ended. */
async function lookBetween(
  session: Session,
  page: Page,
  { fromMs, toMs }: Stretch,
  limit: number,
  mayTakeMs: number,
): Promise<string[] | 'too-long'> {
  const { firstId, lastId } = idRange(fromMs, toMs);
  const conditions = ofRecords(page.filter)
    .add('id >= $', firstId)
    .add('id < $', page.beforeId !== undefined && page.beforeId < lastId ? page.beforeId : lastId);
  const text = `select id from log_records ${conditions} order by id desc limit ${conditions.parameter(limit)}`;
  const rows = await session.query<{ id: string }>(mayTakeMs, text, conditions.values);
  return rows === 'too-long' ? rows : rows.map(({ id }) => id);
}

/** One connection for the statements of a search, each of which the server ends when it takes too long. */
export class Session {
  readonly #client: PoolClient;

  constructor(client: PoolClient) {
    this.#client = client;
  }

  /** The limit goes with the statement, in one packet, and is over with it. */
  async query<Row extends object>(ms: number, text: string, values: unknown[]): Promise<Row[] | 'too-long'> {
    const limit: Step = {
      name: 'limit-time',
      text: `select set_config('statement_timeout', $1, true)`,
      values: [String(Math.max(1, Math.ceil(ms)))],
    };
    try {
      const [, answer] = await pipeline(this.#client, [limit, { text, values: values.map(toParameter) }]);
      return answer!.rows as Row[];
    } catch (error) {
      if ((error as { code?: string }).code !== '57014') throw error;
      return 'too-long';
    }
  }

  /** Several at once, which are short. */
  ask(steps: readonly Step[]): Promise<StepResult[]> {
    return pipeline(this.#client, steps);
  }
}

function toParameter(value: unknown): Parameter {
  if (value instanceof Date) return value.toISOString();
  return Array.isArray(value) ? textArray(value.map(String)) : (value as Parameter);
}

export function inSession<Result>(pool: Pool, work: (session: Session) => Promise<Result>): Promise<Result> {
  return onConnection(pool, (client) => work(new Session(client)));
}
