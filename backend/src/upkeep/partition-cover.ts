// Partitions are made a week ahead by upkeep. Should that have failed, or the clock have jumped, ingest makes the missing
// day itself rather than refuse records: a look into memory for each batch, a query once a day.

import { makePartitions, startOfDay } from '../db/partitions.ts';
import type { Pool } from '../db/pool.ts';

/** @returns a function that resolves once the day of `ms` has its partition. */
export function createPartitionCover(pool: Pool): (ms: number) => Promise<void> {
  const covered = new Set<number>();
  return async (ms) => {
    const day = startOfDay(ms);
    if (covered.has(day)) return;
    await makePartitions(pool, day, day);
    covered.add(day);
  };
}
