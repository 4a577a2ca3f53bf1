// The parsed fields of one JSON log line -> the stack trace that they carry, as its program would have printed it: a text of
// several lines, one that .NET wrote as a single line, a list of lines, or a list of frames that are objects.

import { foldedFrame, unfold } from './text.ts';

type Json = Record<string, unknown>;

const traceKeys = [
  'stack_trace',
  'stackTrace',
  'stacktrace',
  'stack',
  'exc_info',
  'exc_text',
  'traceback',
  'trace_back',
  'backtrace',
  '@x',
  'Exception',
  'exception',
  'error.stack_trace',
  'error.stack',
  'exception.stacktrace',
  'errorVerbose',
  'full_message',
];
const causeKeys = [
  'err',
  'error',
  'exception',
  'cause',
  'thrown',
  'Exception',
  'attributes',
  'Attributes',
  'log',
  'fields',
  'context',
];

// Of an exception that is an object, and of its frames.
const typeKeys = ['exc_type', 'exceptionType', 'class', 'type', 'name'];
const saidKeys = ['exc_value', 'message', 'msg', 'localizedMessage', 'value'];
const framesKeys = [
  'extendedStackTrace',
  'frames',
  'stackTrace',
  'stack_trace',
  'stacktrace',
  'stack',
  'trace',
  'traceback',
  'backtrace',
];
const innerKeys = ['cause', 'causedBy', 'previous'];
const functionKeys = ['method', 'func', 'function', 'name'];
const fileKeys = ['file', 'filename', 'fileName', 'source'];
const lineKeys = ['lineno', 'lineNumber', 'line'];
const maxFrames = 400;
const maxCauses = 8;

const listOfFrames = /(?:trace|traceback|frames|stack|exception)":\s?\[/i;

/** `find` stops at a line with one of them; the other two are among the words that are out of the ordinary. */
export const listOfObjects = '[{';

/** Whether a JSON line can carry a trace, before it is parsed: most cannot. */
export function mayHoldTrace(line: string): boolean {
  if (line.includes('\\n')) return true;
  const namesException = line.includes('Exception');
  if (namesException && line.includes(foldedFrame)) return true;
  // Most lines have no list at all, and cost no more than a look for one character.
  if (!line.includes('[')) return false;
  return (
    (namesException || line.includes('Error') || line.includes(listOfObjects)) && listOfFrames.test(line)
  );
}

/** @param used gets the name of the field that holds the trace */
export function readTrace(json: Json, used: Set<string>): string | undefined {
  for (const key of traceKeys) {
    const text = traceText(json[key]);
    if (text) {
      used.add(key);
      return text;
    }
  }
  for (const key of causeKeys) {
    const inner = json[key];
    if (!isObject(inner)) continue;
    const whole = exceptionText(inner);
    if (whole) {
      used.add(key);
      return whole;
    }
    for (const traceKey of traceKeys) {
      const text = traceText(inner[traceKey]);
      if (text) {
        used.add(`${key}.${traceKey}`);
        return text;
      }
    }
  }
  return undefined;
}

function traceText(value: unknown): string | undefined {
  if (typeof value === 'string') {
    const text = unfold(value);
    return text.includes('\n') ? text.trimEnd() : undefined;
  }
  if (Array.isArray(value)) return framesText(value) ?? chainText(value);
  return isObject(value) ? exceptionText(value) : undefined;
}

/** Frames as lines: of lines, of places in files, or of objects that say two of function, file and line. */
function framesText(list: readonly unknown[]): string | undefined {
  if (list.length === 0) return undefined;
  const kept = list.slice(0, maxFrames);
  if (kept.every((item) => typeof item === 'string')) {
    if (kept.every((item) => /^\S+:\d+$/.test(item))) return kept.map((place) => `\tat ${place}`).join('\n');
    return kept.length > 1 ? kept.join('\n') : undefined;
  }
  // Names beside files alone may be any list.
  if (!kept.some((frame) => isObject(frame) && textOf(frame, lineKeys) !== '')) return undefined;
  const frames = kept.map(frameText);
  return frames.every((frame) => frame !== undefined) ? frames.join('\n') : undefined;
}

function frameText(frame: unknown): string | undefined {
  if (!isObject(frame)) return undefined;
  const name = [textOf(frame, ['class']), textOf(frame, functionKeys)].filter(Boolean).join('.');
  const file = textOf(frame, fileKeys);
  const line = textOf(frame, lineKeys);
  if ([name, file, line].filter(Boolean).length < 2) return undefined;
  if (!isPython(frame)) return `\tat ${name}(${file || 'Unknown Source'}${line && `:${line}`})`;
  const source = typeof frame.line === 'string' && frame.line !== '' ? `\n    ${frame.line}` : '';
  return `  File "${file}", line ${line}, in ${name}${source}`;
}

const isPython = (frame: unknown): boolean => isObject(frame) && 'lineno' in frame && 'filename' in frame;

/** structlog's list of exceptions: the one that was raised last comes first. */
function chainText(list: readonly unknown[]): string | undefined {
  const texts = list.slice(0, maxCauses).map((item) => (isObject(item) ? exceptionText(item) : undefined));
  if (texts.length === 0 || !texts.every((text) => text !== undefined)) return undefined;
  return texts.reverse().join('\n\nThe above exception was the direct cause of the following exception:\n\n');
}

function exceptionText(exception: Json, causes = 0): string | undefined {
  for (const key of framesKeys) {
    const list = exception[key];
    const frames = Array.isArray(list) ? framesText(list) : undefined;
    if (!frames) continue;
    const head = [textOf(exception, typeKeys), textOf(exception, saidKeys)].filter(Boolean).join(': ');
    if (isPython((list as unknown[])[0])) return `Traceback (most recent call last):\n${frames}\n${head}`;
    return [head, frames, causeText(exception, causes + 1)].filter(Boolean).join('\n');
  }
  return undefined;
}

function causeText(exception: Json, causes: number): string | undefined {
  if (causes > maxCauses) return undefined;
  for (const key of innerKeys) {
    const inner = exception[key];
    if (!isObject(inner)) continue;
    const text = exceptionText(isObject(inner.exception) ? inner.exception : inner, causes);
    if (text) return `Caused by: ${text}`;
  }
  return undefined;
}

/** The first of the fields that holds a text or a number, as text. */
function textOf(value: Json, keys: readonly string[]): string {
  for (const key of keys) {
    const found = value[key];
    if ((typeof found === 'string' && found !== '') || typeof found === 'number') return String(found);
  }
  return '';
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
