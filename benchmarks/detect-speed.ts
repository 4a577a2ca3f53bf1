// How many lines a second one core joins and matches, against a bare loop that splits the same text into lines.
// CPU time of this process, not wall time, so that a neighbour on the machine does not decide.

import { createJoin } from '../agent/src/detect/join.ts';
import { createMatch } from '../agent/src/detect/match.ts';
import { compilePattern } from '../agent/src/detect/patterns.ts';
import { createRedact } from '../agent/src/detect/redact.ts';
import type { Container, Line } from '../agent/src/types.ts';
import { fastest } from './detect/fastest.ts';

type Row = Record<string, string | number>;

const lineCount = 200_000;
const container: Container = { id: 'c', name: 'shop', image: 'shop:1', labels: {}, tty: false };
const at = '2026-11-22T10:00:00.000000000Z';

/** @returns the table of `npm run bench detect-speed`. */
export async function run(): Promise<{ title: string; rows: Row[]; notes: string[] }> {
  const pattern = await compilePattern('ERROR_PATTERN', `(?<!["'])ERROR(?![A-Za-z])`);
  const repeating = await compilePattern('LOG_MATCH_PATTERNS', 'ERROR.*timeout');
  const tracebackPattern = await compilePattern(
    'TRACEBACK_PATTERN',
    'Traceback \\(most recent call last\\):',
  );
  const rows: Row[] = [];
  for (const [logs, make] of Object.entries(kinds)) {
    const text = Array.from({ length: lineCount }, (_, i) => make(i)).join('\n');
    const lines = text
      .split('\n')
      .map((text, ordinal): Line => ({ stream: 'stdout', position: { at, ordinal }, text: flat(text) }));
    const bare = fastest(() => {
      let count = 0;
      for (let from = 0, to = text.indexOf('\n'); to !== -1; from = to + 1, to = text.indexOf('\n', from)) {
        count += text.slice(from, to).length > 0 ? 1 : 0;
      }
      return count;
    });
    for (const [engine, patterns] of [
      ['V8', [pattern]],
      ['RE2', [repeating]],
    ] as const) {
      const match = createMatch({ patterns, tracebackPattern, eventId: () => '', redact: createRedact() });
      let entries = 0;
      let records = 0;
      const ours = fastest(() => {
        entries = 0;
        records = 0;
        const join = createJoin({ tracebackPattern }, (entry, now) => {
          entries++;
          if (match(entry, container, 'host', now)) records++;
        });
        for (const line of lines) join.push(line, 0);
        join.flush(0);
      });
      rows.push({
        logs,
        engine,
        lines: lines.length,
        entries,
        records,
        'lines/s of one core': Math.round(lines.length / ours),
        'times the bare loop': (ours / bare).toFixed(1),
      });
    }
  }
  return {
    title: 'Joining and matching: lines a second',
    rows,
    notes: ['The bare loop cuts the text at its line feeds and looks at nothing.'],
  };
}

const words =
  'order shipped to customer with items in stock after payment cleared by the gateway service'.split(' ');

function message(i: number, length = 170): string {
  let text = `request id=${(i * 2654435761) % 4294967296} path=/api/v1/orders/${i % 1000}`;
  for (let k = i; text.length < length; k = (k * 31 + 7) % 1_000_003) text += ` ${words[k % words.length]}`;
  return text;
}

const kinds: Record<string, (i: number) => string> = {
  'plain, 1 % matching': (i) =>
    `2026-11-22T10:00:${String(i % 60).padStart(2, '0')}.000Z ${i % 100 === 0 ? 'ERROR timeout' : 'INFO'} ${message(i)}`,
  'JSON, 1 % matching': (i) =>
    JSON.stringify({
      level: i % 100 === 0 ? 'error' : 'info',
      time: i,
      msg: `${i % 100 === 0 ? 'ERROR timeout ' : ''}${message(i)}`,
    }),
  'without time stamps, 1 % matching': (i) => `${i % 100 === 0 ? 'ERROR timeout ' : ''}${message(i)}`,
  'a Java traceback of 20 lines in each 200': (i) =>
    i % 200 === 0
      ? `2026-11-22T10:00:00.000Z ERROR ${message(i, 60)} java.io.IOException: gone`
      : i % 200 < 20
        ? `\tat com.example.shop.Orders.place${i % 20}(Orders.java:${i % 300})`
        : `2026-11-22T10:00:00.000Z INFO ${message(i)}`,
};

/** A string of its own, as one decoded from bytes is, not a slice or a rope. */
function flat(text: string): string {
  return Buffer.from(text).toString('latin1');
}
