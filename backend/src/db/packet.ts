// Messages of PostgreSQL's protocol -> one run of bytes. `pg` makes a buffer of its own for each message and measures each
// text before it writes it; for a thousand records that is more work than all else that is done for their statements.
// https://www.postgresql.org/docs/current/protocol-message-formats.html

import { Fields } from './fields.ts';
import type { Parameter, Rows } from './pipeline.ts';

const code = { parse: 0x50, bind: 0x42, describe: 0x44, execute: 0x45, close: 0x43, copyData: 0x64 };
const portalDescription = Buffer.from([code.describe, 0, 0, 0, 6, 0x50, 0]);
const execution = Buffer.from([code.execute, 0, 0, 0, 9, 0, 0, 0, 0, 0]);
const copyEnd = Buffer.from([0x63, 0, 0, 0, 4]);
const syncing = Buffer.from([0x53, 0, 0, 0, 4]);

/** What data of a binary COPY begin with: their mark, no flags, and nothing more. */
const copyHeader = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
/** In place of a row's number of fields. */
const copyTrailer = -1;
/** Bytes of rows in a message, about: the server has memory for a whole one. */
const copyMessageBytes = 64 * 1024;

/** A packet being written. One at a time: all share a buffer, so nothing may be awaited before `take`. */
export class Packet {
  readonly #out = new Fields();

  /** @param name empty: the unnamed statement. */
  parse(name: string, text: string): void {
    const from = this.#begin(code.parse);
    this.#cString(name);
    this.#cString(text);
    this.#out.int16(0);
    this.#end(from);
  }

  bind(name: string, values: readonly Parameter[]): void {
    const out = this.#out;
    const from = this.#beginBind(name);
    out.int16(values.length);
    for (const value of values) out.int16(Buffer.isBuffer(value) ? 1 : 0);
    out.int16(values.length);
    for (const value of values) this.#value(value);
    this.#endBind(from);
  }

  /** @param rows one after the other: what they write are the parameters. */
  bindRows(name: string, { count, columns, write }: Rows): void {
    const out = this.#out;
    const from = this.#beginBind(name);
    // All of them are binary.
    out.int16(1);
    out.int16(1);
    out.int16(count * columns);
    for (let row = 0; row < count; row += 1) write(out, row);
    this.#endBind(from);
  }

  describePortal(): void {
    this.#out.raw(portalDescription);
  }

  execute(): void {
    this.#out.raw(execution);
  }

  closeStatement(name: string): void {
    const from = this.#begin(code.close);
    this.#cString(`S${name}`);
    this.#end(from);
  }

  /** The rows of a `copy … from stdin (format binary)`, and their end. */
  copyRows({ count, columns, write }: Rows): void {
    const out = this.#out;
    let from = this.#begin(code.copyData);
    out.raw(copyHeader);
    for (let row = 0; row < count; row += 1) {
      if (out.length - from > copyMessageBytes) {
        this.#end(from);
        from = this.#begin(code.copyData);
      }
      out.int16(columns);
      write(out, row);
    }
    out.int16(copyTrailer);
    this.#end(from);
    out.raw(copyEnd);
  }

  sync(): void {
    this.#out.raw(syncing);
  }

  /** All that was written, as bytes of their own. */
  take(): Buffer {
    return this.#out.take();
  }

  #begin(type: number): number {
    this.#out.byte(type);
    this.#out.int32(0);
    return this.#out.length - 4;
  }

  /** The length of a message counts itself. */
  #end(from: number): void {
    this.#out.putInt32(this.#out.length - from, from);
  }

  #beginBind(name: string): number {
    const from = this.#begin(code.bind);
    this.#cString('');
    this.#cString(name);
    return from;
  }

  #endBind(from: number): void {
    // All columns come back as text.
    this.#out.int16(0);
    this.#end(from);
  }

  #value(value: Parameter): void {
    const out = this.#out;
    if (Buffer.isBuffer(value)) out.bytea(value);
    else out.text(value === null ? null : String(value));
  }

  #cString(text: string): void {
    this.#out.utf8(text);
    this.#out.byte(0);
  }
}
