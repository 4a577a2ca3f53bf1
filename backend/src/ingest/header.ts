// Raw line -> message: cuts time, level, host, program, pid, thread and logger off the start, by their shape alone, with
// no format given. What stands before a certain sign (a time, a level, `program[pid]:`) is cut with it only when nothing
// there reads like prose, so a message that merely mentions a time keeps its words.

/** Longest start of a line that is searched for a header, in characters. */
const maxHeaderChars = 400;

const month = '(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}';
const weekday = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6}';
const clock = '\\d{1,2}:\\d{2}(?::\\d{2})?(?:[.,:]\\d{1,9})?';
const zone = '(?: ?(?:Z|[+-]\\d{2}:?\\d{2})| (?:UTC|GMT|[A-Z]{1,3}[SD]T|CET|MSK|WET|EET))?(?![\\w.])';
const times = [
  // 2026-11-22T10:00:00.123Z, 2026/11/22 10:00:00, 2005-07-15-23.49.42.308319, 2016-09-28 04:30:30,
  `\\d{4}([-/.])\\d{1,2}\\1\\d{1,2}(?:[T _,:-] ?\\d{1,2}[:.]\\d{2}(?:[:.]\\d{2})?(?:[.,:]\\d{1,9})?(?: [AP]M)?${zone})?`,
  // 17/06/09 20:10:40, 03-17 16:15:08.066, 22.11.2026 10:00:00, 10.30 16:49:53
  `\\d{1,2}([-/.])\\d{1,2}(?:\\2\\d{2,4})?[ ,T]{1,2}${clock}(?: [AP]M)?${zone}`,
  // 22/Nov/2026:10:00:00 +0000, 22-Nov-2026 10:00:00, 12 Nov 2019 07:52:11.999
  `\\d{1,2}[-/ ]${month}[-/ ]\\d{2,4}[: ]${clock}(?: [AP]M)?${zone}`,
  // Sun Dec 04 20:32:37 2005, Nov 22 10:00:00, Nov 22, 2026 10:00:00 AM
  `(?:${weekday},? +)?${month} +\\d{1,2},? +(?:\\d{4},? +)?${clock}(?: [AP]M)?${zone}(?: \\d{4}(?!\\w))?`,
  `${weekday}, \\d{1,2} ${month} \\d{4} ${clock}${zone}`,
  // 20171223-22:15:29:606, 20261122T100000Z, 081109 203518
  `\\d{8}[-T_ ]\\d{2}:?\\d{2}:?\\d{2}(?:[.,:]\\d{1,9})?${zone}`,
  '\\d{6} \\d{6}(?!\\w)',
  // the time alone
  `\\d{1,2}:\\d{2}:\\d{2}(?:[.,]\\d{1,9})?(?: [AP]M)?${zone}`,
  // seconds, milli-, micro- or nanoseconds since 1970
  '1\\d{9}(?:\\.\\d{1,9}|\\d{3}|\\d{6}|\\d{9})?(?![\\w.])',
];
const timeAt = new RegExp(
  `(?:${times.join('|').replaceAll('\\1', '\\k<a>').replaceAll('\\2', '\\k<b>').replace('([-/.])', '(?<a>[-/.])').replace('([-/.])', '(?<b>[-/.])')})`,
  'y',
);

const levelWords =
  'TRACE|DEBUG|DBG|INFORMATION|INFO|INF|NOTICE|WARNING|WARN|WRN|ERROR|ERR|SEVERE|CRITICAL|CRIT|FATAL|FAILURE|ALERT|EMERGENCY|EMERG|PANIC|VERBOSE|FINEST|FINER|FINE|CONFIG|LOG|AUDIT';
