// A request's bytes, plain or compressed -> its plain bytes, never more than the limit, whatever the sender claims: a bomb is
// cut off where it passes the limit.

import type { Readable, Transform } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
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

/** Frame by frame: Node's own leaves out what stands behind the first one, and takes half a frame for a whole one. */
const unzstd: Decompressor = async (body, maxBytes, share) => {
  const { windows, frames } = planUnzstd(body, maxBytes);
  share.take(windows);
  try {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for (const { from, to, turns } of frames) {
      const chunk = createNative
        ? await inflate(createNative(), body.subarray(from, to), maxBytes, share)
        : await unzstdHere(body, [from, ...turns, to], maxBytes, share);
      bytes += chunk.length;
      if (bytes > maxBytes) throw tooLong(maxBytes);
      chunks.push(chunk);
    }
    return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
  } finally {
    share.take(-windows);
  }
};

/** @param at where a frame begins, where to pause so that others have their turn, and where it ends. */
async function unzstdHere(
  body: Buffer,
  at: readonly number[],
  maxBytes: number,
  share: Share,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const stream = new Decompress((chunk) => {
    bytes += chunk.length;
    if (bytes > maxBytes) throw tooLong(maxBytes);
    share.take(chunk.length);
    chunks.push(Buffer.from(chunk));
  });
  try {
    for (let n = 1; n < at.length; n += 1) {
      if (n > 1) await nextTurn();
      stream.push(body.subarray(at[n - 1], at[n]), n === at.length - 1);
    }
  } catch (error) {
    throw error instanceof HttpError ? error : cannotDecompress(error as Error);
  }
  return Buffer.concat(chunks);
}

/** What a sender compresses is one frame, or a few; of all windows together, in bodies of the greatest length. */
const mostFrames = 5000;
const mostWindows = 4;
/** fzstd moves a frame's whole window for each of its blocks, some 8 GB/s (measured): two seconds. */
const mostMovedBytes = 16 * 1024 ** 3;
const turnMovedBytes = 64 * 1024 ** 2;
const turnBytes = 64 * 1024;

interface ZstdFrame {
  from: number;
  to: number;
  /** Where to pause: others must not wait long for what a body asks for. */
  turns: number[];
}

/**
 * Looks at the heads of frames and blocks (RFC 8878, 3.1), because a decoder gives each frame the memory that it asks for,
 * in a few bytes, without asking.
 * @returns the frames, and the memory of all of them together.
 * @throws {HttpError} 413 when they ask for too much, 422 when there is something else, or the last one has no end.
 */
function planUnzstd(body: Buffer, maxBytes: number): { windows: number; frames: ZstdFrame[] } {
  const head = Buffer.alloc(18);
  const frames: ZstdFrame[] = [];
  let windows = 0;
  let moved = 0;
  let at = 0;
  while (at < body.length) {
    const from = at;
    // What a short body lacks are zeros.
    body.copy(head.fill(0), 0, at, at + head.length);
    const magic = head.readUInt32LE(0);
    if (magic >>> 4 === 0x184d2a5) {
      at += 8 + head.readUInt32LE(4);
      continue;
    }
    if (magic !== 0xfd2fb528) throw cannotDecompress(new Error('invalid zstd data'));
    const { window, headBytes, hasChecksum } = frameOf(head);
    windows += window;
    if (window > maxBytes + 1024) throw tooLong(maxBytes);
    if (windows > mostWindows * maxBytes || frames.length === mostFrames) throw tooLaborious();
    at += headBytes;
    const turns: number[] = [];
    let turnFrom = at;
    let turnMoved = 0;
    for (let isLast = false; !isLast; ) {
      if (at + 3 > body.length) throw cannotDecompress();
      const block = body.readUIntLE(at, 3);
      isLast = (block & 1) !== 0;
      // A byte that is repeated stands there once.
      at += 3 + ((block & 6) === 2 ? 1 : block >> 3);
      moved += window;
      turnMoved += window;
      if (moved > mostMovedBytes) throw tooLaborious();
      if (isLast || (turnMoved < turnMovedBytes && at - turnFrom < turnBytes)) continue;
      turns.push(at);
      turnFrom = at;
      turnMoved = 0;
    }
    if (hasChecksum) at += 4;
    frames.push({ from, to: at, turns });
  }
  if (at > body.length) throw cannotDecompress();
  return { windows, frames };
}

function tooLaborious(): HttpError {
  return new HttpError(413, 'the body takes too much work to decompress; send fewer zstd frames and blocks');
}

/** @param head the first 18 bytes of a frame. */
function frameOf(head: Buffer): { window: number; headBytes: number; hasChecksum: boolean } {
  const descriptor = head[4]!;
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const sizeFlag = descriptor >> 6;
  const sizeAt = (isSingleSegment ? 5 : 6) + [0, 1, 2, 4][descriptor & 3]!;
  return {
    window: isSingleSegment ? contentBytes(head, sizeAt, sizeFlag) : windowOf(head[5]!),
    headBytes: sizeAt + (sizeFlag === 0 ? Number(isSingleSegment) : 1 << sizeFlag),
    hasChecksum: (descriptor & 4) !== 0,
  };
}

function contentBytes(head: Buffer, at: number, sizeFlag: number): number {
  if (sizeFlag === 0) return head[at]!;
  if (sizeFlag === 1) return head.readUInt16LE(at) + 256;
  if (sizeFlag === 2) return head.readUInt32LE(at);
  return Number(head.readBigUInt64LE(at));
}

function windowOf(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}
