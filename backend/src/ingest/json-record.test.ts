import { describe, expect, it } from 'vitest';
import { understand } from './fingerprint.ts';

const dotnet = (type: string, method: string): object => ({
  LogLevel: 'Error',
  Message: 'An unhandled exception has occurred while executing the request.',
  Exception: `${type}: Sequence contains no elements    at System.Linq.Enumerable.First()    at Shop.Api.Orders.${method}(Int32 id) in /src/Orders.cs:line 42    at lambda_method3(Closure, Object)`,
});
const structlog = (type: string, name: string): object => ({
  event: 'task failed',
  exception: [
    {
      exc_type: type,
      exc_value: 'bad',
      frames: [
        { filename: '/usr/lib/python3.12/asyncio/runners.py', lineno: 190, name: 'run', line: '' },
        { filename: '/app/shop/a.py', lineno: 3, name, line: 'raise it' },
      ],
    },
  ],
});
const log4j2 = (type: string, method: string): object => ({
  message: 'order failed',
  thrown: {
    name: type,
    message: 'no order 7',
    extendedStackTrace: [
      { class: 'com.example.Orders', method, file: 'Orders.java', line: 10 },
      { class: 'java.lang.Thread', method: 'run', file: 'Thread.java', line: 833 },
    ],
    cause: { name: 'java.io.IOException', message: 'gone', extendedStackTrace: [] },
  },
});
const quarkus = (type: string, method: string): object => ({
  message: 'HTTP Request failed',
  exception: {
    exceptionType: type,
    message: 'no order',
    frames: [{ class: 'com.example.Orders', method, line: 10 }],
  },
});
const zerolog = (error: string, func: string): object => ({
  error,
  stack: [
    { func, line: '24', source: 'orders.go' },
    { func: 'main', line: '9', source: 'main.go' },
  ],
  message: 'order failed',
});
const slog = (error: string, func: string): object => ({
  msg: 'order failed',
  err: { msg: error, trace: [{ func: `main.${func}`, source: 'shop/orders.go', line: 24 }] },
});
const monolog = (type: string, file: string): object => ({
  message: 'order failed',
  context: {
    exception: {
      class: type,
      message: 'no order',
      code: 0,
      file: `/app/src/${file}.php:10`,
      trace: ['/app/vendor/slim/App.php:9', '/app/public/index.php:3'],
    },
  },
});

const gelf = (type: string, method: string): object => ({
  version: '1.1',
  short_message: 'order 7 failed',
  full_message: `order 7 failed\n${type}: x\n\tat com.example.Orders.${method}(Orders.java:10)`,
});
const pythonLambda = (errorType: string, name: string): object => ({
  errorMessage: "'total'",
  errorType,
  stackTrace: [`  File "/var/task/app.py", line 3, in ${name}\n    order['total']\n`],
});

const understood = (record: object) => understand(JSON.stringify(record));
const fingerprintOf = (record: object): string => {
  const it = understood(record);
  return it.kind === 'trace' ? it.fingerprint : 'none';
};

describe('a JSON record', () => {
  it.each([
    ['.NET', dotnet, 'System.InvalidOperationException', 'Shop.Api.Orders.place (src/Orders.cs)'],
    ['structlog', structlog, 'ValueError', 'place (shop/a.py)'],
    ['log4j2', log4j2, 'com.example.NoOrder', 'com.example.Orders.place (Orders.java)'],
    ['Quarkus', quarkus, 'com.example.NoOrder', 'com.example.Orders.place (Unknown Source)'],
    ['zerolog', zerolog, 'no such order', 'place (orders.go)'],
    ['slog', slog, 'no such order', 'main.place (shop/orders.go)'],
    ['Monolog', monolog, 'App\\NoOrder', '- (src/place.php)'],
    ['GELF', gelf, 'com.example.NoOrder', 'com.example.Orders.place (Orders.java)'],
    ['Python in AWS Lambda', pythonLambda, 'KeyError', 'place (task/app.py)'],
  ])('of %s is grouped by its types and frames', (_logger, make, type, frame) => {
    const record = make(type, 'place');
    expect(understood(record)).toMatchObject({ kind: 'trace', title: expect.stringContaining(type) });
    expect(understood(record)).toMatchObject({ frames: expect.arrayContaining([frame]) });
    expect(fingerprintOf(make(type, 'cancel'))).not.toBe(fingerprintOf(record));
    expect(fingerprintOf(make('java.lang.OtherException', 'place'))).not.toBe(fingerprintOf(record));
  });

  it('is grouped whatever its lines, and with the types of its causes', () => {
    const [at, again] = [10, 99].map((line) =>
      fingerprintOf({ thrown: { name: 'a.B', extendedStackTrace: [{ class: 'a.C', method: 'd', line }] } }),
    );
    expect(again).toBe(at);
    expect(at).not.toBe(fingerprintOf(log4j2('a.B', 'd')));
  });

  it('is told apart by the error that ECS writes with dots, as by one that is an object', () => {
    const flat = (message: string) =>
      understood({ message: 'order failed', 'error.type': 'IOException', 'error.message': message });
    expect(flat('refused')).not.toEqual(flat('timed out'));
    expect(flat('refused')).toEqual(
      understood({ message: 'order failed', error: { type: 'IOException', message: 'refused' } }),
    );
  });

  it('says the short message of GELF where the full one is no stack', () => {
    expect(understood({ short_message: 'order failed', full_message: 'see\nthe books' })).toMatchObject({
      keys: ['order', ' failed'],
    });
  });

  it('says what Rust’s tracing keeps among its fields', () => {
    expect(understood({ level: 'ERROR', fields: { message: 'order 7 failed', id: 7 } })).toMatchObject({
      kind: 'plain',
      keys: ['order', ' <*>', ' failed'],
    });
  });

  it('may hold what only resembles frames', () => {
    for (const stack of [[], [null, 7], [{ name: 'x' }], [['a']], 'a b', {}, [{ func: {}, line: [] }]])
      expect(understood({ message: 'order failed', stack, error: [stack] })).toMatchObject({ kind: 'plain' });
  });

  it('tells errors apart by what stands beside the message in attributes', () => {
    const masked = (attr: object): string => {
      const understood = understand(JSON.stringify({ msg: 'request refused', attr }));
      return understood.kind === 'plain' ? understood.keys.join('') : '';
    };
    expect(masked({ error: { code: 17, codeName: 'ProtocolError', errmsg: 'no such form' } })).toBe(
      'request refused: ProtocolError: no such form',
    );
    expect(masked({ error: 'no such user', remote: 'x' })).toBe('request refused: no such user');
    expect(masked({ error: 28, message: 'no space left' })).toBe('request refused: no space left');
    expect(masked({ text: 'what somebody wrote', name: 'ann' })).toBe('request refused');
  });
});
