// Panics of Go, and the stacks that its libraries print.

import {
  ginFrame,
  goArguments,
  goFile,
  goFunction,
  goName,
  goroutine,
  isExceptionHead,
  register,
} from '../shapes.ts';
import { blank, deeperFrame, indented, longestWait, type Row, type State, waitable } from './row.ts';

export const go = {
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
} satisfies Partial<Record<State, Row[]>>;
