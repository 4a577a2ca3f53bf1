// What the stages ask of a line's text: without colours, where its indentation ends, whether a logger began it.

import { withoutReturns } from '../without-returns.ts';

const ansi = /\u001b(?:\[[0-9;:?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-Z\\-_])/g;

/** The text without terminal colours and other escape sequences. */
export function stripAnsi(text: string): string {
  return text.includes('\u001b') ? text.replace(ansi, '') : text;
}

/** What a reader sees of the line: no colours, no CR at its end, no byte order mark. */
export function visible(text: string): string {
  const seen = withoutReturns(stripAnsi(text));
  return seen.charCodeAt(0) === 0xfeff ? seen.slice(1) : seen;
}

/** Columns of white space before the first other character; a tab counts as four. */
export function indentOf(text: string): number {
  let columns = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 32) columns++;
    else if (code === 9) columns += 4;
    else break;
  }
  return columns;
}

/** A time of day (`10:20:30`) among the first characters: cheap, and enough to tell a logger's line. */
export function hasTimeNearStart(text: string): boolean {
  let colon = text.indexOf(':');
  for (let tries = 0; colon !== -1 && colon < 40 && tries < 6; tries++) {
    if (
      isDigit(text.charCodeAt(colon + 1)) &&
      isDigit(text.charCodeAt(colon + 2)) &&
      isDigit(text.charCodeAt(colon - 1)) &&
      !isDigit(text.charCodeAt(colon + 3)) &&
      (!isDigit(text.charCodeAt(colon - 2)) || !isHexDigit(text.charCodeAt(colon - 3)))
    ) {
      return true;
    }
    colon = text.indexOf(':', colon + 1);
  }
  return false;
}

// Dates and times as loggers write them at the head of a line, with what often stands before them.
const month = '(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}';
const date =
  String.raw`(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}|\d{1,2}[-/. ]${month}[-/. ]\d{2,4}|` +
  String.raw`(?:[A-Z][a-z]{2}[, ]+)?${month} +\d{1,2}(?!\w)(?:,? +\d{4})?(?:,| at)?|\d{6}(?= ))`;
const time = String.raw`\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d+)?(?: ?[AaPp][Mm])?`;
const zone = String.raw`(?: ?(?:Z|UTC|GMT|[A-Z]{3,4}|[+-]\d{2}:?\d{2})(?![A-Za-z]))?`;
const stamp = String.raw`(?:${date}(?:[T :_,-]+${time})?(?: \d{4})?${zone}|${time}${zone})`;
const level =
  '(?:TRACE|DEBUG|INFO|INFORMATION|NOTICE|LOG|WARN|WARNING|ERROR|ERR|CRITICAL|CRIT|FATAL|SEVERE|ALERT|EMERG|PANIC|VERBOSE|CONFIG|FINE|FINER|FINEST)';
/** `[Fatal]`, `[Error]`: NLog. */
const capitalised = level.replace(/[A-Z]+/g, (word) => word[0] + word.slice(1).toLowerCase());

