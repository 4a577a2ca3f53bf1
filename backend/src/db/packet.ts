// Messages of PostgreSQL's protocol -> one run of bytes, written one after the other into a buffer that is used again. `pg`
// makes a buffer of its own for each message and measures each text before it writes it; for a thousand records that is
// more work than all else that is done for their statements.
// https://www.postgresql.org/docs/current/protocol-message-formats.html

import type { Parameter } from './pipeline.ts';

/** Kept between packets, though only what was ever written takes memory; what is larger is made anew. */
const keptBytes = 2 * 1024 * 1024;
const kept = Buffer.allocUnsafeSlow(keptBytes);

const code = { parse: 0x50, bind: 0x42, describe: 0x44, execute: 0x45, close: 0x43, copyData: 0x64 };
const portalDescription = Buffer.from([code.describe, 0, 0, 0, 6, 0x50, 0]);
const execution = Buffer.from([code.execute, 0, 0, 0, 9, 0, 0, 0, 0, 0]);
const copyEnd = Buffer.from([0x63, 0, 0, 0, 4]);
const syncing = Buffer.from([0x53, 0, 0, 0, 4]);

/** A packet being written. One at a time: all share a buffer, so nothing may be awaited before `take`. */
export class Packet {
  #bytes = kept;
  #length = 0;

  /** @param name empty: the unnamed statement. */
  parse(name: string, text: string): void {
    const from = this.#begin(code.parse);
    this.#cString(name);
    this.#cString(text);
    this.#int16(0);
    this.#end(from);
  }

  bind(name: string, values: readonly Parameter[]): void {
    const from = this.#begin(code.bind);
    this.#cString('');
    this.#cString(name);
    this.#int16(values.length);
    for (const value of values) this.#int16(Buffer.isBuffer(value) ? 1 : 0);
    this.#int16(values.length);
    for (const value of values) this.#value(value);
    // All columns come back as text.
    this.#int16(0);
    this.#end(from);
  }

  describePortal(): void {
    this.#raw(portalDescription);
  }

  execute(): void {
    this.#raw(execution);
  }

  closeStatement(name: string): void {
    const from = this.#begin(code.close);
    this.#cString(`S${name}`);
    this.#end(from);
  }

  copyData(text: string): void {
    const from = this.#begin(code.copyData);
    this.#text(text);
    this.#end(from);
  }

  copyDone(): void {
    this.#raw(copyEnd);
  }

  sync(): void {
    this.#raw(syncing);
  }

  /** All that was written, as bytes of their own. */
  take(): Buffer {
    const bytes = Buffer.from(this.#bytes.subarray(0, this.#length));
    this.#length = 0;
    this.#bytes = kept;
    return bytes;
  }

  #begin(type: number): number {
    this.#ensure(5);
    this.#bytes[this.#length] = type;
    this.#length += 5;
    return this.#length - 4;
  }

  /** The length of a message counts itself. */
  #end(from: number): void {
    this.#putInt32(this.#length - from, from);
  }

  #value(value: Parameter): void {
    this.#ensure(4);
    const from = this.#length;
    this.#length += 4;
    if (Buffer.isBuffer(value)) this.#raw(value);
    else if (value !== null) this.#text(typeof value === 'string' ? value : String(value));
    this.#putInt32(value === null ? -1 : this.#length - from - 4, from);
  }

  #cString(text: string): void {
    this.#text(text);
    this.#ensure(1);
    this.#bytes[this.#length] = 0;
    this.#length += 1;
  }

  #text(text: string): void {
    // A UTF-16 unit takes three bytes at most.
    this.#ensure(text.length * 3);
    this.#length += this.#bytes.write(text, this.#length);
  }

  #raw(bytes: Buffer): void {
    this.#ensure(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #int16(value: number): void {
    this.#ensure(2);
    const bytes = this.#bytes;
    bytes[this.#length] = value >>> 8;
    bytes[this.#length + 1] = value;
    this.#length += 2;
  }

  #putInt32(value: number, at: number): void {
    const bytes = this.#bytes;
    bytes[at] = value >>> 24;
    bytes[at + 1] = value >>> 16;
    bytes[at + 2] = value >>> 8;
    bytes[at + 3] = value;
  }

  #ensure(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#length + more));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}
