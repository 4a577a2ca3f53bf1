// Records as they lie in the spool -> the JSON array that is sent, built as they are read: no object for each of them, and
// one copy of their bytes.

const open = 0x5b;
const comma = 0x2c;
const close = 0x5d;

/** Records in order, as one JSON array. */
export class SpooledRecords {
  /** UTF-8. */
  readonly array: Buffer;
  /** Where each record's wire form ends in it. */
  readonly #ends: readonly number[];

  constructor(array: Buffer, ends: readonly number[]) {
    this.array = array;
    this.#ends = ends;
  }

  get length(): number {
    return this.#ends.length;
  }

  /** A record's wire form, UTF-8 JSON. @throws RangeError when there is no such record */
  json(index: number): Buffer {
    const end = this.#ends[index];
    if (end === undefined) throw new RangeError(`there is no record ${index} of ${this.length}`);
    return this.array.subarray(this.#startOf(index), end);
  }

  /** Each one's wire form. */
  *[Symbol.iterator](): Generator<Buffer> {
    for (let index = 0; index < this.length; index++) yield this.json(index);
  }

  /** Some of them, in memory of their own. */
  slice(from: number, to: number): SpooledRecords {
    const builder = new SpooledRecordsBuilder(0);
    for (let index = from; index < to; index++) builder.add(this.json(index), 0);
    return builder.build();
  }

  #startOf(index: number): number {
    return index === 0 ? 1 : this.#ends[index - 1]! + 1;
  }
}

export class SpooledRecordsBuilder {
  #array: Buffer;
  #length = 1;
  readonly #ends: number[] = [];

  /** @param bytes that will likely be needed, punctuation left out. */
  constructor(bytes: number) {
    this.#array = Buffer.allocUnsafe(bytes + 2);
    this.#array[0] = open;
  }

  get count(): number {
    return this.#ends.length;
  }

  /** Adds the wire form that `bytes` holds from `from` on. */
  add(bytes: Buffer, from: number): void {
    // A comma before it, and the end behind it.
    const most = this.#length + bytes.length - from + 2;
    if (most > this.#array.length) {
      const larger = Buffer.allocUnsafe(Math.max(most, 2 * this.#array.length));
      this.#array.copy(larger, 0, 0, this.#length);
      this.#array = larger;
    }
    if (this.#ends.length > 0) this.#array[this.#length++] = comma;
    this.#length += bytes.copy(this.#array, this.#length, from);
    this.#ends.push(this.#length);
  }

  build(): SpooledRecords {
    this.#array[this.#length] = close;
    return new SpooledRecords(this.#array.subarray(0, this.#length + 1), this.#ends);
  }
}
