// Values -> fields as PostgreSQL keeps them: each its length and its bytes. Text it has to read, digit by digit; of a record
// with its six ids and two times that is a quarter of what its COPY costs.
// https://www.postgresql.org/docs/current/protocol-message-formats.html, and the `recv` function of each type

import { ByteRun } from '../byte-run.ts';

/** Of `jsonb_recv`. */
const jsonbVersion = 1;
const microsOfDay = 86_400_000_000;
/** From the first of March of the year 0 to the first of January 2000, from which PostgreSQL counts. */
const daysTo2000 = 730_425;

/** A run of bytes with the fields of rows, or of a bind, among its messages. */
export class Fields extends ByteRun {
  null(): void {
    this.int32(-1);
  }

  /** @param id in any case; its digits are not checked. @throws {RangeError} at another length. */
  uuid(id: string): void {
    if (id.length !== 36) throw new RangeError(`bug: ${id} is no id`);
    this.int32(16);
    this.room(16);
    const { bytes } = this;
    let at = this.size;
    for (let i = 0; i < 36; i += 2) {
      if (i === 8 || i === 13 || i === 18 || i === 23) i += 1;
      bytes[at] = (nibble(id.charCodeAt(i)) << 4) | nibble(id.charCodeAt(i + 1));
      at += 1;
    }
    this.size = at;
  }

  /** `bytea`, of hexadecimal digits; they are not checked. */
  bytea(hex: string): void {
    const length = hex.length >> 1;
    this.int32(length);
    this.room(length);
    const { bytes } = this;
    let at = this.size;
    for (let i = 0; i < length * 2; i += 2) {
      bytes[at] = (nibble(hex.charCodeAt(i)) << 4) | nibble(hex.charCodeAt(i + 1));
      at += 1;
    }
    this.size = at;
  }

  int(value: number): void {
    this.int32(4);
    this.int32(value);
  }

  boolean(value: boolean): void {
    this.int32(1);
    this.byte(value ? 1 : 0);
  }

  /** `text`, or `bytea` of a buffer. */
  textOrBytes(value: string | Buffer): void {
    const from = this.#begin();
    if (typeof value === 'string') this.text(value);
    else this.raw(value);
    this.#end(from);
  }

  /** @param json its text. */
  jsonb(json: string): void {
    const from = this.#begin();
    this.byte(jsonbVersion);
    this.text(json);
    this.#end(from);
  }

  /** @param instant as instant.ts writes it: `2026-11-22T10:00:00.123456Z`. @throws {RangeError} in another form. */
  timestamptz(instant: string): void {
    if (instant.length !== 27 || instant.charCodeAt(10) !== 0x54 || instant.charCodeAt(26) !== 0x5a)
      throw new RangeError(`bug: ${instant} is not in the one form of instants`);
    const two = (at: number) => instant.charCodeAt(at) * 10 + instant.charCodeAt(at + 1) - 528;
    const days = daysFrom2000(two(0) * 100 + two(2), two(5), two(8));
    const seconds = two(11) * 3600 + two(14) * 60 + two(17);
    const micros = seconds * 1e6 + two(20) * 10_000 + two(22) * 100 + two(24);
    this.int32(8);
    // Beyond the year 2273 they are more than a number holds exactly.
    if (Math.abs(days) < 100_000) {
      const all = days * microsOfDay + micros;
      this.int32(Math.floor(all / 2 ** 32));
      this.int32(all);
      return;
    }
    this.room(8);
    this.bytes.writeBigInt64BE(BigInt(days) * BigInt(microsOfDay) + BigInt(micros), this.size);
    this.size += 8;
  }

  #begin(): number {
    this.int32(0);
    return this.size;
  }

  #end(from: number): void {
    this.putInt32(this.size - from, from - 4);
  }
}

/** Of a hexadecimal digit's code. */
function nibble(code: number): number {
  return (code & 15) + 9 * (code >> 6);
}

/**
 * Days of the Gregorian calendar, from the first of January 2000; months begin with 1. Counted in years that begin with
 * March, in eras of 400 of them: https://howardhinnant.github.io/date_algorithms.html#days_from_civil
 */
function daysFrom2000(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - daysTo2000;
}
