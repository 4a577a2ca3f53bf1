// Reports of servers and tools.

import { startsLog } from '../text.ts';
import { and, indented, longestWait, type Row, type Seen, type State } from './row.ts';

const isBelowBlank = (seen: Seen) => seen.previous.trim() === '';

export const servers = {
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
        seen.lines < 200,
      to: 'slow-query',
      effect: 'proves',
    },
  ],
  // Redis and its kin, until they say that it ends: a program that only quotes its begin must not lose its log in it.
  'bug-report': [
    { when: /^=== [A-Z]+ BUG REPORT END\b/, to: 'end', effect: 'proves' },
    { when: (seen) => seen.lines < 399, to: 'bug-report', effect: 'proves' },
  ],
  // What mysqld says of its own crash, down to the next line of its log.
  'mysql-crash': [
    { when: (seen) => seen.blank && seen.waiting < 3, to: 'mysql-crash', effect: 'waits' },
    { when: (seen) => !startsLog(seen.text) && seen.lines < 200, to: 'mysql-crash', effect: 'proves' },
  ],
  // What Terraform has to say, in a box of one side.
  note: [
    { when: /^│/, to: 'note', effect: 'proves' },
    { when: /^(?:╵$|└)/, to: 'end', effect: 'proves' },
  ],
  // MinIO: what was asked, by whom, the error, and its frames.
  'minio-fields': [
    { when: /^Error: /, to: 'minio', effect: 'proves' },
    { when: and(/^[A-Z]\w+: /, (seen) => seen.waiting < longestWait), to: 'minio-fields', effect: 'waits' },
  ],
  minio: [{ when: indented, to: 'minio', effect: 'proves' }],
  // Symfony's console: each exception in a paragraph, frames perhaps, and how the command is called.
  console: [
    { when: indented, to: 'console', effect: 'proves' },
    { when: (seen) => seen.blank && seen.waiting < 4, to: 'console', effect: 'waits' },
    { when: /^(?:Exception trace:|In \S+\.php line \d+:)$/, to: 'console', effect: 'proves' },
    { when: and(/^[a-z][\w:-]* [[<].*[\]>]$/, isBelowBlank), to: 'end', effect: 'proves' },
  ],
  // Laravel's: the class, the message, and the place in its source, which proves it.
  collision: [
    { when: /^\s+at \S+:\d+$/, to: 'collision-frames', effect: 'proves' },
    {
      when: (seen) => (seen.blank || indented(seen)) && seen.waiting < longestWait,
      to: 'collision',
      effect: 'waits',
    },
  ],
  'collision-frames': [
    { when: indented, to: 'collision-frames', effect: 'proves' },
    { when: (seen) => seen.blank && seen.waiting < 3, to: 'collision-frames', effect: 'waits' },
  ],
} satisfies Partial<Record<State, Row[]>>;
