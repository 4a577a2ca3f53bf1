// Values -> fields as PostgreSQL keeps them: each its length and its bytes. Text it has to read, digit by digit; of a record
// with its six ids and two times that is a quarter of what its COPY costs.
// https://www.postgresql.org/docs/current/protocol-message-formats.html, and the `recv` function of each type

import { ByteRun } from '../byte-run.ts';

/** Of `jsonb_recv`. */
const jsonbVersion = 1;
/** 400 years, after which the calendar repeats itself, behind the begin of 2000, from which PostgreSQL counts. */
const year2400 = Date.UTC(2400, 0);

/** A run of bytes with the fields of rows, or of a bind, among its messages. */
export class Fields extends ByteRun {
  null(): void {
    this.int32(-1);
  }

  /** @param id in any case; its digits are not checked. @throws {RangeError} at another length. */
  uuid(id: string | null): void {
    if (id === null) return void this.null();
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

  /**
   * A uuid of sixteen bytes: those of `mark`, each xor its own of those that `hex` begins with, whose digits are not checked.
   * @throws {RangeError} where `hex` is shorter.
   */
  uuidOfBoth(mark: Uint8Array, hex: string): void {
    if (hex.length < 32) throw new RangeError(`bug: ${hex} has no sixteen bytes`);
    this.int32(16);
    this.room(16);
    const { bytes, size } = this;
    for (let i = 0; i < 16; i += 1) {
      const byte = (nibble(hex.charCodeAt(2 * i)) << 4) | nibble(hex.charCodeAt(2 * i + 1));
      bytes[size + i] = mark[i]! ^ byte;
    }
    this.size += 16;
  }

  bytea(value: Buffer): void {
    this.int32(value.length);
    this.raw(value);
  }

  int(value: number): void {
    this.int32(4);
    this.int32(value);
  }

  boolean(value: boolean): void {
    this.int32(1);
    this.byte(value ? 1 : 0);
  }

  text(value: string | null): void {
    if (value === null) return void this.null();
    this.int32(0);
    const from = this.size;
    this.utf8(value);
    this.putInt32(this.size - from, from - 4);
  }

  /** @param json its text. */
  jsonb(json: string | null): void {
    if (json === null) return void this.null();
    this.int32(0);
    const from = this.size;
    this.byte(jsonbVersion);
    this.utf8(json);
    this.putInt32(this.size - from, from - 4);
  }

  /** @param instant as instant.ts writes it: `2026-11-22T10:00:00.123456Z`. @throws {RangeError} in another form. */
  timestamptz(instant: string | null): void {
    if (instant === null) return void this.null();
    if (instant.length !== 27 || instant.charCodeAt(10) !== 0x54 || instant.charCodeAt(26) !== 0x5a)
      throw new RangeError(`bug: ${instant} is not in the one form of instants`);
    const two = (at: number) => instant.charCodeAt(at) * 10 + instant.charCodeAt(at + 1) - 528;
    // `Date.UTC` takes the years before 100 for those of the twentieth century.
    const year = two(0) * 100 + two(2);
    const ms = Date.UTC(year + 400, two(5) - 1, two(8), two(11), two(14), two(17)) - year2400;
    const microsInSecond = two(20) * 10_000 + two(22) * 100 + two(24);
    const micros = ms * 1000 + microsInSecond;
    this.int32(8);
    if (Number.isSafeInteger(micros)) {
      this.int32(Math.floor(micros / 2 ** 32));
      this.int32(micros);
      return;
    }
    this.room(8);
    this.bytes.writeBigInt64BE(BigInt(ms) * 1000n + BigInt(microsInSecond), this.size);
    this.size += 8;
  }
}

/** Of a hexadecimal digit's code. */
function nibble(code: number): number {
  return (code & 15) + 9 * (code >> 6);
}
