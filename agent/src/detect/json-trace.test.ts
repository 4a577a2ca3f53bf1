// Traces that a JSON log carries in other forms than a text of several lines.

import { describe, expect, it } from 'vitest';
import { mayHoldTrace, readTrace } from './json-trace.ts';

const traceOf = (json: Record<string, unknown>) => readTrace(json, new Set());

describe('readTrace', () => {
  it('writes frames that are objects as lines, with the type and the causes: log4j2', () => {
    const thrown = {
      name: 'java.lang.IllegalStateException',
      message: 'no order',
      extendedStackTrace: [
        { class: 'shop.Orders', method: 'place', file: 'Orders.java', line: 10 },
        { class: 'shop.Main', method: 'main', file: 'Main.java', line: 3 },
      ],
      cause: {
        name: 'java.io.IOException',
        message: 'gone',
        extendedStackTrace: [{ class: 'shop.Db', method: 'read', file: 'Db.java', line: 7 }],
      },
    };
    expect(traceOf({ message: 'order failed', thrown })?.split('\n')).toEqual([
      'java.lang.IllegalStateException: no order',
      '\tat shop.Orders.place(Orders.java:10)',
      '\tat shop.Main.main(Main.java:3)',
      'Caused by: java.io.IOException: gone',
      '\tat shop.Db.read(Db.java:7)',
    ]);
  });

  it('reads Quarkus, zerolog, slog and Monolog', () => {
    const quarkus = {
      exceptionType: 'java.lang.IllegalStateException',
      message: 'no order',
      frames: [{ class: 'shop.Orders', method: 'place', line: 10 }],
    };
    expect(traceOf({ exception: quarkus })).toBe(
      'java.lang.IllegalStateException: no order\n\tat shop.Orders.place(Unknown Source:10)',
    );
    expect(traceOf({ stack: [{ func: 'inner', line: '20', source: 'errors.go' }] })).toBe(
      '\tat inner(errors.go:20)',
    );
    const slog = { msg: 'no order', trace: [{ func: 'main.place', source: 'main.go', line: 24 }] };
    expect(traceOf({ err: slog })).toBe('no order\n\tat main.place(main.go:24)');
    const monolog = { class: 'ErrorException', message: 'odd', trace: ['/app/A.php:10', '/app/index.php:3'] };
    expect(traceOf({ context: { exception: monolog } })).toBe(
      'ErrorException: odd\n\tat /app/A.php:10\n\tat /app/index.php:3',
    );
  });

  it('writes structlog’s list of exceptions as Python does, the last raised at the end', () => {
    const raised = (type: string, value: string, name: string, is_cause: boolean) => ({
      exc_type: type,
      exc_value: value,
      is_cause,
      frames: [{ filename: '/app/a.py', lineno: 3, name, line: 'x()' }],
    });
    const exception = [raised('ValueError', 'bad', 'outer', false), raised('KeyError', "'x'", 'inner', true)];
    expect(traceOf({ exception })?.split('\n')).toEqual([
      'Traceback (most recent call last):',
      '  File "/app/a.py", line 3, in inner',
      '    x()',
      "KeyError: 'x'",
      '',
      'The above exception was the direct cause of the following exception:',
      '',
      'Traceback (most recent call last):',
      '  File "/app/a.py", line 3, in outer',
      '    x()',
      'ValueError: bad',
    ]);
  });

  it('takes lists of other things, and endless causes, for no trace', () => {
    expect(traceOf({ stack: [{ name: 'web', size: 3 }], frames: [{ line: 1 }] })).toBeUndefined();
    expect(traceOf({ exception: { type: 'ZeroDivisionError', traceback: true } })).toBeUndefined();
    let exception: object = { name: 'E', frames: [{ func: 'f', line: 1 }] };
    for (let i = 0; i < 1000; i++)
      exception = { name: 'E', frames: [{ func: 'f', line: 1 }], cause: exception };
    expect(traceOf({ exception })!.split('Caused by: ').length).toBeLessThan(20);
  });
});

describe('mayHoldTrace', () => {
  it('spares what has neither a line break nor a list of frames', () => {
    expect(mayHoldTrace('{"level":"error","msg":"Error","hosts":[{"name":"a","line":3}]}')).toBe(false);
    expect(mayHoldTrace('{"stack":[{"func":"f","line":3}]}')).toBe(true);
    expect(mayHoldTrace('{"class":"ErrorException","trace": ["/app/a.php:3"]}')).toBe(true);
  });
});
