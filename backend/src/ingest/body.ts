// A request's bytes, plain or compressed -> its plain bytes, never more than the limit, whatever the sender claims: a bomb is
// cut off where it passes the limit.

import type { Readable, Transform } from 'node:stream';
import zlib from 'node:zlib';
import type { FastifyRequest } from 'fastify';
import { Decompress } from 'fzstd';
import { HttpError } from '../http/errors.ts';
import type { Share } from './budget.ts';

/**
 * Reads the whole body.
 * @param maxBytes of the body, compressed and not.
 * @throws {HttpError} 413 too long; 415 a content encoding we do not know; 422 broken; 503 no room for it now.
 */
export async function readBody(
  headers: FastifyRequest['headers'],
  payload: Readable,
  maxBytes: number,
  share: Share,
): Promise<Buffer> {
  const decompress = decompressorOf(headers['content-encoding']);
  if (Number(headers['content-length'] ?? 0) > maxBytes) {
    // Not read here: http/drop-rest.ts reads what is left, and drops it, before the answer goes out.
    throw tooLong(maxBytes);
  }
  const brokenOff = () => new HttpError(400, 'the request was broken off');
  const body = await collect(payload, maxBytes, share, brokenOff);
  return decompress ? decompress(body, maxBytes, share) : body;
}

/** By events: the stream's async iterator costs more than all else that a small request does. */
function collect(
  payload: Readable,
  maxBytes: number,
  share: Share,
  brokenOff: (error?: Error) => HttpError,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let isOver = false;
    const giveUp = (error: Error) => {
      isOver = true;
      chunks.length = 0;
      reject(error);
    };
    // After giving up it goes on reading, and drops what it reads (http/drop-rest.ts says for how long).
    payload.on('data', (chunk: Buffer) => {
      if (isOver) return;
      bytes += chunk.length;
      if (bytes > maxBytes) return giveUp(tooLong(maxBytes));
      try {
        share.take(chunk.length);
      } catch (error) {
        return giveUp(error as Error);
      }
      chunks.push(chunk);
    });
    payload.once('end', () => {
      isOver = true;
      resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks));
    });
    const breakOff = (error?: Error) => {
      if (!isOver) giveUp(brokenOff(error));
    };
    payload.once('error', breakOff);
    payload.once('close', () => breakOff());
  });
}

/** Takes what it gives from the share, piece by piece: what a small body becomes is known only then. */
type Decompressor = (body: Buffer, maxBytes: number, share: Share) => Promise<Buffer>;

function decompressorOf(encoding: string | undefined): Decompressor | undefined {
  switch (encoding?.trim().toLowerCase() ?? '') {
    case '':
    case 'identity':
      return undefined;
    case 'gzip':
    case 'x-gzip':
      return (body, maxBytes, share) => inflate(zlib.createGunzip(), body, maxBytes, share);
    case 'zstd':
      return unzstd;
    default:
      throw new HttpError(415, `Content-Encoding ${encoding} is not known here; send gzip, zstd, or none`);
  }
}

function tooLong(maxBytes: number): HttpError {
  return new HttpError(413, `the body is longer than ${maxBytes} bytes; send fewer records at a time`);
}

async function inflate(inflater: Transform, body: Buffer, maxBytes: number, share: Share): Promise<Buffer> {
  const whole = collect(inflater, maxBytes, share, cannotDecompress);
  inflater.end(body);
  try {
    return await whole;
  } finally {
    // Else it would go on with what is given up.
    inflater.destroy();
  }
}

function cannotDecompress(error?: Error): HttpError {
  const msg = `cannot decompress: ${error?.message ?? 'it has no end'}`;
  return new HttpError(422, [{ loc: ['body'], msg, type: 'value_error' }]);
}

/** Node's own where it has one (22.15 and up), else fzstd. */
const createNative = (zlib as unknown as { createZstdDecompress?: () => Transform }).createZstdDecompress;

const unzstd: Decompressor = async (body, maxBytes, share) => {
  const window = windowBytes(body);
  if (window > maxBytes + 1024) throw tooLong(maxBytes);
  share.take(window);
  try {
    return await (createNative
      ? inflate(createNative(), body, maxBytes, share)
      : unzstdHere(body, maxBytes, share));
  } finally {
    share.take(-window);
  }
};

function unzstdHere(body: Buffer, maxBytes: number, share: Share): Buffer {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const stream = new Decompress((chunk) => {
    bytes += chunk.length;
    if (bytes > maxBytes) throw tooLong(maxBytes);
    share.take(chunk.length);
    chunks.push(Buffer.from(chunk));
  });
  // In small steps: the limits are looked at between blocks, of which each gives at most 128 KiB.
  const step = 64 * 1024;
  try {
    for (let from = 0; from < body.length; from += step)
      stream.push(body.subarray(from, from + step), from + step >= body.length);
  } catch (error) {
    throw error instanceof HttpError ? error : cannotDecompress(error as Error);
  }
  return Buffer.concat(chunks);
}

/** How much memory the first frame asks for (RFC 8878, 3.1.1.1); it would be allocated without asking. */
function windowBytes(body: Buffer): number {
  if (body.length < 6 || body.readUInt32LE(0) !== 0xfd2fb528) return 0;
  const descriptor = body[4]!;
  const isSingleSegment = (descriptor & 0x20) !== 0;
  if (!isSingleSegment) {
    const exponent = body[5]! >> 3;
    const base = 2 ** (10 + exponent);
    return base + (base / 8) * (body[5]! & 7);
  }
  const sizeFlag = descriptor >> 6;
  const at = 5 + [0, 1, 2, 4][descriptor & 3]!;
  if (body.length < at + 8) return 0;
  if (sizeFlag === 0) return body[at]!;
  if (sizeFlag === 1) return body.readUInt16LE(at) + 256;
  if (sizeFlag === 2) return body.readUInt32LE(at);
  return Number(body.readBigUInt64LE(at));
}
