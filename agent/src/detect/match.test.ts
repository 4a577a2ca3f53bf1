// Which entries become records, and what is in them.

import { describe, expect, it } from 'vitest';
import type { Container, Entry } from '../types.ts';
import { entriesOf } from './kit.ts';
import { createMatch, cutMiddle, type MatchOptions } from './match.ts';
import { compilePattern, compilePatterns } from './patterns.ts';
import { createRedact } from './redact.ts';

const container: Container = {
  id: 'c1',
  name: 'shop',
  image: 'shop:1',
  labels: { 'com.docker.compose.service': 'shop', 'maintainer.notes': 'x' },
  tty: false,
};
const patterns = await compilePatterns('ERROR_PATTERN', `(?<!["'])ERROR(?![A-Za-z])`);
const tracebackPattern = await compilePattern('TRACEBACK_PATTERN', 'Traceback \\(most recent call last\\):');

function matchOf(texts: string | string[], options: Partial<MatchOptions> = {}) {
  const entries = entriesOf([texts].flat(), { tracebackPattern });
  const match = createMatch({
    patterns,
    tracebackPattern,
    eventId: (id, stream, position) => `${id}/${stream}/${position.ordinal}`,
    ...options,
  });
  return entries
    .map((entry: Entry) => match(entry, container, 'host-1', 0))
    .filter((record) => record !== undefined);
}

