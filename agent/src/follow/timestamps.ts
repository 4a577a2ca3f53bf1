// Docker's timestamps: the text in front of every line, and the texts of its API -> 30 characters in UTC, so that
// comparing the texts compares the instants. Surprise: the `local` driver writes the daemon's own zone (`+01:00`), and
// files and API trim or pad the fraction differently.

/** Characters of a timestamp in its one form, `2026-11-22T10:00:00.123456789Z`. */
export const stampLength = 30;

const dot = 0x2e;
const zed = 0x5a;
const space = 0x20;
const tee = 0x54;
const dash = 0x2d;

/** Whether the bytes at `from` are a timestamp in its one form and a space: 31 bytes, checked at the places that tell. */
export function isStamp(bytes: Uint8Array, from: number, to: number): boolean {
  return (
    to - from > stampLength &&
    bytes[from + 30] === space &&
    bytes[from + 29] === zed &&
    bytes[from + 19] === dot &&
    bytes[from + 10] === tee &&
    bytes[from + 4] === dash
  );
}

/** The timestamp in front of a line, in its one form, and the offset at which the text begins; undefined when there is none. */
export function readStamp(bytes: Buffer, from: number, to: number): { at: string; text: number } | undefined {
  if (isStamp(bytes, from, to)) {
    return { at: bytes.toString('latin1', from, from + stampLength), text: from + stampLength + 1 };
  }
  // 35 characters with a zone and nine digits; a line without text may lack the space.
  const head = bytes.toString('latin1', from, Math.min(to, from + 36));
  const end = head.indexOf(' ');
  const word = end < 0 ? head.trimEnd() : head.slice(0, end);
  const at = toStamp(word);
  return at === undefined ? undefined : { at, text: from + (end < 0 ? word.length : end + 1) };
}

const rfc3339 = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/;

/** Any RFC 3339 text -> the one form; undefined when it is none. */
export function toStamp(text: string): string | undefined {
  const [, seconds, fraction = '', zone] = rfc3339.exec(text) ?? [];
  if (seconds === undefined) return undefined;
  const tail = `.${fraction.padEnd(9, '0')}Z`;
  if (zone === 'Z') return seconds + tail;
  const ms = Date.parse(seconds + zone);
  return Number.isNaN(ms) ? undefined : new Date(ms).toISOString().slice(0, 19) + tail;
}

/** Milliseconds since the epoch -> the one form. */
export function stampOf(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 23)}000000Z`;
}

/** Nanoseconds since the epoch, as events carry them -> the one form. */
export function stampOfNanos(nanos: bigint): string {
  const fraction = (nanos % 1_000_000_000n).toString().padStart(9, '0');
  return `${new Date(Number(nanos / 1_000_000_000n) * 1000).toISOString().slice(0, 19)}.${fraction}Z`;
}

/** Milliseconds since the epoch; what is finer is cut off. */
export function msOf(at: string): number {
  return Date.parse(`${at.slice(0, 23)}Z`);
}

/** From one to the other, in ms, to the nanosecond. */
export function msBetween(from: string, to: string): number {
  const nanosOf = (at: string) => Number(at.slice(23, 29));
  return msOf(to) - msOf(from) + (nanosOf(to) - nanosOf(from)) / 1_000_000;
}

/** The same instant moved by whole seconds. */
export function moved(at: string, seconds: number): string {
  const ms = Date.parse(`${at.slice(0, 19)}Z`) + seconds * 1000;
  return new Date(Math.max(0, ms)).toISOString().slice(0, 19) + at.slice(19);
}

/** The begin of its second. */
export function wholeSecond(at: string): string {
  return `${at.slice(0, 19)}.000000000Z`;
}

/** The next nanosecond. */
export function nextInstant(at: string): string {
  const nanos = Number(at.slice(20, 29)) + 1;
  if (nanos === 1_000_000_000) return `${moved(at, 1).slice(0, 19)}.000000000Z`;
  return `${at.slice(0, 20)}${String(nanos).padStart(9, '0')}Z`;
}

/** Milliseconds since midnight of the timestamp at `from`: only bytes are read, so that it is cheap enough for every line. */
export function msOfDay(bytes: Uint8Array, from: number): number {
  const two = (at: number) => (bytes[from + at]! - 48) * 10 + (bytes[from + at + 1]! - 48);
  return ((two(11) * 60 + two(14)) * 60 + two(17)) * 1000 + two(20) * 10 + (bytes[from + 22]! - 48);
}

/** As `since` and `until` want it: unix seconds and nine digits of fraction. An RFC 3339 text is answered with 400. */
export function unixTime(at: string): string {
  const seconds = Date.parse(`${at.slice(0, 19)}Z`) / 1000;
  return seconds > 0 ? `${seconds}.${at.slice(20, 29)}` : '0';
}
