// The quick look and the table must agree: what is called ordinary, no row of the table takes.

import { describe, expect, it } from 'vitest';
import { traceFixtures } from './kit.ts';
import { isOrdinary } from './ordinary.ts';
import { indentOf, visible } from './text.ts';
import type { Seen } from './traces/row.ts';
import { beginnings, openingState, table } from './traces.ts';

/** The line as it looks below a lonely announcement. */
function below(head: string, text: string): Seen {
  return {
    text,
    indent: indentOf(text),
    blank: text.trim() === '',
    begins: false,
    previous: head,
    head,
    headIndent: 0,
    lines: 1,
    waiting: 0,
    soon: true,
    lineIsEvent: false,
    depth: 0,
    isJson: () => false,
  };
}

describe('isOrdinary', () => {
  const lines = traceFixtures().flatMap(({ lines }) => lines);

  it('never says so of a line that begins something', () => {
    const wrong = lines.filter(
      (text) =>
        isOrdinary(text) &&
        text.charCodeAt(0) !== 123 &&
        (beginnings.some(({ when }) => when.test(text)) ||
          !['line', 'stamp'].includes(openingState(visible(text)))),
    );
    expect(wrong).toEqual([]);
  });

  it('never says so of a line that continues an announcement', () => {
    const wrong = lines.filter((text) => {
      if (!isOrdinary(text)) return false;
      const seen = below('2026-01-01 10:00:00 ERROR failed:', visible(text));
      return table.line.some(({ when }) => (typeof when === 'function' ? when(seen) : when.test(seen.text)));
    });
    expect(wrong).toEqual([]);
  });

  it('says so of what containers print all day', () => {
    for (const text of [
      '2026-01-05T10:00:00.120Z INFO request handled path=/api/orders status=200',
      'GET /healthz 200 1ms',
      '[2026-01-05 10:00:00 +0000] [8] [INFO] Booting worker with pid: 8',
      '{"level":"error","msg":"failed","stack":"Error: x"}',
      '127.0.0.1 - - [05/May/2024:10:00:00 +0000] "GET / HTTP/1.1" 200 0',
    ]) {
      expect(isOrdinary(text), text).toBe(true);
    }
  });
});
