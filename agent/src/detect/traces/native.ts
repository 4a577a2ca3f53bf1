// Crashes of native programs: sanitizers, glibc, Rust, Swift.

import { startsLog } from '../text.ts';
import { aborted, blank, indented, longestWait, type Row, type State, sanitizer, waitable } from './row.ts';

export const native = {
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
    { when: blank, to: 'rust-gap', effect: 'waits' },
  ],
  // color-eyre says last how to see more.
  'rust-gap': [{ when: /^Run with \w+=/, to: 'rust-frames', effect: 'proves' }],
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
} satisfies Partial<Record<State, Row[]>>;
