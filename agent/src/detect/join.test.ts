// What joining promises: the right entries for every runtime in the fixtures, no line lost, none swallowed.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Entry, Line, Stream } from '../types.ts';
import { createJoin } from './join.ts';
import { entriesOf, linesOf, rangesOf, traceFixtures } from './kit.ts';

const corpora = fileURLToPath(new URL('../../../../shared/corpora/', import.meta.url));
const haveCorpora = existsSync(corpora);

describe('join, by runtime', () => {
  for (const { name, lines, ranges } of traceFixtures()) {
    it(`parts ${name} as a reader does`, () => {
      expect(rangesOf(entriesOf(lines), lines)).toEqual(ranges);
    });
  }
});

describe('join', () => {
  it('gives an ordinary line out alone, when the next one comes', () => {
    const entries: Entry[] = [];
    const join = createJoin({}, (entry) => entries.push(entry));
    const [first, second] = linesOf(['one', 'two']) as [Line, Line];
    join.push(first, 0);
    expect(entries).toEqual([]);
    expect(join.firstPending('stdout')).toEqual(first.position);
    join.push(second, 1);
    expect(entries).toEqual([
      { stream: 'stdout', first: first.position, last: first.position, lines: ['one'], kind: 'line' },
    ]);
    expect(join.firstPending('stdout')).toEqual(second.position);
    expect(join.firstPending('stderr')).toBeUndefined();
  });

  it('leaves a line that only quotes the word ERROR out of the traceback below it', () => {
    const lines = [
      'say "ERROR"',
      'Traceback (most recent call last):',
      '  File "a.py", line 1, in <module>',
      'ValueError: x',
    ];
    expect(entriesOf(lines).map((entry) => entry.lines.length)).toEqual([1, 3]);
  });

  it('leaves what another call logged in the same moment out of the error that ends with a colon', () => {
    const parts = (lines: string[]) => entriesOf(lines).map((entry) => entry.lines.length);
    const at = (fraction: string) => `2026-12-01 10:00:01.${fraction}+00:00`;
    for (const lines of [
      [`${at('123456')} ERROR pool: cannot connect:`, `${at('123456')} ERROR orders: nothing left`],
      [`${at('123456')} [error] <0.1.0> closing x:`, `${at('123456')} [error] <0.2.0> closing y:`],
      // Of a clock that knows milliseconds.
      [`${at('123000')} [7] ERROR cannot connect:`, `${at('123000')} [7] ERROR nothing left`],
    ])
      expect([lines, parts(lines)]).toEqual([lines, [1, 1]]);
    expect(
      parts([`${at('123456')} [error] <0.1.0> closing x:`, `${at('123456')} [error] <0.1.0> why`]),
    ).toEqual([2]);
  });

  it.each([
    [
      'a line of an access log that ends with a dash',
      [
        '127.0.0.1 - - [30/Nov/2026 10:00:00] "GET / HTTP/1.1" 200 -',
        'shop.orders - ERROR - order 17 is lost',
        'shop.orders - INFO - next',
        'shop.stock - ERROR - nothing left',
      ],
    ],
    [
      'a level that is set to the right',
      [
        '2026-11-30 10:00:00,123  WARNING shop.disks: check found:',
        '2026-11-30 10:00:00,123    ERROR shop.disks: sda is full',
        '2026-11-30 10:00:00,123    ERROR shop.db: no connection',
      ],
    ],
    [
      'an empty message of a line that is no error',
      ['2026-11-30 10:00:00,123 - root - INFO - ', 'ERROR one', 'ERROR two'],
    ],
  ])('keeps what it prints next apart from %s', (_, lines) => {
    expect(entriesOf(lines).map((entry) => entry.lines)).toEqual(lines.map((line) => [line]));
  });

  it.each([
    [1, {}],
    [8, { maxLines: 50 }],
  ])('ends a bug report that has no end, given out in parts or not: %i', (parts, options) => {
    const texts = [
      '=== REDIS BUG REPORT START: see below',
      ...Array.from({ length: 900 }, (_, i) => `line ${i}`),
    ];
    const traces = entriesOf(texts, options).filter(({ kind }) => kind === 'trace');
    expect(traces).toHaveLength(parts);
    expect(traces.flatMap(({ lines }) => lines).length).toBeLessThan(400);
  });

  it('gives out the last line when nothing follows for a while', () => {
    const entries: Entry[] = [];
    const join = createJoin({ idleMs: 400 }, (entry) => entries.push(entry));
    join.push(linesOf(['ERROR last words'])[0]!, 1000);
    join.tick(1199);
    expect(entries).toHaveLength(0);
    join.tick(1200);
    expect(entries).toHaveLength(1);
    expect(join.firstPending('stdout')).toBeUndefined();
  });

  it('waits longer for the rest of an open traceback, then splits there', () => {
    const entries: Entry[] = [];
    const join = createJoin({ idleMs: 400 }, (entry) => entries.push(entry));
    const lines = linesOf(['java.io.IOException: gone', '\tat a.B.c(B.java:1)', '\tat a.B.d(B.java:2)']);
    join.push(lines[0]!, 0);
    join.push(lines[1]!, 0);
    join.tick(399);
    expect(entries).toHaveLength(0);
    join.tick(400);
    expect(entries).toHaveLength(1);
    join.push(lines[2]!, 2000);
    join.flush(2000);
    expect(entries.map((entry) => entry.lines.length)).toEqual([2, 1]);
  });

  it('never joins lines that Docker stamped far apart', () => {
    const entries: Entry[] = [];
    const join = createJoin({}, (entry) => entries.push(entry));
    const at = (second: string) => ({ at: `2026-11-22T10:00:${second}.000000000Z`, ordinal: 0 });
    join.push({ stream: 'stdout', position: at('01'), text: 'Error: boom' }, 0);
    join.push({ stream: 'stdout', position: at('09'), text: '    at main (a.js:1:1)' }, 0);
    join.flush(0);
    expect(entries).toHaveLength(2);
  });

  it('keeps stdout and stderr apart, however they interleave', () => {
    const trace = [
      'Traceback (most recent call last):',
      '  File "a.py", line 1, in <module>',
      'ValueError: x',
    ];
    const entries: Entry[] = [];
    const join = createJoin({}, (entry) => entries.push(entry));
    trace.forEach((text, ordinal) => {
      for (const stream of ['stderr', 'stdout'] as const) {
        join.push(
          {
            stream,
            position: { at: 't', ordinal },
            text: stream === 'stderr' ? text : `GET /${ordinal} 200`,
          },
          0,
        );
      }
    });
    join.flush(0);
    expect(entries.filter(({ stream }) => stream === 'stderr').map(({ lines }) => lines)).toEqual([trace]);
    expect(entries.filter(({ stream }) => stream === 'stdout')).toHaveLength(3);
  });

  it('gives a longer traceback out in parts, each of them a traceback', () => {
    const frames = Array.from({ length: 10 }, (_, i) => `  File "a.py", line ${i}, in f`);
    const entries = entriesOf(['Traceback (most recent call last):', ...frames, 'ValueError: x'], {
      maxLines: 4,
    });
    expect(entries.map(({ kind, lines }) => [kind, lines.length])).toEqual([
      ['trace', 4],
      ['trace', 4],
      ['trace', 4],
    ]);
  });

  it('bounds an entry in bytes as well', () => {
    const entries = entriesOf(
      ['Error: boom', ...Array.from({ length: 100 }, (_, i) => `    at f${i} (a.js:1:1)`)],
      {
        maxBytes: 500,
      },
    );
    for (const { lines } of entries) expect(lines.join('\n').length).toBeLessThanOrEqual(500);
    expect(entries.flatMap(({ lines }) => lines)).toHaveLength(101);
  });

  it('takes a line of the traceback pattern for the beginning of a traceback', () => {
    const entries = entriesOf(['starting', 'CRASH DUMP follows', '  register r1', 'ready now, going on'], {
      tracebackPattern: /CRASH DUMP/,
    });
    expect(entries.map(({ kind, lines }) => [kind, lines.length])).toEqual([
      ['line', 1],
      ['trace', 2],
      ['line', 1],
    ]);
  });

  it('lets the configured first line decide alone', () => {
    const texts = ['before', 'START 1', 'more', '', 'START 2', 'START 3', '  more'];
    const entries = entriesOf(texts, { multilineStart: /^START/ });
    expect(entries.map(({ lines }) => lines)).toEqual([
      ['before'],
      ['START 1', 'more', ''],
      ['START 2'],
      ['START 3', '  more'],
    ]);
  });

  it('does not take an announcement of INFO for the head of a traceback below it', () => {
    const texts = [
      '2026-01-05 10:00:00 INFO ready',
      'Traceback (most recent call last):',
      '  File "a.py", line 1',
      'KeyError: 1',
    ];
    expect(rangesOf(entriesOf(texts), texts)).toEqual(['0-0', '1-3']);
  });

  it('gives back, one by one, lines that waited for a proof in vain', () => {
    const texts = [
      'panic: just a word',
      'GET /a 200',
      'GET /b 200',
      'java.io.IOException: gone',
      'GET /c 200',
    ];
    expect(entriesOf(texts).map(({ lines }) => lines.length)).toEqual([1, 1, 1, 1, 1]);
  });

  it('holds a JSON log line to be one entry, whatever it says', () => {
    const texts = [
      '{"level":"error","stack":"Error: x\\n    at a (b.js:1:1)"}',
      '{"message":"Traceback (most recent call last):"}',
      'ready',
    ];
    expect(entriesOf(texts).map(({ lines }) => lines.length)).toEqual([1, 1, 1]);
  });

  it('joins JSON printed over several lines, when it becomes valid', () => {
    expect(entriesOf(['{"a":', '"b"}', 'next']).map(({ lines }) => lines.length)).toEqual([2, 1]);
    expect(entriesOf(['{"a":', 'b}', 'next']).map(({ lines }) => lines.length)).toEqual([1, 1, 1]);
  });

  it('joins unstamped lines to a stamped one only in a stream that stamps its lines', () => {
    const stamped = Array.from({ length: 5 }, (_, i) => `2026-01-05 10:00:0${i} request ${i}`);
    expect(entriesOf([...stamped, 'detail of the last']).map(({ lines }) => lines.length)).toEqual([
      1, 1, 1, 1, 2,
    ]);
    expect(entriesOf([stamped[0]!, 'another line']).map(({ lines }) => lines.length)).toEqual([1, 1]);
  });
});

