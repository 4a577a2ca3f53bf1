// Which line may follow which: the table of states that join.ts walks, and what may begin a traceback.

import {
  bareHashFrame,
  bareRubyFrame,
  bareWebFrame,
  caret,
  cause,
  closers,
  elixirField,
  frame,
  ginFrame,
  goArguments,
  goFile,
  goFunction,
  goName,
  goroutine,
  introduces,
  isExceptionHead,
  isMessageText,
  namesException,
  pythonException,
  register,
  stackTitle,
} from './shapes.ts';
import { afterStamp, bracketDepth, startsLog } from './text.ts';

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
  /** How many lines are held, and how many of them wait for a proof. */
  held: number;
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
  | 'wrap'
  | 'frames'
  | 'frames-gap'
  | 'cause'
  | 'titled'
  | 'web'
  | 'ruby'
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
  | 'stamp'
  | 'slow-query'
  | 'jvm-crash'
  | 'jvm-hash'
  | 'thread-dump'
  | 'swift'
  | 'v8-memory'
  | 'jul'
  | 'json'
  | 'end';

/** Longest wait, in lines, for the proof that lines belong to one traceback: the lines of an exception's message. */
const longestWait = 16;

const blank = (seen: Seen) => seen.blank;
const deeper = (seen: Seen) => seen.indent > seen.headIndent && !seen.lineIsEvent && !startsLog(seen.text);
/** A crash that its runtime or framework prints a little indented: the ordinary line above is not its head. */
const ownHead =
  /^\s{1,3}(?:[⨯✖✗×] )?(?:panic: |(?:[\w$]+(?:\.|::|\\)){0,12}[\w$]{0,80}(?:Error|Exception)(?: \[\w+\])?: )/;
const beginsItself = (seen: Seen) =>
  ownHead.test(seen.text) &&
  seen.indent - seen.headIndent <= 3 &&
  !introduces(seen.head) &&
  !isExceptionHead(seen.head);
const deeperRest = (seen: Seen) => deeper(seen) && !(seen.held - seen.waiting === 1 && beginsItself(seen));
const deeperFrame = (seen: Seen) => seen.indent > seen.headIndent && frame.test(seen.text);
const indented = (seen: Seen) => seen.indent > 0 && !startsLog(seen.text);
const waitable = (seen: Seen) =>
  !seen.blank && !seen.begins && seen.waiting < longestWait && isMessageText(seen.text);
const messageGoesOn = (seen: Seen) => seen.soon && waitable(seen) && !introduces(seen.text);
/** One that is not the head of the next exception. */
const rubyFrame = (seen: Seen) => bareRubyFrame.test(seen.text) && !/\([A-Z]\w*(?:::\w+)*\)$/.test(seen.text);
const introduced = (seen: Seen) => introduces(seen.head);
const and =
  (test: RegExp, also: (seen: Seen) => boolean): ((seen: Seen) => boolean) =>
  (seen) =>
    test.test(seen.text) && also(seen);

