// What was written to the spool last, still in memory: where records come steadily, it is sent from there, and the disk is not
// asked for what it has just been given.

const mostBytes = 128 * 1024;

interface Piece {
  segment: number;
  /** Offset in the segment. */
  start: number;
  /** Whole frames. */
  bytes: Buffer;
}

export class RecentWrites {
  #pieces: Piece[] = [];
  #bytes = 0;

  add(segment: number, start: number, bytes: Buffer): void {
    // In a flood what is sent was written long before.
    if (bytes.length > mostBytes / 2) {
      this.clear();
      return;
    }
    this.#pieces.push({ segment, start, bytes });
    this.#bytes += bytes.length;
    while (this.#bytes > mostBytes) this.#bytes -= this.#pieces.shift()!.bytes.length;
  }

  /** The segment from `start` to `end`, where a frame begins and one ends; undefined when a part of it is not here. */
  from(segment: number, start: number, end: number): Buffer[] | undefined {
    const found: Buffer[] = [];
    let at = start;
    for (const piece of this.#pieces) {
      const to = piece.start + piece.bytes.length;
      if (piece.segment !== segment || to <= at) continue;
      if (piece.start > at) return undefined;
      found.push(piece.bytes.subarray(at - piece.start));
      at = to;
    }
    return at === end ? found : undefined;
  }

  clear(): void {
    this.#pieces = [];
    this.#bytes = 0;
  }
}