describe('join, where something stands before each line', () => {
  const python = [
    'Traceback (most recent call last):',
    '  File "/app/a.py", line 3, in f',
    '    g()',
    'KeyError: 1',
  ];
  const go = ['panic: boom', '', 'goroutine 1 [running]:', 'main.main()', '\t/app/main.go:3 +0x1d'];
  const rust = ["thread 'main' panicked at src/main.rs:4:5:", 'boom', 'note: run with `RUST_BACKTRACE=1`'];
  const php = [
    'PHP Fatal error:  Uncaught Exception: x in /a.php:3',
    'Stack trace:',
    '#0 {main}',
    '  thrown in /a.php',
  ];
  const java = [
    'java.io.IOException: gone',
    '\tat a.B.c(B.java:1)',
    'Caused by: a.D: full',
    '\tat a.B.d(B.java:2)',
  ];
  const prefixes: Record<string, (i: number) => string> = {
    'a time': (i) => `2024-05-05T10:00:00.${100 + i}Z `,
    'a time and a host': (i) => `2024-05-05T10:00:00.${100 + i}+00:00 web-1 shop[123]: `,
    'two words': () => 'web-7d4b9c-abcde app ',
    'what supervisord writes': () => "2024-05-05 10:00:00,123 DEBG 'shop' stderr output: ",
  };
  for (const [what, prefix] of Object.entries(prefixes)) {
    it(`sees the tracebacks behind ${what}`, () => {
      for (const trace of [go, rust, php, java, python]) {
        const texts = ['started', 'GET /a 200', ...trace, 'GET /b 200', 'GET /c 200'].map(
          (text, i) => prefix(i) + text,
        );
        const last = 1 + trace.length;
        const ranges = ['0-0', '1-1', `2-${last}`, `${last + 1}-${last + 1}`, `${last + 2}-${last + 2}`];
        expect(rangesOf(entriesOf(texts), texts)).toEqual(ranges);
      }
    });
  }

  it.each([
    ['whose frames stand at the margin', '    at f (/app/a.js:3:9)', 0],
    ['that comes later', '2024-05-05 10:00:00 ERROR app:     at f (/app/a.js:3:9)', 200],
  ])(
    'leaves an error above alone when the exception has an event of its own, as one %s',
    (_what, frame, ms) => {
      const entries: string[][] = [];
      const join = createJoin({}, ({ lines }) => entries.push([...lines]));
      const failed = '2024-05-05 10:00:00 ERROR app: payment 17 failed';
      const texts = [failed, '2024-05-05 10:00:00 ERROR app: TypeError: x', frame];
      texts.forEach((text, i) => {
        const at = `2024-05-05T10:00:00.${100 + (i > 0 ? ms : 0)}000000Z`;
        join.push({ stream: 'stderr', position: { at, ordinal: i }, text }, 0);
      });
      join.flush(0);
      expect(entries).toEqual([[failed], texts.slice(1)]);
    },
  );

  it('takes nothing that others logged meanwhile into a panic of Go whose stack stands at the margin', () => {
    const logged = ['panic recovered: boom', 'order 17: ERROR no stock', 'GET /a 200'].map(
      (text) => `2024/05/05 10:00:00 ${text}`,
    );
    const texts = [...logged, ...go];
    expect(rangesOf(entriesOf(texts), texts)).toEqual(['0-0', '1-1', '2-2', '3-7']);
  });
});

