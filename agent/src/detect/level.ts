// A line -> its level, as the loggers of many languages print it. JSON lines go through json-log.ts.
// Surprise: the form decides before the place: `[error]`, `level=error` and `ERROR` outweigh a lower-case "error" in a sentence.

import { parseJsonLog } from './json-log.ts';
import { afterStamp, stripAnsi } from './text.ts';

export type Level = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'unknown';

const levelByWord: Record<string, Level> = {
  trace: 'trace',
  trc: 'trace',
  trce: 'trace',
  verbose: 'trace',
  vrb: 'trace',
  silly: 'trace',
  finer: 'trace',
  finest: 'trace',
  debug: 'debug',
  dbg: 'debug',
  dbug: 'debug',
  debu: 'debug',
  fine: 'debug',
  config: 'debug',
  info: 'info',
  inf: 'info',
  information: 'info',
  informational: 'info',
  notice: 'info',
  note: 'info',
  log: 'info',
  system: 'info',
  success: 'info',
  warn: 'warn',
  wrn: 'warn',
  warning: 'warn',
  error: 'error',
  // Of PostgreSQL and Java in other languages.
  fehler: 'error',
  erreur: 'error',
  errore: 'error',
  ошибка: 'error',
  错误: 'error',
  エラー: 'error',
  schwerwiegend: 'error',
  grave: 'error',
  warnung: 'warn',
  advertencia: 'warn',
  предупреждение: 'warn',
  警告: 'warn',
  err: 'error',
  eror: 'error',
  erro: 'error',
  fail: 'error',
  severe: 'error',
  fatal: 'fatal',
  ftl: 'fatal',
  fata: 'fatal',
  critical: 'fatal',
  crit: 'fatal',
  cri: 'fatal',
  crt: 'fatal',
  alert: 'fatal',
  alrt: 'fatal',
  emerg: 'fatal',
  emergency: 'fatal',
  emrg: 'fatal',
  panic: 'fatal',
  pnc: 'fatal',
  dpanic: 'fatal',
};

const levelByLetter: Record<string, Level> = {
  T: 'trace',
  V: 'trace',
  D: 'debug',
  I: 'info',
  N: 'info',
  W: 'warn',
  E: 'error',
  F: 'fatal',
  C: 'fatal',
};

/** The level that a word names in any case, `unknown` when it names none. */
export function levelOfWord(word: string): Level {
  const key = word.trim().toLowerCase();
  // Own names alone: `constructor` is no level.
  return Object.hasOwn(levelByWord, key) ? levelByWord[key]! : 'unknown';
}

/** The level of a syslog severity, 0 (emergency) to 7 (debug). */
export function levelOfSyslog(severity: number): Level {
  if (severity <= 2) return 'fatal';
  if (severity === 3) return 'error';
  if (severity === 4) return 'warn';
  return severity === 7 ? 'debug' : 'info';
}

