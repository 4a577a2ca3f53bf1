// Records -> batches that make one alert: records of one container that follow each other closely share a `coalesce_id`
// and are given out together. With `seconds` 0 each goes on at once, alone.

import type { MatchedRecord, Position, Stage, Stream } from '../types.ts';

export interface CoalesceOptions {
  /** A record that comes at most so long after the one before joins it; 0: none does. */
  seconds: number;
  /** Oldest a batch may grow before it is given out. */
  maxSeconds?: number;
  maxEntries?: number;
}

export interface Coalesce extends Stage<MatchedRecord> {
  /** Position of the first line of the oldest record not given out yet. */
  firstPending(stream: Stream): Position | undefined;
}

/**
 * Makes the stage for one container.
 * @param emit gets one batch, in the order of arrival
 */
export function createCoalesce(
  { seconds, maxSeconds = 30, maxEntries = 50 }: CoalesceOptions,
  emit: (records: MatchedRecord[], now: number) => void,
): Coalesce {
  let batch: MatchedRecord[] = [];
  let startedAt = 0;
  let lastAt = 0;

  function flush(now: number): void {
    if (batch.length === 0) return;
    const records = batch;
    batch = [];
    // One record alone is an ordinary alert.
    if (records.length > 1) {
      const id = records[0]!.record.event_id;
      for (const { record } of records) record.coalesce_id = id;
    }
    emit(records, now);
  }

  function tick(now: number): void {
    if (batch.length === 0) return;
    if (now - lastAt > seconds * 1000 || now - startedAt >= maxSeconds * 1000) flush(now);
  }

  return {
    push(record, now) {
      if (seconds <= 0) return emit([record], now);
      tick(now);
      if (batch.length === 0) startedAt = now;
      batch.push(record);
      lastAt = now;
      if (batch.length >= maxEntries) flush(now);
    },
    tick,
    flush,
    isAtRest: () => batch.length === 0,
    firstPending(stream) {
      return batch.find((record) => record.stream === stream)?.first;
    },
  };
}
