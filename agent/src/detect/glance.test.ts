// What one look tells of a text: it may tell too much, never too little.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createGlance, longNumber, longWord, notBare } from './glance.ts';

const glance = createGlance([
  { text: 'secret', value: 1 },
  { text: 'cret-sk', value: 2 },
  { text: 'k_live_', value: 4 },
  { text: '://', value: 8 },
]);
const texts = { secret: 1, SeCrEt: 1, 'cret-SK': 2, K_LIVE_: 4, '://': 8 };

describe('glance', () => {
  it('finds texts wherever they stand, in any case, and tells of nothing else', () => {
    const anywhere = fc.record({
      before: fc.integer({ min: 0, max: 70 }),
      text: fc.constantFrom(...Object.entries(texts)),
      after: fc.integer({ min: 0, max: 70 }),
    });
    fc.assert(
      fc.property(anywhere, ({ before, text: [text, value], after }) => {
        expect(glance('.'.repeat(before) + text + '.'.repeat(after))).toBe(value);
        expect(glance('.'.repeat(before) + text.slice(1) + '.'.repeat(after))).toBe(0);
      }),
    );
    expect(glance('the secret-sk of https://')).toBe(1 | 2 | 8);
  });

  it('does not find what an earlier text left behind', () => {
    glance('. a secret behind ://');
    for (let length = 1; length < 20; length++) expect(glance('.'.repeat(length))).toBe(0);
  });

  it('tells of fourteen digits in a row, blanks and dashes among them', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 14, max: 40 }), (before, length) => {
        const digits = '4111 1111-2222 3333'.repeat(3);
        expect(glance(`${'x.'.repeat(before)}${digits.slice(0, length)}x`)).toBe(longNumber);
        expect(glance(`${'x.'.repeat(before)}${digits.slice(0, 13)}x`)).toBe(0);
        // Not across what stands between them.
        expect(glance(`${'x.'.repeat(before)}${digits.slice(0, 13)}.${digits.slice(0, 13)}x`)).toBe(0);
      }),
    );
    expect(glance('2026-11-22T10:00:00.000Z at 10.10.10.10')).toBe(0);
  });

  it('tells of twenty letters and digits in a row, dashes and underscores among them', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 20, max: 60 }), (before, length) => {
        const token = 'ghp_aZ09-'.repeat(8);
        expect(glance(`${'.'.repeat(before)}${token.slice(0, length)}`)).toBe(longWord);
        expect(glance(`${'.'.repeat(before)}${token.slice(0, 19)}`)).toBe(0);
        // Not across what stands between them.
        for (const between of '@[`{/:')
          expect(glance(`${'.'.repeat(before)}${token.slice(0, 19)}${between}${token.slice(0, 19)}`)).toBe(0);
      }),
    );
  });

  it('tells whether a text stands in JSON as it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        const isBare = (glance(text) & notBare) === 0;
        if (isBare) expect(`"${text}"`).toBe(JSON.stringify(text));
      }),
      { numRuns: 2000 },
    );
    const ascii = Array.from({ length: 127 - 32 }, (_, index) => String.fromCharCode(32 + index)).join('');
    expect(glance(ascii.replace(/["\\]/g, '')) & notBare).toBe(0);
    for (const odd of ['"', '\\', '\n', '\u00e9', '\u0141', '\u{1f600}', '\ud800'])
      expect([odd, glance(`some text ${odd} and more`) & notBare]).toEqual([odd, notBare]);
  });

  it('tells everything of a text that is too long for it', () => {
    expect(glance('x'.repeat(10_000))).toBe(~0);
  });
});
