// What is taken for a transport's prefix, and what is not.

import { describe, expect, it } from 'vitest';
import { Transport } from './transport.ts';

/** How many lines it took, or undefined when they were not enough. */
function learns(texts: string[]): number | undefined {
  const transport = new Transport();
  const at = texts.findIndex((text) => transport.unwrap(text) !== undefined);
  return at < 0 ? undefined : at + 1;
}

const lines = (mark: string) => Array.from({ length: 8 }, (_, i) => `${mark}request ${i}`);

describe('Transport', () => {
  it('knows compose after two lines, and any other mark of a writer after four', () => {
    expect(learns(lines('web_1  | '))).toBe(2);
    for (const mark of ['[pod/web-0/app] ', '[0] ', 'web:dev: ', '0|shop  | ', '(train pid=7) ']) {
      expect([mark, learns(lines(mark))]).toEqual([mark, 4]);
    }
  });

  it('takes no level, no time and no change of names for a writer', () => {
    for (const mark of ['[INFO] ', '[error] ', '[10:00:00] ', '[2026-01-05T10:00:00Z] ', 'ERROR:app: ']) {
      expect([mark, learns(lines(mark))]).toEqual([mark, undefined]);
    }
    expect(learns(Array.from({ length: 8 }, (_, i) => `[worker-${i % 3}] request`))).toBeUndefined();
  });

  it('takes the mark off', () => {
    const transport = new Transport();
    for (const text of lines('[0] ')) transport.unwrap(text);
    expect(transport.unwrap('[0]     at f (a.js:1:1)')).toMatchObject({
      text: '    at f (a.js:1:1)',
      from: '[0]',
    });
  });
});
