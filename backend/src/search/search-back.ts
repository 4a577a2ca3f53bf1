// Walks back through time until a page is full: each step is one statement between two ids, short at first and longer
// while they are fast. A search that has taken long enough says how far it came, and the next page goes on from there.

import type { Pool, PoolClient } from '../db/pool.ts';
import { comeAgain } from '../http/errors.ts';
import { idRange, ofRecords } from './filter.ts';
import type { Page } from './page.ts';

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
  let stepMs = walk.firstStepMs;
  for (let toMs = walk.toMs; toMs > walk.fromMs; ) {
    const began = performance.now();
    if (began > endAt && toMs < walk.toMs) return { ids, searchedToMs: toMs };
    const fromMs = Math.max(walk.fromMs, toMs - stepMs);
    const found = await lookBetween(session, page, fromMs, toMs, page.limit - ids.length);
    if (found === 'too-long') {
      if (stepMs <= shortestStepMs)
        throw comeAgain('the search took too long; ask for a shorter time with since and until');
      stepMs = Math.max(shortestStepMs, stepMs / 16);
      continue;
    }
    ids.push(...found);
    if (ids.length === page.limit) return { ids };
    toMs = fromMs;
    const tookMs = performance.now() - began;
    if (tookMs < shortMs) stepMs *= 4;
    else if (tookMs < longMs) stepMs *= 2;
    else stepMs = Math.max(shortestStepMs, stepMs / 2);
  }
  return { ids };
}

/** @returns the newest ids between two instants, or that the statement was ended. */
async function lookBetween(
  session: Session,
  page: Page,
  fromMs: number,
  toMs: number,
  limit: number,
): Promise<string[] | 'too-long'> {
  const { firstId, lastId } = idRange(fromMs, toMs);
  const conditions = ofRecords(page.filter)
    .add('id >= $', firstId)
    .add('id < $', page.beforeId !== undefined && page.beforeId < lastId ? page.beforeId : lastId);
  const text = `select id from log_records ${conditions} order by id desc limit ${conditions.parameter(limit)}`;
  const rows = await session.query<{ id: string }>(statementMs, text, conditions.values);
  return rows === 'too-long' ? rows : rows.map(({ id }) => id);
}

/** One connection for the statements of a search, each of which the server ends when it takes too long. */
export class Session {
  readonly #client: PoolClient;
  #limitMs: number | undefined;

  constructor(client: PoolClient) {
    this.#client = client;
  }

  async query<Row extends object>(ms: number, text: string, values: unknown[]): Promise<Row[] | 'too-long'> {
    const limitMs = Math.ceil(ms);
    try {
      if (this.#limitMs !== limitMs) await this.#client.query(`set statement_timeout = ${limitMs}`);
      this.#limitMs = limitMs;
      return (await this.#client.query<Row>(text, values)).rows;
    } catch (error) {
      if ((error as { code?: string }).code !== '57014') throw error;
      return 'too-long';
    }
  }
}

export async function inSession<Result>(
  pool: Pool,
  work: (session: Session) => Promise<Result>,
): Promise<Result> {
  const client = await pool.connect();
  let broken: Error | undefined;
  const noteBroken = (error: Error) => {
    broken = error;
  };
  client.on('error', noteBroken);
  try {
    return await work(new Session(client));
  } finally {
    await client.query('reset statement_timeout').catch(noteBroken);
    client.off('error', noteBroken);
    client.release(broken);
  }
}
