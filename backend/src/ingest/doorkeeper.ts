// Lets a thing into a cache when it comes for the second time: what comes once would only push others out, and be work for
// the garbage collector. It may forget (two hashes in one place), never grow.

const places = 8192;

export class Doorkeeper {
  readonly #seen = new Int32Array(places);

  /** @param hash of the thing, a whole number. @returns whether it came not long ago. */
  passes(hash: number): boolean {
    const place = hash & (places - 1);
    const mark = (hash | 0) === 0 ? 1 : hash | 0;
    if (this.#seen[place] === mark) return true;
    this.#seen[place] = mark;
    return false;
  }
}

/** A hash of short text (FNV-1a). */
export function hashOfText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}