describe('join, where Python’s message goes on at the margin', () => {
  const trace = ['Traceback (most recent call last):', '  File "/app/a.py", line 3, in f', '    g()'];
  const frame = '  File "/app/b.py", line 7, in g';
  const messages: Record<string, string[]> = {
    gRPC: ['grpc.Error: <RPC that terminated with:', '\tstatus = StatusCode.UNAVAILABLE', '>'],
    Kubernetes: [
      'ApiException: (404)',
      'Reason: Not Found',
      'HTTP response headers: {}',
      'HTTP response body: {}',
    ],
    Playwright: ['TimeoutError: 30000ms exceeded.', 'Call log:', '  - navigating to "https://example.com/"'],
    Selenium: [
      'NoSuchElementException: Message: none',
      'Stacktrace:',
      '#0 0x55d3a1b2 <unknown>',
      '#1 0x55d3a18f <unknown>',
    ],
    billiard: ['billiard.ExceptionWithTraceback: ', '"""', ...trace, 'KeyError: 1', '"""'],
  };
  for (const [whose, message] of Object.entries(messages)) {
    it(`ends with its message: ${whose}`, () => {
      const texts = ['starting', ...trace, ...message, 'watch restarted'];
      const last = 3 + message.length;
      expect(rangesOf(entriesOf(texts), texts)).toEqual(['0-0', `1-${last}`, `${last + 1}-${last + 1}`]);
    });
  }

  it('reads a quoted traceback below its type, and frames without a title', () => {
    const pool = ['pool.RemoteTraceback: ', '"""', ...trace, 'KeyError: 1', '"""', ''];
    const chain = [
      'The above exception was the direct cause of the following exception:',
      '',
      ...trace,
      'KeyError: 1',
    ];
    expect(entriesOf([...pool, ...chain, 'bye']).map(({ lines }) => lines.length)).toEqual([14, 1]);
    const ray = [
      'ray.exceptions.RayTaskError(ValueError): ray::f() (pid=123)',
      frame,
      'ValueError: x',
      'next',
    ];
    expect(rangesOf(entriesOf(ray), ray)).toEqual(['0-2', '3-3']);
  });
});

