// What is read out of a line's text.

import { describe, expect, it } from 'vitest';
import { unfold } from './text.ts';

describe('unfold', () => {
  it('gives a .NET exception of one line its lines back', () => {
    const text =
      'A.B: x  ---> C.D: y    at C.E() in /src/C.cs:line 4    --- End of inner exception stack trace ---    at A.F()';
    expect(unfold(text).split('\n')).toEqual([
      'A.B: x',
      ' ---> C.D: y',
      '   at C.E() in /src/C.cs:line 4',
      '   --- End of inner exception stack trace ---',
      '   at A.F()',
    ]);
    expect(unfold('meet me   here, at six')).toBe('meet me   here, at six');
  });
});
