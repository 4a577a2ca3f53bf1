// The answer to an HTTP/1.0 request, read by hand: where its body begins, and, should a proxy send chunks all the same,
// the body without them.

/** The status and length of a response's header; undefined while its end has not come. */
export function readHead(bytes: Buffer): { status: number; length: number; chunked: boolean } | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const text = bytes.toString('latin1', 0, end);
  return {
    status: Number(/^HTTP\/1\.\d (\d{3})/.exec(text)?.[1] ?? 0),
    length: end + 4,
    chunked: /\r\ntransfer-encoding: *chunked/i.test(text),
  };
}

type Take = (bytes: Buffer, from: number, to: number) => Promise<void> | undefined;

/** Longest line with a chunk's size and its extensions, in bytes. */
const mostSizeLine = 4096;

/**
 * Takes a body in chunks, in any split, and gives its bytes to `take`.
 * @throws when what stands in place of a chunk's size is none: nothing after it could be told apart.
 */
export function createDechunker(take: Take): Take {
  let left = 0;
  let size = '';
  let ended = false;
  return (bytes, from, to) => {
    let waiting: Promise<void> | undefined;
    for (let at = from; at < to && !ended; ) {
      if (left > 0) {
        const end = Math.min(to, at + left);
        // Several may have to be waited for: each is over only when all before it are.
        const next = take(bytes, at, end);
        if (next && waiting) {
          // While others are waited for, its failure has nobody to handle it.
          next.catch(() => {});
          waiting = waiting.then(() => next);
        } else waiting ??= next;
        left -= end - at;
        at = end;
        continue;
      }
      const byte = bytes[at++]!;
      if (byte !== 0x0a) {
        size += String.fromCharCode(byte);
        if (size.length > mostSizeLine) throw notUnderstood(size);
        continue;
      }
      // An empty line is the end of the chunk before.
      if (size.trim() !== '') {
        if (!/^[\da-f]{1,12}\s*(;|$)/i.test(size)) throw notUnderstood(size);
        left = Number.parseInt(size, 16);
        if (left === 0) ended = true;
      }
      size = '';
    }
    return waiting;
  };
}

function notUnderstood(size: string): Error {
  return new Error(
    `Docker's answer is not understood: ${JSON.stringify(size.slice(0, 40))} is no size of a chunk`,
  );
}
