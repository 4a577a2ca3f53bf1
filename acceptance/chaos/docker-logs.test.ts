import { expect, it } from 'vitest';
import { readNumbers } from './docker-logs.ts';
import { expectedMessage } from './generator.ts';

const profile = { share: 1, longEvery: 4, traceEvery: 3 };

/** What Docker writes for a line: pieces of 16 KiB, the last with the line end. */
function logged(text: string, stream: string): string {
  return text
    .split('\n')
    .flatMap((line) => `${line}\n`.match(/.{1,16384}/gs)!)
    .map((log) => `${JSON.stringify({ log, stream, time: '2026-11-22T10:00:00Z' })}\n`)
    .join('');
}

it('finds the numbers of whole lines, long lines and tracebacks, and not of what was torn', () => {
  const source = { key: 'k1', run: 2, outlet: 'out' } as const;
  const lines = [1, 2, 3, 4, 5, 8].map((seq) => logged(expectedMessage(source, seq, profile), 'stdout'));
  const torn = lines.pop()!.split('\n')[0]!;
  const log = Buffer.from(`${lines.join('')}${torn}\n{"log":"ERROR k1.2 out 9 `);
  expect([...readNumbers([log])].map(([name, numbers]) => [name, ...numbers])).toEqual([
    ['2 out', 1, 2, 3, 4, 5],
  ]);
});