describe('join, for Elixir', () => {
  it('keeps a crash of the web server whole, with its request and the query in its message', () => {
    const texts = [
      '10:00:00.000 [info] GET /',
      '10:00:01.000 [error] #PID<0.600.0> running ShopWeb.Endpoint (stream id 1) terminated',
      'Server: localhost:4000 (http)',
      'Request: GET /orders/7',
      '** (exit) an exception was raised:',
      '    ** (Ecto.NoResultsError) expected at least one result but got none in query:',
      '',
      'from o0 in Shop.Order,',
      '  where: o0.id == ^"7"',
      '',
      '        (shop 0.1.0) lib/shop_web/orders.ex:10: ShopWeb.OrderController.show/2',
      '10:00:02.000 [info] GET /ok',
    ];
    expect(rangesOf(entriesOf(texts), texts)).toEqual(['0-0', '1-10', '11-11']);
  });

  it('gives back what followed a crash behind a blank line, when no frame comes', () => {
    const texts = [
      '** (RuntimeError) boom',
      '    (shop 0.1.0) lib/a.ex:1: A.b/0',
      '',
      'GET /a',
      'GET /b',
      '  more',
    ];
    expect(rangesOf(entriesOf(texts), texts)).toEqual(['0-1', '3-3', '4-5']);
    const fields = ['Server: up', 'Request: GET /', 'next one'];
    expect(entriesOf(fields)).toHaveLength(3);
  });
});

