import { describe, expect, it } from 'vitest';
import { endOfHeader } from './header.ts';

const messageOf = (line: string): string => line.slice(endOfHeader(line));

describe('endOfHeader', () => {
  it.each([
    ['2026-11-22 10:00:00,123 ERROR [http-nio-8080-exec-1] c.e.d.UserService : no such user', 'no such user'],
    [
      '2026-11-22T10:00:00.123+01:00 ERROR 1 --- [app] [exec-9] o.h.SqlHelper   : Too many connections',
      'Too many connections',
    ],
    ['2026-11-22 10:00:00,123 - root - ERROR - could not open file', 'could not open file'],
    ['2026-11-22 10:00:00.123 | ERROR    | app.main:handler:42 - something bad', 'something bad'],
    ['E, [2026-11-22T10:00:00.123456 #1234] ERROR -- : undefined method', 'undefined method'],
    ['I1122 10:00:00.123456   12345 reflector.go:341] watch ended', 'watch ended'],
    ['2026/11/22 10:00:00 main.go:42: failed to dial', 'failed to dial'],
    ['Nov 22 10:00:00 web-1 sshd[24200]: Connection closed', 'Connection closed'],
    ['<34>1 2026-11-22T10:00:00Z web-1 app 123 ID47 - su failed', 'su failed'],
    ['[12345.678901] usb 1-1: device descriptor', 'usb 1-1: device descriptor'],
    ['[10:00:00 ERR] Unhandled', 'Unhandled'],
    ['20261122-22:15:29:606|Steps|30002312|walked on', 'walked on'],
    ['1:M 22 Nov 2026 10:00:00.123 # low on memory', 'low on memory'],
    ['2026-11-22 10:00:00.123 UTC [16171] app@shop ERROR:  division by zero', 'division by zero'],
    ['2026-11-22 10:00:00, Info                  CBS    Loaded', 'Loaded'],
    ['2026-11-22 10:00:00, Error                 CSI    0000004b (F) no such name', '(F) no such name'],
    ['2026-11-22 10:00:00, Error                 CSI    00000049 (F) no such name', '(F) no such name'],
    ['Nov 22 10:00:00 mx1 postfix/qmgr[7]: 1890764941: removed', '1890764941: removed'],
    ['WARNING:root:watch out', 'watch out'],
    ['2026/11/22 10:00:00 ERROR Shop::Orders - no such order', 'no such order'],
    ['2026-11-22T10:00:00.123456Z ERROR app::http: request failed', 'request failed'],
    ['10.0.0.1 - bob [22/Nov/2026:10:00:00 +0000] "GET /" 500 1', '"GET /" 500 1'],
    ['10.0.0.1 - m.rossi [22/Nov/2026:10:00:00 +0000] "GET /" 500 1', '"GET /" 500 1'],
    ['20261122-22:15:29:606|Steps|3000|getSteps = 1514038440000##69', 'getSteps = 1514038440000##69'],
  ])('cuts the header off %s', (line, message) => {
    expect(messageOf(line)).toBe(message);
  });

  it.each([
    'Connection lost at 2026-11-22 10:00:00 for user bob',
    'Error: Cannot find module',
    'error: something went wrong',
    'TypeError: x is not a function',
    'failed to parse: ERROR in line 3',
    'session opened for user root',
    '10.0.0.1 failed login [2026-11-22 10:00:00] twice',
    '',
  ])('leaves a message without a header whole: %s', (line) => {
    expect(endOfHeader(line)).toBe(0);
  });

  it('keeps the type of an exception that follows the time', () => {
    for (const message of ['TimeoutError: gone', 'PG::UniqueViolation: key', 'std::bad_alloc: no memory'])
      expect(messageOf(`2026-11-22 10:00:00 ERROR ${message}`)).toBe(message);
  });

  it('never takes the whole line', () => {
    expect(messageOf('2026-11-22 10:00:00 ERROR')).toBe('2026-11-22 10:00:00 ERROR');
  });
});
