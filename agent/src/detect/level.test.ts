// Levels of lines as many loggers print them.

import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readHeadLevel, readLevel } from './level.ts';

const corpus = new URL('../../../../shared/corpora/multiline_special/levels.jsonl', import.meta.url);

const lines: [level: string, line: string][] = [
  ['error', '2024-01-01 10:00:00,123 my.module ERROR msg'],
  ['warn', '10:00:00.123 [main] WARN  c.f.Bar - connection error'],
  ['info', 'I/flutter (  123): hello'],
  ['error', 'ERROR:root:msg'],
  ['error', '[2024-01-01 10:00:00] production.ERROR: boom {"a":1}'],
  ['info', '2024-01-01 10:00:00.000 UTC [1] LOG:  ready'],
  ['fatal', '2024-01-01 10:00:00.000 UTC [1] FATAL:  no'],
  ['error', 'npm ERR! code ENOENT'],
  ['error', '[2024-01-01T00:00:00Z ERROR mycrate] x'],
  ['info', '2019-01-01T00:00:00.000+0000 I NETWORK  [conn1] end'],
  ['error', 'E, [2024-01-01T10:00:00.0 #1] ERROR -- : x'],
  ['error', '<11>Nov 22 10:00:00 host app: failed'],
  ['debug', '<191>Nov 22 10:00:00 host app: detail'],
  ['warn', 'PHP Warning:  Undefined variable'],
  ['fatal', 'PHP Fatal error:  Uncaught X'],
  ['error', 'fail: My.Category[0]'],
  ['fatal', 'crit: My.Category[0]'],
  ['trace', 'trce: My.Category[0]'],
  ['info', '[10:20:30 INF] Request finished'],
  ['error', '\u001b[31merror\u001b[39m: boom'],
  ['info', '\u001b[32mINFO\u001b[0m \u001b[31mERROR count 0\u001b[0m'],
  ['warn', 'ts=2024-01-01 caller=x level=warn msg="an ERROR"'],
  ['info', 'level: info, all errors gone'],
  ['fatal', 'panic: boom'],
  ['error', 'java.lang.RuntimeException: x'],
  ['error', 'E0101 10:00:00.000000       1 main.go:1] x'],
  ['error', '[E 240101 10:00:00 web:1] x'],
  ['info', '2024-01-01T00:00:00Z [Note] [MY-1] [Server] x'],
  ['unknown', '*** Server started on port 8080 ***'],
  ['info', '*** INFO *** hello'],
  ['fatal', '*** stack smashing detected ***: terminated'],
  ['fatal', 'Segmentation fault (core dumped)'],
  ['info', 'PHP Notice:  Undefined index: x in /app/a.php on line 3'],
  ['warn', 'PHP Deprecated:  Optional parameter'],
  ['warn', '(node:1) [DEP0005] DeprecationWarning: Buffer() is deprecated'],
  ['info', '2024-05-05 10:00:00.000 | SUCCESS  | __main__:main:9 - done with 0 errors'],
  ['error', 'deploy SUCCESS after one ERROR'],
  ['info', '2024-05-05 10:00:00.000 UTC [71] HINT:  No function matches'],
  ['info', 'at=info method=GET path="/error" host=x status=200'],
  ['info', '05/May/2024:10:00:01 +0000 [Info#Server] 0 errors'],
  ['info', '05-05 10:00:00.123  1234  1250 I ActivityManager: x'],
  ['error', '05-05 10:00:00.123  1234  1250 E AndroidRuntime: FATAL EXCEPTION: main'],
  ['unknown', 'Critical CSS inlined for / in 12ms'],
  ['unknown', 'no error'],
  ['error', '10:00:00.0 error: it failed'],
  ['error', '2024-01-01 10:00:00 0 ERROR nova.compute it failed'],
  ['unknown', '    0 Error(s)'],
  ['unknown', 'connection closed without error'],
  ['unknown', 'LOG_LEVEL=ERROR'],
  ['unknown', 'node app.js --log-level=error'],
  ['unknown', 'Setting log level to ERROR'],
  ['unknown', 'A new session started'],
  ['unknown', 'GET /error 200'],
  ['unknown', 'GET /ERROR/page 404 3ms'],
  ['unknown', '10.0.0.1 - - [05/May/2024:10:00:00 +0000] "GET /logs?q=x&level=ERROR HTTP/1.1" 200 5'],
  ['fatal', 'NOTICE: PHP message: PHP Fatal error:  Uncaught X'],
  ['fatal', 'PHP message: PHP Parse error:  syntax error'],
  ['warn', 'NOTICE: PHP message: PHP Warning:  Undefined variable'],
  ['info', 'NOTICE: ready to handle connections'],
  ['error', `Can't locate A.pm in @INC (@INC contains:${' /usr/share/perl5'.repeat(30)}) at a.pl line 1.`],
  ['unknown', 'request done status=200 error=null'],
  ['unknown', 'Trace of the request'],
  // Severities of servers that speak other languages.
  ['error', '2024-01-01 10:00:00 CET [1] FEHLER:  Relation »x« existiert nicht'],
  ['error', '2024-01-01 10:00:00 CET [1] ERREUR:  la relation « x » n’existe pas'],
  ['error', '2024-01-01 10:00:00 MSK [1] ОШИБКА:  отношение "x" не существует'],
  ['error', '2024-01-01 10:00:00 CST [1] 错误:  关系 "x" 不存在'],
  ['warn', '2024-01-01 10:00:00 CET [1] WARNUNG:  es gibt keine Transaktion, FEHLER folgen'],
  ['error', 'SCHWERWIEGEND: Servlet.service() warf eine Ausnahme'],
  ['error', 'GRAVE: Servlet.service() a lancé une exception'],
  ['unknown', 'a grave accent, no Fehler found'],
  // Telegraf.
  ['error', '2024-01-01T10:00:00Z E! [outputs.influxdb] it failed'],
  ['info', '2024-01-01T10:00:00Z I! Loaded outputs: errors'],
  ['unknown', 'I! said so'.slice(1)],
  ['error', '=CRASH REPORT==== 1-Jan-2024::10:00:00.000 ==='],
  ['error', '=SUPERVISOR REPORT==== 1-Jan-2024::10:00:00.000 ==='],
  ['info', '2024-01-01 10:00:00 UTC [1] STATEMENT:  select * from log where kind = ERROR'],
  ['unknown', ''],
];

