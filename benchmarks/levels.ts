// Is the level of a line read as other tools' suites say it is? Skipped where ../shared/corpora is missing.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readLevel } from '../agent/src/detect/level.ts';

const file = join(process.cwd(), '..', 'shared', 'corpora', 'multiline_special', 'levels.jsonl');
/** The suites' names for the same levels. */
const names: Record<string, string> = { warning: 'warn', critical: 'fatal' };

/** @returns the table of `npm run bench levels`. */
export async function run(): Promise<{
  title: string;
  rows: Record<string, string | number>[];
  notes: string[];
}> {
  const title = 'Levels: lines read right';
  if (!existsSync(file)) return { title, rows: [], notes: ['skipped: ../shared/corpora is not here'] };
  const lines = readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((text) => JSON.parse(text) as { source: string; line: string; level: string });
  const notes: string[] = [];
  const bySource = new Map<string, { lines: number; right: number }>();
  for (const { source, line, level } of lines) {
    const suite = source.split(':')[0]!;
    const count = bySource.get(suite) ?? { lines: 0, right: 0 };
    const expected = names[level] ?? level;
    const found = readLevel(line);
    count.lines++;
    if (found === expected) count.right++;
    else notes.push(`${found}, expected ${expected}: ${line}`);
    bySource.set(suite, count);
  }
  const rows = [...bySource].map(([suite, count]) => ({ suite, ...count, share: share(count) }));
  const all = rows.reduce((sum, row) => ({ lines: sum.lines + row.lines, right: sum.right + row.right }), {
    lines: 0,
    right: 0,
  });
  return { title, rows: [...rows, { suite: 'all', ...all, share: share(all) }], notes };
}

function share({ lines, right }: { lines: number; right: number }): string {
  return `${((100 * right) / lines).toFixed(1)} %`;
}
