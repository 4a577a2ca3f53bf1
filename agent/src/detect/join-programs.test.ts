// What common programs print, whose lines only together make sense: see fixtures/traces/programs-documented.txt for more.

import { describe, expect, it } from 'vitest';
import { entriesOf, rangesOf } from './kit.ts';

const found = (texts: string[]) => rangesOf(entriesOf(texts), texts);

describe('join, below an error of a stream whose lines begin with a time', () => {
  const at = (second: number, text: string) => `[2026-01-05 10:00:0${second}] ${text}`;
  const before = [at(0, 'INFO one'), at(0, 'INFO two'), at(0, 'INFO three')];
  const paragraphs = [
    at(1, 'ERROR the shop cannot open'),
    '',
    'the database refused',
    '',
    'Error ID:',
    '    E77',
    '',
    '----------------------------------------',
    '',
  ];

  it('keeps what it says in paragraphs, and the exception that ends them: Ghost, Nest', () => {
    const texts = [
      ...before,
      ...paragraphs,
      'Error: connection refused',
      '    at connect (/srv/shop/db.js:12:9)',
      '',
      at(2, 'WARN closing'),
    ];
    const entries = entriesOf(texts);
    expect(rangesOf(entries, texts)).toEqual(['0-0', '1-1', '2-2', '3-13', '15-15']);
    expect(entries.find(({ first }) => first.ordinal === 3)?.kind).toBe('trace');
    const withoutFrames = [...before, ...paragraphs, at(2, 'WARN closing')];
    expect(found(withoutFrames)).toEqual(['0-0', '1-1', '2-2', '3-10', '12-12']);
  });

  it('takes no paragraph to a line of information, and none where lines have no time', () => {
    const info = [...before, at(1, 'INFO opening'), '', 'Listening', '', 'Ready', at(2, 'INFO open')];
    expect(found(info)).toEqual(['0-0', '1-1', '2-2', '3-3', '5-5', '7-7', '8-8']);
    const bare = ['ERROR: no database', '', 'the shop opens', '', 'Ready'];
    expect(found(bare)).toEqual(['0-0', '2-2', '4-4']);
  });

  it('begins anew with an exception that has no frames', () => {
    const texts = [...before, ...paragraphs, 'Error: of another thing', at(2, 'INFO open')];
    expect(found(texts)).toEqual(['0-0', '1-1', '2-2', '3-10', '12-12', '13-13']);
  });
});

describe('join, below a line with a time that ends with a colon', () => {
  it('keeps an object over several lines', () => {
    const texts = [
      '2026-01-05 10:00:00 ERROR the shop answered:',
      '{',
      '  "plan": 7,',
      '  "tags": [',
      '    2',
      '  ]',
      '}',
      '2026-01-05 10:00:01 INFO next',
    ];
    expect(found(texts)).toEqual(['0-6', '7-7']);
    const log = ['2026-01-05 10:00:00 INFO ready:', '{"level":"info","msg":"sold"}'];
    expect(found(log)).toEqual(['0-0', '1-1']);
  });
});

describe('join, for blank lines', () => {
  it('holds nothing that is indented for their rest', () => {
    const texts = ['  Shop 14', '  - http://localhost', '', ' ✓ Ready', ' ✓ Opened', ' ✓ Sold'];
    expect(found(texts)).toEqual(['0-0', '1-1', '3-3', '4-4', '5-5']);
  });

  it('does not forget for them that lines begin with a time', () => {
    const stamped = (i: number) => `2026-01-05 10:00:0${i} INFO sold`;
    const texts = [stamped(0), stamped(1), '', stamped(2), 'and more of it', stamped(3)];
    expect(found(texts)).toEqual(['0-0', '1-1', '3-4', '5-5']);
  });
});

