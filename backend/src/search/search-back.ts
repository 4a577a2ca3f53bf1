// Walks back through time until a page is full: each step is one statement between two ids, short at first and longer
// while they are fast. A search that has taken long enough says how far it came, and the next page goes on from there.

import { inTransaction, type Pool } from '../db/pool.ts';
import { comeAgain } from '../http/errors.ts';
import { idRange, ofRecords } from './filter.ts';
import type { Page } from './page.ts';
import { minuteMs } from './sums.ts';

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

/** @throws {HttpError} 503 when not even one minute could be looked at in time. */
export async function searchBack(pool: Pool, page: Page, walk: Walk): Promise<Found> {
  const endAt = walk.endAt ?? performance.now() + searchMs;
  const ids: string[] = [];
  let stepMs = walk.firstStepMs;
  for (let toMs = walk.toMs; toMs > walk.fromMs; ) {
    const began = performance.now();
    if (began > endAt && toMs < walk.toMs) return { ids, searchedToMs: toMs };
    const fromMs = Math.max(walk.fromMs, toMs - stepMs);
    const found = await lookBetween(pool, page, fromMs, toMs, page.limit - ids.length);
    if (found === 'too-long') {
      if (stepMs <= minuteMs)
        throw comeAgain('the search took too long; ask for a shorter time, or for fewer');
      stepMs = Math.max(minuteMs, stepMs / 16);
      continue;
    }
    ids.push(...found);
    if (ids.length === page.limit) return { ids };
    toMs = fromMs;
    const tookMs = performance.now() - began;
    if (tookMs < shortMs) stepMs *= 4;
    else if (tookMs < longMs) stepMs *= 2;
    else stepMs = Math.max(minuteMs, stepMs / 2);
  }
  return { ids };
}

/** @returns the newest ids between two instants, or that the statement was ended. */
async function lookBetween(
  pool: Pool,
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
  const rows = await withinTime<{ id: string }>(pool, statementMs, text, conditions.values);
  return rows === 'too-long' ? rows : rows.map(({ id }) => id);
}

/** Runs a statement that the server ends after `ms`. */
export async function withinTime<Row extends object>(
  pool: Pool,
  ms: number,
  text: string,
  values: unknown[],
): Promise<Row[] | 'too-long'> {
  try {
    return await inTransaction(pool, async (client) => {
      await client.query(`set local statement_timeout = ${Math.ceil(ms)}`);
      const { rows } = await client.query<Row>(text, values);
      return rows;
    });
  } catch (error) {
    if ((error as { code?: string }).code !== '57014') throw error;
    return 'too-long';
  }
}
