// Lines made to be slow: they end, or one container could stop the agent. What they cost: `npm run bench hostile`.

import { hostileLines, runToEnd } from '@log-detector/test-kit';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Detection, readAgent } from '../detection.ts';
import { createJoin } from './join.ts';
import { compilePattern } from './patterns.ts';

const at = '2026-11-22T10:00:00.000000000Z';
const container = { id: 'c1', name: 'api', image: 'busybox', labels: {}, tty: false };
let detection: Detection;
beforeAll(async () => {
  ({ detection } = await readAgent({}));
});

/** Takes the lines through the stages whose work depends on their text. @returns how many came out. */
function detect(lines: readonly string[]): number {
  let out = 0;
  const join = createJoin({ tracebackPattern: detection.traceback }, (entry, now) => {
    out += entry.lines.length;
    detection.match(entry, container, 'host-1', now);
  });
  lines.forEach((text, ordinal) => {
    join.push({ stream: 'stderr', position: { at, ordinal }, text }, 0);
  });
  join.flush(0);
  return out;
}

describe('a line made to be slow', () => {
  it.each(hostileLines)('ends: %s', (_name, lines) => {
    let out = 0;
    runToEnd(() => {
      out = detect(lines);
    });
    expect(out).toBe(lines.length);
  });

  it('has its secrets replaced by an own pattern to its end', async () => {
    const pattern = await compilePattern('REDACT_PATTERNS', '(?<!x)a+b(?!c)');
    const many = 'a'.repeat(1024 * 1024);
    let replaced = '';
    runToEnd(() => {
      replaced = pattern.replace(`ab\nab${many}\nab`, '*');
    });
    expect(replaced === `*\n*${many}\n*`).toBe(true);
  });
});
