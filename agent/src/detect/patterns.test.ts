// Operators' patterns: how a list is parted, which engine runs them, what is refused, and what the prefilter may rely on.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compilePattern, compilePatterns, requiredLiterals, splitPatterns } from './patterns.ts';

const contractDefault = `(?<!["'])ERROR(?![A-Za-z])`;

describe('splitPatterns', () => {
  it('parts at commas, but not inside brackets nor behind a backslash', () => {
    expect(splitPatterns('ERROR, a{1,3} ,[,x](b,c),d\\,e,, (f[)],g)')).toEqual([
      'ERROR',
      'a{1,3}',
      '[,x](b,c)',
      'd\\,e',
      '(f[)],g)',
    ]);
    expect(splitPatterns('  ')).toEqual([]);
  });
});

describe('compilePattern', () => {
  const compile = (source: string) => compilePattern('LOG_MATCH_PATTERNS', source);

  it('runs the default as the contract means it: a quoted ERROR does not match', async () => {
    const pattern = await compile(contractDefault);
    expect(pattern.engine).toBe('v8');
    expect(pattern.literals).toEqual(['ERROR']);
    expect(pattern.test('an ERROR here')).toBe(true);
    expect(pattern.test('{"level":"ERROR"}')).toBe(false);
    expect(pattern.test('ERRORS')).toBe(false);
  });

  it('runs what may repeat in RE2, so that no line can hang it', async () => {
    const pattern = await compile('(a+)+$');
    expect(pattern.engine).toBe('re2');
    expect(pattern.test(`${'a'.repeat(50_000)}!`)).toBe(false);
    expect(pattern.test('aaa')).toBe(true);
  });

  it('takes the spellings of Python', async () => {
    expect((await compile('(?i)fatal.*disk')).test('FATAL: the DISK')).toBe(true);
    expect((await compile('(?i)critical')).test('CritIcal')).toBe(true);
    expect((await compile('(?P<what>failed|refused)')).test('was refused')).toBe(true);
    expect((await compile('(?P<c>[ab])(?P=c)x')).test('aax')).toBe(true);
    expect((await compile('\\Astart')).test('a\nstart')).toBe(false);
    expect((await compile('^start.*')).test('a\nstart')).toBe(true);
    expect((await compile('end+\\Z')).test('the endd')).toBe(true);
    expect((await compile('end+\\Z')).test('the end\nx')).toBe(false);
  });

  it('refuses what is no pattern, and says where it stands', async () => {
    await expect(compilePatterns('LOG_MATCH_PATTERNS', 'fine,(open')).rejects.toThrow(
      /LOG_MATCH_PATTERNS: pattern "\(open".*correct it/s,
    );
  });

  it('refuses a lookaround that a line could hang, and says what to do', async () => {
    await expect(compile('(?=(a+)+b)x')).rejects.toThrow(/could stop the agent; write it without lookaround/);
  }, 60_000);

  it('replaces every match, in either engine', async () => {
    expect((await compile('id-\\d{2}')).replace('id-12 id-34', '$1')).toBe('$1 $1');
    expect((await compile('id-\\d+')).replace('id-1 id-345', '$1')).toBe('$1 $1');
  });
});

describe('requiredLiterals', () => {
  it('knows what any match contains', () => {
    expect(requiredLiterals(contractDefault)).toEqual(['ERROR']);
    expect(requiredLiterals('Traceback \\(most recent call last\\):')).toEqual([
      'Traceback (most recent call last):',
    ]);
    expect(requiredLiterals('ERROR|FATAL|panic: ')).toEqual(['ERROR', 'FATAL', 'panic: ']);
    expect(requiredLiterals('[Ee]rror \\d+')).toEqual(['Error ', 'error ']);
    expect(requiredLiterals('foo.*longer')).toEqual(['longer']);
    expect(requiredLiterals('(?:ab)?cde+f')).toEqual(['cde']);
    expect(requiredLiterals('(?i)k-s')).toBeUndefined();
    expect(requiredLiterals('(?i)err')).toHaveLength(8);
  });

  it('knows nothing rather than something false', () => {
    for (const pattern of ['.*', 'a?b?', '\\d+', 'x|.*', '[a-z]+', '(ab)*', '(?=ERROR)', 'a|b']) {
      expect(requiredLiterals(pattern)).toBeUndefined();
    }
    expect(requiredLiterals('path/to')).toEqual(['path']);
  });

  const atom = fc.constantFrom(
    'a',
    'B',
    'err',
    'or',
    ' ',
    '\\d',
    '.',
    '[xy]',
    '[^z]',
    '\\.',
    'é',
    '"',
    '\\b',
    '^',
    '$',
    '(?!z)',
  );
  const { pattern } = fc.letrec<{ pattern: string }>((tie) => ({
    pattern: fc.oneof(
      { maxDepth: 4 },
      atom,
      fc.tuple(tie('pattern'), tie('pattern')).map(([a, b]) => a + b),
      fc.tuple(tie('pattern'), tie('pattern')).map(([a, b]) => `(?:${a}|${b})`),
      fc
        .tuple(tie('pattern'), fc.constantFrom('?', '*', '+', '{2}', '{1,2}', '{0,1}'))
        .map(([a, q]) => `(${a})${q}`),
    ),
  }));

  it('is never wrong: a text that matches contains one of them', () => {
    fc.assert(
      fc.property(
        pattern,
        fc.boolean(),
        fc.array(fc.constantFrom('a', 'b', 'B', 'err', 'ERR', 'or', ' ', '1', 'x', '.', 'é', '"', '\n'), {
          maxLength: 12,
        }),
        (source, anyCase, pieces) => {
          const text = pieces.join('');
          const literals = requiredLiterals((anyCase ? '(?i)' : '') + source);
          if (literals === undefined) return;
          const match = new RegExp(source, anyCase ? 'im' : 'm').test(text);
          if (match) expect(literals.some((literal) => text.includes(literal))).toBe(true);
        },
      ),
      { numRuns: 3000 },
    );
  });
});
