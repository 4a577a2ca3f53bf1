// Texts made to be slow, which anyone can have a container print, and a run that is stopped when it does not end.
// `npm run bench hostile` measures what each costs; the tests say only that all of them end.

import { runInNewContext } from 'node:vm';

const repeated = (count: number, line: string): string[] => Array.from({ length: count }, () => line);
/** Below `head`, so that the line is asked whether it goes on with what that one began. */
const below = (head: string, count: number, line: string): string[] => [head, ...repeated(count, line)];
/** As long as the agent lets a line become. */
const longest = 1024 * 1024;
const goroutine = 'goroutine 1 [running]:';

/** For the agent, line by line. */
export const hostileLines: readonly [name: string, lines: readonly string[]][] = [
  ['arguments of Go that are dots', below(goroutine, 2, `g(0x1${'....0x1'.repeat(16)}!`)],
  ['a function of Go that is dots', below(goroutine, 64, '.'.repeat(700) + '('.repeat(700))],
  ['a goroutine without an end', below('panic: x', 64, `goroutine 0 gp=t${' [:'.repeat(300)}`)],
  ['carets', below('/app/x.js:3', 2000, `${' '.repeat(1000)}${'^'.repeat(1000)}x`)],
  ['blanks', below('TypeError: x', 4000, `${' '.repeat(2040)}x`)],
  ['a native frame of V8', below('FATAL ERROR: x', 4000, `1: ${':1'.repeat(1000)}`)],
  ['a frame of ClickHouse', below('DB::Exception: x', 4000, `0. ${' @ 0x'.repeat(400)}`)],
  ['a template of Rails', below('TypeError: x', 4000, '.erb'.repeat(500))],
  [
    'more of a message of Python',
    ['Traceback (most recent call last):', 'ValueError: x', ...repeated(4000, 'a.b-'.repeat(500))],
  ],
  [
    'a message of Ruby',
    below(
      '#<Thread:0x1> terminated with exception:',
      4000,
      `x${':1:in `'.repeat(150)}${'(A::b'.repeat(200)}`,
    ),
  ],
  [
    'a place in a source',
    below('a.c:1:1: error: x', 4000, `${'a.c:1: '.repeat(60)}${'in function '.repeat(100)}`),
  ],
  [
    'a frame of Guile',
    below('x', 2000, 'Backtrace:').flatMap((line) => [line, ` ${'1:'.repeat(500)}${'1'.repeat(900)}`]),
  ],
  ['a command of Tcl', below('    while executing', 4000, `"${'" '.repeat(1000)}`)],
  ['where Perl died', [`x${' at x line 1'.repeat(longest / 12)}!`]],
  ['brackets of a frame', below('TypeError: x', 4000, `  [1] ${'('.repeat(2040)}`)],
  ['the edge of a box', [`+${'-'.repeat(longest)}`, `╭${'─'.repeat(longest)}`]],
  ['an announcement of errors', [`-- ${'error'.repeat(longest / 5)}`, 'Traceback (most recent call last):']],
  ['the trace in a JSON log', [JSON.stringify({ msg: 'hi', stack: `${' '.repeat(longest)}x\nx` })]],
  ['a report of Clojure', repeated(4000, `Execution error ${'at ('.repeat(500)}`)],
  ['a path of webpack', repeated(4000, `ERROR in ./${'a.b:1'.repeat(400)}`)],
  ['a class of Rails', repeated(4000, ` ${'A::a'.repeat(500)}`)],
  [
    'a command of Symfony',
    repeated(2000, `a ${' []'.repeat(600)}x`).flatMap((line) => ['In a.php line 1:', '', line]),
  ],
  ['carriage returns', [`ERROR ${'\r'.repeat(longest)}x\r`]],
];

/** For the backend, each of many lines. */
export const hostileMessages: readonly [name: string, message: string][] = [
  ['blanks', `x${' '.repeat(990)}y`],
  ['a frame of blanks', `#0${' '.repeat(990)}y`],
  ['colons of a panic', `panic: ${'0:'.repeat(490)}`],
  ['an indented traceback', `${' '.repeat(950)} Traceback (most recent call last):x`],
  ['offsets of a native frame', `a(${'a'.repeat(480)}+0x`.repeat(2)],
  ['a path that got a signal', `${'a/'.repeat(490)} got signal x`],
  ['brackets of an address', `a:1(${')'.repeat(980)})[0xg`],
].map(([name, line]) => [name!, repeated(2000, line!).join('\n')]);

/** For the mask: each repeated for as long as it looks at a message. */
export const hostilePieces: readonly string[] = [
  '0:',
  'a:1',
  '1.1:1',
  'a.',
  '/',
  '"',
  '1:',
  '{',
  'x@',
  'status 404 ',
  'code=5',
  'exit ',
  'status:',
  '404 ',
];

/**
 * Runs it, or stops it after a minute and throws: what ends takes a small part of that on any machine, while what grows with
 * the square of such a text takes many minutes.
 */
export function runToEnd(run: () => void): void {
  runInNewContext('run()', { run }, { timeout: 60_000 });
}