describe('join, where a report is of several parts', () => {
  const reports: Record<string, string[]> = {
    'an unhandled rejection of Node': [
      'Unhandled Rejection at: Promise {',
      '  <rejected> Error: boom',
      '      at /app/index.js:5:40',
      '} reason: Error: boom',
      '    at /app/index.js:5:40',
    ],
    'V8 without memory': [
      '<--- Last few GCs --->',
      '',
      '[1:0x7f1b2c3d4e50]    12345 ms: Mark-Compact 2046.5 (2083.1) -> 2045.9 (2084.1) MB',
      '',
      '<--- JS stacktrace --->',
      '',
      'FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory',
      '----- Native stack trace -----',
      '',
      ' 1: 0xb090e0 node::Abort() [node]',
    ],
    'Rust’s color-eyre': [
      'Error: ',
      '   0: no config',
      '',
      'Backtrace omitted. Run with RUST_BACKTRACE=1 environment variable to display it.',
      'Run with RUST_BACKTRACE=full to include source snippets.',
    ],
    'Swift 5.10': [
      'App/routes.swift:12: Fatal error: Unexpectedly found nil',
      '',
      '*** Signal 4: Backtracing from 0x7f8a1b2c3d4e... done ***',
      '',
      '*** Program crashed: Illegal instruction at 0x00007f8a1b2c3d4e ***',
      '',
      'Thread 2 "NIO" crashed:',
      '',
      '0      0x00007f8a1b2c3d4e _assertionFailure(_:) + 268 in libswiftCore.so',
      '',
      'Registers:',
      '',
      'rax 0x0000000000000000  0',
      '',
      'Images (24 omitted):',
      '',
      '0x0000561234560000–0x0000561234a00000 12345678 App /app/App',
      '',
      'Backtrace took 0.42s',
    ],
    Zig: [
      'thread 7 panic: index out of bounds: index 7, len 3',
      '/app/src/main.zig:12:18: 0x103a5f8 in load (main)',
      '    return items[7];',
      '/app/src/main.zig:20:9: 0x103a4a1 in main (main)',
      '???:?:?: 0x7f1b2c3d0d8f in ??? (libc.so.6)',
      'Aborted (core dumped)',
    ],
    'Haskell’s GHC 9.10': [
      'shop: Uncaught exception ghc-internal:GHC.Internal.Exception.ErrorCall:',
      '',
      'no config',
      '',
      'HasCallStack backtrace:',
      '  error, called at app/Main.hs:12:8 in main:Main',
    ],
    'R’s rlang': [
      'Error in `mutate()`:',
      'ℹ In argument: `x = f(y)`.',
      'Caused by error in `f()`:',
      '! no config',
      'Backtrace:',
      '    ▆',
      ' 1. ├─dplyr::mutate(df, x = f(y))',
      'Execution halted',
    ],
    'C++’s folly': [
      "*** Aborted at 1714903200 (Unix time, try 'date -d @1714903200') ***",
      '*** Signal 11 (SIGSEGV) (0x0) received by PID 1, stack trace: ***',
      '    @ 0000000000402345 main',
      '(safe mode, symbolizer not available)',
      'Segmentation fault (core dumped)',
    ],
  };
  for (const [what, lines] of Object.entries(reports)) {
    it(`keeps it whole: ${what}`, () => {
      const texts = ['server up', ...lines, 'next one'];
      const found = entriesOf(texts);
      const ranges = ['0-0', `1-${lines.length}`, `${lines.length + 1}-${lines.length + 1}`];
      expect(rangesOf(found, texts)).toEqual(ranges);
      expect(found[1]!.kind).toBe('trace');
    });
  }
});

describe('join, below a head with the very same prefix', () => {
  const at = (second: number) => `2024-05-05 10:00:0${second}.000001+00:00 [error] <0.91.0> `;
  const texts = [
    `${at(0)}ready:`,
    `${at(1)}  crasher:`,
    `${at(1)}    initial call: rabbit_reader:init/3`,
    `${at(1)}    exception exit: {handshake_timeout,frame_header}`,
    `${at(1)}      in function  rabbit_reader:log_connection_exception/3 (rabbit_reader.erl, line 500)`,
    `${at(2)}    of another time`,
  ];

  it('keeps what stands deeper: RabbitMQ', () => {
    const entries = entriesOf(texts);
    expect(rangesOf(entries, texts)).toEqual(['0-0', '1-4', '5-5']);
    expect(entries[1]!.kind).toBe('trace');
  });
});