const upperLevelAt = new RegExp(`(?:${levelWords})(?![\\w.])`, 'y');
const anyLevelAt = new RegExp(`(?:${levelWords})(?![\\w.])`, 'iy');
const upperLevelWord = new RegExp(`\\b(?:${levelWords})\\b`);
const levelField = new RegExp(`^\\s*(?:${levelWords})\\s*\\|$`, 'i');
/** Python's own default: `WARNING:root:message` */
const pythonLoggerAt = /[\w.]{1,80}:(?=\S)/y;
/** RFC 5424 after the time: host, program, process, message id, structured data */
const syslogFieldsAt = /\S{1,255} \S{1,48} \S{1,128} \S{1,32} (?:-|(?:\[[^\]]{0,300}\])+)(?=\s|$)/y;
/** `[error]`, `<warn>`, `(INFO)`, `level=info`, `[core:error]`, `[Error/Main]` */
const boxedLevelAt = new RegExp(
  `(?:[[(<]\\s*(?:[\\w.-]{1,30}[:/])?(?:${levelWords})\\s*(?:[/:][\\w .#-]{1,40})?[\\])>]|(?:level|lvl|severity)=["']?(?:${levelWords})["']?)`,
  'iy',
);
const letterLevelAt = /[VDIWEFATNC](?=[ /(]|\t)\/?/y;
/** klog: I1122 10:00:00.123456 */
const klogAt = /[IWEF]\d{4} \d{2}:\d{2}:\d{2}\.\d{1,9}/y;
const syslogPriorityAt = /<\d{1,3}>(?:\d (?=\d{4}-))?/y;
const uptimeAt = /\[\s{0,10}\d{1,9}\.\d{1,9}\]/y;
/** A program and its process: `sshd[123]:`, `su(pam_unix)[123]:`, `kubelet[9]` */
const programAt = /[\w./@-]{1,80}(?:\([\w./@-]{1,60}\))?\[\d{1,10}(?:[.:]\w{1,12})?\](?::|(?=\s))/y;
const plainProgramAt = /[\w./@-]{1,80}(?:\([\w./@-]{1,60}\))?:(?=\s)/y;
/** A logger or tag: dotted, of several humps, or with `$ @ # _` in it; then `:`, ` -`, ` :`, ` |` or a bracket. */
const loggerAt =
  /(?!std::)(?=[\w$@#/.:-]{0,100}(?:\.[A-Za-z_$]|[a-z\d][A-Z]|[A-Z]{2}[a-z]|[$@#_]|[a-z\d]::[a-z_]))[A-Za-z_$][\w$@#/.-]{0,120}(?:::?[\w$@#/.<>-]{1,60}){0,4}(?:\[[\w.]{1,40}\])?(?:(?=\s*(?: - | -- |\|| \[))|\s{0,40}:(?=\s|$))/y;
const columnAt = /[A-Za-z][\w.$-]{0,40}(?=\s{2})/y;
const callerAt = /\(?[\w./@+-]{1,120}\.[a-z]{1,5}:\d{1,6}(?::\d{1,6})?[\])]?(?::|(?=\s))/y;
const parenthesisedAt = /\([^()\n]{1,60}\):(?=\s)/y;
/** A thread, a process, a sequence; of eight letters and digits it may be hexadecimal. */
const numberAt = /(?:#?\d{1,20}(?:[.#]\d{1,9})?|(?=[a-f]{0,8}\d)[\da-f]{8})(?::(?=\s)|(?=[\s\])|]))/y;
const separatorAt = /(?:-{1,3}|[|:*,>#]|=>|--|\u2013|\u2014)(?=\s|$)/y;
const pipedFieldAt = /\s*[\w.$:@/# -]{0,60}\|/y;
const looseAt = /\S{1,80}/y;
const proseWord = /^[A-Z]?[a-z']+[,.;:!?]*$/;
const typeName = /(?:Error|Exception|Failure|Fault|Throwable)[:\s]*$|[A-Z]\w*::[A-Z]\w*:$/;

function endAt(pattern: RegExp, line: string, from: number): number {
  pattern.lastIndex = from;
  return pattern.test(line) ? pattern.lastIndex : -1;
}

/** End of the bracket that opens at `from`, nested ones counted, or -1 when it does not close within 200 characters. */
function endOfBracket(line: string, from: number): number {
  let depth = 0;
  const stop = Math.min(line.length, from + 200);
  for (let at = from; at < stop; at++) {
    const code = line.charCodeAt(at);
    if (code === 91) depth++;
    else if (code === 93 && --depth === 0) return at + 1;
    else if (code === 10) return -1;
  }
  return -1;
}

function endOfTime(line: string, from: number): number {
  const code = line.charCodeAt(from);
  if (code === 91 || code === 40 || code === 34) {
    const inside = endAt(timeAt, line, from + 1);
    if (inside === -1) return -1;
    const close = line[inside];
    if (close === ']' || close === ')' || close === '"') return inside + 1;
    // [10:00:00 ERR] and [2026-11-22T10:00:00Z ERROR crate::module]: the rest of the bracket is header too.
    const whole = code === 91 ? endOfBracket(line, from) : -1;
    return whole !== -1 && whole - inside <= 80 ? whole : -1;
  }
  return endAt(timeAt, line, from);
}

/** What was found so far. */
interface Seen {
  time: boolean;
  /** The time names a month, as syslog's does: a host and a program may follow. */
  syslogTime: boolean;
  rfc5424: boolean;
  level: boolean;
  program: boolean;
  logger: boolean;
  brackets: number;
  /** Words since the last certain part that may be header: a host, a user, a component. */
  loose: number;
  /** How many of these read like prose. */
  looseProse: number;
  startsLikeTable: boolean;
}

/** Takes the part of a header that stands at `at`: gives its end, or -1 when there is none of its kind. */
type Rule = (line: string, at: number, code: number, seen: Seen) => number;

const isUpper = (code: number): boolean => code >= 65 && code <= 90;
const isDigit = (code: number): boolean => code >= 48 && code <= 57;

const takePriority: Rule = (line, at, code, seen) => {
  const end = at === 0 && code === 60 ? endAt(syslogPriorityAt, line, at) : -1;
  if (end !== -1) seen.rfc5424 = line[end - 1] === ' ';
  return end;
};

const takeTime: Rule = (line, at, code, seen) => {
  // [ ( " open one, a digit or a name of a day or month begins one.
  if (!isDigit(code) && !isUpper(code) && code !== 91 && code !== 40 && code !== 34) return -1;
  if (seen.program ? seen.level : seen.loose > 0 && seen.looseProse > 0 && !seen.startsLikeTable) return -1;
  let end = endOfTime(line, at);
  // Digits alone behind a program are its own: `postfix/qmgr[7]: 1890764941: removed`
  if (end === -1 || (seen.program && /^\d+$/.test(line.slice(at, end)))) return -1;
  seen.time = true;
  if (isUpper(code)) seen.syslogTime = true;
  if (code === 91 && upperLevelWord.test(line.slice(at, end))) seen.level = true;
  if (line[end] === ':') end++;
  if (seen.rfc5424) {
    seen.rfc5424 = false;
    const fields = endAt(syslogFieldsAt, line, end + 1);
    if (fields === -1) return end;
    seen.program = true;
    return fields;
  }
  return takePipedFields(line, end, seen);
};

/** A field of a piped table may be anything short: 20171223-22:15:29:606|Step_LSC|30002312|message */
function takePipedFields(line: string, from: number, seen: Seen): number {
  let at = from;
  while (line[at] === ' ') at++;
  if (line[at] !== '|') return from;
  at++;
  for (let fields = 0; fields < 6; fields++) {
    const end = endAt(pipedFieldAt, line, at);
    if (end === -1) break;
    if (levelField.test(line.slice(at, end))) seen.level = true;
    else seen.logger = true;
    at = end;
  }
  return at;
}

const takeKlog: Rule = (line, at, code, seen) => {
  const end = isUpper(code) ? endAt(klogAt, line, at) : -1;
  if (end !== -1) seen.time = seen.level = true;
  return end;
};

const takeUptime: Rule = (line, at, code, seen) => {
  const end = code === 91 ? endAt(uptimeAt, line, at) : -1;
  if (end !== -1) seen.time = true;
  return end;
};

const takeLevel: Rule = (line, at, code, seen) => {
  if (seen.level || seen.looseProse > 0) return -1;
  // [ ( < box one, `level=`, `lvl=` and `severity=` name one.
  const boxed = code === 91 || code === 40 || code === 60 || code === 108 || code === 115;
  let end = boxed ? endAt(boxedLevelAt, line, at) : -1;
  if (end === -1 && isUpper(code)) end = endAt(upperLevelAt, line, at);
  if (end === -1 && seen.time && seen.loose === 0) {
    const word = endAt(anyLevelAt, line, at);
    // Without a colon or a column after it, "error" is as likely the message's first word.
    if (word !== -1 && /^(?::|\s{2}| [-|]|\t)/.test(line.slice(word, word + 3))) end = word;
    if (end === -1 && isUpper(code)) end = endAt(letterLevelAt, line, at);
  }
  if (end === -1) return -1;
  seen.level = true;
  if (line[end] !== ':') return end;
  const logger = code === 91 ? -1 : endAt(pythonLoggerAt, line, end + 1);
  return logger === -1 ? end + 1 : logger;
};

const takeProgram: Rule = (line, at, _code, seen) => {
  if (seen.program || !seen.time || seen.loose > 2) return -1;
  let end = endAt(programAt, line, at);
  if (end !== -1 && line[end] === ' ') {
    // launchd names the service it speaks of: `launchd[1] (com.example.job[45]): message`
    const service = endAt(parenthesisedAt, line, end + 1);
    if (service !== -1) end = service;
  }
  // A syslog line without a pid: host, then `kernel:`.
  if (end === -1 && !seen.level && seen.syslogTime && seen.loose === 1) end = endAt(plainProgramAt, line, at);
  if (end !== -1) seen.program = true;
  return end;
};

const takeBracket: Rule = (line, at, code, seen) => {
  if (code !== 91 || !(seen.time || seen.level) || seen.brackets >= 4 || seen.looseProse > 0) return -1;
  const end = endOfBracket(line, at);
  if (end === -1) return -1;
  seen.brackets++;
  return line[end] === ':' ? end + 1 : end;
};

const takeCaller: Rule = (line, at, _code, seen) => {
  if (!seen.level || seen.loose > 0) return -1;
  const end = endAt(parenthesisedAt, line, at);
  return end === -1 ? endAt(callerAt, line, at) : end;
};

const takeMark: Rule = (line, at, _code, seen) => {
  if (!(seen.time || seen.level) || seen.loose > 0) return -1;
  let end = endAt(separatorAt, line, at);
  if (end === -1) end = endAt(numberAt, line, at);
  return end !== -1 && line.slice(end).trim() !== '' ? end : -1;
};

const takeLogger: Rule = (line, at, _code, seen) => {
  if (seen.logger || !(seen.time || seen.level) || seen.loose > 1 || seen.looseProse > 0) return -1;
  let end = endAt(loggerAt, line, at);
  if (end === -1 && seen.level && seen.loose === 0) end = endAt(columnAt, line, at);
  if (end === -1 || typeName.test(line.slice(at, end))) return -1;
  seen.logger = true;
  return end;
};

/** The dash of `name - message`, right after the time: `chrome.exe *64 - `, `root - `. */
const takeNamed: Rule = (line, at, code, seen) => {
  if (code !== 45 || !seen.time || seen.logger || seen.loose === 0 || seen.loose > 2) return -1;
  if (seen.looseProse > (seen.loose === 1 ? 1 : 0) || !/^- \S/.test(line.slice(at, at + 3))) return -1;
  seen.logger = true;
  return at + 2;
};

const rules: readonly Rule[] = [
  takePriority,
  takeTime,
  takeKlog,
  takeUptime,
  takeLevel,
  takeProgram,
  takeBracket,
  takeCaller,
  takeMark,
  takeLogger,
  takeNamed,
];
/** After `program[pid]:` comes the message, but for a time of the program's own. */
const rulesAfterProgram: readonly Rule[] = [takeTime];

/**
 * Where the message of a raw line begins, in characters from its start; 0 when there is no header to be seen. Never the
 * whole line: a line that is all header is its own message. Linear in the length of the header, which is at most 400.
 */
export function endOfHeader(whole: string): number {
  const line = whole.length > maxHeaderChars ? whole.slice(0, maxHeaderChars) : whole;
  const seen: Seen = {
    time: false,
    syslogTime: false,
    rfc5424: false,
    level: false,
    program: false,
    logger: false,
    brackets: 0,
    loose: 0,
    looseProse: 0,
    startsLikeTable: /^(?:- |\d+ |[\d.]{7,15} \S{1,80} \S{1,80} \[\d{1,2}\/)/.test(line),
  };
  let at = 0;
  /** Everything before this is certainly header. */
  let sure = 0;
  for (let step = 0; step < 24; step++) {
    while (at < line.length && (line.charCodeAt(at) === 32 || line.charCodeAt(at) === 9)) at++;
    if (at >= line.length) break;
    const end = takeAny(line, at, seen);
    if (end !== -1) {
      at = sure = end;
      seen.loose = seen.looseProse = 0;
      continue;
    }
    if (seen.loose >= 5 || (seen.level && seen.logger) || (seen.program && !seen.level)) break;
    // Perhaps a host, a user or a component: known only from what follows.
    const wordEnd = endAt(looseAt, line, at);
    if (wordEnd === -1 || (wordEnd === at + 1 && line[at] === '=')) break;
    if (proseWord.test(line.slice(at, wordEnd))) seen.looseProse++;
    if (seen.looseProse > 1 && !seen.startsLikeTable) break;
    seen.loose++;
    at = wordEnd;
  }
  while (sure < whole.length && (whole.charCodeAt(sure) === 32 || whole.charCodeAt(sure) === 9)) sure++;
  return sure > 0 && sure >= whole.trimEnd().length ? 0 : sure;
}

function takeAny(line: string, at: number, seen: Seen): number {
  const code = line.charCodeAt(at);
  for (const rule of seen.program && !seen.level ? rulesAfterProgram : rules) {
    const end = rule(line, at, code, seen);
    if (end !== -1) return end;
  }
  return -1;
}
