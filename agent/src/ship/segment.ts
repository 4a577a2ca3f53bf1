// What is known of one segment file without reading it again.

import { join } from 'node:path';
import type { Hole } from '../types.ts';
import { addTo, type Count } from './tally.ts';

export class Segment {
  readonly number: number;
  readonly path: string;
  /** Offset up to which it holds whole frames that count. */
  length = 0;
  headBytes = 0;
  /** Size of the file, which may have a damaged end. */
  fileBytes = 0;
  /** Of what is not acknowledged. */
  records = 0;
  /** What is not acknowledged, by container: `from` where that begins. */
  readonly backlog = new Map<string, Count>();
  /** Holes in it that are not acknowledged, in order. */
  readonly holes: Hole[] = [];

  constructor(dir: string, number: number) {
    this.number = number;
    this.path = join(dir, segmentName(number));
  }

  /** Records were written. */
  add(count: Count): void {
    this.records += count.records;
    addTo(this.backlog, count);
  }

  /** Records were acknowledged. */
  remove({ containerId, container, to, records }: Count): void {
    const key = containerId || container;
    const known = this.backlog.get(key);
    if (!known) return;
    this.records -= records;
    known.records -= records;
    // Two streams' times may stand in any order.
    if (to > known.from && to <= known.to) known.from = to;
    if (known.records === 0) this.backlog.delete(key);
  }

  /** What is lost when the segment goes. */
  asHoles(reason: Hole['reason'], detail: string): Hole[] {
    const lost = [...this.backlog.values()].map((backlog) => ({ ...backlog, reason, detail }));
    return [...this.holes, ...lost];
  }
}

export function segmentName(number: number): string {
  return `${String(number).padStart(16, '0')}.seg`;
}

/** @returns the number of a segment file, or undefined for any other file. */
export function segmentNumber(name: string): number | undefined {
  const number = /^(\d{16})\.seg$/.exec(name)?.[1];
  return number === undefined ? undefined : Number(number);
}

/** Joins the holes that a full spool made in one container's records, so that a long time of it stays one hole. */
export function joinFullHoles(holes: readonly Hole[]): Hole[] {
  const joined = new Map<string, Hole>();
  const others: Hole[] = [];
  for (const hole of holes) {
    if (hole.reason !== 'spool-full') {
      others.push(hole);
      continue;
    }
    const key = hole.containerId || hole.container;
    const known = joined.get(key) ?? { ...hole, records: 0 };
    const [from = hole.from] = [known.from, hole.from].sort();
    const [to = hole.to] = [known.to, hole.to].sort().reverse();
    joined.set(key, { ...known, from, to, records: (known.records ?? 0) + (hole.records ?? 0) });
  }
  return [...others, ...joined.values()];
}

/** Negative when `a` comes before `b`. */
export function comparePlaces(
  a: { segment: number; offset: number },
  b: { segment: number; offset: number },
): number {
  return a.segment - b.segment || a.offset - b.offset;
}
