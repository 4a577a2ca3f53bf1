import { expect, it } from 'vitest';
import { bytesOf } from './bytes-of.ts';

it('gives the bytes of any text, which the next text leaves alone', () => {
  const texts = [
    '',
    'plain',
    'žluťoučký',
    '字😀',
    'x'.repeat(1_048_576),
    '字'.repeat(1_048_576),
    'y'.repeat(2_000_000),
  ];
  const all = texts.map(bytesOf);
  for (const [index, text] of texts.entries())
    expect(all[index]!.equals(Buffer.from(text)), `text ${index}`).toBe(true);
});
