// Frames as most languages print them, their causes, and what JavaScript shows above an error.

import {
  bareHashFrame,
  bareRubyFrame,
  bareWebFrame,
  caret,
  cause,
  closers,
  frame,
  isExceptionHead,
  stackTitle,
} from '../shapes.ts';
import { startsLog } from '../text.ts';
import {
  aborted,
  and,
  blank,
  bullet,
  deeper,
  deeperFrame,
  indented,
  introduced,
  longestWait,
  nodeTail,
  proofs,
  type Row,
  rCause,
  rubyHead,
  type Seen,
  type State,
  waitable,
} from './row.ts';

/** One that is not the head of the next exception. */
const rubyFrame = (seen: Seen) => bareRubyFrame.test(seen.text) && !rubyHead.test(seen.text);

export const frames = {
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
    { when: and(rubyHead, (seen) => /^\s+from /.test(seen.previous)), to: 'ruby-message', effect: 'proves' },
    {
      when: (seen) =>
        bareRubyFrame.test(seen.text) && /^\s+from /.test(seen.previous) && seen.text !== seen.head,
      to: 'frames',
      effect: 'proves',
    },
    // Below the caret of a message that quotes a statement: a frame, not the head of the next exception.
    {
      when: (seen) => /^\S+:\d+:in [`'][^'`]+'$/.test(seen.text) && caret.test(seen.previous),
      to: 'ruby',
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
    { when: /^Envoy version: /, to: 'titled', effect: 'proves' },
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
  // The message of a thread's exception or of a cause: more of it, or the line of the source and a caret.
  'ruby-message': [
    { when: deeperFrame, to: 'frames', effect: 'proves' },
    { when: and(caret, (seen) => seen.indent > 0), to: 'frames', effect: 'proves' },
    { when: (seen) => rubyFrame(seen) && seen.waiting === 0, to: 'ruby', effect: 'proves' },
    { when: (seen) => seen.blank && seen.waiting < longestWait, to: 'ruby-message', effect: 'waits' },
    {
      when: (seen) => waitable(seen) && !bareRubyFrame.test(seen.text),
      to: 'ruby-message',
      effect: 'waits',
    },
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
} satisfies Partial<Record<State, Row[]>>;
