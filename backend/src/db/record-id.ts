// Ids. All are UUIDv7, so that they sort by time; a record's also ends in its bucket, so that the id alone tells where
// the record lies (docs/scale-out.md).
//
//   48 bits milliseconds | 4 version | 26 counter, kept ascending within a millisecond (2 variant bits inside) | 36 random | 12 bucket

import { createHash, randomFillSync } from 'node:crypto';
import { steady } from './clock.ts';

/** What is told of a host and a container by the SHA-256 of both, a NUL between them. */
interface Source {
  /** Its low 12 bits. */
  bucket: number;
  /** Its first 128 bits. */
  mark: Uint8Array;
}

/** The bucket of a source: low 12 bits of sha256(host NUL container). */
export function bucketOf(host: string, container: string): number {
  return sourceOf(host, container).bucket;
}

/** Sixteen bytes that tell a source from every other one: the first of sha256(host NUL container). Not to be changed. */
export function markOf(host: string, container: string): Uint8Array {
  return sourceOf(host, container).mark;
}

function sourceOf(host: string, container: string): Source {
  // Most records come after one of the same source.
  if (host === latest.host && container === latest.container) return latest.source;
  const name = `${host}\0${container}`;
  let source = sources.get(name);
  if (!source) {
    const digest = createHash('sha256').update(name).digest();
    source = { bucket: digest.readUInt16BE(30) & 0xfff, mark: digest.subarray(0, 16) };
    if (sources.size >= 10_000) sources.clear();
    sources.set(name, source);
  }
  latest = { host, container, source };
  return source;
}
const sources = new Map<string, Source>();
let latest: { host?: string; container?: string; source: Source } = {
  source: { bucket: 0, mark: new Uint8Array(16) },
};

/** The bucket that a record's id ends in. */
export function bucketOfId(id: string): number {
  return Number.parseInt(id.slice(-3), 16);
}

/** Milliseconds since the epoch that an id was made at. */
export function timeOfId(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

/**
 * @returns a maker of ids that ascend, as long as one maker makes them, even when the clock steps back a little. One that ran
 * far ahead and is set right is followed back: an id tells when something was, and lists go by that.
 */
export function idMaker(): (nowMs: number, bucket?: number) => string {
  const random = Buffer.alloc(3072);
  /** Random bytes in hexadecimal, of which each id takes twelve digits. */
  let digits = '';
  let used = 0;
  let lastMs = 0;
  let time = '';
  let counter = 0;
  return (nowMs, bucket) => {
    const ms = steady(nowMs, lastMs);
    if (ms !== lastMs || ++counter === 1 << 26) {
      lastMs = ms === lastMs ? lastMs + 1 : ms;
      counter = 0;
      const hex = lastMs.toString(16).padStart(12, '0');
      time = `${hex.slice(0, 8)}-${hex.slice(8)}-`;
    }
    if (used === digits.length) {
      digits = randomFillSync(random).toString('hex');
      used = 0;
    }
    const high = (0x7000 | (counter >>> 14)).toString(16);
    const middle = (0x8000 | (counter & 0x3fff)).toString(16);
    const low = bucket === undefined ? digits.slice(used + 9, used + 12) : hexOfBucket(bucket);
    const id = `${time}${high}-${middle}-${digits.slice(used, used + 9)}${low}`;
    used += 12;
    return id;
  };
}

function hexOfBucket(bucket: number): string {
  return (0x1000 | bucket).toString(16).slice(1);
}

/** Ids for everything that is not a record, and the backend's one maker of them. */
export const newId = idMaker();
