// A long body -> text and JSON values, piece by piece. What would surprise: this is for speed alone. Beyond 128 KiB V8 gives
// each text memory of its own and collects garbage for it, which costs seven times what parsing the text does (measured).

import { isAscii } from 'node:buffer';
import { Turn } from '../turn.ts';

/** Of a text made at a time, about: at two bytes a character it is still a small one. */
const pieceBytes = 48 * 1024;

/** The text of a whole body. */
export function textOf(body: Buffer): string {
  return decoded(withoutMark(body));
}

/** Nearly all bodies are ASCII, and are text several times sooner. */
function decoded(bytes: Buffer): string {
  return bytes.toString(isAscii(bytes) ? 'latin1' : 'utf8');
}

/** A byte order mark is no part of the text. */
function withoutMark(bytes: Buffer): Buffer {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes;
}

/** The body in texts of whole lines. */
export function* piecesOfLines(body: Buffer): Generator<string> {
  const bytes = withoutMark(body);
  for (let from = 0; from < bytes.length; ) {
    const end = bytes.indexOf(10, from + pieceBytes);
    const to = end === -1 ? bytes.length : end + 1;
    yield decoded(bytes.subarray(from, to));
    from = to;
  }
}

/**
 * The values of a long array of objects, as JSON.parse gives them. It is cut where `},{` stands; if what comes before a cut
 * is then an array, the cut was between two of its values and not inside one, because JSON is read from left to right.
 * Gives way between the pieces.
 * @returns undefined when it is short, is no array or cannot be cut so: then the whole is to be parsed.
 */
export async function parseArray(body: Buffer, turn = new Turn()): Promise<unknown[] | undefined> {
  if (body.length <= pieceBytes) return undefined;
  const bytes = withoutMark(body);
  let from = 0;
  while (isSpace(bytes[from])) from += 1;
  if (bytes[from] !== 0x5b) return undefined;
  from += 1;
  const values: unknown[] = [];
  try {
    for (;;) {
      const cut = bytes.indexOf('},{', from + pieceBytes);
      const piece = cut === -1 ? bytes.subarray(from) : bytes.subarray(from, cut + 1);
      const text = decoded(piece);
      const parsed: unknown = JSON.parse(cut === -1 ? `[${text}` : `[${text}]`);
      if (!Array.isArray(parsed) || parsed.length === 0) return undefined;
      for (const value of parsed) values.push(value);
      if (cut === -1) return values;
      from = cut + 2;
      if (turn.isOver()) await turn.next();
    }
  } catch {
    return undefined;
  }
}

/** Of JSON. */
function isSpace(byte: number | undefined): boolean {
  return byte === 32 || byte === 10 || byte === 13 || byte === 9;
}