describe('join, where a crash is a little indented itself', () => {
  it('leaves the ordinary line above it alone: Next.js, chi', () => {
    const next = [
      'listening on 3000',
      ' ⨯ Error: boom',
      '    at Page (/app/page.js:1:2345)',
      ' GET / 500 in 12ms',
    ];
    expect(rangesOf(entriesOf(next), next)).toEqual(['0-0', '1-2', '3-3']);
    const chi = [
      '2024/05/05 10:00:00 listening on :8080',
      '',
      ' panic: boom',
      '',
      ' -> main.handler',
      ' ->   /app/main.go:12',
      '',
      '    net/http.HandlerFunc.ServeHTTP',
      '      /usr/local/go/src/net/http/server.go:2136',
      '',
      '2024/05/05 10:00:02 "GET / HTTP/1.1" 500',
    ];
    expect(rangesOf(entriesOf(chi), chi)).toEqual(['0-0', '2-8', '10-10']);
  });

  it('keeps it with the line that announces it', () => {
    const texts = [
      '2024-05-05 10:00:00 ERROR page failed',
      '  TypeError: boom',
      '    at Page (/app/page.js:1:1)',
    ];
    expect(rangesOf(entriesOf(texts), texts)).toEqual(['0-2']);
  });
});

describe('join, below a line with a time that says nothing itself', () => {
  const report = [
    '2024-05-05T10:00:02.000Z ERROR 1 --- [           main] o.s.b.d.LoggingFailureAnalysisReporter   : ',
    '',
    '***************************',
    'APPLICATION FAILED TO START',
    '***************************',
    '',
    'Description:',
    '',
    'Failed to configure a DataSource: the url is missing.',
    '',
    'Reason: Failed to determine a suitable driver class',
    '\tProperty: spring.datasource.url',
    '',
    'Action:',
    '',
    'Consider an embedded database.',
  ];

  it('keeps what stands there, blank lines too: Spring Boot that cannot start', () => {
    const next = '2024-05-05T10:00:02.001Z  INFO 1 --- [           main] app : bye';
    const texts = ['  .   ____          _  ', 'starting', ...report, next];
    expect(rangesOf(entriesOf(texts), texts).slice(-2)).toEqual(['2-17', '18-18']);
  });

  it('keeps what a colon at its end announces, whatever the stream has else', () => {
    for (const head of ['2026-01-05 10:00:00,123 ERROR [app] query failed:', '[10:00:00] INFO running:']) {
      const texts = [
        'ready',
        head,
        'SELECT *',
        '  FROM x',
        'WHERE a = 1',
        '2026-01-05 10:00:01,000 INFO next',
      ];
      expect(rangesOf(entriesOf(texts), texts)).toEqual(['0-0', '1-4', '5-5']);
    }
  });

  it('does so only for lines that came at once, and not without an end', () => {
    const [head, ...rest] = linesOf(report) as [Line, ...Line[]];
    const entries: Entry[] = [];
    const join = createJoin({}, (entry) => entries.push(entry));
    join.push(head, 0);
    for (const line of rest)
      join.push({ ...line, position: { ...line.position, at: '2026-11-22T10:00:02.000Z' } }, 0);
    join.flush(0);
    expect(entries[0]?.lines).toEqual([head.text]);
    const json = '{"level":"info","msg":"ok"}';
    expect(entriesOf([...report, json, json]).map(({ lines }) => lines.length)).toEqual([
      report.length,
      1,
      1,
    ]);
    const endless = entriesOf([head.text, ...Array.from({ length: 500 }, (_, i) => `and more ${i}`)]);
    expect(endless[0]!.lines.length).toBeLessThan(100);
    expect(endless.flatMap(({ lines }) => lines)).toHaveLength(501);
  });

  it('takes off the tag that the head ends with: Rails', () => {
    const at = (second: number, severity: string) =>
      `${severity[0]}, [2024-05-05T10:00:0${second}.5 #1] ${severity} -- : [8a4c]`;
    const rails = [
      `${at(0, 'INFO')} Started GET "/orders/7"`,
      `${at(1, 'FATAL')}   `,
      '[8a4c] NoMethodError (undefined method total',
      '',
      '      order.total',
      '           ^^^^^^):',
      '[8a4c]   ',
      "[8a4c] app/models/order.rb:12:in `sum'",
      "[8a4c] app/controllers/orders_controller.rb:9:in `index'",
      `${at(2, 'INFO')} Started GET "/"`,
    ];
    const entries = entriesOf(rails);
    expect(rangesOf(entries, rails)).toEqual(['0-0', '1-8', '9-9']);
    expect(entries[1]!.kind).toBe('trace');
    const other = rails.map((text) => text.replace(/^\[8a4c]/, '[9999]'));
    expect(rangesOf(entriesOf(other), other)).not.toContain('1-8');
  });

  it('still finds the traceback that stands there', () => {
    const texts = [report[0]!, '', 'java.io.IOException: gone', '\tat a.B.c(B.java:1)'];
    expect(entriesOf(texts).map(({ kind, lines }) => [kind, lines.length])).toEqual([['trace', 4]]);
  });
});

