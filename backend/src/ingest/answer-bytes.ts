// The results of a batch -> the bytes of its answer, in a buffer that is used again. Never as one text: beyond 128 KiB V8 gives
// a text memory of its own, and that costs more than making and writing it (ingest/pieces.ts).

import type { BatchResult } from '@log-detector/contract';
import { recordJson } from '../http/record-answer.ts';

/** Kept between answers, though only what was ever written takes memory; what is larger is made anew. */
const kept = Buffer.allocUnsafeSlow(3 * 1024 * 1024);
/** Of a text written at a time, about. */
const pieceChars = 16 * 1024;

/** `{"items":[…]}` */
export function answerBytes(results: readonly BatchResult[]): Buffer {
  let bytes = kept;
  let length = 0;
  const write = (text: string) => {
    // A UTF-16 unit takes three bytes at most.
    const most = length + text.length * 3;
    if (most > bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(most, bytes.length * 2));
      larger.set(bytes.subarray(0, length));
      bytes = larger;
    }
    length += bytes.write(text, length);
  };
  let piece = '{"items":[';
  for (let i = 0; i < results.length; i += 1) {
    const result = results[i]!;
    piece += `${i > 0 ? ',' : ''}${'message' in result ? recordJson(result) : JSON.stringify(result)}`;
    if (piece.length < pieceChars) continue;
    write(piece);
    piece = '';
  }
  write(`${piece}]}`);
  return Buffer.from(bytes.subarray(0, length));
}
