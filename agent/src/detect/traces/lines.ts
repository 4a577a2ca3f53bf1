// What a line may be before anything tells: an ordinary one, the message of an exception, JSON over several lines.

import {
  bareHashFrame,
  bareRubyFrame,
  cause,
  closers,
  ginFrame,
  goName,
  goroutine,
  introduces,
  isExceptionHead,
  stackTitle,
} from '../shapes.ts';
import { startsLog } from '../text.ts';
import {
  and,
  blank,
  bullet,
  deeper,
  deeperFrame,
  introduced,
  longestWait,
  nodeTail,
  proofs,
  quotes,
  type Row,
  rCause,
  rubyHead,
  type Seen,
  type State,
  tclPlace,
  waitable,
} from './row.ts';

/** A crash that its runtime or framework prints a little indented: the ordinary line above is not its head. */
const ownHead =
  /^\s{1,3}(?:[⨯✖✗×] )?(?:panic: |(?:[\w$]+(?:\.|::|\\)){0,12}[\w$]{0,80}(?:Error|Exception)(?: \[\w+\])?: )/;
const beginsItself = (seen: Seen) =>
  ownHead.test(seen.text) &&
  seen.indent - seen.headIndent <= 3 &&
  !introduces(seen.head) &&
  !isExceptionHead(seen.head);
const deeperRest = (seen: Seen) => deeper(seen) && !(seen.lines - seen.waiting === 1 && beginsItself(seen));
/** What cockroachdb/errors prints at the margin. */
const errorsMark = /^(?:\(1\) |Wraps: \(\d+\) |Error types: \(1\) )/;
const perlAborted = /^(?:PHP )?BEGIN failed--|^Compilation failed in require/;
/** `[v4.0.1] System.IO.IOException: …`: Sonarr and its kin say which of them it was. */
const versionedException: Row = {
  when: and(/^\[v\d[\d.]*\] (?:\w+\.){0,12}\w+(?:Exception|Error): /, introduced),
  to: 'wrap',
  effect: 'waits',
};
/** Oracle lists the calls and causes of an error below it. */
const oracleList: Row = {
  when: and(/^ORA-\d{5}: /, (seen) => /\bORA-\d{5}: /.test(seen.previous)),
  to: 'block',
  effect: 'proves',
};
const didYouMean = /^Did you mean\? /;
/** `client_session: <aiohttp.client.ClientSession object at 0x7f…>` */
const pythonObject = /^[a-z_]{3,24}: <[\w.]+ .*\bat 0x[\da-f]+\b.*>$/;
const requestField = /^(?:Server|Request): \S/;
/** Where Rust's tracing says that a line was logged. */
const rustPlace = /^\s+at \S+\.rs:\d+(?: on .{1,80})?$/;
const starred = /^\*\*\* .+/;
const excResumes = (seen: Seen) =>
  isExceptionHead(seen.text) &&
  !startsLog(seen.text) &&
  (/:\s*$/.test(seen.previous) ||
    ((seen.waiting === 0 || seen.previous.trim() === '') &&
      (introduces(seen.head) || introduces(seen.previous))));

export const lines = {
  // An ordinary line. What is below it and deeper belongs to it.
  line: [
    { when: /^\S+: note: /, to: 'block', effect: 'extends' },
    { when: and(/^(?:Raised|Re-raised|Called) (?:at|from|by) /, introduced), to: 'titled', effect: 'proves' },
    { when: tclPlace, to: 'tcl', effect: 'proves' },
    { when: /^\s+--> \S{1,400}:\d+:\d+$/, to: 'diagnostic', effect: 'proves' }, // Rust
    { when: and(rustPlace, (seen) => startsLog(seen.head)), to: 'block', effect: 'proves' },
    { when: deeperFrame, to: 'frames', effect: 'proves' },
    { when: and(/^\s+\*\* \([A-Z]/, introduced), to: 'elixir', effect: 'proves' },
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
    {
      when: and(/^Backtrace:$/, (seen) => !introduces(seen.head) && !isExceptionHead(seen.head)),
      to: 'backtrace',
      effect: 'waits',
    },
    { when: stackTitle, to: 'titled', effect: 'proves' },
    { when: and(bareHashFrame, introduced), to: 'hash', effect: 'proves' },
    {
      when: and(/^#0\s+0x[\da-f]+\s+in\s/, (seen) => /\bsignal\b/i.test(seen.head)), // Fluent Bit
      to: 'hash',
      effect: 'proves',
    },
    { when: and(/^-{20,}$/, introduced), to: 'fields', effect: 'waits' },
    versionedException,
    { when: and(rubyHead, introduced), to: 'ruby-message', effect: 'proves' },
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
      to: 'frames',
      effect: 'proves',
    },
    { when: and(errorsMark, introduced), to: 'block', effect: 'proves' },
    oracleList,
    { when: and(/^Line \|$/, (seen) => /:\d+$/.test(seen.head)), to: 'diagnostic', effect: 'proves' }, // PowerShell
  ],
  block: [
    oracleList,
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
    versionedException,
    {
      when: (seen) => isExceptionHead(seen.text) && !startsLog(seen.text) && introduces(seen.head),
      to: 'wrap',
      effect: 'waits',
    },
  ],
  // Lines without a time below one with a time: see join.ts.
  loose: [],
  // A ruled line, then names and values in columns: Flyway.
  fields: [
    { when: /^SQL State +: \S/, to: 'fields', effect: 'proves' },
    {
      when: and(/^[A-Z]\w*(?: \w+)? *: \S/, (seen) => seen.waiting === 0),
      to: 'fields',
      effect: 'proves',
    },
    { when: (seen) => seen.blank && seen.waiting < 1 && seen.lines > 2, to: 'fields', effect: 'waits' },
    { when: /^Caused by: /, to: 'cause', effect: 'proves' },
  ],
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
    { when: and(/^\s+× \S/, (seen) => seen.indent > seen.headIndent), to: 'frames', effect: 'proves' }, // miette
    { when: and(/^at \S/, () => true), to: 'frames', effect: 'proves' },
    { when: /^0\. .{1,400} @ 0x[\da-f]+/, to: 'titled', effect: 'proves' }, // ClickHouse
    { when: perlAborted, to: 'wrap', effect: 'proves' },
    { when: didYouMean, to: 'end', effect: 'proves' },
    { when: deeper, to: 'wrap', effect: 'extends' },
    { when: (seen) => goName.test(seen.text) && !isExceptionHead(seen.text), to: 'go-name', effect: 'waits' },
    { when: and(closers, (seen) => seen.lines > 1), to: 'wrap', effect: 'extends' },
    { when: (seen) => seen.blank && seen.waiting < longestWait, to: 'wrap', effect: 'waits' },
    { when: excResumes, to: 'wrap', effect: 'waits' },
    { when: waitable, to: 'wrap', effect: 'waits' },
  ],
  // A line that is nothing but a time stamp is the head of the lines below it.
  stamp: [
    {
      when: (seen) => !seen.blank && !startsLog(seen.text) && !seen.begins && seen.lines < 50,
      to: 'stamp',
      effect: 'proves',
    },
    { when: and(/^Full thread dump /, () => true), to: 'thread-dump', effect: 'proves' },
  ],
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
} satisfies Partial<Record<State, Row[]>>;