/** Captured from programs that really ran. */
const crashes = traceFixtures()
  .filter(({ name }) => name.endsWith('-run.txt'))
  .flatMap(({ name, lines, ranges }) =>
    ranges.map((range) => {
      const [first, last] = range.split('-').map(Number) as [number, number];
      return { name: `${name}:${first}`, lines: lines.slice(first, last + 1) };
    }),
  )
  .filter(({ lines }) => lines.length > 1);

describe('join, for a message of Python that goes on at the margin', () => {
  const traceback = [
    'Traceback (most recent call last):',
    '  File "/app/a.py", line 4, in <module>',
    'ValueError: no such plan',
    'tried: basic',
    '  free',
  ];
  const ordinary = (i: number) => `2026-01-05T10:00:0${i}.120Z INFO request handled`;

  it('takes it for the rest where all else begins with a time', () => {
    const texts = [ordinary(0), ordinary(1), ...traceback, ordinary(2)];
    expect(rangesOf(entriesOf(texts), texts)).toEqual(['0-0', '1-1', '2-6', '7-7']);
    const last = texts.slice(0, -1);
    expect(rangesOf(entriesOf(last), last)).toEqual(['0-0', '1-1', '2-6']);
  });

  it('takes it for the rest when a chained traceback follows', () => {
    const texts = [
      'ready',
      ...traceback,
      '',
      'During handling of the above exception, another exception occurred:',
      '',
      ...traceback.slice(0, 3),
      'worker 1 ready',
    ];
    expect(rangesOf(entriesOf(texts), texts)).toEqual(['0-0', '1-11', '12-12']);
  });

  it('leaves alone what announces the next traceback, what has a level, and what comes later', () => {
    for (const text of ['Exception in thread consumer-1:', 'INFO: ready']) {
      const texts = [ordinary(0), ordinary(1), ...traceback.slice(0, 3), text];
      expect(rangesOf(entriesOf(texts), texts)).toEqual(['0-0', '1-1', '2-4', '5-5']);
    }
    const entries: Entry[] = [];
    const join = createJoin({}, (entry) => entries.push(entry));
    const lines = linesOf([ordinary(0), ordinary(1), ...traceback.slice(0, 3), 'exit status 1']);
    lines.at(-1)!.position.at = '2026-11-22T10:00:00.400000000Z';
    for (const line of lines) join.push(line, 0);
    join.flush(0);
    expect(entries.map((entry) => entry.lines.length)).toEqual([1, 1, 3, 1]);
  });
});

describe('join, whatever is printed around', () => {
  const surroundings: Record<string, (i: number) => string> = {
    'lines with a time': (i) =>
      `2026-01-05T10:00:0${i}.120Z INFO request handled path=/api/orders status=200`,
    'plain lines': (i) =>
      ['GET /api/orders 200 12ms', 'listening on 0.0.0.0:8080', 'worker pool ready'][i % 3]!,
    'single words': (i) => ['ready', 'Done', 'Listening...'][i % 3]!,
    'JSON logs': (i) => `{"level":"info","time":${i},"msg":"ok"}`,
    'coloured lines': (i) => `\u001b[32mINFO\u001b[0m [10:00:0${i}] ok ${i}`,
  };
  const prefixes = {
    none: '',
    compose: 'web_1  | ',
    CRI: '2024-05-05T10:00:00.000000000Z stderr F ',
    kubectl: '[pod/web-0/app] ',
    concurrently: '[0] ',
    turbo: 'web:dev: ',
    pm2: '0|shop  | ',
  };
  for (const [around, lineAround] of Object.entries(surroundings)) {
    for (const [transport, prefix] of Object.entries(prefixes)) {
      it(`finds each crash among ${around}, transport ${transport}`, () => {
        const wrong = crashes.filter(({ lines }) => {
          const before = Array.from({ length: 6 }, (_, i) => lineAround(i));
          const texts = [...before, ...lines, lineAround(6), lineAround(7)].map((text) => prefix + text);
          const found = entriesOf(texts).map(({ first, last }) => `${first.ordinal}-${last.ordinal}`);
          return !found.includes(`6-${5 + lines.length}`) || found.length !== 9;
        });
        expect(wrong.map(({ name }) => name)).toEqual([]);
      });
    }
  }
});

