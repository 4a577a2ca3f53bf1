// The segments there are, oldest first, and up to where they are acknowledged: what waits, how much, and since when.

import type { Batch } from './batch-reader.ts';
import type { Place } from './frames.ts';
import { comparePlaces, type Segment } from './segment.ts';

export class Backlog {
  readonly segments: Segment[];
  #acknowledged: Place;
  /** A new place that is not written yet. */
  #isMoved = false;

  constructor(segments: Segment[], acknowledged: Place) {
    this.segments = segments;
    this.#acknowledged = acknowledged;
  }

  /** A new object each time that it moves. */
  get acknowledged(): Place {
    return this.#acknowledged;
  }

  get isMoved(): boolean {
    return this.#isMoved;
  }

  /** This place is in the file now. */
  written(place: Place): void {
    if (this.#acknowledged === place) this.#isMoved = false;
  }

  move(place: Place): void {
    this.#acknowledged = place;
    this.#isMoved = true;
  }

  /** @returns false when there is nothing left of the batch, because its segments were dropped. */
  acknowledge(batch: Batch): boolean {
    if (comparePlaces(batch.end, this.#acknowledged) <= 0) return false;
    const byNumber = new Map(this.segments.map((segment) => [segment.number, segment]));
    for (const [number, tally] of batch.tallies)
      for (const count of tally.values()) byNumber.get(number)?.remove(count);
    for (const { segment } of batch.holes) byNumber.get(segment)?.holes.shift();
    this.move(batch.end);
    return true;
  }

  /** At the end of a segment that is not the last is at the beginning of the next. */
  settle(): void {
    const { segment, offset } = this.#acknowledged;
    const index = this.segments.findIndex(({ number }) => number >= segment);
    const at = this.segments[index];
    const next = this.segments[index + 1];
    if (!at) return;
    if (at.number > segment) this.move({ segment: at.number, offset: 0 });
    else if (offset >= at.length && next) this.move({ segment: next.number, offset: 0 });
    else return;
    this.settle();
  }

  /** Segments of which nothing waits, and whose cursors a later one has. */
  acknowledgedSegments(): Segment[] {
    return this.segments.filter(({ number }) => number < this.#acknowledged.segment);
  }

  /** Takes the segment out, as if it were acknowledged. @param nextNumber of the segment that will be begun next. */
  skip(segment: Segment, nextNumber: number): void {
    const next = this.segments[this.segments.indexOf(segment) + 1]?.number ?? nextNumber;
    this.takeOut(segment);
    if (this.#acknowledged.segment <= segment.number) this.move({ segment: next, offset: 0 });
  }

  takeOut(segment: Segment): void {
    const index = this.segments.indexOf(segment);
    if (index >= 0) this.segments.splice(index, 1);
  }

  /** On disk. */
  bytes(): number {
    return this.segments.reduce((sum, { fileBytes }) => sum + fileBytes, 0);
  }

  /** Not acknowledged, as all that follows. */
  records(): number {
    return this.segments.reduce((sum, { records }) => sum + records, 0);
  }

  holes(): number {
    return this.segments.reduce((sum, { holes }) => sum + holes.length, 0);
  }

  isEmpty(): boolean {
    return this.segments.every(({ records, holes }) => records + holes.length === 0);
  }

  /** Whether there is more than what a new segment begins with. */
  holdsMoreThanCursors(): boolean {
    return this.bytes() > (this.segments.at(-1)?.headBytes ?? 0);
  }

  /** About when the oldest record was printed. */
  oldestAt(): string | undefined {
    const oldest = this.segments.find(({ records }) => records > 0);
    return [...(oldest?.backlog.values() ?? [])].map(({ from }) => from).sort()[0];
  }

  /** Whether there is enough for a batch of these bounds. */
  fills({ maxRecords, maxBytes }: { maxRecords: number; maxBytes: number }): boolean {
    let bytes = -this.#acknowledged.offset;
    let records = 0;
    for (const segment of this.segments) {
      bytes += segment.length;
      records += segment.records;
      if (records >= maxRecords || bytes >= maxBytes) return true;
    }
    return false;
  }
}