const longest = 320;
const words = new RegExp(
  `(?<![A-Za-z0-9_])(${Object.keys(levelByWord)
    .sort((a, b) => b.length - a.length)
    .join('|')})(?![A-Za-z0-9_])`,
  'gi',
);
const pair =
  /(?<![A-Za-z0-9_?&-])(?:level|lvl|severity|log_?level|level_?name|LL(?=["' \t=:])|priority)["']?\s*[=:]\s*["'[]?([A-Za-z]+|\d{1,2}(?!\d))/i;
/** `--log-level=error`, `log level set to ERROR`: the word is a setting. */
const setting = /(?:LEVEL=|-level[= ]|\blevel (?:is |set )?to )["']?$/i;
const none = /(?<![\w.:+-])(?:no|0|zero|without) $/i;
const heroku = /^at=([a-z]+)(?= )/;
const syslog = /^<(\d{1,3})>/;
const klog = /^([IWEF])\d{4}(?:\d{4})? \d{2}:?\d{2}:?\d{2}/;
const logcat = /^\d{2}-\d{2} \d{2}:\d{2}:\d{2}\.\d+ +\d+ +\d+ ([VDIWEF]) /;
const bracketedLetter = /(?:^|[\s\]|])[[(<]([TVDIWEFC])[\])>]/;
// logcat, MongoDB before 4.4, Telegraf, Ruby's Logger, tornado's [E 240101 10:00:00 …].
const bareLetter = /^(?:\d+ +\d+ +)?([TVDIWEFC])(?:, \[|\/\S|! \S|\d? +\S)/;
const tornado = /^\[([DIWEC]) \d{2,}/;
const redis = /^\d+:[A-Z] \d{1,2} [A-Z][a-z]{2}(?: \d{4})? \d{2}:\d{2}:\d{2}[.\d]* ([.\-*#])/;
const redisLevels: Record<string, Level> = { '.': 'debug', '-': 'info', '*': 'info', '#': 'warn' };
/** What a runtime prints when its program ends, at the start of a line. */
const crash =
  /^(?:panic: |(?:(?:NOTICE: )?PHP message: )?(?:PHP )?(?:Fatal|Parse) error: |Fatal Python error|Unhandled exception|Uncaught |terminate called|\*\*\* (?:stack smashing|buffer overflow|Error in|Aborted|Signal|Program crashed|Terminating|SIG)|SIG[A-Z]+: |thread '[^']*'(?: \(\d+\))? panicked at |Segmentation fault\b|(?:Terminating due to |Exception: )?java\.lang\.OutOfMemoryError\b|Out of memory: Killed process|==\d+==\s?(?:ERROR: \w+|WARNING: Memory)Sanitizer)/i;
/** The same where no logger would say so: enough for a record. */
const ended =
  /^(?:(?:(?:NOTICE: )?PHP message: )?PHP (?:Fatal|Parse) error: |(?:Fatal|Parse) error: .* in \S+ on line \d+$|panic: (?!(?:[\d.]+|true|false|on|off|yes|no)$)|fatal error: (?!too many)|Segmentation fault(?: \(core dumped\))?$|(?:Terminating due to |Exception: )?java\.lang\.OutOfMemoryError(?=:|$| thrown))/;
const php = /^(?:(?:NOTICE: )?PHP message: )?PHP (Notice|Warning|Deprecated|Strict Standards): /;
/** What Erlang prints below the report of the error. */
const erlang = /^=(?:CRASH|SUPERVISOR) REPORT={4}/;
/** What PostgreSQL adds to an error. */
const postgres = /\] (?:HINT|DETAIL|CONTEXT|STATEMENT|QUERY|LOCATION): {2}/;
const warningType = /(?:^|[\s:])[A-Z]\w*Warning: /;
/** Where Perl died, behind a message of any length. */
const perlEnd = /\bat \S{1,200} line \d+\.$/;
const exception =
  /(?:^|[\s(:])(?:Traceback \(most recent|Exception in thread|(?:[\w$]+[.:\\]+)*[A-Z]\w*(?:Exception|Error)(?::|$| \())/;

/**
 * The level of one plain or JSON line.
 * @param text the line, colours allowed
 * @returns `unknown` when nothing in the line names one
 */
export function readLevel(text: string): Level {
  if (text.charCodeAt(0) === 123) {
    const json = parseJsonLog(text);
    if (json) return json.level;
  }
  return readPlainLevel(text);
}

/**
 * The level that the logger gave a plain line: a mere "error" in a sentence is none.
 * @param mayNameLevel false: no `level=…` or the like is in it (`sights.level`)
 */
export function readHeadLevel(text: string, mayNameLevel = true): Level {
  return readText(text, 3, mayNameLevel);
}

/** Whether a runtime says in this line that its program ended: no logger does so in these words. */
export function isCrash(text: string): boolean {
  return ended.test(text) || ended.test(afterStamp(text));
}

/** As `readLevel`, for a line that is known not to be JSON. */
export function readPlainLevel(text: string): Level {
  return readText(text, 1, true);
}

function readText(text: string, weakest: number, mayNameLevel: boolean): Level {
  const head = stripAnsi(text.length > 4 * longest ? text.slice(0, 4 * longest) : text)
    .slice(0, longest)
    .trimStart();
  let found = syslog.exec(head);
  if (found && Number(found[1]) < 192) return levelOfSyslog(Number(found[1]) % 8);
  found = klog.exec(head) ?? logcat.exec(head);
  if (found) return levelByLetter[found[1]!]!;
  found = redis.exec(head);
  if (found) return redisLevels[found[1]!]!;
  found = mayNameLevel ? pair.exec(head) : null;
  // A setting in capitals is no logger's.
  if (found && !found[0].startsWith('LOG')) {
    const named = Number.isNaN(Number(found[1])) ? levelOfWord(found[1]!) : levelOfNumber(Number(found[1]));
    if (named !== 'unknown') return named;
  }
  const behindStamp = afterStamp(head);
  const strong = strongestWord(head, head.length - behindStamp.length);
  const body = behindStamp.trimStart();
  if (crash.test(body)) return 'fatal';
  found = php.exec(body);
  if (found) return found[1] === 'Notice' ? 'info' : 'warn';
  found = heroku.exec(body);
  if (found) return levelOfWord(found[1]!);
  if (postgres.test(head)) return 'info';
  if (strong.strength > 2) return strong.level;
  found = bracketedLetter.exec(head) ?? tornado.exec(head) ?? bareLetter.exec(body);
  if (found && !/^[A-Z] [a-z]/.test(body)) return levelByLetter[found[1]!]!;
  if (strong.strength >= weakest) return strong.level;
  if (erlang.test(body)) return 'error';
  if (warningType.test(head)) return 'warn';
  if (weakest > 1) return 'unknown';
  return exception.test(head) || perlEnd.test(text.slice(-longest)) ? 'error' : 'unknown';
}

/** Numbers of pino and bunyan (10 to 60), of syslog and GELF (0 to 7), of Monolog (100 and up), of log4j's value (10000 and up). */
export function levelOfNumber(given: number): Level {
  const value = given >= 10_000 ? given / 1000 + 10 : given;
  if (value >= 100)
    return value >= 500
      ? 'fatal'
      : value >= 400
        ? 'error'
        : value >= 300
          ? 'warn'
          : value >= 200
            ? 'info'
            : 'debug';
  if (value < 8) return Number.isInteger(value) && value >= 0 ? levelOfSyslog(value) : 'unknown';
  return value >= 60
    ? 'fatal'
    : value >= 50
      ? 'error'
      : value >= 40
        ? 'warn'
        : value >= 30
          ? 'info'
          : value >= 20
            ? 'debug'
            : 'trace';
}

interface Found {
  level: Level;
  strength: number;
}

/** The level word with the strongest form; of equals the first. Two that contradict each other in brackets are none. */
function strongestWord(head: string, bodyAt: number): Found {
  let best: Found = { level: 'unknown', strength: 0 };
  words.lastIndex = 0;
  for (let match = words.exec(head); match; match = words.exec(head)) {
    const word = match[1]!;
    const level = levelByWord[word.toLowerCase()]!;
    const strength = strengthOf(head, match.index, word, bodyAt);
    if (strength === 5 && best.strength === 5 && level !== best.level) {
      // `[2020-06-25][DEBUG][info.plugin]`: only brackets side by side contradict each other.
      if (/^[\])>\s|[(<]*$/.test(head.slice(head.indexOf(']'), match.index)))
        return { level: 'unknown', strength: 5 };
    }
    if (strength > best.strength) best = { level, strength };
    // Only a word in brackets is stronger than this one.
    if (best.strength === 4 && !hasOpening(head, match.index)) break;
  }
  return best;
}

/** Whether a bracket opens from `from` on. */
function hasOpening(text: string, from: number): boolean {
  // Nanoseconds for 200 characters: 54; searching backwards takes 856.
  return (
    text.indexOf('[', from) >= 0 ||
    text.indexOf('(', from) >= 0 ||
    text.indexOf('<', from) >= 0 ||
    text.indexOf('|', from) >= 0
  );
}

/** Words that are a level in lower case too. */
const seriousWords = new Set([
  'error',
  'err',
  'fatal',
  'critical',
  'panic',
  'warn',
  'warning',
  'exception',
  'severe',
]);
/** At the start of a sentence these are adjectives. */
const adjectives = new Set(['Critical', 'Fatal']);
/** A word of everyday language is a level only in capitals, in brackets, or with a colon at the very start. */
const everydayWords = new Set([
  'log',
  'note',
  'system',
  'fine',
  'config',
  'fail',
  'alert',
  'notice',
  'cri',
  'grave',
  'inf',
  'verbose',
  'trace',
  'silly',
]);

function strengthOf(head: string, at: number, word: string, bodyAt: number): number {
  const end = at + word.length;
  const before = head[at - 1] ?? '';
  const after = head[end] ?? '';
  // A quoted word is talked about; `level="ERROR"` was read before.
  if ((before === '"' || before === "'") && after === before) return 0;
  // A call: `SYSTEM()`.
  if (after === '(' && head[end + 1] === ')') return 0;
  const upper = word === word.toUpperCase();
  if (before === ' ' || before === '=') {
    const lead = head.slice(Math.max(0, at - 24), at);
    if (setting.test(lead) || (!upper && none.test(lead))) return 0;
  }
  // A piece of a path.
  if (before === '/' && (after === '/' || after === '?')) return 0;
  const lower = word.toLowerCase();
  const serious = seriousWords.has(lower);
  const everyday = everydayWords.has(lower);
  const opened = isOpened(head, at);
  const closed = isClosed(head, end);
  // `[Info#Server]`: Yesod.
  if (opened && (closed || after === '#') && at < 200) return 5;
  if (lower === 'success') return 0;
  if (upper && word.length > 2) return at < 200 || serious ? 4 : 2;
  if (after === '!' && upper) return 4;
  if (closed && at < 80) return 4;
  const atStart = at === bodyAt || at === 0;
  if (after === '=' || after === '"' || after === "'" || before === '/') return 0;
  if (atStart && after === ':') return 4;
  if (atStart && after === ' ' && adjectives.has(word)) return 0;
  if (atStart && !everyday) return 4;
  if (after === ':' && at < 120 && !everyday) return 3;
  if ((before === ':' || before === '.') && at < 60 && !everyday) return 3;
  return serious && !everyday ? 1 : 0;
}

const isSpace = (character: string): boolean => character.trim() === '';

/** Whether a bracket opens among the four characters before, with nothing but white space behind it. */
function isOpened(head: string, at: number): boolean {
  let before = at - 1;
  while (before >= 0 && before > at - 4 && isSpace(head[before]!)) before--;
  return before >= 0 && '[(<|'.includes(head[before]!);
}

/** Whether a bracket closes among the eight characters from there on, with nothing but white space before it. */
function isClosed(head: string, from: number): boolean {
  let after = from;
  while (after < head.length && after < from + 7 && isSpace(head[after]!)) after++;
  return after < head.length && '])>|'.includes(head[after]!);
}