describe('join, for a crash that is the first thing in its stream', () => {
  for (const [how, change] of [
    ['behind the prefix of compose', (text: string) => `web-1  | ${text}`],
    ['with CR LF at the end of its lines', (text: string) => `${text}\r`],
  ] as const) {
    it(`keeps it in one piece ${how}`, () => {
      const wrong = crashes.filter(({ lines }) => entriesOf(lines.map(change)).length !== 1);
      expect(wrong.map(({ name }) => name)).toEqual([]);
    });
  }
});

const piece = fc.oneof(
  fc.constantFrom(...traceFixtures().flatMap(({ lines }) => lines)),
  fc.string(),
  fc.constantFrom('', ' ', '}', '{', '{"a":', '\tat a.B.c(B.java:1)', 'panic: x', '#', '=========='),
);

describe('join, for any lines', () => {
  const line = fc.record({
    text: piece,
    stream: fc.constantFrom<Stream>('stdout', 'stderr'),
    tick: fc.boolean(),
  });

  it('loses no line, repeats none, and keeps their order', () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 60 }), fc.integer({ min: 1, max: 9 }), (given, maxLines) => {
        const entries: Entry[] = [];
        const join = createJoin({ maxLines, maxBytes: 400 }, (entry) => entries.push(entry));
        given.forEach(({ text, stream, tick }, ordinal) => {
          join.push({ stream, position: { at: 't', ordinal }, text }, ordinal * 300);
          if (tick) join.tick(ordinal * 300 + 299);
        });
        join.flush(1e9);
        for (const stream of ['stdout', 'stderr'] as const) {
          const out = entries.filter((entry) => entry.stream === stream).flatMap(({ lines }) => lines);
          expect(out).toEqual(given.filter((item) => item.stream === stream).map(({ text }) => text));
        }
      }),
      { numRuns: 300 },
    );
  });

  it('gives the same entries whenever it is ticked in between, and always knows its oldest line', () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 40 }), (given) => {
        const run = (ticking: boolean) => {
          const entries: Entry[] = [];
          const join = createJoin({}, (entry) => entries.push(entry));
          given.forEach(({ text, tick }, ordinal) => {
            join.push({ stream: 'stdout', position: { at: 't', ordinal }, text }, 1000);
            if (ticking && tick) join.tick(1100);
            const given = entries.reduce((sum, { lines }) => sum + lines.length, 0);
            expect(join.firstPending('stdout')?.ordinal).toBe(given > ordinal ? undefined : given);
          });
          join.flush(2000);
          return entries;
        };
        expect(run(true)).toEqual(run(false));
      }),
      { numRuns: 300 },
    );
  });
});

describe.skipIf(!haveCorpora)('join, on the corpora (skipped where ../shared/corpora is missing)', () => {
  it('has at least 85 of the 91 cases that need no configuration exactly right', () => {
    const folder = mkdtempSync(joinPath(tmpdir(), 'join-'));
    const cases = readFileSync(`${corpora}multiline.jsonl`, 'utf8')
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text));
    const predictions = cases.map(({ id, lines }: { id: string; lines: string[] }) =>
      JSON.stringify({
        id,
        groups: entriesOf(lines).map(({ first, last }) => [first.ordinal, last.ordinal]),
      }),
    );
    writeFileSync(`${folder}/predictions.jsonl`, predictions.join('\n'));
    const out = execFileSync(process.execPath, [
      `${corpora}score_multiline.mjs`,
      `${folder}/predictions.jsonl`,
      `${corpora}multiline.jsonl`,
      '--json',
    ]);
    rmSync(folder, { recursive: true });
    expect(JSON.parse(out.toString()).total.exact).toBeGreaterThanOrEqual(85);
  });
});
