// Operators' patterns -> tests that no line can make slow. A pattern without unbounded repetition runs in V8, which is the
// fastest and then cannot blow up; others run in RE2 (linear time); what RE2 cannot do (a lookahead, a back reference)
// runs in V8 when recheck finds it harmless, on a bounded piece of each line.

import type { RE2JS as Re2 } from 're2js';
import { literalsOf } from './literals.ts';

/** One compiled pattern. */
export interface Pattern {
  /** As the operator wrote it. */
  source: string;
  engine: 'v8' | 're2';
  test(text: string): boolean;
  /** Replaces every match. */
  replace(text: string, by: string): string;
  /** Texts of which at least one is part of any match; undefined: none is known. See `requiredLiterals`. */
  literals: string[] | undefined;
}

/** Why a pattern cannot be used, and what to do. */
export class PatternError extends Error {
  override name = 'PatternError';
  readonly pattern: string;
  constructor(pattern: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.pattern = pattern;
  }
}

/** Longest piece of a line, in characters, that a pattern sees whose cost grows with the square of the line. */
const longestForV8 = 4096;
const recheckMs = 10_000;

/**
 * Parts a list of patterns at its commas. A comma inside `{}`, `[]` or `()`, or after a backslash, belongs to the pattern.
 */
export function splitPatterns(list: string): string[] {
  const parts: string[] = [];
  let part = '';
  let depth = 0;
  let inClass = false;
  for (let i = 0; i < list.length; i++) {
    const character = list.charAt(i);
    if (character === '\\') {
      part += character + list.charAt(++i);
      continue;
    }
    if (inClass) inClass = character !== ']';
    else if (character === '[') inClass = true;
    else if (character === '(' || character === '{') depth++;
    else if (character === ')' || character === '}') depth = Math.max(0, depth - 1);
    else if (character === ',' && depth === 0) {
      parts.push(part);
      part = '';
      continue;
    }
    part += character;
  }
  parts.push(part);
  return parts.map((text) => text.trim()).filter((text) => text !== '');
}

/**
 * Compiles a list as in `LOG_MATCH_PATTERNS`.
 * @param name the setting, for the error
 * @throws {PatternError} naming the pattern, what is wrong and what to do
 */
export async function compilePatterns(name: string, list: string): Promise<Pattern[]> {
  return Promise.all(splitPatterns(list).map((source) => compilePattern(name, source)));
}

/** Compiles one pattern. `^` and `$` stand for the begin and end of any line. @throws {PatternError} */
export async function compilePattern(name: string, source: string): Promise<Pattern> {
  const { body, flags } = fromPython(name, source);
  let regexp: RegExp;
  try {
    regexp = new RegExp(body, flags);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.replace(/^Invalid regular expression: /, '') : cause;
    throw new PatternError(
      source,
      `${name}: pattern ${JSON.stringify(source)} cannot be read (${why}); correct it`,
      {
        cause,
      },
    );
  }
  const literals = literalsOf(body, flags);
  if (!canRepeat(body)) return inV8(source, regexp, literals);
  const re2 = await inRe2(source, body, flags, literals);
  if (re2) return re2;
  const bounded = await checked(name, source, regexp);
  return inV8(source, regexp, literals, bounded);
}

/**
 * Texts of which at least one occurs in everything the pattern matches: what a search of raw bytes may look for.
 * Only characters that JSON never escapes are used, so the raw line of a JSON log has them as well.
 * @returns undefined when no such texts can be proven
 */
export function requiredLiterals(pattern: string): string[] | undefined {
  const { body, flags } = fromPython('pattern', pattern);
  return literalsOf(body, flags);
}

/** Python's spellings that JavaScript lacks: `(?i)` in front, `(?P<name>…)`, `(?P=name)`, `\A`, `\Z`. */
function fromPython(name: string, source: string): { body: string; flags: string } {
  let flags = 'm';
  let body = source;
  const inline = /^\(\?([aiLmsux]+)\)/.exec(body);
  if (inline) {
    body = body.slice(inline[0].length);
    if (inline[1]!.includes('x')) {
      throw new PatternError(
        source,
        `${name}: pattern ${JSON.stringify(source)} uses the flag x (verbose); write it without spaces and comments`,
      );
    }
    if (inline[1]!.includes('i')) flags += 'i';
    if (inline[1]!.includes('s')) flags += 's';
  }
  body = body.replace(
    /\\[\s\S]|\(\?P<|\(\?P=(\w+)\)|\[(?:\\[\s\S]|[^\]\\])*\]/g,
    (part, back: string | undefined) => {
      if (part === '(?P<') return '(?<';
      if (back !== undefined) return `\\k<${back}>`;
      if (part === '\\A') return '(?<![\\s\\S])';
      if (part === '\\Z' || part === '\\z') return '(?![\\s\\S])';
      return part;
    },
  );
  return { body, flags };
}

