// Message -> what it is an instance of. A traceback gets its fingerprint here, from its exception types and the frames of
// one's own code; a plain message comes out in masked pieces, and its template (templates.ts) gives the fingerprint.
// The version is part of every fingerprint: a change of these rules is a new version, never a silent regrouping.

import { createHash } from 'node:crypto';
import { Doorkeeper } from './doorkeeper.ts';
import { type FirstMessage, firstMessage } from './first-message.ts';
import { textOfJson } from './json-record.ts';
import { joined, mask, maskText } from './mask.ts';
import { sentenceOf } from './sentence.ts';
import { readTraceback, type Traceback, type TracedException } from './traceback.ts';

export const fingerprintVersion = 'v2';

/** Frames of one's own code that count, nearest to the fault first. */
const framesThatCount = 4;
const maxTitleChars = 200;

interface UnderstoodTrace {
  kind: 'trace';
  fingerprint: string;
  title: string;
  /** The frames that count, as `name (file)`. */
  frames: string[];
}

interface UnderstoodPlain {
  kind: 'plain';
  /** Pieces for the template miner. */
  keys: string[];
  /** The same as one text, where it is known already. */
  joined?: string;
}

export type Understood = UnderstoodTrace | UnderstoodPlain;

const ansi = /\u001b(?:\[[\d;?]*[A-Za-z]|\][^\u0007\u001b]{0,200}(?:\u0007|\u001b\\)|[()][A-Z\d])/g;
const aggregated = /^Aggregated \d+ log entries over [\d.]+s\.\s*\n+/;
const aggregateRule = /\n\n-{72}\n\n/;

/**
 * What the message is an instance of. Pure; linear in the message, of which at most a bounded part is read. Messages that
 * differ only in digits that nobody looks at are understood once.
 */
export function understand(message: string): Understood {
  const sentence = sentenceOf(message);
  if (!sentence) return examine(message).understood;
  const known = knownSentences.get(sentence.text);
  if (known) return known;
  const { understood } = examine(message);
  if (understood.kind === 'plain' && seenOnce.passes(sentence.hash)) {
    if (knownSentences.size >= maxKnownSentences) knownSentences.clear();
    knownSentences.set(sentence.text, { ...understood, joined: joined(understood.keys) });
  }
  return understood;
}

const knownSentences = new Map<string, Understood>();
const maxKnownSentences = 5000;
const seenOnce = new Doorkeeper();

/**
 * As `understand`, with the text that was looked at, what is surely variable masked: for people. Of a traceback that is
 * its title and the frames that count.
 */
export function examine(message: string): { understood: Understood; masked: () => string } {
  const text = textOf(message);
  const traceback = readTraceback(text);
  const trace = traceback && understandTrace(traceback);
  if (trace)
    return {
      understood: trace,
      masked: () => [trace.title, ...trace.frames.map((frame) => `  at ${frame}`)].join('\n'),
    };
  const { line, header } = firstMessage(text);
  const { keys, shown, joined } = mask(line.slice(header));
  return {
    understood:
      keys.length > 0 ? { kind: 'plain', keys, joined } : { kind: 'plain', keys: ['(empty message)'] },
    masked: () => (header === 0 ? shown.join('') : `${maskText(line.slice(0, header))} ${shown.join('')}`),
  };
}

/** The version and a hash: `v2:` and 32 hexadecimal digits. */
export function versioned(id: string): string {
  return `${fingerprintVersion}:${id}`;
}

/** A title of at most 200 characters, on one line. */
export function titled(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > maxTitleChars ? `${line.slice(0, maxTitleChars - 1)}…` : line;
}

/** Undefined when nothing but its message tells the error: then that is a plain message, whose values templates find. */
function understandTrace(traceback: Traceback): UnderstoodTrace | undefined {
  const { exceptions, reported } = traceback;
  // Each once: how many parts a group has, or causes an error, differs from run to run.
  const parts = ['trace', ...new Set(exceptions.map((thrown) => thrown.type))];
  const frames = [...new Set([...ownFrames(exceptions, reported), ...framesOfCauses(exceptions, reported)])];
  if (frames.length === 0 && exceptions.every(({ type }) => type === '')) return undefined;
  parts.push('frames', ...frames);
  // The message counts only where types and frames do not tell the error: nobody's own frame, or a language without types.
  const masked = maskException(reported);
  if (frames.length === 0) parts.push('message', ...masked.keys);
  parts.push(...outcomesOf(reported, masked.keys));
  const said = exceptions
    .filter(isTypeless)
    .map((thrown) => joined(thrown === reported ? masked.keys : maskException(thrown).keys));
  for (const each of new Set(said)) parts.push('typeless', each);
  const id = createHash('sha256').update(parts.join('\u0000')).digest('hex').slice(0, 32);
  const shown = masked.shown.join('');
  const title = titled(
    reported.type === '' ? shown || 'traceback' : shown === '' ? reported.type : `${reported.type}: ${shown}`,
  );
  return { kind: 'trace', fingerprint: versioned(id), title, frames };
}

