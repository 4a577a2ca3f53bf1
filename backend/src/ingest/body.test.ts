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
