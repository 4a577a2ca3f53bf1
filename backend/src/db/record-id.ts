// Ids. All are UUIDv7, so that they sort by time; a record's also ends in its bucket, so that the id alone tells where
// the record lies (docs/scale-out.md).
//
//   48 bits milliseconds | 4 version | 26 counter, kept ascending within a millisecond (2 variant bits inside) | 36 random | 12 bucket

import { createHash, randomFillSync } from 'node:crypto';

/** The bucket of a source: low 12 bits of sha256(host NUL container). */
export function bucketOf(host: string, container: string): number {
  const source = `${host}\0${container}`;
  let bucket = buckets.get(source);
  if (bucket === undefined) {
    const digest = createHash('sha256').update(source).digest();
    bucket = digest.readUInt16BE(30) & 0xfff;
    if (buckets.size >= 10_000) buckets.clear();
    buckets.set(source, bucket);
  }
  return bucket;
}
const buckets = new Map<string, number>();

/** The bucket that a record's id ends in. */
export function bucketOfId(id: string): number {
  return Number.parseInt(id.slice(-3), 16);
}

/** Milliseconds since the epoch that an id was made at. */
export function timeOfId(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

/** @returns a maker of ids that ascend, as long as one maker makes them, even when the clock steps back. */
export function idMaker(): (nowMs: number, bucket?: number) => string {
  const random = Buffer.alloc(4096);
  let used = random.length;
  let lastMs = 0;
  let counter = 0;
  return (nowMs, bucket) => {
    if (nowMs > lastMs) {
      lastMs = nowMs;
      counter = 0;
    } else if (++counter === 1 << 26) {
      lastMs += 1;
      counter = 0;
    }
    if (used + 6 > random.length) {
      randomFillSync(random);
      used = 0;
    }
    const low = random.readUIntBE(used, 6);
    used += 6;
    const time = lastMs.toString(16).padStart(12, '0');
    const high = (0x7000 | (counter >>> 14)).toString(16);
    const middle = (0x8000 | (counter & 0x3fff)).toString(16);
    const tail = (low - (low % 4096) + (bucket ?? low % 4096)).toString(16).padStart(12, '0');
    return `${time.slice(0, 8)}-${time.slice(8)}-${high}-${middle}-${tail}`;
  };
}

/** Ids for everything that is not a record, and the backend's one maker of them. */
export const newId = idMaker();