/** POSIX's names of what a call of the system ended with: Node throws an `Error` for each. */
const systemError =
  /^ ?E(?:2BIG|ACCES|ADDRINUSE|ADDRNOTAVAIL|AGAIN|AI_AGAIN|BADF|BUSY|CANCELED|CONNABORTED|CONNREFUSED|CONNRESET|DQUOT|EXIST|HOSTUNREACH|INVAL|IO|ISDIR|LOOP|MFILE|NAMETOOLONG|NETUNREACH|NFILE|NOENT|NOMEM|NOSPC|NOTDIR|NOTEMPTY|NOTFOUND|PERM|PIPE|PROTO|ROFS|TIMEDOUT|XDEV)$/;
/** `404 Client Error: …`, `[503] during …`, `500: …`: by what follows, as `KeyError: 417` begins with a value. */
const beginsWithStatus = /^(?:\[[45]\d\d\]|[45]\d\d(?=:? [A-Z]))/;
/** Of such a type, whatever follows: `HTTPError: 404` */
const typeOfAnswers = /http|status|response|request/i;
const beginsWithNumber = /^[45]\d\d(?![\w.])/;

/** What of an exception's message tells failures apart though type and place are the same. @param keys the message, masked. */
function outcomesOf(thrown: TracedException, keys: readonly string[]): string[] {
  const begins = typeOfAnswers.test(thrown.type) ? beginsWithNumber : beginsWithStatus;
  const status = begins.exec(thrown.message)?.[0].replace(/\D/g, '');
  const outcomes = keys.filter((key) => /^ ?\d{1,5}$/.test(key) || systemError.test(key));
  const all = new Set(outcomes.map((key) => key.trim()));
  if (status !== undefined) all.add(status);
  return all.size === 0 ? [] : ['outcome', ...all];
}

/** Of these the message tells what happened. */
const typeless = new Set([
  'java.lang.OutOfMemoryError',
  '',
  'panic',
  'fatal error',
  'Fatal Python error',
  'exit',
  'stop',
  'throw',
  'EXIT',
]);
const isTypeless = (thrown: TracedException): boolean => typeless.has(thrown.type);

/** Of these many parts may have failed, now more and now fewer. */
const isGroup = (thrown: TracedException): boolean => /Group$|AggregateE(?:rror|xception)$/.test(thrown.type);

/** The frames that count: of the exception reported, or of the first cause that has any. */
function ownFrames(exceptions: TracedException[], reported: TracedException): string[] {
  // What failed in a group are its parts.
  const parts = reported.type.endsWith('Group') ? exceptions.slice(exceptions.indexOf(reported) + 1) : [];
  for (const thrown of [...parts, reported, ...exceptions]) {
    const own = ownFramesOf(thrown, framesThatCount);
    if (own.length > 0) return own;
  }
  return [];
}

/** Where each cause was thrown: what wraps them (a filter, a job runner) is the same for many faults. */
function framesOfCauses(exceptions: TracedException[], reported: TracedException): string[] {
  if (exceptions.some(isGroup)) return [];
  return exceptions.filter((thrown) => thrown !== reported).flatMap((thrown) => ownFramesOf(thrown, 1));
}

/** `name (file)` of its own frames nearest to the fault. */
function ownFramesOf(thrown: TracedException, most: number): string[] {
  const own = thrown.frames.filter((frame) => frame.inApp);
  // Python prints the frame nearest to the fault last.
  const nearest = thrown.framesNearestLast ? own.reverse() : own;
  return nearest.slice(0, most).map((frame) => `${frame.name || '<anonymous>'} (${frame.file})`);
}

function maskException(thrown: TracedException) {
  if (thrown.type !== '') return mask(thrown.message.split('\n', 1)[0]!.trim());
  // zap puts its fields behind a tab. With the place of the fault known, their values would only split it.
  return mask(withoutHeader(firstMessage(thrown.message.split('\t{', 1)[0]!)));
}

const withoutHeader = ({ line, header }: FirstMessage): string => line.slice(header);

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
        return withLineBreaks(textOfJson(parsed as Record<string, unknown>) ?? text);
    } catch {
      // Not JSON after all: it is read as it stands.
    }
  }
  return stackBehind(text) ?? withLineBreaks(text);
}

const stackKey = /"(?:stack|stack_?trace|trace)":\s?["[]/i;

/** Loggers put what they were given behind the message: `error: no order {"stack":"Error: …"}` */
function stackBehind(text: string): string | undefined {
  const at = text.indexOf('{"');
  if (at === -1 || text.length > 262_144 || !text.trimEnd().endsWith('}')) return undefined;
  const json = text.slice(at);
  if (!stackKey.test(json)) return undefined;
  try {
    const stack = textOfJson(JSON.parse(json) as Record<string, unknown>);
    return stack !== undefined && readTraceback(stack) ? stack : undefined;
  } catch {
    return undefined;
  }
}

/** Monolog writes a stack within its line, the breaks escaped. */
function withLineBreaks(text: string): string {
  if (text.indexOf('\\n#0 ') === -1) return text;
  return text.replace(/\\([\\n])/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
}
