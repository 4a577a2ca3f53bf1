import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clip, clipJsonBytes, clipMiddle, joinWhole } from './clip.ts';

const anyText = fc.string({ unit: 'grapheme', maxLength: 300 });

describe('clip', () => {
  it('leaves short text alone, and ends what it cuts with an ellipsis', () => {
    expect(clip('short', 5)).toBe('short');
    expect(clip('longer', 5)).toBe('long…');
  });

  it('keeps within its bound and parts no character, whatever the text', () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 20, max: 200 }), (text, max) => {
        for (const cut of [clip(text, max), clipMiddle(text, max)]) {
          expect(cut.length).toBeLessThanOrEqual(max);
          expect(cut.isWellFormed()).toBe(true);
        }
        expect(Buffer.byteLength(JSON.stringify(clipJsonBytes(text, max)))).toBeLessThanOrEqual(max);
      }),
    );
  });

  it('keeps both ends of what it cuts in the middle', () => {
    expect(clipMiddle('a'.repeat(50) + 'b'.repeat(50), 21)).toBe('aaaaaaaa\n[…]\nbbbbbbbb');
  });

  it('joins as many whole parts as fit', () => {
    expect([3, 6, 7, 20].map((max) => joinWhole(['abc', 'def', 'g'], '-', max))).toEqual([
      'abc',
      'abc',
      'abc-def',
      'abc-def-g',
    ]);
  });
});