const traceback = /Traceback \(most recent call (?:last|first)\)/;
/** What cockroachdb/errors prints at the margin. */
const errorsMark = /^(?:\(1\) |Wraps: \(\d+\) |Error types: \(1\) )/;
const perlAborted = /^(?:PHP )?BEGIN failed--|^Compilation failed in require/;
const didYouMean = /^Did you mean\? /;
const quotes = /^(?:"""|''')$/;
const groupTraceback = /^\s*\+ Exception Group Traceback \(most recent call last\):/;
const chained = /^\s*(?:During handling of the above exception|The above exception was the direct cause)/;
/** `client_session: <aiohttp.client.ClientSession object at 0x7f…>` */
const pythonObject = /^[a-z_]{3,24}: <[\w.]+ .*\bat 0x[\da-f]+\b.*>$/;
const requestField = /^(?:Server|Request): \S/;
/** What R's rlang says of an error, and of that which caused it. */
const bullet = /^[!ℹ✖•] \S/;
const rCause = /^Caused by error(?: in .*)?:$/;
const sanitizer = /^==\d+==\s?(?:ERROR|WARNING): \w+Sanitizer/;
const rule = /^={10,}$/;
const nodeTail = /^(?:Node\.js v\d|Bun v\d|\(Use `node --)/;
const aborted =
  /^(?:Aborted|Segmentation fault|Illegal instruction|Trace\/breakpoint trap|Bus error|Floating point exception)\b.{0,60}$/;
const starred = /^\*\*\* .+/;
const excResumes = (seen: Seen) =>
  isExceptionHead(seen.text) &&
  !startsLog(seen.text) &&
  (/:\s*$/.test(seen.previous) ||
    ((seen.waiting === 0 || seen.previous.trim() === '') &&
      (introduces(seen.head) || introduces(seen.previous))));

/** Rows that several states share, in the order in which they are asked. */
const proofs: Row[] = [
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

export const table: Record<State, Row[]> = {
  // An ordinary line. What is below it and deeper belongs to it.
  line: [
    { when: /^\S+: note: /, to: 'block', effect: 'extends' },
    { when: and(/^(?:Raised|Re-raised|Called) (?:at|from|by) /, introduced), to: 'titled', effect: 'proves' },
    { when: deeperFrame, to: 'frames', effect: 'proves' },
    { when: deeperRest, to: 'block', effect: 'proves' },
    { when: and(bullet, introduced), to: 'block', effect: 'proves' },
    { when: and(rCause, introduced), to: 'cause', effect: 'proves' },
    { when: blank, to: 'gap', effect: 'waits' },
    {
      when: and(/^at \S/, (seen) => introduces(seen.head) || isExceptionHead(seen.head)),
      to: 'frames',
      effect: 'proves',
    },
    {
      when: and(cause, (seen) => introduces(seen.head) || isExceptionHead(seen.head)),
      to: 'cause',
      effect: 'proves',
    },
    { when: stackTitle, to: 'titled', effect: 'proves' },
    { when: and(bareHashFrame, introduced), to: 'hash', effect: 'proves' },
    { when: and(bareRubyFrame, introduced), to: 'ruby', effect: 'proves' },
    { when: and(requestField, introduced), to: 'detail', effect: 'waits' },
    { when: and(/^\*\* \(\w/, introduced), to: 'elixir', effect: 'proves' },
    { when: and(starred, introduced), to: 'abort', effect: 'proves' },
    { when: /^SUMMARY: \w+Sanitizer/, to: 'end', effect: 'proves' },
    { when: nodeTail, to: 'frames', effect: 'extends' },
    { when: (seen) => goName.test(seen.text) && !isExceptionHead(seen.text), to: 'go-name', effect: 'waits' },
    {
      when: (seen) => isExceptionHead(seen.text) && !startsLog(seen.text) && introduces(seen.head),
      to: 'wrap',
      effect: 'waits',
    },
    // PostgreSQL's, as Node has it: a logger begins a line so as well.
    { when: and(/^error: /, introduced), to: 'wrap', effect: 'waits' },
    // Rails, whose message may go on below.
    {
      when: and(/^(?:[A-Z]\w*::){0,8}[A-Z]\w*(?:Error|Exception) \(/, introduced),
      to: 'wrap',
      effect: 'waits',
    },
    { when: pythonObject, to: 'detail', effect: 'proves' },
    { when: /^[a-z_]{3,24}: <\S/, to: 'detail', effect: 'waits' },
    {
      when: and(quotes, (seen) => /RemoteTraceback: ?$/.test(seen.head)),
      to: 'python-end',
      effect: 'waits',
    },
    {
      when: and(perlAborted, (seen) => / at \S+ line \d+\.$/.test(seen.head)),
      to: 'end',
      effect: 'proves',
    },
    { when: and(errorsMark, introduced), to: 'block', effect: 'proves' },
  ],
  block: [
    { when: deeperFrame, to: 'frames', effect: 'proves' },
    { when: deeper, to: 'block', effect: 'proves' },
    { when: closers, to: 'block', effect: 'proves' },
    { when: and(bullet, introduced), to: 'block', effect: 'proves' },
    { when: and(rCause, introduced), to: 'cause', effect: 'proves' },
    { when: blank, to: 'gap', effect: 'waits' },
    {
      when: and(cause, (seen) => introduces(seen.head) || isExceptionHead(seen.head)),
      to: 'cause',
      effect: 'proves',
    },
    { when: stackTitle, to: 'titled', effect: 'proves' },
    { when: nodeTail, to: 'frames', effect: 'extends' },
    { when: and(errorsMark, introduced), to: 'block', effect: 'proves' },
    {
      when: (seen) => isExceptionHead(seen.text) && !startsLog(seen.text) && introduces(seen.head),
      to: 'wrap',
      effect: 'waits',
    },
  ],
  // Blank lines below a line: they belong to it if more of it follows.
  gap: [
    { when: (seen) => seen.blank && seen.waiting < 3, to: 'gap', effect: 'waits' },
    { when: deeperFrame, to: 'frames', effect: 'proves' },
    { when: deeperRest, to: 'block', effect: 'proves' },
    { when: and(/^Caused by:/, introduced), to: 'cause', effect: 'proves' },
    { when: and(stackTitle, introduced), to: 'titled', effect: 'proves' },
    { when: and(/^\*\* \(\w/, introduced), to: 'elixir', effect: 'proves' },
    { when: and(nodeTail, (seen) => isExceptionHead(seen.head)), to: 'frames', effect: 'proves' },
    {
      when: (seen) => isExceptionHead(seen.text) && !startsLog(seen.text) && introduces(seen.head),
      to: 'wrap',
      effect: 'waits',
    },
  ],
  // Lines without a time below one with a time: see join.ts.
  loose: [],
  // `future: <Task finished …>`, or Plug's `Request: GET /`, between an announcement and its traceback.
  detail: [
    { when: and(requestField, (seen) => seen.waiting < 6), to: 'detail', effect: 'waits' },
    { when: pythonObject, to: 'detail', effect: 'proves' },
    { when: and(/^[a-z_]{3,24}: \S/, (seen) => seen.waiting < 6), to: 'detail', effect: 'waits' },
  ],
  // An exception's message, until its frames come.
  wrap: [
    ...proofs,
    { when: (seen) => bareHashFrame.test(seen.text), to: 'hash', effect: 'proves' },
    {
      when: (seen) => bareRubyFrame.test(seen.text) && !isExceptionHead(seen.text),
      to: 'ruby',
      effect: 'proves',
    },
    { when: ginFrame, to: 'gin', effect: 'proves' },
    { when: goroutine, to: 'go', effect: 'proves' },
    { when: /^<asynchronous suspension>/, to: 'hash', effect: 'proves' },
    { when: and(/^at \S/, () => true), to: 'frames', effect: 'proves' },
    { when: /^0\. .{1,400} @ 0x[\da-f]+/, to: 'titled', effect: 'proves' }, // ClickHouse
    { when: perlAborted, to: 'wrap', effect: 'proves' },
    { when: didYouMean, to: 'end', effect: 'proves' },
    { when: deeper, to: 'wrap', effect: 'extends' },
    { when: (seen) => goName.test(seen.text) && !isExceptionHead(seen.text), to: 'go-name', effect: 'waits' },
    { when: and(closers, (seen) => seen.held > 1), to: 'wrap', effect: 'extends' },
    { when: (seen) => seen.blank && seen.waiting < longestWait, to: 'wrap', effect: 'waits' },
    { when: excResumes, to: 'wrap', effect: 'waits' },
    { when: waitable, to: 'wrap', effect: 'waits' },
  ],
  // Indented frames: Java and its family, JavaScript, .NET, Ruby, Perl, Crystal …
  frames: [
    { when: /^#0\s+\S/, to: 'hash', effect: 'proves' },
    {
      when: (seen) =>
        (seen.indent > seen.headIndent || frame.test(seen.text)) &&
        !startsLog(seen.text) &&
        !blank(seen) &&
        seen.indent > 0,
      to: 'frames',
      effect: 'proves',
    },
    { when: cause, to: 'cause', effect: 'proves' },
    {
      when: /^(?:\.\.\. \d+ (?:more|common)|--- End of |---> |at \S|\[CIRCULAR REFERENCE)/,
      to: 'frames',
      effect: 'proves',
    },
    {
      // Node's events, V8's tenth native frame, Next.js, Babel's code frame.
      when: /^(?:Emitted '\w+' event\b.{0,80} at:$|\d+: 0x[\da-f]+ |digest: ['"]|> *\d+ \| )/,
      to: 'frames',
      effect: 'proves',
    },
    { when: and(/^-{20,}$/, (seen) => seen.waiting === 0), to: 'frames', effect: 'waits' }, // .NET
    { when: closers, to: 'frames', effect: 'proves' },
    { when: /^[}\])](?:\s*\{?$| (?:\[cause\]|[a-z]+: ))/, to: 'frames', effect: 'proves' },
    {
      when: (seen) =>
        bareRubyFrame.test(seen.text) && /^\s+from /.test(seen.previous) && seen.text !== seen.head,
      to: 'frames',
      effect: 'proves',
    },
    { when: stackTitle, to: 'titled', effect: 'proves' },
    { when: /^SUMMARY: \w+Sanitizer/, to: 'end', effect: 'proves' },
    {
      when: /^(?:note: |BEGIN failed--|Compilation failed in require|Message: |Arguments: |ClientConnectionId:|Error Number:|Did you mean\?|Run with \w+=)/,
      to: 'frames',
      effect: 'proves',
    },
    { when: /^\S+:[\d?]+:[\d?]+: 0x[\da-f]+ in /, to: 'frames', effect: 'proves' }, // Zig
    { when: aborted, to: 'end', effect: 'proves' },
    { when: nodeTail, to: 'frames', effect: 'proves' },
    { when: blank, to: 'frames-gap', effect: 'waits' },
  ],
  'frames-gap': [
    { when: /^#0\s+\S/, to: 'hash', effect: 'proves' },
    { when: (seen) => seen.blank && seen.waiting < 3, to: 'frames-gap', effect: 'waits' },
    { when: nodeTail, to: 'frames', effect: 'proves' },
    { when: cause, to: 'cause', effect: 'proves' },
    {
      when: (seen) =>
        seen.indent > seen.headIndent &&
        (frame.test(seen.text) || seen.indent >= 4 || /^\s+━/.test(seen.text)) &&
        !startsLog(seen.text),
      to: 'frames',
      effect: 'proves',
    },
    { when: stackTitle, to: 'titled', effect: 'proves' },
    { when: closers, to: 'frames', effect: 'proves' },
    { when: /^Backtrace omitted/, to: 'rust-frames', effect: 'proves' },
    { when: /^Tasks: TOP/, to: 'ruby', effect: 'proves' },
    { when: rubyFrame, to: 'ruby', effect: 'proves' }, // below Rails' piece of a template
    { when: /^\d+: \S.{0,400}:\d+:\d+\)?$/, to: 'titled', effect: 'proves' }, // V8
    { when: aborted, to: 'end', effect: 'proves' },
    { when: /^(?:note: |Run with |--- End of |SUMMARY: )/, to: 'end', effect: 'proves' },
  ],
  // `Caused by: …`, whose message may have several lines as well.
  cause: [
    ...proofs,
    { when: and(bullet, introduced), to: 'cause', effect: 'proves' },
    { when: and(rCause, introduced), to: 'cause', effect: 'proves' },
    { when: deeper, to: 'cause', effect: 'extends' },
    { when: (seen) => seen.blank && seen.waiting < longestWait, to: 'cause', effect: 'waits' },
    { when: (seen) => bareRubyFrame.test(seen.text), to: 'ruby', effect: 'proves' },
    {
      when: (seen) => /:\s*$/.test(seen.previous) && isExceptionHead(seen.text),
      to: 'cause',
      effect: 'waits',
    },
    { when: waitable, to: 'cause', effect: 'waits' },
  ],
  // Frames under a title: PHP, Lua, Julia, Haskell, OCaml, R.
  titled: [
    { when: (seen) => bareHashFrame.test(seen.text), to: 'hash', effect: 'proves' },
    { when: indented, to: 'titled', effect: 'proves' },
    {
      when: /^(?:PHP\s+\d+\. |\d+[.:)]?\s+\S+.*(?:0x[\da-f]+|\(.*\)|:\d+)|Raised |Re-raised |Called from |in expression starting at|Execution halted|coroutine \d+:|\[C\]:|Message: |Arguments: )/,
      to: 'titled',
      effect: 'proves',
    },
    { when: stackTitle, to: 'titled', effect: 'proves' },
    { when: and(/^-{5,}$/, (seen) => stackTitle.test(seen.previous)), to: 'wrap', effect: 'proves' }, // Camel
    { when: (seen) => bareRubyFrame.test(seen.text), to: 'ruby', effect: 'proves' },
    { when: (seen) => bareWebFrame.test(seen.text), to: 'web', effect: 'proves' },
    { when: cause, to: 'cause', effect: 'proves' },
    { when: nodeTail, to: 'frames', effect: 'proves' },
    { when: blank, to: 'frames-gap', effect: 'waits' },
  ],
  // `f@https://…:1:2`, as browsers other than Chrome print frames.
  web: [{ when: (seen) => bareWebFrame.test(seen.text), to: 'web', effect: 'proves' }],
  // Ruby's frames without indentation, as its Logger and Rails print them.
  ruby: [
    { when: rubyFrame, to: 'ruby', effect: 'proves' },
    { when: indented, to: 'frames', effect: 'proves' },
    { when: cause, to: 'cause', effect: 'proves' },
    { when: /^(?:Tasks: TOP|\(See full trace by)/, to: 'ruby', effect: 'proves' },
    { when: blank, to: 'frames-gap', effect: 'waits' },
  ],
  // `#0 …`: PHP, Dart.
  hash: [
    { when: /^#\d+/, to: 'hash', effect: 'proves' },
    { when: /^\s+thrown in |^thrown in /, to: 'end', effect: 'proves' },
    {
      when: /^<asynchronous (?:suspension|gap)>|^"\s?\}|^\[previous exception\]|^\{main\}/,
      to: 'hash',
      effect: 'proves',
    },
    { when: deeper, to: 'hash', effect: 'proves' },
    { when: stackTitle, to: 'hash', effect: 'proves' },
    { when: blank, to: 'hash-gap', effect: 'waits' },
    { when: /^Next [\w\\]+/, to: 'hash-gap', effect: 'waits' },
  ],
  'hash-gap': [
    { when: /^Stack trace:/, to: 'hash', effect: 'proves' },
    { when: /^\s+thrown in /, to: 'end', effect: 'proves' },
    { when: /^Next [\w\\]+/, to: 'hash-gap', effect: 'waits' },
    { when: /^\[previous exception\]/, to: 'hash', effect: 'proves' },
    { when: (seen) => seen.waiting > 1 && waitable(seen), to: 'hash-gap', effect: 'waits' },
  ],

  python: [
    { when: /^--- <exception caught here> ---/, to: 'python', effect: 'proves' }, // Twisted
    { when: /^> File "/, to: 'python', effect: 'proves' },
    { when: blank, to: 'python-blank', effect: 'waits' },
    { when: indented, to: 'python', effect: 'proves' },
    { when: and(pythonException, (seen) => !startsLog(seen.text)), to: 'python-end', effect: 'proves' },
    { when: /^\S+\(\d+\)\s+\S/, to: 'python', effect: 'proves' }, // Nim
    { when: /^Error: unhandled exception: /, to: 'python-end', effect: 'proves' },
    { when: chained, to: 'python-chain', effect: 'proves' },
  ],
  // `stack_info=True`: no exception ends it.
  'python-stack': [{ when: indented, to: 'python-stack', effect: 'proves' }],
  // loguru parts the frames by blank lines, and marks the first with `>`.
  'python-blank': [
    { when: (seen) => seen.blank && seen.waiting < 2, to: 'python-blank', effect: 'waits' },
    { when: /^(?:> File "|\s)/, to: 'python', effect: 'proves' },
    {
      when: and(pythonException, (seen) => isExceptionHead(seen.text) && !startsLog(seen.text)),
      to: 'python-end',
      effect: 'proves',
    },
  ],
  'python-end': [
    { when: indented, to: 'python-end', effect: 'proves' },
    {
      when: /^(?:\[SQL: |\[parameters: |\[[Ee]rror |\(Background on this error|(?:DETAIL|HINT|CONTEXT|QUERY|STATEMENT):|LINE \d+:)/,
      to: 'python-end',
      effect: 'proves',
    },
    { when: chained, to: 'python-chain', effect: 'proves' },
    // A traceback of another process, quoted.
    { when: quotes, to: 'python-end', effect: 'proves' },
    { when: and(traceback, (seen) => quotes.test(seen.previous)), to: 'python', effect: 'proves' },
    { when: and(/^>$/, (seen) => /^\s/.test(seen.previous)), to: 'python-end', effect: 'proves' }, // gRPC
    { when: /^(?:Call stack|Stacktrace):/, to: 'titled', effect: 'proves' },
    // Kubernetes' and other HTTP clients, Playwright.
    { when: /^(?:Reason|HTTP response (?:headers|body)|Call log):/, to: 'python-end', effect: 'proves' },
    { when: blank, to: 'python-gap', effect: 'waits' },
    {
      when: (seen) => /^[\w.[\]-]+$/.test(seen.text) && !isExceptionHead(seen.text),
      to: 'python-field',
      effect: 'waits',
    },
    { when: messageGoesOn, to: 'python-wrap', effect: 'waits' },
  ],
  // More of the message at the margin, as notes: a chained traceback proves it, or that all else begins with a time.
  'python-wrap': [
    { when: chained, to: 'python-chain', effect: 'proves' },
    { when: (seen) => seen.blank && seen.waiting < longestWait, to: 'python-wrap', effect: 'waits' },
    { when: messageGoesOn, to: 'python-wrap', effect: 'waits' },
  ],
  'python-gap': [
    { when: (seen) => seen.blank && seen.waiting < 3, to: 'python-gap', effect: 'waits' },
    { when: chained, to: 'python-chain', effect: 'proves' },
    {
      when: /^(?:\[SQL: |\[parameters: |\(Background on this error|(?:DETAIL|HINT|CONTEXT):)/,
      to: 'python-end',
      effect: 'proves',
    },
  ],
  'python-chain': [
    { when: blank, to: 'python-chain', effect: 'proves' },
    { when: groupTraceback, to: 'python-group', effect: 'proves' },
    { when: traceback, to: 'python', effect: 'proves' },
    { when: indented, to: 'python', effect: 'proves' },
  ],
  // A field's name in a message of several lines, its complaint indented below.
  'python-field': [
    { when: indented, to: 'python-end', effect: 'proves' },
    {
      when: (seen) => /^[\w.[\]-]+$/.test(seen.text) && seen.waiting < 3,
      to: 'python-field',
      effect: 'waits',
    },
    { when: messageGoesOn, to: 'python-wrap', effect: 'waits' },
  ],
  'python-group': [
    { when: indented, to: 'python-group', effect: 'proves' },
    { when: blank, to: 'python-gap', effect: 'waits' },
  ],
  'python-fault': [
    { when: indented, to: 'python-fault', effect: 'proves' },
    {
      when: /^(?:Current thread|Thread 0x|Python runtime state|Extension modules:|<no Python frame>|<Cannot show all threads)/,
      to: 'python-fault',
      effect: 'proves',
    },
    { when: blank, to: 'python-fault', effect: 'waits' },
    { when: aborted, to: 'end', effect: 'proves' },
  ],
  // A traceback in a drawn box.
  box: [
    { when: /^\s*[│┃|├╵╷]/, to: 'box', effect: 'proves' },
    { when: /^\s*[╰└]/, to: 'python', effect: 'proves' },
  ],

  // What Terraform has to say, in a box of one side.
  note: [
    { when: /^│/, to: 'note', effect: 'proves' },
    { when: /^╵$/, to: 'end', effect: 'proves' },
  ],

  'go-head': [
    { when: goroutine, to: 'go', effect: 'proves' },
    { when: /^runtime stack:/, to: 'go', effect: 'proves' },
    { when: register, to: 'go', effect: 'proves' },
    { when: ginFrame, to: 'gin', effect: 'proves' },
    { when: /^\S+:\d+:\d+: 0x[\da-f]+ in /, to: 'frames', effect: 'proves' }, // Zig
    {
      when: /^(?:\s*panic: |fatal error: |\[signal |\[originating |PC=|signal arrived|runtime: |unexpected fault|goroutine )/,
      to: 'go-head',
      effect: 'waits',
    },
    { when: deeperFrame, to: 'frames', effect: 'proves' }, // chi
    { when: (seen) => seen.blank && seen.waiting < longestWait, to: 'go-head', effect: 'waits' },
    { when: waitable, to: 'go-head', effect: 'waits' },
  ],
  go: [
    { when: indented, to: 'go', effect: 'proves' },
    { when: goroutine, to: 'go', effect: 'proves' },
    {
      when: /^(?:created by |runtime stack:|\.\.\.\d+ frames elided|\.\.\.additional frames elided|\[originating |goroutine running on other thread|PC=|rip |signal )/,
      to: 'go',
      effect: 'proves',
    },
    { when: goArguments, to: 'go', effect: 'proves' },
    { when: register, to: 'go', effect: 'proves' },
    { when: blank, to: 'go', effect: 'waits' },
    { when: goFunction, to: 'go-function', effect: 'waits' },
    { when: /^exit status \d+$/, to: 'go-odd', effect: 'waits' },
  ],
  'go-function': [{ when: goFile, to: 'go', effect: 'proves' }],
  'go-odd': [
    { when: blank, to: 'go-odd', effect: 'waits' },
    { when: goroutine, to: 'go', effect: 'proves' },
  ],
  // `main.load` over `\t/app/main.go:10`: pkg/errors, zap.
  'go-name': [{ when: goFile, to: 'go-names', effect: 'proves' }],
  'go-names': [
    { when: (seen) => goName.test(seen.text) && !isExceptionHead(seen.text), to: 'go-name', effect: 'waits' },
    { when: indented, to: 'go-names', effect: 'proves' },
    // What wraps the error of a Wrap or WithStack, its own stack below.
    { when: (seen) => seen.waiting === 0 && waitable(seen), to: 'go-wraps', effect: 'waits' },
  ],
  'go-wraps': [
    { when: (seen) => goName.test(seen.text) && !isExceptionHead(seen.text), to: 'go-name', effect: 'waits' },
  ],
  // `/app/main.go:10 (0x4a2b)` over `\tfunc: source`.
  gin: [
    { when: ginFrame, to: 'gin', effect: 'proves' },
    { when: indented, to: 'gin', effect: 'proves' },
    { when: blank, to: 'gin', effect: 'waits' },
  ],

  // ===== above a sanitizer's or race detector's report.
  rule: [
    { when: /^WARNING: (?:DATA RACE|\w+Sanitizer)/, to: 'race', effect: 'proves' },
    { when: sanitizer, to: 'sanitizer', effect: 'proves' },
  ],
  race: [
    { when: /^={10,}$/, to: 'end', effect: 'proves' },
    { when: indented, to: 'race', effect: 'proves' },
    {
      when: /^(?:Previous|Read|Write|Atomic|Goroutine|Mutex|Thread|Location|As if|SUMMARY)\b/,
      to: 'race',
      effect: 'proves',
    },
    { when: blank, to: 'race', effect: 'waits' },
  ],
  sanitizer: [
    { when: /^==\d+==\s?(?:ABORTING|End of)/, to: 'end', effect: 'proves' },
    { when: indented, to: 'sanitizer', effect: 'proves' },
    {
      when: /^(?:==\d+==|=>?0x|0x[\da-f]+|READ |WRITE |SUMMARY:|Shadow |Direct leak|Indirect leak|HINT|Hint|Address |Thread T|This frame|AddressSanitizer|LeakSanitizer|MemorySanitizer|Uninitialized |Command: |Exiting|Objects leaked|Suppressions|-{10,}$|={10,}$|[A-Za-z][\w ]+:$)/,
      to: 'sanitizer',
      effect: 'proves',
    },
    { when: blank, to: 'sanitizer', effect: 'waits' },
  ],
  abort: [
    { when: indented, to: 'abort', effect: 'proves' },
    { when: aborted, to: 'end', effect: 'proves' },
    {
      when: /^(?:\*\*\* |\(safe mode, |={3,} \w[\w ]*: ={3,}|\S+\(.*\)\s?\[0x[\da-f]+\]|\S+\[0x[\da-f]+\]|[\da-f]{8,}-[\da-f]{8,} |libc\+\+abi: |\(\s*$|\)\s*$|PC: @|@\s+0x|#\d+\s+0x|Backtrace:|Stack trace)/,
      to: 'abort',
      effect: 'proves',
    },
    { when: (seen) => seen.blank && seen.waiting < 1, to: 'abort', effect: 'waits' },
  ],

  rust: [
    { when: (seen) => !seen.blank && !startsLog(seen.text), to: 'rust-message', effect: 'proves' },
    { when: blank, to: 'rust-wrap', effect: 'waits' },
  ],
  'rust-message': [
    { when: /^stack backtrace:/, to: 'rust-frames', effect: 'proves' },
    { when: /^note: /, to: 'rust-frames', effect: 'proves' },
    {
      when: /^(?:(?:fatal runtime error|Message|Location): |thread caused non-unwinding panic)/,
      to: 'rust-message',
      effect: 'proves',
    },
    { when: aborted, to: 'end', effect: 'proves' },
    { when: indented, to: 'rust-message', effect: 'extends' },
    {
      when: (seen) => (seen.blank || waitable(seen)) && seen.waiting < longestWait,
      to: 'rust-wrap',
      effect: 'waits',
    },
  ],
  'rust-wrap': [
    { when: /^(?:Backtrace omitted|Run with |\s+━)/, to: 'rust-frames', effect: 'proves' },
    { when: /^stack backtrace:/, to: 'rust-frames', effect: 'proves' },
    { when: /^note: (?:run with|Some details)/, to: 'rust-frames', effect: 'proves' },
    {
      when: (seen) => (seen.blank || waitable(seen)) && seen.waiting < longestWait,
      to: 'rust-wrap',
      effect: 'waits',
    },
  ],
  'rust-frames': [
    { when: indented, to: 'rust-frames', effect: 'proves' },
    {
      when: /^(?:note: |stack backtrace:|Run with |fatal runtime error: |thread (?:caused non-unwinding|panicked while))/,
      to: 'rust-frames',
      effect: 'proves',
    },
    { when: aborted, to: 'end', effect: 'proves' },
  ],

  // `/app/x.js:3`, the source line, and a caret below it: JavaScript shows them above the error.
  source: [{ when: (seen) => !seen.blank && !startsLog(seen.text), to: 'source-line', effect: 'waits' }],
  'source-line': [
    { when: caret, to: 'source-caret', effect: 'proves' },
    { when: (seen) => !startsLog(seen.text) && seen.waiting < 8, to: 'source-line', effect: 'waits' },
  ],
  'source-caret': [
    { when: blank, to: 'source-caret', effect: 'proves' },
    { when: (seen) => !seen.blank, to: 'wrap', effect: 'proves' },
  ],

  elixir: [
    { when: indented, to: 'elixir', effect: 'proves' },
    { when: /^\*\* (?!\([A-Z]\w*)/, to: 'elixir', effect: 'proves' },
    { when: elixirField, to: 'elixir', effect: 'proves' },
    { when: blank, to: 'elixir', effect: 'waits' },
    { when: (seen) => seen.waiting > 0 && waitable(seen), to: 'elixir-wrap', effect: 'waits' },
  ],
  // More of the message behind a blank line, as Ecto's query, until a frame comes.
  'elixir-wrap': [
    { when: /^\s+\(\S+(?: \S+)?\) \S+:\d+: \S/, to: 'elixir', effect: 'proves' },
    { when: (seen) => seen.blank && seen.waiting < longestWait, to: 'elixir-wrap', effect: 'waits' },
    { when: waitable, to: 'elixir-wrap', effect: 'waits' },
  ],
  // A report ends with a blank line.
  erlang: [
    {
      // Terms and sentences stand at the margin; below an indented list only more of it follows.
      when: (seen) =>
        !seen.blank &&
        (seen.indent > 0 || !/^\s/.test(seen.previous) || /^[{[("<*}\])]/.test(seen.text)) &&
        !startsLog(seen.text) &&
        !seen.begins &&
        seen.held < 200,
      to: 'erlang',
      effect: 'proves',
    },
  ],
  'bug-report': [
    { when: /^=== [A-Z]+ BUG REPORT END\b/, to: 'end', effect: 'proves' },
    { when: () => true, to: 'bug-report', effect: 'proves' },
  ],
  report: [
    {
      when: (seen) => !seen.blank && !startsLog(seen.text) && !seen.begins && seen.held < 200,
      to: 'report',
      effect: 'proves',
    },
  ],
  // A line that is nothing but a time stamp is the head of the lines below it.
  stamp: [
    {
      when: (seen) => !seen.blank && !startsLog(seen.text) && !seen.begins && seen.held < 50,
      to: 'stamp',
      effect: 'proves',
    },
    { when: and(/^Full thread dump /, () => true), to: 'thread-dump', effect: 'proves' },
  ],
  // MySQL's slow query log: comments, then the statement up to its semicolon.
  'slow-query': [
    {
      when: and(/^# (?!Time:)/, (seen) => seen.previous.startsWith('#')),
      to: 'slow-query',
      effect: 'proves',
    },
    {
      when: (seen) =>
        (seen.previous.startsWith('#') ||
          !seen.previous.endsWith(';') ||
          /^(?:use|SET timestamp=)/i.test(seen.previous)) &&
        !seen.blank &&
        !seen.text.startsWith('#') &&
        !startsLog(seen.text) &&
        seen.held < 200,
      to: 'slow-query',
      effect: 'proves',
    },
  ],
  'jvm-hash': [
    { when: /^# (?:A fatal error has been|There is insufficient memory)/, to: 'jvm-crash', effect: 'proves' },
    { when: /^#(?: |$)/, to: 'jvm-hash', effect: 'waits' },
  ],
  'jvm-crash': [
    { when: /^#(?: |$)/, to: 'jvm-crash', effect: 'proves' },
    { when: aborted, to: 'end', effect: 'proves' },
  ],
  'thread-dump': [
    { when: indented, to: 'thread-dump', effect: 'proves' },
    {
      when: /^(?:"|JNI global ref|Found \d|Found one|Java stack information|={5,}|Locked |Heap$|Threads class SMR|_java_thread_list|0x|\})/,
      to: 'thread-dump',
      effect: 'proves',
    },
    { when: blank, to: 'thread-dump', effect: 'waits' },
  ],
  swift: [
    { when: indented, to: 'swift', effect: 'proves' },
    {
      when: /^(?:\d+ +(?:\[\w+\] )*0x|0x[\da-f]+|Thread \d|Registers:|Images |Backtrace took|Crashed|\*\*\* |💣|\w+ 0x[\da-f]+|\.\.\.$|…)/u,
      to: 'swift',
      effect: 'proves',
    },
    { when: (seen) => aborted.test(seen.text), to: 'end', effect: 'proves' },
    { when: (seen) => seen.blank && seen.waiting < 3, to: 'swift', effect: 'waits' },
  ],
  // V8 without memory: what its collector did last, then the error and native frames.
  'v8-memory': [
    { when: /^FATAL ERROR: /, to: 'frames', effect: 'proves' },
    {
      when: (seen) => (seen.blank || /^(?:<--- |\[\d+:0x|\s)/.test(seen.text)) && seen.waiting < 24,
      to: 'v8-memory',
      effect: 'waits',
    },
  ],
  // java.util.logging writes each event on two lines: when and where, then level and message.
  jul: [{ when: /^(?:SEVERE|WARNING|INFO|CONFIG|FINE|FINER|FINEST): /, to: 'wrap', effect: 'proves' }],
  // An object printed over several lines.
  json: [
    { when: (seen) => seen.depth === 0 && seen.isJson(), to: 'end', effect: 'proves' },
    { when: closers, to: 'block', effect: 'extends' },
    { when: deeper, to: 'json', effect: 'extends' },
    {
      when: (seen) => seen.depth > 0 && seen.waiting < 64 && !seen.blank && !startsLog(seen.text),
      to: 'json',
      effect: 'waits',
    },
  ],
  end: [],
};

/** States in which what is held is a traceback. */
export const traceStates = new Set<State>([
  'frames',
  'cause',
  'titled',
  'web',
  'ruby',
  'hash',
  'python',
  'python-stack',
  'python-end',
  'python-chain',
  'python-group',
  'python-fault',
  'box',
  'go',
  'go-names',
  'gin',
  'race',
  'sanitizer',
  'abort',
  'rust',
  'rust-message',
  'rust-frames',
  'source-caret',
  'elixir',
  'erlang',
  'bug-report',
  'jvm-crash',
  'thread-dump',
  'swift',
]);

/** States whose waiting lines are a message's rest where all other lines begin with a time. */
export const restStates = new Set<State>(['python-field', 'python-wrap']);

/** A line that begins a traceback: what state it opens, and whether it belongs to an announcement right above. */
export interface Beginning {
  when: RegExp;
  to: State;
  /** The entry above keeps it when its first line introduces it. */
  joins?: boolean;
}

export const beginnings: Beginning[] = [
  { when: groupTraceback, to: 'python-group', joins: true },
  { when: /^\s*[╭┌+].{0,3}[─-]+.*Traceback \(most recent call last\)/, to: 'box', joins: true },
  { when: /^╷$/, to: 'note' },
  { when: traceback, to: 'python', joins: true },
  { when: /^Stack \(most recent call last\):$/, to: 'python-stack', joins: true },
  { when: /^\s+File "[^"]+", line \d+$/, to: 'python' },
  { when: /^Stack overflow\.$/, to: 'wrap' }, // .NET
  { when: /^\*\*\* Check failure stack trace/, to: 'abort', joins: true },
  { when: /^\d+ \| /, to: 'source-line' },
  { when: /^Fatal Python error: /, to: 'python-fault' },
  { when: goroutine, to: 'go', joins: true },
  {
    when: /^(?:(?:.{0,80}(?:[|\]:>]|std(?:err|out) F) | )?panic: |fatal error: |runtime: |SIG[A-Z]{2,6}: |unexpected fault address|thread \d+ panic: )|\bpanic serving\b|\b[Pp]anic recovered:/,
    to: 'go-head',
  },
  { when: sanitizer, to: 'sanitizer' },
  { when: rule, to: 'rule' },
  {
    when: /^(?:terminate called|libc\+\+abi: terminating|\*\*\* Terminating app|\*\*\* (?:stack smashing|buffer overflow|Error in|SIG|Aborted at)|(?:free|malloc|realloc|malloc_consolidate|munmap_chunk)\(\): [a-z]|(?:double free or corruption \(|corrupted (?:size vs|double-linked)))|: Assertion [`'].*' failed\.?$/,
    to: 'abort',
  },
  { when: /^thread '[^']*'(?: \(\d+\))? panicked at .*:\d+:\d+:$/, to: 'rust' },
  {
    when: /^thread '[^']*'(?: \(\d+\))? (?:panicked at |has overflowed its stack|panicked while)/,
    to: 'rust-message',
  },
  { when: /^The application panicked \(crashed\)\.?$/, to: 'rust' },
  {
    when: /^(?:file:\/\/)?(?:[A-Za-z]:)?[^\s:'"]+\.(?:[cm]?[jt]sx?|vue|svelte):\d+$|^(?:node:\S+|\[(?:eval|stdin)\]|<anonymous_script>|evalmachine\.<anonymous>):\d+$/,
    to: 'source',
  },
  { when: /^\*\* \((?:exit|EXIT|stop|throw|[A-Z]\w*)[\w.]*\)/, to: 'elixir', joins: true },
  { when: /^=(?:ERROR|CRASH|SUPERVISOR) REPORT====/, to: 'erlang' },
  { when: /^=[A-Z]+ REPORT====/, to: 'report' },
  { when: /^=== [A-Z]+ BUG REPORT START: /, to: 'bug-report' }, // Redis and its kin
  { when: /^# (?:Time: |User@Host: )/, to: 'slow-query' },
  { when: /^# (?:A fatal error has been|There is insufficient memory)/, to: 'jvm-crash' },
  { when: /^#$/, to: 'jvm-hash' },
  { when: /^Full thread dump /, to: 'thread-dump', joins: true },
  { when: /^<--- Last few GCs --->/, to: 'v8-memory' },
  { when: /^-{3,} (?:Native|JS|JavaScript) stack ?trace -{3,}$/, to: 'titled', joins: true },
  { when: /^(?:💣|\*\*\*) (?:Program crashed|Signal \d+)/u, to: 'swift', joins: true },
  { when: /^[A-Z][a-z]{2} \d{1,2}, \d{4},? \d{1,2}:\d{2}:\d{2} [AP]M [\w.$]+(?: \S+)?$/, to: 'jul' },
  // Rails and others print the head of an error indented by a blank or two.
  {
    when: /^\s{1,2}(?:[A-Z]\w*::)*[A-Z]\w*(?:Error|Exception|NotFound|Invalid|Missing)? \(.*\):?$/,
    to: 'wrap',
  },
];

/** The state a line opens that begins no traceback: an exception's name may have frames coming. */
export function openingState(text: string): State {
  if (text.length < 48 && startsLog(text) && afterStamp(text).trim() === '') return 'stamp';
  const first = text.charCodeAt(0);
  if ((first === 123 || (first === 91 && text.length < 4)) && bracketDepth(text) > 0) return 'json';
  return namesException(text) || text.includes(': runtime error: ') ? 'wrap' : 'line';
}

/** Whether the line alone tells that a traceback or crash report begins with it. */
export function startsTraceback(text: string): boolean {
  return (
    /^Exception in thread "/.test(text) ||
    beginnings.some(({ when, to }) => (traceStates.has(to) || to === 'go-head') && when.test(text))
  );
}