describe('join, for ordinary lines that look like the begin of a report', () => {
  it('leaves each alone', () => {
    const texts = [
      '2026-01-05 10:00:01 ERROR the shop cannot open',
      '----------------------------------------',
      'Total : 7',
      'API: started()',
      'Time: 10:00',
      'ERROR in the cellar',
      'order 7 accepted',
      'Execution error at step 3 (db).',
      'order 8 accepted',
      'In users.php line 3: deprecated',
      'CPU: 12%',
      '   INFO  Server running',
      '',
      '  Press Ctrl+C to stop',
    ];
    expect(entriesOf(texts).every(({ lines }) => lines.filter((text) => text !== '').length <= 1)).toBe(true);
  });
});

describe('join, for a statement of SQL over several lines', () => {
  it('takes no piece of it for an exception', () => {
    const texts = [
      '2026-01-05 10:00:01.100 UTC [7] STATEMENT:  INSERT INTO plans',
      '\t  (id)',
      '\tVALUES (1)',
      '\tRETURNING (id)',
      '2026-01-05 10:00:02.100 UTC [8] LOG:  checkpoint starting: time',
    ];
    expect(found(texts)).toEqual(['0-3', '4-4']);
  });
});

describe('join, for what Linux reports', () => {
  const oops = [
    'BUG: kernel NULL pointer dereference, address: 0000000000000010',
    '#PF: supervisor read access in kernel mode',
    'Oops: 0000 [#1] PREEMPT SMP PTI',
    'CPU: 0 PID: 7 Comm: shop Not tainted 6.1.0 #1',
    'RIP: 0010:plan_release+0x1f/0x40 [plan]',
    'RAX: 0000000000000001 RBX: ffff91ef83b72000 RCX: 0000000000000000',
    'Call Trace:',
    ' <TASK>',
    ' __fput+0x8c/0x250',
    ' </TASK>',
    'Modules linked in: plan(OE)',
    '---[ end trace 0000000000000000 ]---',
  ];
  const memory = [
    'node invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0',
    'CPU: 1 PID: 8 Comm: node Not tainted 6.1.0 #1',
    'Call Trace:',
    ' dump_header+0x4a/0x211',
    'memory: usage 262144kB, limit 262144kB, failcnt 12',
    'Memory cgroup stats for /docker/shop:',
    'anon 260000000',
    'Tasks state (memory values in pages):',
    '[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name',
    '[      8]     0     8   280000    65000   800000        0             0 node',
    'Memory cgroup out of memory: Killed process 8 (node) total-vm:1120000kB',
  ];
  const texts = ['eth0: link up', 'eth1: link up', ...oops, 'eth1: link down', ...memory, 'eth0: link down'];
  const ranges = ['0-0', '1-1', '2-13', '14-14', '15-25', '26-26'];

  for (const [where, prefix] of [
    ['/dev/kmsg', ''],
    ['syslog', 'Jan  5 10:00:00 host kernel: '],
  ] as const) {
    it(`keeps each fault in one piece behind its time, as ${where} has it`, () => {
      const lines = texts.map((text, i) => `${prefix}[  102.0000${String(i).padStart(2, '0')}] ${text}`);
      const entries = entriesOf(lines);
      expect(rangesOf(entries, lines)).toEqual(ranges);
      expect(entries.map(({ kind }) => kind)).toEqual(['line', 'line', 'trace', 'line', 'trace', 'line']);
    });
  }
});

describe('join, for what TypeScript says in colours', () => {
  it('keeps the source and the mark below it', () => {
    const error = (line: number) =>
      `\u001b[96msrc/shop.ts\u001b[0m:\u001b[93m${line}\u001b[0m:\u001b[93m7\u001b[0m - \u001b[91merror\u001b[0m\u001b[90m TS2322: \u001b[0mwrong type.`;
    const source = (line: number) => [
      '',
      `\u001b[7m${line}\u001b[0m const plan: number = 'a';`,
      '\u001b[7m \u001b[0m \u001b[91m      ~~~~\u001b[0m',
      '',
    ];
    const texts = [error(3), ...source(3), error(9), ...source(9), 'Found 2 errors.'];
    expect(found(texts)).toEqual(['0-3', '5-8', '10-10']);
  });
});
