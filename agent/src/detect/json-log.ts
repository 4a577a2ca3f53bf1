// One JSON log line -> its level, message, trace and fields, whichever library wrote it. Parsed once; what is not an
// object is no JSON log.

import { readTrace } from './json-trace.ts';
import { type Level, levelOfNumber, levelOfSyslog, levelOfWord, readPlainLevel } from './level.ts';

export interface JsonLog {
  level: Level;
  /** The level is one that a field gives; else it is what the message looks like. */
  states: boolean;
  /** The text a person would read; undefined when no known field holds it. */
  message: string | undefined;
  /** The stack trace carried in a field, lines parted by `\n`. */
  trace: string | undefined;
  /** All other fields, nested ones as `outer.inner`, bounded in number and length. */
  fields: Record<string, string | number | boolean | null>;
}

type Json = Record<string, unknown>;

/** Also of an object that a logger puts its fields into. */
const innerLevelKeys = [
  'level',
  'lvl',
  'severity',
  'severityText',
  'severity_text',
  'SeverityText',
  'levelname',
  'level_name',
  'levelName',
  'logLevelName',
  'log.level',
  'loglevel',
  'logLevel',
  'log_level',
  'LogLevel',
  'Level',
  'LEVEL',
  '@l',
  '@level',
];
const levelKeys = [
  ...innerLevelKeys,
  'Severity',
  'priority',
  'PRIORITY',
  's',
  'l',
  'log_severity',
  '@severity',
  '_level',
];
const messageKeys = [
  'message',
  'msg',
  '@m',
  '@message',
  'Message',
  'short_message',
  'event',
  'body',
  'Body',
  'RenderedMessage',
  'renderedMessage',
  '@mt',
  'MessageTemplate',
  'MESSAGE',
  'text',
  'log',
  'M',
];
const numberKeys = new Set(['severityNumber', 'severity_number', 'SeverityNumber']);
/** In a field that may be about anything else. */
const plainLevel = /^(?:debug|info|warn|warning|error|fatal|critical)$/i;
const maxFields = 64;
const maxValueChars = 2048;
const maxDepth = 4;
const maxValueDepth = 16;
/** Of all names and values: the backend takes 256 KiB of JSON, in which a character may be six. */
const maxFieldsChars = 40_000;

/** Parses one line. @returns undefined when it is not a JSON object */
export function parseJsonLog(text: string): JsonLog | undefined {
  const start = text.charCodeAt(0) === 123 ? 0 : text.search(/\S/);
  if (text.charCodeAt(start) !== 123) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  const json = parsed as Json;
  const used = new Set<string>();
  const message = readMessage(json, used);
  const trace = readTrace(json, used);
  const stated = readJsonLevel(json);
  const states = stated !== 'unknown';
  const level = states || message === undefined ? stated : readPlainLevel(message);
  const fields: JsonLog['fields'] = {};
  flatten(json, '', used, fields, 0);
  return { level, states, message, trace, fields };
}

function readMessage(json: Json, used: Set<string>): string | undefined {
  for (const key of messageKeys) {
    const value = json[key];
    if (typeof value === 'string') {
      used.add(key);
      return value;
    }
    // OTel's body: {"stringValue": "…"}; MongoDB and others nest likewise.
    const inner = isObject(value) ? (value.stringValue ?? value.text ?? value.message) : undefined;
    if (typeof inner === 'string') return inner;
  }
  // Rust's tracing keeps it among what the program added.
  if (isObject(json.fields) && typeof json.fields.message === 'string') {
    used.add('fields.message');
    return json.fields.message;
  }
  const error = json.error ?? json.err;
  if (typeof error === 'string') return error;
  return isObject(error) && typeof error.message === 'string' ? error.message : undefined;
}

function readJsonLevel(json: Json): Level {
  for (const key of levelKeys) {
    const level = levelOfValue(json[key], key);
    if (level !== 'unknown') return level;
  }
  for (const key of numberKeys) {
    const value = json[key];
    if (typeof value === 'number') return levelOfOtel(value);
  }
  if (typeof json.levelno === 'number') return levelOfNumber(json.levelno + 10);
  if (typeof json.level_value === 'number') return levelOfNumber(json.level_value);
  for (const outer of ['log', 'fields', 'record', 'entry', 'attributes', 'meta', '_meta']) {
    const inner = json[outer];
    if (!isObject(inner)) continue;
    for (const key of innerLevelKeys) {
      const level = levelOfValue(inner[key], key);
      if (level !== 'unknown') return level;
    }
  }
  for (const key of ['status', 'type']) {
    const value = json[key];
    if (typeof value === 'string' && plainLevel.test(value)) return levelOfWord(value);
  }
  // Serilog's compact format leaves `@l` out for Information.
  if ('@t' in json && ('@mt' in json || '@m' in json)) return 'info';
  return 'unknown';
}

function levelOfValue(said: unknown, key: string): Level {
  // Some name it one level down: `{"name": "ERROR", …}`.
  const value = isObject(said) ? (said.name ?? said.level) : said;
  if (typeof value === 'number') {
    if (key === 'PRIORITY' || key === 'priority') return value < 8 ? levelOfSyslog(value) : 'unknown';
    if (/^severity$/i.test(key) && value >= 100) return levelOfGoogle(value);
    return levelOfNumber(value);
  }
  if (typeof value !== 'string') return 'unknown';
  if (value.length === 1) {
    const letter = { T: 'trace', D: 'debug', I: 'info', W: 'warn', E: 'error', F: 'fatal' } as const;
    if (/^\d$/.test(value)) return levelOfSyslog(Number(value));
    return letter[value as keyof typeof letter] ?? 'unknown';
  }
  if (key === 's' || key === 'l') return levelOfWord(value);
  return /^\d+$/.test(value)
    ? levelOfNumber(Number(value))
    : levelOfWord(value.replace(/^severity_|\+?\d{1,2}$/i, ''));
}

/** Google Cloud's severity numbers: hundreds, from debug to emergency. */
function levelOfGoogle(value: number): Level {
  const levels = ['debug', 'info', 'info', 'warn', 'error'] as const;
  return levels[Math.floor(value / 100) - 1] ?? 'fatal';
}

/** OpenTelemetry's severity numbers: 1 to 24, four to a level. */
function levelOfOtel(value: number): Level {
  const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
  return levels[Math.ceil(value / 4) - 1] ?? 'unknown';
}

function flatten(
  value: Json,
  prefix: string,
  used: Set<string>,
  into: JsonLog['fields'],
  depth: number,
  state = { count: 0, chars: 0 },
): void {
  for (const [key, inner] of Object.entries(value)) {
    const name = prefix + key;
    if (used.has(name)) continue;
    if (state.count >= maxFields) return;
    if (isObject(inner) && depth < maxDepth) {
      flatten(inner, `${name}.`, used, into, depth + 1, state);
      continue;
    }
    const shown = bounded(inner);
    state.chars += name.length + String(shown).length;
    if (state.chars > maxFieldsChars) return;
    state.count++;
    into[name] = shown;
  }
}

function bounded(value: unknown): string | number | boolean | null {
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return value;
  const text = typeof value === 'string' ? value : JSON.stringify(pruned(value, maxValueDepth));
  return text.length > maxValueChars ? `${text.slice(0, maxValueChars)}…` : text;
}

/** A line may nest deeper than JSON.stringify, which recurses, has stack for. JSON.parse does not recurse. */
function pruned(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (depth === 0) return '…';
  if (Array.isArray(value)) return value.map((inner) => pruned(inner, depth - 1));
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, pruned(inner, depth - 1)]));
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