const stampAtStart = new RegExp(String.raw`^\s*(?:[[(<]\s*)?${stamp}`);
const levelAtStart = new RegExp(
  String.raw`^\s*(?:\[\s*(?:${level}|${level.toLowerCase()}|${capitalised})\s*\]|<${level}>|${level}(?=[\s:|\][(/-]|$))|^${level.toLowerCase()}: `,
);
const syslogAtStart = /^<\d{1,3}>\S/;
const klogAtStart = /^[IWEF]\d{4} \d{2}:\d{2}:\d{2}/;
const rubyLoggerAtStart = /^[DIWEFA], \[\d{4}-/;
const jsonAtStart = /^\{\s*"/;
const accessAtStart = /^\S+ \S+ \S+ \[\d{1,2}\/[A-Z][a-z]{2}\/\d{4}/;

/** Whether a logger began this line: a time stamp, a level, a JSON object. Such a line is an event of its own. */
export function startsLog(text: string): boolean {
  return (
    stampAtStart.test(text) ||
    levelAtStart.test(text) ||
    jsonAtStart.test(text) ||
    klogAtStart.test(text) ||
    rubyLoggerAtStart.test(text) ||
    syslogAtStart.test(text) ||
    accessAtStart.test(text)
  );
}

const headAtStart = new RegExp(String.raw`^\s*(?:<\d{1,3}>\d? ?)?[[(]?(?:${stamp})[\])]?[ ,:|-]*`);

/** The text behind the time stamp at its start, if it has one. */
export function afterStamp(text: string): string {
  return text.replace(headAtStart, '');
}

/**
 * Whether a logger's line ends where its message should begin: what it has to say stands below. A line of an access log ends
 * with a dash for what it does not know.
 */
export function saysNothing(text: string): boolean {
  const end = text.slice(-16);
  if (!/(?:\s[|-]|:)\s{0,8}$/.test(end) || !hasTimeNearStart(text)) return false;
  return !accessAtStart.test(text) && !/[\s"](?:\d{1,6}|-|ms)\s-\s{0,8}$/.test(end);
}

/** The tags in brackets, `[8a4c2e3f] [web]`, that a line with a time says last; '' if it has none. */
export function tagAtEnd(text: string): string {
  const last = text.charCodeAt(text.length - 1);
  if ((last !== 93 && last !== 32) || !hasTimeNearStart(text)) return '';
  return /(?<=: )(?:\[[^\][\s]{1,80}\] ?){1,4}$/.exec(text.trimEnd().slice(-400))?.[0] ?? '';
}

export function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

function isHexDigit(code: number): boolean {
  return isDigit(code) || ((code | 32) >= 97 && (code | 32) <= 102);
}

/** How many braces and brackets of a JSON text are open at its end; those within strings do not count. */
export function bracketDepth(text: string, depth = 0): number {
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 92) i++;
    else if (code === 34) quoted = !quoted;
    else if (!quoted && (code === 123 || code === 91)) depth++;
    else if (!quoted && (code === 125 || code === 93)) depth--;
  }
  return depth;
}

/**
 * What stands behind the begin of `head` that the text repeats, digits too, if it is deeper than what `head` has there. A
 * level that is set to the right is none of that: it begins a line of its own.
 */
export function deeperBehindPrefix(head: string, text: string): string | undefined {
  let at = 0;
  while (at < head.length && head.charCodeAt(at) === text.charCodeAt(at)) at++;
  const isDeeper = at > 0 && head[at - 1] === ' ' && head[at] !== ' ' && text[at] === ' ';
  if (!isDeeper || levelAtStart.test(head.slice(at))) return undefined;
  const item = text.slice(at);
  return startsLog(item.trimStart()) ? undefined : item;
}

/** A time of day to the microsecond, of a clock that is no coarser. */
const microseconds = /:\d{2}[.,]\d{3}(?!000)\d{3}\S*/;

/**
 * Whether the text repeats the begin of `head` up to a word, a time of day to the microsecond with it and, but for its level,
 * something of who logged it: what logged both was one call.
 */
export function isOfSameCall(head: string, text: string): boolean {
  let at = 0;
  while (at < head.length && head.charCodeAt(at) === text.charCodeAt(at)) at++;
  while (at > 0 && head[at - 1] !== ' ') at--;
  const shared = head.slice(0, Math.min(at, 80));
  const time = microseconds.exec(shared);
  if (!time || levelAtStart.test(text.slice(at))) return false;
  return (
    shared
      .slice(time.index + time[0].length)
      .replace(levelAtStart, '')
      .trim() !== ''
  );
}

/** How .NET's frames stand in a text whose line breaks a logger of one line replaced by a space each. */
export const foldedFrame = '   at ';

/** Gives such a text its line breaks back. */
export function unfold(text: string): string {
  if (!text.includes(foldedFrame) || text.includes('\n')) return text;
  return text.replace(/(?<! ) (?= {2,}(?:at \S|--- End of )| ---> )/g, '\n');
}

/** How many characters of `text` repeat the begin of `head`, digits being as good as others, up to a space. */
export function sharedPrefix(head: string, text: string): number {
  let i = 0;
  let j = 0;
  let end = 0;
  while (i < head.length && j < text.length) {
    const a = head.charCodeAt(i);
    const b = text.charCodeAt(j);
    if (isDigit(a) && isDigit(b)) {
      while (isDigit(head.charCodeAt(i))) i++;
      while (isDigit(text.charCodeAt(j))) j++;
      continue;
    }
    if (a !== b) break;
    i++;
    j++;
    if (b === 32 || b === 9) end = j;
  }
  return end;
}
