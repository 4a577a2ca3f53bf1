// Tracebacks of Python, groups and boxes of them.

import { introduces, isExceptionHead, pythonException } from '../shapes.ts';
import { startsLog } from '../text.ts';
import {
  aborted,
  and,
  blank,
  groupTraceback,
  indented,
  longestWait,
  quotes,
  type Row,
  type Seen,
  type State,
  traceback,
  waitable,
} from './row.ts';

const messageGoesOn = (seen: Seen) => seen.soon && waitable(seen) && !introduces(seen.text);
const chained = /^\s*(?:During handling of the above exception|The above exception was the direct cause)/;

export const python = {
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
      when: (seen) => /^[\w.[\]-]+:?$/.test(seen.text) && !isExceptionHead(seen.text) && seen.soon,
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
    { when: (seen) => /^\s+at \S/.test(seen.text), to: 'frames', effect: 'proves' }, // Spark
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
} satisfies Partial<Record<State, Row[]>>;
