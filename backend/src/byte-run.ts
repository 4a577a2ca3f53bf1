// Texts and numbers -> one run of bytes, written one after the other into memory that is used again. As texts put together
// they would be written twice, and what is thrown away of them is what the garbage collector has most to do with.

/** Kept between runs, though only what was ever written takes memory; what is larger is made anew. */
const keptBytes = 3 * 1024 * 1024;
const kept = Buffer.allocUnsafeSlow(keptBytes);

/** Texts up to here are written character by character: a call out of JavaScript costs as much as some fifty of them. */
const shortChars = 64;
/** What JSON.stringify escapes: quotes, backslashes, controls, and lone surrogates. */
const escapedInJson = /["\\\u0000-\u001f\ud800-\udfff]/;
const quote = 0x22;
const backslash = 0x5c;

/** A run being written. One at a time: all share a buffer, so nothing may be awaited before `take`. */
export class ByteRun {
  protected bytes = kept;
  protected size = 0;

  get length(): number {
    return this.size;
  }

  byte(value: number): void {
    this.room(1);
    this.bytes[this.size] = value;
    this.size += 1;
  }

  /** The most significant byte first, as all numbers here. */
  int16(value: number): void {
    this.room(2);
    this.bytes[this.size] = value >>> 8;
    this.bytes[this.size + 1] = value;
    this.size += 2;
  }

  /** Only the low 32 bits count. */
  int32(value: number): void {
    this.room(4);
    this.size += 4;
    this.putInt32(value, this.size - 4);
  }

  /** Into what was written already. */
  putInt32(value: number, at: number): void {
    const { bytes } = this;
    bytes[at] = value >>> 24;
    bytes[at + 1] = value >>> 16;
    bytes[at + 2] = value >>> 8;
    bytes[at + 3] = value;
  }

  raw(bytes: Uint8Array): void {
    this.room(bytes.length);
    this.bytes.set(bytes, this.size);
    this.size += bytes.length;
  }

  /** What was written before, once more. */
  again(from: number, to: number): void {
    this.room(to - from);
    this.bytes.copyWithin(this.size, from, to);
    this.size += to - from;
  }

  utf8(text: string): void {
    const { length } = text;
    // A UTF-16 unit takes three bytes at most.
    this.room(length * 3);
    if (length <= shortChars && this.#shortAscii(text)) return;
    this.size += this.bytes.write(text, this.size);
  }

  /** As JSON.stringify writes it: nearly no text has anything to escape. */
  jsonString(text: string): void {
    const { length } = text;
    this.room(length * 3 + 2);
    if (length <= shortChars && this.#shortJson(text)) return;
    if (escapedInJson.test(text)) {
      this.utf8(JSON.stringify(text));
      return;
    }
    this.bytes[this.size] = quote;
    this.size += 1 + this.bytes.write(text, this.size + 1);
    this.bytes[this.size] = quote;
    this.size += 1;
  }

  /** All that was written, as bytes of their own. */
  take(): Buffer {
    const bytes = Buffer.from(this.bytes.subarray(0, this.size));
    this.size = 0;
    this.bytes = kept;
    return bytes;
  }

  /** Makes room for that many bytes more. */
  protected room(more: number): void {
    if (this.size + more <= this.bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.size + more));
    larger.set(this.bytes.subarray(0, this.size));
    this.bytes = larger;
  }

  /** @returns whether it was ASCII; else nothing was written. */
  #shortAscii(text: string): boolean {
    const { bytes, size } = this;
    const { length } = text;
    for (let i = 0; i < length; i += 1) {
      const code = text.charCodeAt(i);
      if (code > 127) return false;
      bytes[size + i] = code;
    }
    this.size = size + length;
    return true;
  }

  /** @returns whether it was ASCII without anything to escape; else nothing was written. */
  #shortJson(text: string): boolean {
    const { bytes } = this;
    const { length } = text;
    const from = this.size + 1;
    for (let i = 0; i < length; i += 1) {
      const code = text.charCodeAt(i);
      if (code < 32 || code > 127 || code === quote || code === backslash) return false;
      bytes[from + i] = code;
    }
    bytes[from - 1] = quote;
    bytes[from + length] = quote;
    this.size = from + length + 1;
    return true;
  }
}
