// Reports of servers and tools.

import { startsLog } from '../text.ts';
import { and, type Row, type State } from './row.ts';

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
    { when: /^╵$/, to: 'end', effect: 'proves' },
  ],
} satisfies Partial<Record<State, Row[]>>;
