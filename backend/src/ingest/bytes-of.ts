// Text -> its UTF-8 bytes, by way of a buffer that is used again: Node measures a text before it writes it, and writes it
// into memory that it gets anew, which for an answer of half a megabyte costs more than making its JSON.

/** Of a text that is longer the bytes are made as ever. */
const mostChars = 1024 * 1024;
/** A UTF-16 unit takes three bytes at most. Only what was ever written takes memory. */
const written = Buffer.allocUnsafeSlow(3 * mostChars);

export function bytesOf(text: string): Buffer {
  if (text.length > mostChars) return Buffer.from(text);
  return Buffer.from(written.subarray(0, written.write(text, 0)));
}