describe('match', () => {
  it('makes a record of what a pattern matches, and of nothing else', () => {
    const records = matchOf(['GET / 200', 'an ERROR here', 'a quoted "ERROR" there', 'fine']);
    expect(records.map(({ record }) => record)).toEqual([
      {
        event_id: 'c1/stdout/1',
        host: 'host-1',
        container: 'shop',
        message: 'an ERROR here',
        severity: 'error',
        occurred_at: '2026-11-22T10:00:00.000000Z',
        stream: 'stdout',
        image: 'shop:1',
        labels: { 'com.docker.compose.service': 'shop' },
      },
    ]);
  });

  it('sends a traceback as one fatal record, although no pattern matches', () => {
    const [only, ...more] = matchOf([
      'start',
      'Traceback (most recent call last):',
      '  File "a.py", line 1, in f',
      'KeyError: 1',
      'end',
    ]);
    expect(more).toEqual([]);
    expect(only?.record.severity).toBe('fatal');
    expect(only?.record.message).toBe(
      'Traceback (most recent call last):\n  File "a.py", line 1, in f\nKeyError: 1',
    );
  });

  it('sends other languages’ tracebacks as well', () => {
    expect(matchOf(['TypeError: x', '    at f (a.js:1:1)'])[0]?.record.severity).toBe('fatal');
    expect(matchOf(['WARN TypeError: x', '    at f (a.js:1:1)'])[0]?.record.severity).toBe('warn');
  });

  it('sends what a runtime says in one line when its program ends', () => {
    for (const text of [
      'NOTICE: PHP message: PHP Fatal error:  Uncaught Exception: x in /app/A.php:3',
      '[05-May-2024 10:00:02 UTC] PHP Fatal error:  Allowed memory size of 134217728 bytes exhausted in /app/A.php on line 3',
      'PHP Parse error:  syntax error, unexpected token ";" in /app/A.php on line 3',
      'Fatal error: Allowed memory size of 134217728 bytes exhausted in /app/src/A.php on line 3',
      'Terminating due to java.lang.OutOfMemoryError: Java heap space',
      'Exception: java.lang.OutOfMemoryError thrown from the UncaughtExceptionHandler in thread "main"',
      'panic: boom',
      'Segmentation fault (core dumped)',
    ]) {
      expect([text, ...matchOf(text).map(({ record }) => record.severity)]).toEqual([text, 'fatal']);
    }
    expect(
      matchOf(['Fatal error: see the manual', 'Uncaught exceptions go to the log', 'a PHP Fatal error: x']),
    ).toEqual([]);
  });

  it('sends an exception that .NET’s console put on one line, its frames below each other', () => {
    const said = '10:00:01 fail: Shop.Orders[0] Order 7 failed System.InvalidOperationException: x';
    const frames = ['   at Shop.Orders.Get(Int32 id) in /src/Orders.cs:line 42', '   at Shop.Program.Main()'];
    const folded = [said, ...frames].join(' ');
    expect(matchOf([folded, 'next']).map(({ record }) => record)).toMatchObject([
      { message: [said, ...frames].join('\n'), severity: 'fatal' },
    ]);
    expect(matchOf(folded.replace('fail', 'info'))).toEqual([]);
  });

  it('does not take frames below a line of INFO for a failure', () => {
    expect(matchOf(['2024-05-05T10:00:00.000Z  INFO app: listening', '    at src/main.rs:3'])).toEqual([]);
    const python = [
      'INFO:app:odd',
      '  Traceback (most recent call last):',
      '  File "a.py", line 1',
      'KeyError: 1',
    ];
    expect(matchOf(python).map(({ record }) => record.severity)).toEqual(['fatal']);
  });

  it('lets the severity follow the level that the logger gave', async () => {
    const failed = { patterns: await compilePatterns('P', 'failed') };
    const severity = (text: string) => matchOf(text, failed)[0]?.record.severity;
    expect(severity('2024-01-01 10:00:00 WARN it failed')).toBe('warn');
    expect(severity('FATAL: it failed')).toBe('fatal');
    expect(severity('it failed')).toBe('error');
    expect(severity('{"level":"warn","msg":"it failed"}')).toBe('warn');
  });

  it('matches the message of a JSON log, and keeps its fields', () => {
    const [only, ...more] = matchOf([
      '{"level":"error","msg":"ERROR 7","order":7}',
      '{"level":"ERROR","msg":"fine"}',
      '{"kind":"ERROR"}',
    ]);
    expect(more).toEqual([]);
    expect(only?.record.message).toBe('ERROR 7');
    expect(only?.record.fields).toEqual({ level: 'error', order: 7 });
  });

  it('takes the place where a warning of Rust was logged for no traceback', () => {
    const lines = ['  2026-11-22T10:00:00.123456Z  WARN shop: slow', '    at src/main.rs:9', ''];
    expect(matchOf(lines)).toEqual([]);
    expect(
      matchOf([lines[0]!.replace(' WARN', 'ERROR'), lines[1]!]).map(({ record }) => record.severity),
    ).toEqual(['error']);
  });

  it('sends a JSON log whose own level is an error, where that is wanted', () => {
    const errors = [
      '{"level":"error","msg":"db is gone"}',
      '{"level":50,"time":1,"msg":"db is gone"}',
      '{"severity": "CRITICAL", "message": "db is gone"}',
      '{"@t":"2026-11-22T10:00:00Z","@l":"Error","@m":"db is gone"}',
      '{"level_name":"EMERGENCY","message":"db is gone"}',
      '{"log":{"level":"error"},"message":"db is gone"}',
      '{"t":{"$date":"2026-11-22T10:00:00Z"},"s":"E",  "c":"STORAGE",  "id":22435,   "ctx":"main","msg":"db is gone"}',
      '{"level":"err","msg":"db is gone"}',
      '{"s":"E","level":"error","text":"db is gone"}',
      '{"lvl":"crit","msg":"db is gone"}',
      '{"level":"emerg","msg":"db is gone"}',
      '{"level":"SEVERE","message":"db is gone"}',
      '{"level":"dpanic","msg":"db is gone"}',
      '{"severityNumber":17,"severityText":"ERROR","body":"db is gone"}',
      '{"LEVEL":"Error","message":"db is gone"}',
      '{"version":"1.1","host":"web-1","short_message":"db is gone","level":3}',
      '{"severityNumber":17,"body":"db is gone"}',
      '{"SeverityNumber":21,"Body":"db is gone"}',
      '{"level": 50, "time": 1, "msg": "db is gone"}',
      '{"levelName":"ERROR","message":"db is gone"}',
      '{"message":"db is gone","_meta":{"logLevelId":5,"logLevelName":"ERROR"}}',
      '{"level":"ERROR+2","msg":"db is gone"}',
      '{"level":{"name":"error"},"msg":"db is gone"}',
    ];
    const others = [
      '{"s":"W",  "c":"STORAGE",  "msg":"slow","attr":{"level":"E"}}',
      '{"version":"1.1","host":"web-1","short_message":"slow","level":4}',
      '{"msg":"no log","level":3}',
      '{"event":"a ticket","priority":"critical"}',
      '{"id":17,"s":"F","age":40}',
      '{"id":17,"l":"E","r":"W"}',
      '{"level":"warn","msg":"the \\"level\\":\\"error\\" was seen"}',
      '{"level":30,"msg":"0 errors"}',
      '{"level":"info","rule":{"level":"error"},"msg":"loaded"}',
      '{"kind":"error","msg":"no level"}',
      '{"msg":"tank","level":60}',
      '{"msg": "tank", "level": 60}',
      '{"severityNumber":9,"body":"errors: 0"}',
      '{"severityNumber":13,"body":"slow"}',
      '{"number":17,"message":"a ticket"}',
      '{"levelName":"Lost forest","msg":"loaded"}',
      '{"msg":"Error: none","filter":{"level":"error"}}',
    ];
    const messages = (options: { jsonErrors?: boolean }) =>
      matchOf([...errors, ...others], options).map(({ record }) => record.message);
    expect(messages({ jsonErrors: true })).toEqual(errors.map(() => 'db is gone'));
    expect(messages({})).toEqual([]);
  });

  it('takes no list, table or prose of a JSON log for a trace', () => {
    for (const message of [
      'connected to:\n\tdb-1:5432\n\tdb-2:5432',
      'plan:\n  1: fetch\n  2: build',
      'config changed:\n--- a/app.yaml\n+++ b/app.yaml',
      'docker build\n ---> 1234abcd\nok',
      'files:\n  src/a.js:10 unused\n',
    ])
      expect(matchOf(JSON.stringify({ msg: message }))).toEqual([]);
    const services = [
      { name: 'web', file: 'compose.yml' },
      { name: 'db', file: 'compose.yml' },
    ];
    expect(matchOf(JSON.stringify({ msg: 'note', stack: services }))).toEqual([]);
  });

  it('takes no value, count or table for a crash in one line', () => {
    for (const text of [
      'panic: 0',
      'panic: false',
      'fatal error: too many open files, retrying',
      '10:00:00 java.lang.OutOfMemoryError handler registered',
      'java.lang.OutOfMemoryError count=0',
      'Exception   at peak 3',
    ])
      expect([text, ...matchOf(text)]).toEqual([text]);
  });

  it('sends a JSON log however deep it nests', () => {
    const nests = (open: string, close: string) => `${open.repeat(20_000)}1${close.repeat(20_000)}`;
    const [array, object, level] = matchOf([
      `{"msg":"ERROR 1","a":${nests('[', ']')}}`,
      `{"msg":"ERROR 2","a":${nests('{"b":', '}')}}`,
      `{"msg":"ERROR 3","level":${nests('{"name":', '}')}}`,
    ]);
    expect(array?.record).toMatchObject({
      message: 'ERROR 1',
      fields: { a: expect.stringMatching(/^\[{8,}"…"/) },
    });
    expect(object?.record).toMatchObject({ message: 'ERROR 2' });
    expect(level?.record).toMatchObject({ message: 'ERROR 3', severity: 'error' });
  });

  it('sends an entry as it stands, without its secrets, when it has a fault with it', () => {
    const [pattern] = patterns;
    const test = () => {
      throw new TypeError('no such thing');
    };
    const faulty = { patterns: [{ ...pattern!, test }] };
    const [only] = matchOf('ERROR password=hunter22', { ...faulty, redact: createRedact() });
    expect(only?.record).toMatchObject({
      message: 'ERROR password=[redacted:password]',
      severity: 'error',
      fields: { 'agent.fault': 'TypeError: no such thing' },
    });
    expect(matchOf('ERROR password=hunter22', { redact: test })[0]?.record.message).toBe(
      'an entry of 23 characters could not be searched for secrets, and is left out',
    );
  });

  it('sends the trace that a JSON log carries, although no pattern matches', () => {
    const line = JSON.stringify({ level: 'error', msg: 'failed', stack: 'Error: x\n    at f (a.js:1:1)' });
    const [only] = matchOf(line);
    expect(only?.record).toMatchObject({
      message: 'failed\nError: x\n    at f (a.js:1:1)',
      severity: 'fatal',
    });
    expect(matchOf(JSON.stringify({ level: 'info', msg: 'x', stack: 'web\nprod' }))).toEqual([]);
  });

  it('sends the trace of a JSON log that is the message itself, one line of .NET or a list of frames', () => {
    const panic = 'panic: boom\n\ngoroutine 1 [running]:\nmain.main()\n\t/app/main.go:3 +0x1d\n';
    const shown = (json: object) => matchOf(JSON.stringify(json)).map(({ record }) => record);
    expect(shown({ severity: 'ERROR', message: panic })).toMatchObject([
      { message: panic, severity: 'fatal' },
    ]);
    const exception = 'System.Exception: x    at Shop.Orders.Get(Int32 id) in /src/Orders.cs:line 42';
    expect(shown({ LogLevel: 'Error', Message: 'failed', Exception: exception })).toMatchObject([
      { message: 'failed\nSystem.Exception: x\n   at Shop.Orders.Get(Int32 id) in /src/Orders.cs:line 42' },
    ]);
    const stack = [{ func: 'inner', line: '20', source: 'errors.go' }];
    expect(shown({ level: 'error', error: 'no order', stack })).toMatchObject([
      { message: 'no order\n\tat inner(errors.go:20)', severity: 'fatal' },
    ]);
    expect(shown({ level: 'error', message: 'to do:\n- eat at six\n#12 mend the door' })).toEqual([]);
  });

  it('matches the message where Rust’s tracing has it', () => {
    const line = '{"level":"WARN","fields":{"message":"an ERROR, order=7","order":7},"target":"shop"}';
    expect(matchOf(line)[0]?.record).toMatchObject({
      message: 'an ERROR, order=7',
      severity: 'warn',
      fields: { 'fields.order': 7 },
    });
  });

  it('leaves out what an exclude matches', async () => {
    const excludes = await compilePatterns('LOG_EXCLUDE_PATTERNS', 'health.*');
    expect(
      matchOf(['ERROR in health check', 'ERROR in order'], { excludes }).map(({ record }) => record.message),
    ).toEqual(['ERROR in order']);
  });

  it('takes the colours out of the message and matches without them', () => {
    expect(matchOf('\u001b[31mERR\u001b[1mOR\u001b[0m red')[0]?.record.message).toBe('ERROR red');
  });

  it('redacts message and fields', () => {
    const [only] = matchOf('{"msg":"ERROR token=abc123abc123","password":"hunter2","n":1}', {
      redact: createRedact(),
    });
    expect(only?.record.message).toBe('ERROR token=[redacted:token]');
    expect(only?.record.fields).toEqual({ password: '[redacted:password]', n: 1 });
  });

  it('cuts a message that is too long in its middle, and says how much is missing', () => {
    const text = `begin ${'ä'.repeat(1000)} end`;
    const cut = cutMiddle(text, 500);
    expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(500);
    expect(cut).toMatch(/^begin ä+\n\[\.\.\. \d+ bytes left out \.\.\.]\nä+ end$/);
    expect(cutMiddle('short', 500)).toBe('short');
  });
});