/** Whether anything in the pattern may repeat without a small bound. */
function canRepeat(body: string): boolean {
  const bare = body.replace(/\\[\s\S]/g, 'e').replace(/\[(?:[^\]])*\]/g, 'c');
  if (/[*+]/.test(bare)) return true;
  let product = 1;
  for (const [, from, comma, to] of bare.matchAll(/\{(\d+)(,?)(\d*)\}/g)) {
    if (comma && to === '') return true;
    product *= Math.max(1, Number(to || from));
  }
  return product > 64;
}

function inV8(source: string, regexp: RegExp, literals: string[] | undefined, bounded = false): Pattern {
  const test = bounded
    ? (text: string) => text.split('\n').some((line) => regexp.test(line.slice(0, longestForV8)))
    : (text: string) => regexp.test(text);
  const all = new RegExp(regexp.source, `${regexp.flags}g`);
  const replaceIn = (text: string, by: string) => text.replace(all, () => by);
  const replace = bounded
    ? (text: string, by: string) =>
        text
          .split('\n')
          .map((line) => replaceIn(line.slice(0, longestForV8), by) + line.slice(longestForV8))
          .join('\n')
    : replaceIn;
  return {
    source,
    engine: 'v8',
    literals,
    test: behindLiterals(literals, test),
    replace: (text, by) => (test(text) ? replace(text, by) : text),
  };
}

async function inRe2(
  source: string,
  body: string,
  flags: string,
  literals: string[] | undefined,
): Promise<Pattern | undefined> {
  let compiled: Re2;
  try {
    // Loaded when it is needed: its tables take megabytes.
    const { RE2JS } = await import('re2js');
    let bits = RE2JS.MULTILINE;
    if (flags.includes('i')) bits |= RE2JS.CASE_INSENSITIVE;
    if (flags.includes('s')) bits |= RE2JS.DOTALL;
    // Back to RE2's own spelling of the text's begin and end, which it has without lookaround.
    const own = RE2JS.translateRegExp(
      body.replaceAll('(?<![\\s\\S])', '\\A').replaceAll('(?![\\s\\S])', '\\z'),
    );
    compiled = RE2JS.compile(own, bits);
  } catch {
    return undefined;
  }
  return {
    source,
    engine: 're2',
    literals,
    test: behindLiterals(literals, (text) => compiled.test(text)),
    replace: (text, by) => compiled.matcher(text).replaceAll(by.replaceAll('$', '$$$$')),
  };
}

/** A plain search costs a twentieth of a pattern (16 ns against 300 for 200 characters). */
function behindLiterals(
  literals: string[] | undefined,
  test: (text: string) => boolean,
): (text: string) => boolean {
  if (literals?.length === 1) {
    const [only] = literals as [string];
    return (text) => text.includes(only) && test(text);
  }
  if (literals && literals.length <= 4)
    return (text) => literals.some((literal) => text.includes(literal)) && test(text);
  return test;
}

/** Asks recheck. @returns whether the text must be bounded @throws {PatternError} when a line could hang it */
async function checked(name: string, source: string, regexp: RegExp): Promise<boolean> {
  // Loaded when needed: it takes 30 MB, and 150 while it works.
  const { checkSync } = await import('recheck/lib/browser.js');
  const found = checkSync(regexp.source, regexp.flags, { timeout: recheckMs });
  if (found.status === 'safe') return false;
  const square =
    found.status === 'vulnerable' && found.complexity.type === 'polynomial' && found.complexity.degree === 2;
  if (square) return true;
  const why =
    found.status === 'vulnerable'
      ? `takes ${found.complexity.summary} time on some lines`
      : 'could not be shown to be harmless';
  throw new PatternError(
    source,
    `${name}: pattern ${JSON.stringify(source)} ${why}, so a log line could stop the agent; ` +
      'write it without lookaround and back references, or without * and + inside a group that repeats',
  );
}
