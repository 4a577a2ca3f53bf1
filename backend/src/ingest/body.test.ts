import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { comeAgain } from '../http/errors.ts';
import { readBody } from './body.ts';
import { Share } from './budget.ts';

const mebibyte = 1024 * 1024;

/** Blocks of 128 KiB, each a byte that is repeated (RFC 8878, 3.1.1.2), in a frame that asks for as much memory. */
function zstdBomb(bytes: number): Buffer {
  const blockBytes = 128 * 1024;
  const blocks = Array.from({ length: bytes / blockBytes }, (_, n) => {
    const isLast = (n + 1) * blockBytes === bytes ? 1 : 0;
    const block = Buffer.from([0, 0, 0, 0x20]);
    block.writeUIntLE((blockBytes << 3) | (1 << 1) | isLast, 0, 3);
    return block;
  });
  return Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 7 << 3]), ...blocks]);
}

describe.each([
  ['gzip', (bytes: number) => gzipSync(Buffer.alloc(bytes, ' '))],
  ['zstd', zstdBomb],
])('a small body that becomes a large one, %s', (encoding, make) => {
  const body = make(8 * mebibyte);
  const read = (share: Share, maxBytes = 16 * mebibyte) =>
    readBody({ 'content-encoding': encoding }, Readable.from([body]), maxBytes, share);

  it('is counted piece by piece while it grows', async () => {
    const taken: number[] = [];
    const whole = await read(new Share((bytes) => taken.push(bytes)));
    expect(whole.equals(Buffer.alloc(8 * mebibyte, ' '))).toBe(true);
    expect(taken.reduce((sum, bytes) => sum + bytes, 0)).toBe(body.length + whole.length);
    expect(Math.max(...taken)).toBeLessThan(mebibyte);
  });

  it('grows no further when there is no room for more', async () => {
    let asked = 0;
    const share = new Share((bytes) => {
      asked += bytes;
      if (asked > mebibyte) throw comeAgain('no room');
    });
    await expect(read(share)).rejects.toMatchObject({ status: 503 });
    expect(asked).toBeLessThan(2 * mebibyte);
  });

  it('is cut off at the limit', async () => {
    await expect(read(new Share(() => {}), 4 * mebibyte)).rejects.toMatchObject({ status: 413 });
  });
});

describe('a zstd body', () => {
  const gibibyte = 20 << 3;
  /** A frame that asks for a window, with blocks of one space each. */
  function frame(window: number, blocks = 1): Buffer {
    const each = Array.from({ length: blocks }, (_, n) => {
      const block = Buffer.from([0, 0, 0, 0x20]);
      block.writeUIntLE((1 << 3) | (1 << 1) | Number(n === blocks - 1), 0, 3);
      return block;
    });
    return Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, window]), ...each]);
  }
  const skippable = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 0]);
  const read = (body: Buffer, share = new Share(() => {})) =>
    readBody({ 'content-encoding': 'zstd' }, Readable.from([body]), 16 * mebibyte, share);

  it.each([
    ['for memory in its first frame', frame(gibibyte)],
    ['for memory in a frame behind another', Buffer.concat([frame(0), frame(gibibyte)])],
    ['for memory behind what is to be skipped', Buffer.concat([skippable, frame(gibibyte)])],
    ['for memory again and again', Buffer.concat(Array.from({ length: 5 }, () => frame(14 << 3)))],
    ['for its memory to be moved again and again', frame(14 << 3, 1100)],
    ['for as many frames as fit', Buffer.concat(Array.from({ length: 5001 }, () => frame(0)))],
  ])('is refused that is small and asks for much: %s', async (_which, body) => {
    await expect(read(body)).rejects.toMatchObject({ status: 413 });
  });

  it.each([
    ['breaks off', frame(0, 3).subarray(0, -2)],
    ['breaks off behind a whole frame', Buffer.concat([frame(0), frame(0).subarray(0, -4)])],
    ['has something else behind it', Buffer.concat([frame(0), Buffer.from('{"host":"h"}')])],
  ])('is refused, and nothing of it stored, when it %s', async (_which, body) => {
    await expect(read(body)).rejects.toMatchObject({ status: 422 });
  });

  it('is read to its end, however many frames it has', async () => {
    const text = await read(Buffer.concat([skippable, frame(11 << 3, 3), skippable, frame(11 << 3, 2)]));
    expect(text.toString()).toBe('     ');
  });

  it('has what its frames ask for counted', async () => {
    const taken: number[] = [];
    await read(Buffer.concat([frame(11 << 3), frame(11 << 3)]), new Share((bytes) => taken.push(bytes)));
    expect(Math.max(...taken)).toBe(4 * mebibyte);
  });

  it('lets others have their turn again and again', async () => {
    let turns = 0;
    let isRead = false;
    const others = async () => {
      while (!isRead) {
        await new Promise((resolve) => setImmediate(resolve));
        turns++;
      }
    };
    const waiting = others();
    await read(frame(11 << 3, 8000));
    isRead = true;
    await waiting;
    expect(turns).toBeGreaterThan(20);
  });
});
