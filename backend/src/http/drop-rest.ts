// A request that is refused before its body was read: what is left of the body is read and dropped, and only then the answer
// goes out. Many senders look for an answer only when all is sent; answered early, they see a broken connection and not why.

import type { IncomingMessage } from 'node:http';

/** Beyond it the answer goes out at once, whether the sender sees it or not. */
const mostDroppedBytes = 256 * 1024 * 1024;

/** Whether a part of the request's body is still to come, or to be read. */
export function hasRest({ headers, readableEnded, destroyed, complete }: IncomingMessage): boolean {
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
  return hasBody && complete === false && !readableEnded && !destroyed;
}

/** Resolves when the body has come to its end or is longer than anybody sends. It never rejects; the server's clock ends it. */
export function dropRest(request: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    let dropped = 0;
    const done = () => {
      request.off('data', drop).off('end', done).off('close', done);
      resolve();
    };
    const drop = (chunk: Buffer) => {
      dropped += chunk.length;
      if (dropped > mostDroppedBytes) done();
    };
    request.on('data', drop).once('end', done).once('close', done);
    request.resume();
  });
}
