// Records, counted by container: how many, and from when to when. That is all the spool remembers of them, so that none of
// them has to stay in memory for it, and enough to declare them a hole.

import type { MatchedRecord } from '../types.ts';

/** Some records of one container. */
export interface Count {
  /** Empty when the writer did not know it. */
  containerId: string;
  container: string;
  /** The earliest time of a first line, and the latest of a last one, as in `Position.at`. */
  from: string;
  to: string;
  records: number;
}

export type Tally = Map<string, Count>;

export function addTo(tally: Tally, { containerId, container, from, to, records }: Count): void {
  const key = containerId || container;
  const known = tally.get(key);
  if (!known) {
    tally.set(key, { containerId, container, from, to, records });
    return;
  }
  known.records += records;
  if (from < known.from) known.from = from;
  if (to > known.to) known.to = to;
}

export function addAll(tally: Tally, records: readonly MatchedRecord[]): void {
  for (const { containerId = '', first, last, record } of records)
    addTo(tally, { containerId, container: record.container, from: first.at, to: last.at, records: 1 });
}
