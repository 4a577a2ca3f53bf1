import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseArray, piecesOfLines, textOf } from './pieces.ts';

/** Texts that look like the places where a body is cut. */
const hostile = fc.constantFrom(
  '},{',
  '"},{"',
  '}],[{',
  '\\',
  '"',
  '\n',
  '\u0000',
  '字',
  '😀',
  '\ufeff',
  ' ',
);
const text = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.array(hostile).map((parts) => parts.join('')),
);
const value = fc.letrec((tie) => ({
  any: fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null), tie('list'), tie('object')),
  list: fc.array(tie('any'), { maxLength: 3 }),
  object: fc.dictionary(text, tie('any'), { maxKeys: 3 }),
})).any;
const filling = 'x'.repeat(20_000);
const records = fc.array(
  fc
    .tuple(fc.boolean(), value)
    .map(([isLong, any]) => ({ a: [{ b: any }, { c: 1 }], d: isLong ? filling : '' })),
  { minLength: 1, maxLength: 30 },
);

describe('parseArray', () => {
  it('gives what JSON.parse gives, wherever the body is cut', async () => {
    await fc.assert(
      fc.asyncProperty(records, fc.constantFrom('', '\ufeff', ' \r\n\t'), async (all, before) => {
        const body = Buffer.from(`${before}${JSON.stringify(all)}\n`);
        const parsed = await parseArray(body);
        if (body.length > 500_000) expect(parsed).toBeDefined();
        if (parsed) expect(parsed).toEqual(all);
      }),
      { numRuns: 60 },
    );
  });

  it('takes no body that JSON.parse would not take', async () => {
    const good = JSON.stringify(Array.from({ length: 10 }, (_, n) => ({ n, filling })));
    for (const bad of [
      `${good}]`,
      `${good},`,
      `${good}{}`,
      good.slice(0, -1),
      good.slice(0, -2),
      good.replace('},{', '},,{'),
      good.replaceAll('},{', '}],[{'),
      good.replaceAll('},{', '}},{{'),
      `\u0001${good}`,
      `[${good.slice(1, -1)},]`,
      `{"a":${good}}`,
    ])
      expect(await parseArray(Buffer.from(bad)), bad.slice(-20)).toBeUndefined();
  });

  it('leaves short bodies, and arrays that are written with spaces, to JSON.parse', async () => {
    expect(await parseArray(Buffer.from('[{"a":1},{"b":2}]'))).toBeUndefined();
    const spaced = JSON.stringify(
      Array.from({ length: 10 }, (_, n) => ({ n, filling })),
      null,
      2,
    );
    // In one piece, and yet as a whole right.
    expect(await parseArray(Buffer.from(spaced))).toEqual(JSON.parse(spaced));
  });
});

describe('piecesOfLines', () => {
  it('gives whole lines, which together are the body', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(text, fc.constant(filling)), { maxLength: 20 }), (lines) => {
        const body = Buffer.from(lines.join('\n'));
        const pieces = [...piecesOfLines(body)];
        expect(pieces.join('')).toBe(textOf(body));
        for (const piece of pieces.slice(0, -1)) expect(piece.endsWith('\n')).toBe(true);
      }),
      { numRuns: 60 },
    );
  });
});