const jsonLines: [level: string, line: string][] = [
  ['info', '{"level":30,"msg":"pino"}'],
  ['fatal', '{"level":60,"msg":"bunyan"}'],
  ['error', '{"level":"error","msg":"zap"}'],
  ['fatal', '{"level":"dpanic","msg":"zap"}'],
  ['warn', '{"s":"W","msg":"mongo"}'],
  ['info', '{"@t":"2024","@mt":"serilog"}'],
  ['error', '{"@t":"2024","@mt":"serilog","@l":"Error"}'],
  ['error', '{"severityNumber":17,"body":{"stringValue":"otel"}}'],
  ['warn', '{"SeverityText":"WARN","Body":"otel"}'],
  ['error', '{"version":"1.1","level":3,"short_message":"gelf"}'],
  ['warn', '{"log.level":"WARN","message":"ecs"}'],
  ['error', '{"log":{"level":"error"},"message":"nested"}'],
  ['error', '{"level":400,"level_name":"ERROR","message":"monolog"}'],
  ['warn', '{"levelname":"WARNING","message":"python"}'],
  ['error', '{"severity":"ERROR","message":"google"}'],
  ['unknown', '{"severity":"DEFAULT","message":"google"}'],
  ['error', '{"severity":500,"message":"google"}'],
  ['warn', '{"severity":4,"message":"syslog"}'],
  ['error', '{"@severity":"ERROR","message":"x"}'],
  ['error', '{"_level":"error","message":"x"}'],
  ['error', '{"status":"error","message":"datadog"}'],
  ['unknown', '{"status":500,"message":"x"}'],
  ['unknown', '{"type":"system","message":"x"}'],
  ['error', '{"message":"ERROR in the message alone"}'],
  ['error', '{"level":"ERROR+2","msg":"slog"}'],
  ['info', '{"level":"INFO+1","msg":"slog"}'],
  ['error', '{"levelName":"ERROR","message":"x"}'],
  ['error', '{"0":"tslog","_meta":{"logLevelId":5,"logLevelName":"ERROR"}}'],
];

describe('readLevel', () => {
  for (const [level, line] of [...lines, ...jsonLines]) {
    it(`reads ${level} from ${JSON.stringify(line).slice(0, 70)}`, () => {
      expect(readLevel(line)).toBe(level);
    });
  }

  it('reads a line of a megabyte without looking at all of it', () => {
    expect(readLevel(`INFO ${'x'.repeat(1_000_000)} ERROR`)).toBe('info');
  });

  it('reads a level from a number however large', () => {
    expect(readLevel('{"level":1e999,"msg":"x"}')).toBe('fatal');
    expect(readLevel(`{"level":"${'9'.repeat(400)}","msg":"x"}`)).toBe('fatal');
    expect(readLevel('{"level":40000,"msg":"x"}')).toBe('error');
  });

  it('takes no word for a level that only every object knows', () => {
    for (const word of ['constructor', '__proto__']) {
      expect(readLevel(`level=${word} ready`)).toBe('unknown');
      expect(readLevel(JSON.stringify({ level: word, msg: 'ready' }))).toBe('unknown');
    }
  });

  it('does not take a word in a sentence for what the logger said', () => {
    expect(readHeadLevel('Some test with error-test')).toBe('unknown');
    expect(readHeadLevel('2024-01-01 ERROR x')).toBe('error');
  });

  it.skipIf(!existsSync(corpus))(
    'is right on 95 % of levels.jsonl (skipped where ../shared/corpora is missing)',
    () => {
      const names: Record<string, string> = { warning: 'warn', critical: 'fatal' };
      const rows = readFileSync(corpus, 'utf8')
        .trim()
        .split('\n')
        .map((text) => JSON.parse(text));
      const right = rows.filter(({ line, level }) => readLevel(line) === (names[level] ?? level)).length;
      expect(right / rows.length).toBeGreaterThanOrEqual(0.95);
    },
  );
});
