// A filter or an issue -> how many records there were in each step of time, by severity, from the sums.

import type { Histogram } from '@log-detector/contract';
import { firstIdOf } from '../db/partitions.ts';
import type { Pool } from '../db/pool.ts';
import { instantOf } from '../ingest/instant.ts';
import { idRange, type RecordFilter } from './filter.ts';
import { dayMs, hourMs, minuteMs, type Sums } from './sums.ts';

/** Steps that a histogram may have, in milliseconds. */
export const stepsMs = [
  minuteMs,
  5 * minuteMs,
  10 * minuteMs,
  30 * minuteMs,
  hourMs,
  3 * hourMs,
  6 * hourMs,
  12 * hourMs,
  dayMs,
  7 * dayMs,
] as const;

/** A chart has about so many bars; more are drawn when asked for. */
const usualSteps = 150;
export const mostSteps = 1_000;

/** Milliseconds since the epoch; whole steps. */
export interface Range {
  fromMs: number;
  toMs: number;
  stepMs: number;
}

/** The shortest step of which the time has not too many. */
export function stepFor(fromMs: number, toMs: number, shortest: number = minuteMs): number {
  const step = stepsMs.find((ms) => ms >= shortest && (toMs - fromMs) / ms <= usualSteps);
  return step ?? stepsMs.at(-1)!;
}

/** Widened to whole steps. */
export function wholeSteps(fromMs: number, toMs: number, stepMs: number): Range {
  const from = Math.floor(fromMs / stepMs) * stepMs;
  return { fromMs: from, toMs: Math.max(from + stepMs, Math.ceil(toMs / stepMs) * stepMs), stepMs };
}

export async function histogramOf(sums: Sums, filter: RecordFilter, range: Range): Promise<Histogram> {
  const counts = await sums.histogram(filter, range.fromMs, range.toMs, range.stepMs);
  return drawn(range, counts);
}

/** Of an issue: by the hour, and its newest records from their index. Not by severity. */
export async function histogramOfIssue(
  pool: Pool,
  sums: Sums,
  issueIds: readonly string[],
  range: Range,
): Promise<Histogram> {
  const uptoMs = Math.min(range.toMs, Math.max(range.fromMs, await sums.issuesUpto()));
  const { lastId } = idRange(0, range.toMs);
  const { rows } = await pool.query<{ at: string; n: number }>(
    `select hour as at, sum(n) as n
     from issue_sums
     where issue_id = any($1::uuid[]) and hour >= $2 and hour < $3
     group by hour
     union all
     select to_timestamp(floor(extract(epoch from received_at) / 3600) * 3600), count(*)
     from log_records
     where issue_id = any($1::uuid[]) and id >= $4 and id < $5
     group by 1`,
    [issueIds, new Date(range.fromMs), new Date(range.toMs), firstIdOf(uptoMs), lastId],
  );
  const counts = rows.map(({ at, n }) => ({
    atMs: Math.floor(Date.parse(at) / range.stepMs) * range.stepMs,
    n,
  }));
  return drawn(range, counts);
}

/** Every step, those without records too. */
function drawn(range: Range, counts: readonly { atMs: number; severity?: string; n: number }[]): Histogram {
  const items: Histogram['items'] = [];
  for (let atMs = range.fromMs; atMs < range.toMs; atMs += range.stepMs)
    items.push({ at: instantOf(atMs), total: 0, by_severity: {} });
  let total = 0;
  for (const { atMs, severity, n } of counts) {
    const item = items[(atMs - range.fromMs) / range.stepMs];
    if (!item) continue;
    total += n;
    item.total += n;
    if (severity === undefined) continue;
    // Own names alone: senders may call a severity `constructor`.
    const counted = Object.hasOwn(item.by_severity, severity) ? item.by_severity[severity]! : 0;
    item.by_severity[severity] = counted + n;
  }
  return {
    from: instantOf(range.fromMs),
    to: instantOf(range.toMs),
    step_seconds: range.stepMs / 1000,
    total,
    items,
  };
}
