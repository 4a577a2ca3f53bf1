// Lines made to be slow: they cost little more than other lines of their length, or one container could stop the agent.
// Measured in processor time, which others on the machine do not use up, with room for what varies: what grows with the
// square of a line takes seconds here.

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

function cost(run: () => void): number {
  const before = process.cpuUsage();
  run();
  return process.cpuUsage(before).user / 1000;
}

/** Takes the lines through the stages whose work depends on their text. */
function detect(lines: readonly string[]): void {
  const join = createJoin({ tracebackPattern: detection.traceback }, (entry, now) => {
    detection.match(entry, container, 'host-1', now);
  });
  lines.forEach((text, ordinal) => {
    join.push({ stream: 'stderr', position: { at, ordinal }, text }, 0);
  });
  join.flush(0);
}

const times = (count: number, line: string): string[] => Array.from({ length: count }, () => line);
/** Below `head`, so that the line is asked whether it goes on with what that one began. */
const below = (head: string, count: number, line: string): string[] => [head, ...times(count, line)];
const length = 64 * 1024;
const goroutine = 'goroutine 1 [running]:';

const hostile: [name: string, lines: string[]][] = [
  ['arguments of Go that are dots', below(goroutine, 2, `g(0x1${'....0x1'.repeat(16)}!`)],
  ['a function of Go that is dots', below(goroutine, 8, '.'.repeat(700) + '('.repeat(700))],
  ['a goroutine without an end', below('panic: x', 2, `goroutine 0 gp=t${' [:'.repeat(300)}`)],
  ['carets', below('/app/x.js:3', 2, `${' '.repeat(1000)}${'^'.repeat(1000)}x`)],
  ['blanks', below('TypeError: x', 256, `${' '.repeat(2040)}x`)],
  ['a native frame of V8', below('FATAL ERROR: x', 256, `1: ${':1'.repeat(1000)}`)],
  ['a frame of ClickHouse', below('DB::Exception: x', 256, `0. ${' @ 0x'.repeat(400)}`)],
  ['a template of Rails', below('TypeError: x', 256, '.erb'.repeat(500))],
  [
    'more of a message of Python',
    ['Traceback (most recent call last):', 'ValueError: x', ...times(256, 'a.b-'.repeat(500))],
  ],
  ['where Perl died', [`x${' at x line 1'.repeat(length / 12)}!`]],
  ['brackets of a frame', below('TypeError: x', 256, `  [1] ${'('.repeat(2040)}`)],
  ['an announcement of errors', [`-- ${'error'.repeat(length / 4)}`, 'Traceback (most recent call last):']],
  ['the trace in a JSON log', [JSON.stringify({ msg: 'hi', stack: `${' '.repeat(length)}x\nx` })]],
  ['carriage returns', [`ERROR ${'\r'.repeat(length)}x\r`]],
];

describe('a line made to be slow', () => {
  for (const [name, lines] of hostile) {
    it(`costs about what other lines cost: ${name}`, () => {
      const ordinary = lines.map((line) => 'ERROR no room left '.repeat(line.length / 19));
      detect(ordinary);
      expect(cost(() => detect(lines))).toBeLessThan(100 + 20 * cost(() => detect(ordinary)));
    });
  }

  it('has its secrets replaced by an own pattern as fast as it is tested', async () => {
    const pattern = await compilePattern('REDACT_PATTERNS', '(?<!x)a+b(?!c)');
    const line = `ab${'a'.repeat(length)}`;
    expect(cost(() => pattern.replace(line, '*'))).toBeLessThan(
      100 + 20 * cost(() => pattern.test('a'.repeat(line.length))),
    );
    expect(pattern.replace(`ab\n${line}\nab`, '*')).toBe(`*\n*${'a'.repeat(length)}\n*`);
  });
});
