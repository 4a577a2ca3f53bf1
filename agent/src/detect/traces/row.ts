// A row of the table of states: what it may ask about a line, and what the rows of several files ask.

import { bareWebFrame, caret, cause, frame, introduces, isMessageText, stackTitle } from '../shapes.ts';
import { startsLog } from '../text.ts';

/** What a row of the table may ask about: the line at hand and the entry that is open. */
export interface Seen {
  text: string;
  /** Columns of white space before the text; a blank line has none and is `blank`. */
  indent: number;
  blank: boolean;
  /** The line could begin a traceback of its own. */
  begins: boolean;
  /** The line before, the entry's first line, and how far that one is indented. */
  previous: string;
  head: string;
  headIndent: number;
  /** How many lines the entry has, with those that were given out in parts, and how many wait for a proof. */
  lines: number;
  waiting: number;
  /** It came right after the line before. */
  soon: boolean;
  /** A transport takes each line for an event: indentation alone joins nothing. */
  lineIsEvent: boolean;
  /** Braces and brackets open behind this line, when the entry begins with one. */
  depth: number;
  /** Whether the entry with this line is valid JSON. */
  isJson(): boolean;
}

/**
 * What a line does to the entry that it continues.
 * `proves`: all lines so far belong together. `extends`: it belongs to the line before, whatever that one belongs to.
 * `waits`: it belongs only if a later line proves it; else the entry ends before it.
 */
export type Effect = 'proves' | 'extends' | 'waits';

/** If `when` holds, the line continues the entry with this effect, and the entry is in state `to`. */
export interface Row {
  when: RegExp | ((seen: Seen) => boolean);
  to: State;
  effect: Effect;
}

export type State =
  | 'line'
  | 'block'
  | 'gap'
  | 'loose'
  | 'detail'
  | 'fields'
  | 'wrap'
  | 'frames'
  | 'frames-gap'
  | 'cause'
  | 'titled'
  | 'web'
  | 'ruby'
  | 'ruby-message'
  | 'hash'
  | 'hash-gap'
  | 'python'
  | 'python-stack'
  | 'python-blank'
  | 'python-end'
  | 'python-gap'
  | 'python-chain'
  | 'python-field'
  | 'python-wrap'
  | 'python-group'
  | 'python-fault'
  | 'box'
  | 'note'
  | 'go-head'
  | 'go'
  | 'go-function'
  | 'go-odd'
  | 'go-name'
  | 'go-names'
  | 'go-wraps'
  | 'gin'
  | 'rule'
  | 'race'
  | 'sanitizer'
  | 'abort'
  | 'rust'
  | 'rust-message'
  | 'rust-wrap'
  | 'rust-frames'
  | 'source'
  | 'source-line'
  | 'source-caret'
  | 'elixir'
  | 'elixir-wrap'
  | 'erlang'
  | 'report'
  | 'bug-report'
  | 'mysql-crash'
  | 'stamp'
  | 'slow-query'
  | 'jvm-crash'
  | 'jvm-hash'
  | 'thread-dump'
  | 'swift'
  | 'v8-memory'
  | 'jul'
  | 'json'
  | 'diagnostic'
  | 'diagnostic-gap'
  | 'diagnostic-source'
  | 'diagnostic-place'
  | 'gdb'
  | 'tcl'
  | 'tcl-command'
  | 'backtrace'
  | 'scheme'
  | 'scheme-frames'
  | 'rust-gap'
  | 'npm'
  | 'npm-end'
  | 'minio'
  | 'minio-fields'
  | 'console'
  | 'collision'
  | 'collision-frames'
  | 'webpack'
  | 'clojure'
  | 'clojure-report'
  | 'kernel'
  | 'kernel-rest'
  | 'end';

/** Longest wait, in lines, for the proof that lines belong to one traceback: the lines of an exception's message. */
export const longestWait = 16;

export const blank = (seen: Seen) => seen.blank;
export const deeper = (seen: Seen) =>
  seen.indent > seen.headIndent && !seen.lineIsEvent && !startsLog(seen.text);
export const deeperFrame = (seen: Seen) => seen.indent > seen.headIndent && frame.test(seen.text);
export const indented = (seen: Seen) => seen.indent > 0 && !startsLog(seen.text);
export const waitable = (seen: Seen) =>
  !seen.blank && !seen.begins && seen.waiting < longestWait && isMessageText(seen.text);
export const introduced = (seen: Seen) => introduces(seen.head);
export const and =
  (test: RegExp, also: (seen: Seen) => boolean): ((seen: Seen) => boolean) =>
  (seen) =>
    test.test(seen.text) && also(seen);

export const traceback = /Traceback \(most recent call (?:last|first)\)/;
export const quotes = /^(?:"""|''')$/;
export const groupTraceback = /^\s*\+ Exception Group Traceback \(most recent call last\):/;
/** What R's rlang says of an error, and of that which caused it. */
export const bullet = /^[!ℹ✖•] \S/;
export const rCause = /^Caused by error(?: in .*)?:$/;
export const sanitizer = /^==\d+==\s?(?:ERROR|WARNING): \w+Sanitizer/;
export const rule = /^={10,}$/;
/** What Tcl says between a command and what called it. */
export const tclPlace = /^\s+(?:while executing|invoked from within)$/;
/** `a.rb:1:in `b': message (Type)`: the head of an exception, not one of its frames. */
export const rubyHead = /^\S.{0,400}?:\d+:in [`'].*\([A-Z]\w*(?:::\w+)*\)$/;
export const nodeTail = /^(?:Node\.js v\d|Bun v\d|\(Use `node --)/;
export const aborted =
  /^(?:Aborted|Segmentation fault|Illegal instruction|Trace\/breakpoint trap|Bus error|Floating point exception)\b.{0,60}$/;

/** Rows that several states share, in the order in which they are asked. */
export const proofs: Row[] = [
  { when: tclPlace, to: 'tcl', effect: 'proves' },
  {
    when: and(/^\s+File ".*", line \d+/, (seen) => seen.indent > seen.headIndent),
    to: 'python',
    effect: 'proves',
  },
  { when: /^(?:Raised|Re-raised|Called) (?:at|from|by) /, to: 'titled', effect: 'proves' },
  { when: and(caret, (seen) => seen.indent > 0), to: 'frames', effect: 'proves' },
  { when: /^\S+: note: /, to: 'block', effect: 'extends' },
  { when: deeperFrame, to: 'frames', effect: 'proves' },
  { when: cause, to: 'cause', effect: 'proves' },
  { when: /^\.\.\. \d+ (?:more|common frames omitted)/, to: 'frames', effect: 'proves' },
  { when: stackTitle, to: 'titled', effect: 'proves' },
  { when: /^(?:Dumping heap to|Heap dump file created|Terminating due to) /, to: 'wrap', effect: 'proves' },
  { when: /^SUMMARY: \w+Sanitizer/, to: 'end', effect: 'proves' },
  { when: (seen) => bareWebFrame.test(seen.text), to: 'web', effect: 'proves' },
  { when: nodeTail, to: 'frames', effect: 'proves' },
];
