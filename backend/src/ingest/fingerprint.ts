// Message -> what it is an instance of. A traceback gets its fingerprint here, from its exception types and the frames of
// one's own code; a plain message comes out in masked pieces, and its template (templates.ts) gives the fingerprint.
// The version is part of every fingerprint: a change of these rules is a new version, never a silent regrouping.

import { createHash } from 'node:crypto';
import { endOfHeader } from './header.ts';
import { mask } from './mask.ts';
import { readTraceback, type Traceback, type TracedException } from './traceback.ts';

export const fingerprintVersion = 'v1';

/** Frames of one's own code that count, nearest to the fault first. */
const framesThatCount = 4;
const maxTitleChars = 200;

export type Understood =
  | { kind: 'trace'; fingerprint: string; title: string; masked: string }
  | { kind: 'plain'; keys: string[]; shown: string[]; masked: string };

const ansi = /\u001b(?:\[[\d;?]*[A-Za-z]|\][^\u0007\u001b]{0,200}(?:\u0007|\u001b\\)|[()][A-Z\d])/g;
const aggregated = /^Aggregated \d+ log entries over [\d.]+s\.\s*\n+/;
const aggregateRule = /\n\n-{72}\n\n/;

/** What the message is an instance of. Pure; linear in the message, of which at most a bounded part is read. */
export function understand(message: string): Understood {
  const text = textOf(message);
  const traceback = readTraceback(text);
  if (traceback) return understandTrace(traceback);
  const { shown, keys } = mask(firstMessage(text));
  if (keys.length === 0) keys.push('<*>');
  if (shown.length === 0)
    shown.push(text.trim() === '' ? '(empty message)' : text.trim().slice(0, maxTitleChars));
  return { kind: 'plain', keys, shown, masked: shown.join('') };
}

/** The version and a hash: `v1:` and 32 hexadecimal digits. */
export function versioned(id: string): string {
  return `${fingerprintVersion}:${id}`;
}

/** A title of at most 200 characters, on one line. */
export function titled(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > maxTitleChars ? `${line.slice(0, maxTitleChars - 1)}…` : line;
}

function understandTrace(traceback: Traceback): Understood {
  const { exceptions, reported } = traceback;
  const parts = ['trace', ...exceptions.map((thrown) => thrown.type)];
  const frames = ownFrames(exceptions, reported);
  parts.push('frames', ...frames);
  // The message counts only where types and frames do not tell the error: nobody's own frame, or a language without types.
  if (frames.length === 0) parts.push('message', ...maskedMessage(reported).keys);
  for (const thrown of exceptions)
    if (isTypeless(thrown)) parts.push('typeless', ...maskedMessage(thrown).keys);
  const id = createHash('sha256').update(parts.join('\u0000')).digest('hex').slice(0, 32);
  const said = maskedMessage(reported).shown.join('');
  const title = titled(
    reported.type === '' ? said || 'traceback' : said === '' ? reported.type : `${reported.type}: ${said}`,
  );
  return {
    kind: 'trace',
    fingerprint: versioned(id),
    title,
    masked: [title, ...frames.map((frame) => `  at ${frame}`)].join('\n'),
  };
}

const isTypeless = (thrown: TracedException): boolean =>
  thrown.type === '' ||
  thrown.type === 'panic' ||
  thrown.type === 'fatal error' ||
  thrown.type === 'Fatal Python error' ||
  thrown.type === 'exit';

/** `name (file)` of the frames that count: of the exception reported, or of the first cause that has any. */
function ownFrames(exceptions: TracedException[], reported: TracedException): string[] {
  for (const thrown of [reported, ...exceptions]) {
    const own = thrown.frames.filter((frame) => frame.inApp);
    if (own.length > 0) {
      // Python prints the frame nearest to the fault last.
      const nearest = thrown.framesNearestLast ? own.reverse() : own;
      return nearest
        .slice(0, framesThatCount)
        .map((frame) => `${frame.name || '<anonymous>'} (${frame.file})`);
    }
  }
  return [];
}

function maskedMessage(thrown: TracedException) {
  return mask(thrown.type === '' ? firstMessage(thrown.message) : thrown.message.split('\n', 1)[0]!.trim());
}

/** The first line that says something, without its header; a second line joins it when the first is hardly a word. */
function firstMessage(text: string): string {
  if (text.indexOf('\n') === -1) return text.slice(endOfHeader(text));
  const lines = (text.length > 20_000 ? text.slice(0, 20_000) : text).split('\n', 20);
  const said = lines.map((line) => line.trim()).filter((line) => line !== '');
  const [first = '', second = ''] = said;
  const header = endOfHeader(first);
  // java.util.logging prints the time, the class and the method above the message.
  if (header > 0 && /^(?:SEVERE|WARNING|INFO|CONFIG|FINE|FINER|FINEST): /.test(second))
    return second.slice(endOfHeader(second));
  const message = first.slice(header);
  return second !== '' && message.replace(/[^A-Za-z]/g, '').length < 4 ? `${message} ${second}` : message;
}

/** The text that says what happened: of an aggregate its first entry, of a JSON record its message or stack. */
function textOf(message: string): string {
  let text = message;
  if (text.startsWith('Aggregated ') && aggregated.test(text))
    text = text.replace(aggregated, '').split(aggregateRule, 1)[0] ?? '';
  if (text.indexOf('\u001b') !== -1) text = text.replace(ansi, '');
  if (/^\s{0,100}\{/.test(text) && text.length <= 262_144) {
    try {
      const parsed: unknown = JSON.parse(text);
      if (typeof parsed === 'object' && parsed !== null)
        return textOfJson(parsed as Record<string, unknown>) ?? text;
    } catch {
      // Not JSON after all: it is read as it stands.
    }
  }
  return text;
}

const stackKeys = [
  'stack',
  'stack_trace',
  'stackTrace',
  'stacktrace',
  'exc_info',
  'traceback',
  '@x',
  'exception.stacktrace',
  'error.stack',
  'error.stack_trace',
  'exception',
  'Exception',
  'trace',
];
const errorKeys = ['err', 'error', 'exception', 'Exception', 'cause'];
const messageKeys = [
  '@mt',
  'MessageTemplate',
  'message',
  'msg',
  '@m',
  'Message',
  'event',
  'short_message',
  'log',
  'body',
  'Body',
  'text',
  'RenderedMessage',
];
const typeKeys = ['type', 'name', 'class', 'kind', 'error.type'];

function textOfJson(record: Record<string, unknown>): string | undefined {
  const inner = errorKeys
    .map((key) => record[key])
    .find((value) => typeof value === 'object' && value !== null) as Record<string, unknown> | undefined;
  for (const holder of inner ? [inner, record] : [record]) {
    const stack = firstString(holder, stackKeys);
    if (stack?.includes('\n')) return stack;
  }
  const said = firstString(record, messageKeys);
  const type = inner && firstString(inner, typeKeys);
  const detail = inner
    ? firstString(inner, ['message', 'msg'])
    : firstString(record, ['error', 'err', 'exception', 'reason']);
  const parts = [said, type, detail].filter((part): part is string => part !== undefined && part !== '');
  return parts.length > 0 ? [...new Set(parts)].join(': ') : undefined;
}

function firstString(record: Record<string, unknown>, keys: readonly string[]): string | undefined {
  for (const key of keys) {
    const value = record[key];
    if (typeof value === 'string' && value !== '') return value;
  }
  return undefined;
}
