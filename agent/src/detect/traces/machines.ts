// What the virtual machines of Java, Erlang and JavaScript report.

import { elixirField } from '../shapes.ts';
import { startsLog } from '../text.ts';
import { aborted, blank, indented, longestWait, type Row, type State, waitable } from './row.ts';

export const machines = {
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
        seen.lines < 200,
      to: 'erlang',
      effect: 'proves',
    },
  ],
  report: [
    {
      when: (seen) => !seen.blank && !startsLog(seen.text) && !seen.begins && seen.lines < 200,
      to: 'report',
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
} satisfies Partial<Record<State, Row[]>>;
