// What compilers, debuggers and small interpreters report.

import { bareHashFrame, diagnostic } from '../shapes.ts';
import { startsLog } from '../text.ts';
import { lines } from './lines.ts';
import {
  and,
  blank,
  deeper,
  indented,
  longestWait,
  type Row,
  type Seen,
  type State,
  waitable,
} from './row.ts';

/** Below the source: where in it. */
const marks = /^\s*[\^~][\^~ -]*$/;
const schemeFrame = /^\s+(?:\S{1,200}:)?\d+(?::\d+)?\s+(?:\d+ )?\(|^In (?:unknown file|\S+):$/;
const isSource = (seen: Seen) =>
  !seen.blank && !seen.begins && !startsLog(seen.text) && !diagnostic.test(seen.text);

export const tools = {
  // `a.c:2:28: error: …`, below it the line of the source, a caret, and notes.
  diagnostic: [
    { when: /^\s*\d* *\|/, to: 'diagnostic', effect: 'proves' },
    { when: marks, to: 'diagnostic', effect: 'proves' },
    { when: /^(?:\S+:\d+(?::\d+)?: note|help|note): /, to: 'diagnostic', effect: 'proves' },
    { when: /^\.\.\.$/, to: 'diagnostic', effect: 'proves' }, // Rust leaves lines out
    { when: /^\S+:\(\.\w+\+0x[\da-f]+\): /, to: 'diagnostic', effect: 'proves' }, // ld
    {
      when: (seen) => /^(?:Error|Warning \d+.{0,40}): /.test(seen.text) && seen.head.startsWith('File "'),
      to: 'diagnostic',
      effect: 'proves',
    },
    ...lines.line.filter(({ to }) => to === 'frames' || to === 'titled'),
    { when: deeper, to: 'diagnostic', effect: 'proves' },
    { when: blank, to: 'diagnostic-gap', effect: 'waits' },
    { when: isSource, to: 'diagnostic-source', effect: 'waits' },
  ],
  // TypeScript puts a blank line above the source, and numbers its lines.
  'diagnostic-gap': [
    { when: /^\d+ /, to: 'diagnostic-source', effect: 'waits' },
    { when: /^\s+\S+:\d+:\d+$/, to: 'diagnostic', effect: 'proves' },
  ],
  // The line of the source, at the margin: the caret below it proves it.
  'diagnostic-source': [
    { when: marks, to: 'diagnostic', effect: 'proves' },
    { when: and(/^(?:\d+ |\.{3}$)/, (seen) => seen.waiting < 8), to: 'diagnostic-source', effect: 'waits' },
  ],
  // npm, each line of it, down to where it says that it has written more.
  npm: [
    { when: /^npm (?:ERR!|error) A complete log of this run/, to: 'npm-end', effect: 'proves' },
    { when: /^npm (?:ERR!|error)(?: |$)/, to: 'npm', effect: 'proves' },
    { when: (seen) => seen.blank && seen.waiting < 1, to: 'npm', effect: 'waits' },
  ],
  'npm-end': [{ when: /^npm (?:ERR!|error)\s{4}/, to: 'end', effect: 'proves' }],
  // `ERROR in ./src/a.js 1:0-25`: paragraphs of one fault, the source among them.
  webpack: [
    { when: (seen) => seen.blank && seen.waiting < 1, to: 'webpack', effect: 'waits' },
    {
      when: (seen) => seen.waiting > 0 && /^(?:\s|> *\d+ \|| @ )/.test(seen.text),
      to: 'webpack',
      effect: 'proves',
    },
    {
      when: (seen) =>
        !seen.blank && seen.waiting === 0 && !seen.begins && !startsLog(seen.text) && seen.lines < 60,
      to: 'webpack',
      effect: 'proves',
    },
  ],
  // Clojure's report of its end.
  clojure: [
    { when: /^Full report at:$/, to: 'clojure-report', effect: 'proves' },
    { when: (seen) => seen.blank && seen.waiting < longestWait, to: 'clojure', effect: 'waits' },
    { when: (seen) => waitable(seen) || deeper(seen), to: 'clojure', effect: 'waits' },
  ],
  'clojure-report': [{ when: /^\S+\.edn$/, to: 'end', effect: 'proves' }],
  // `a.c: In function 'f':`
  'diagnostic-place': [
    { when: diagnostic, to: 'diagnostic', effect: 'proves' },
    { when: /^\S+:\(\.\w+\+0x[\da-f]+\): /, to: 'diagnostic', effect: 'proves' },
    { when: deeper, to: 'diagnostic-place', effect: 'proves' },
  ],
  gdb: [
    {
      when: /^(?:0x[\da-f]+ in |#\d+ +\S|\d+\t|\[(?:Switching to|Current) |Thread \d+ \(|warning: )/,
      to: 'gdb',
      effect: 'proves',
    },
    { when: indented, to: 'gdb', effect: 'proves' },
    { when: (seen) => seen.blank && seen.waiting < 1, to: 'gdb', effect: 'waits' },
  ],
  // Tcl quotes the command that failed, over several lines perhaps, then says what called it.
  tcl: [
    { when: (seen) => indented(seen) && /^\s+[a-z(]/.test(seen.text), to: 'tcl', effect: 'proves' },
    { when: /^".*"$/, to: 'tcl', effect: 'proves' },
    { when: /^"/, to: 'tcl-command', effect: 'waits' },
  ],
  'tcl-command': [
    { when: /"$/, to: 'tcl', effect: 'proves' },
    {
      when: (seen) => seen.waiting < longestWait && !startsLog(seen.text),
      to: 'tcl-command',
      effect: 'waits',
    },
  ],
  // `Backtrace:` below a line that announces nothing: of that line, or Guile's, which begins with it.
  backtrace: [
    {
      when: (seen) =>
        !schemeFrame.test(seen.text) &&
        (bareHashFrame.test(seen.text) || indented(seen) || /^\d+[.:)]? +\S/.test(seen.text)),
      to: 'titled',
      effect: 'proves',
    },
  ],
  scheme: [{ when: schemeFrame, to: 'scheme-frames', effect: 'proves' }],
  'scheme-frames': [
    { when: /^(?:\S+:\d+:\d+: |ERROR: In |Throw to key )/, to: 'end', effect: 'proves' },
    { when: schemeFrame, to: 'scheme-frames', effect: 'proves' },
    { when: indented, to: 'scheme-frames', effect: 'proves' },
    { when: blank, to: 'scheme-frames', effect: 'waits' },
  ],
} satisfies Partial<Record<State, Row[]>>;
