// Entries -> records: what a pattern matches, and every traceback, becomes a record with severity, fields and id. For a JSON
// log line the patterns meet its message (and the trace it carries), not its punctuation; its level may be enough.

import type { Container, Entry, MatchedRecord, Position, Stream } from '../types.ts';
import { type Glance, notBare } from './glance.ts';
import { mayStateError } from './json-level.ts';
import { type JsonLog, parseJsonLog } from './json-log.ts';
import { mayHoldTrace } from './json-trace.ts';
import { type Level, readHeadLevel } from './level.ts';
import type { Pattern } from './patterns.ts';
import { cause, frame, longestLooked } from './shapes.ts';
import { sights } from './sights.ts';
import { stripAnsi, unfold, visible } from './text.ts';

export interface MatchOptions {
  /** An entry that one of these matches becomes a record. */
  patterns: readonly Pattern[];
  /** An entry that one of these matches does not, whatever else holds. */
  excludes?: readonly Pattern[];
  /** A JSON log line whose level is `error` or `fatal` is a record, whatever the patterns say. */
  jsonErrors?: boolean;
  /** An entry with such a line is a traceback of severity `fatal`. */
  tracebackPattern?: { test(text: string): boolean };
  /** Makes a record's id from where its first line stands. */
  eventId(containerId: string, stream: Stream, position: Position): string;
  redact?: (text: string) => string;
  /** The one of `createSight` that redaction has too. */
  glance?: Glance;
  /** A longer message is cut in its middle. UTF-8 bytes. */
  maxMessageBytes?: number;
}

export type Match = (
  entry: Entry,
  container: Container,
  host: string,
  now: number,
) => MatchedRecord | undefined;

/** Makes the stage: it keeps no state but labels that it read, so one serves all containers. */
export function createMatch({
  patterns,
  excludes = [],
  jsonErrors = false,
  tracebackPattern,
  eventId,
  redact = (text) => text,
  glance = () => ~0,
  maxMessageBytes = 1024 * 1024,
}: MatchOptions): Match {
  const anyMatches = (text: string) => {
    for (const pattern of patterns) if (pattern.test(text)) return true;
    return false;
  };
  // What no JSON line lacks if its message matches: most need not be parsed.
  const needed = patterns.every((pattern) => pattern.literals)
    ? patterns.flatMap((pattern) => pattern.literals ?? [])
    : undefined;

  function mayMatchAsJson(line: string): boolean {
    if (needed === undefined || mayHoldTrace(line)) return true;
    return needed.some((literal) => line.includes(literal)) || (jsonErrors && mayStateError(line));
  }

  function statesError(raw: string, { level, states }: JsonLog): boolean {
    return jsonErrors && states && (level === 'error' || level === 'fatal') && mayStateError(raw);
  }

  /** What is sent of the entry, or undefined when nothing is. */
  function read(entry: Entry): { message: string; severity: string; json?: JsonLog } | undefined {
    const raw = entry.lines.length === 1 ? entry.lines[0]! : entry.lines.join('\n');
    if (raw.charCodeAt(0) === 123) {
      if (entry.kind === 'line' && !mayMatchAsJson(raw)) return undefined;
      const json = parseJsonLog(raw);
      if (json) return readJson(raw, json);
    }
    if (entry.kind === 'line') {
      const text = visible(raw);
      if (!anyMatches(text)) return undefined;
      const mayNameLevel = (glance(text) & sights.level) !== 0;
      return { message: text, severity: severityOf(readHeadLevel(text, mayNameLevel)) };
    }
    const lines = entry.lines.map(visible);
    const text = lines.length === 1 ? unfold(lines[0]!) : lines.join('\n');
    const level = readHeadLevel(lines[0]!);
    const shown = entry.kind === 'trace' ? text : undefined;
    if (!speaksForItself(level, shown) && !anyMatches(text)) return undefined;
    return { message: text, severity: severityOfTrace(level, shown) };
  }

  function readJson(
    raw: string,
    json: JsonLog,
  ): { message: string; severity: string; json: JsonLog } | undefined {
    const said = stripAnsi(json.message ?? raw);
    const trace = json.trace !== undefined && isTrace(json.trace) ? stripAnsi(json.trace) : undefined;
    const shown = trace ?? (tracebackPattern?.test(said) || hasFrames(said) ? said : undefined);
    if (!speaksForItself(json.level, shown) && !anyMatches(said) && !statesError(raw, json)) return undefined;
    const message = trace && !said.includes(trace) ? `${said}\n${trace}` : said;
    return { message, severity: severityOfTrace(json.level, shown), json };
  }

  /** A traceback needs no pattern, unless its logger took it for information: many print where a line comes from. */
  function speaksForItself(level: Level, trace: string | undefined): boolean {
    if (trace === undefined) return false;
    const quiet = level === 'info' || level === 'debug' || level === 'trace';
    return !quiet || tracebackPattern?.test(trace) === true;
  }

  /** A traceback is fatal, unless its logger said that it is a warning or less. */
  function severityOfTrace(level: Level, trace: string | undefined): string {
    if (trace === undefined) return severityOf(level);
    if (tracebackPattern?.test(trace)) return 'fatal';
    if (level === 'warn') return 'warn';
    return level === 'info' || level === 'debug' || level === 'trace' ? 'error' : 'fatal';
  }

  const labelsKept = new WeakMap<Container['labels'], Record<string, string> | undefined>();

  /** The same object for the same container: the spool puts it into JSON once. */
  function labelsOf({ labels }: Container): Record<string, string> | undefined {
    if (labelsKept.has(labels)) return labelsKept.get(labels);
    const kept = usefulLabels(labels);
    labelsKept.set(labels, kept);
    return kept;
  }

  function matched(entry: Entry, container: Container, host: string): MatchedRecord | undefined {
    const found = read(entry);
    if (!found) return undefined;
    const { message, severity, json } = found;
    for (const exclude of excludes) if (exclude.test(message)) return undefined;
    const sent = cutMiddle(redact(message), maxMessageBytes);
    const fields =
      json && Object.keys(json.fields).length > 0 ? redactFields(json.fields, redact) : undefined;
    const made = recordOf(entry, container, host, sent, severity, fields);
    made.isBareMessage = sent === message && (glance(sent) & notBare) === 0;
    return made;
  }

  function recordOf(
    entry: Entry,
    container: Container,
    host: string,
    message: string,
    severity: string,
    fields: JsonLog['fields'] | undefined,
  ): MatchedRecord {
    const record: MatchedRecord['record'] = {
      event_id: eventId(container.id, entry.stream, entry.first),
      host,
      container: container.name,
      message,
      severity,
      occurred_at: toMicroseconds(entry.first.at),
      stream: entry.stream,
    };
    if (container.image) record.image = container.image;
    const labels = labelsOf(container);
    if (labels) record.labels = labels;
    if (fields) record.fields = fields;
    return { stream: entry.stream, first: entry.first, last: entry.last, record };
  }

  /** The entry as it stands, but never with a secret that could not be looked for. */
  function asItStands({ lines }: Entry): string {
    const text = lines.join('\n');
    try {
      return cutMiddle(redact(text), maxMessageBytes);
    } catch {
      return `an entry of ${text.length} characters could not be searched for secrets, and is left out`;
    }
  }

  return (entry, container, host) => {
    try {
      return matched(entry, container, host);
    } catch (error) {
      // A fault of ours that a text brings out would be met again at each start: the entry is told, and passed.
      return recordOf(entry, container, host, asItStands(entry), 'error', { 'agent.fault': String(error) });
    }
  };
}

function severityOf(level: Level): string {
  return level === 'unknown' ? 'error' : level;
}

/** Whether the text in a JSON log's trace field is one: at least a line that no prose has. */
function isTrace(text: string): boolean {
  return firstLines(text).some((line) => isFrame(line) || cause.test(line));
}

/** A frame that no prose, list or table looks like: it says where in a file, or is one of a runtime's own words. */
const certainFrame =
  /^\s{1,40}at \S.{0,400}[(:].{0,200}\d\)?$|^\s*File ".{1,400}", line \d|^Traceback \(|\bgoroutine \d{1,9} \[|:\d{1,7}:in ['`]|^#\d{1,3} .{1,300}\(\d{1,7}\): |\) lib\/\S{1,200}:\d{1,7}: /;

/** Whether a JSON log's message is a trace itself. */
function hasFrames(text: string): boolean {
  return text.includes('\n') && firstLines(text).some((line) => certainFrame.test(line));
}

const firstLines = (text: string): string[] =>
  text.split('\n', 50).map((line) => line.slice(0, longestLooked));

function isFrame(line: string): boolean {
  return frame.test(line) || /^Traceback |^goroutine \d|^\S+\.go:\d|^#0 |^\S+:\d+:in |^\t\S+:\d+/.test(line);
}

/** Docker's nanoseconds cut to the microseconds that the wire has. */
function toMicroseconds(at: string): string {
  return `${at.slice(0, 26)}Z`;
}

const maxLabels = 16;
const maxLabelChars = 256;
const useful =
  /^(?:com\.docker\.compose\.(?:project|service|container-number)|com\.docker\.(?:stack\.namespace|swarm\.(?:service\.name|task\.name))|io\.kubernetes\.(?:pod\.name|pod\.namespace|container\.name)|org\.opencontainers\.image\.(?:version|revision|title)|(?:service|app|version|team|env|environment|component|release))$/;

/** The labels that tell a reader whose container it is; those of tools are left out. */
export function usefulLabels(labels: Record<string, string>): Record<string, string> | undefined {
  const kept = Object.entries(labels).filter(([name]) => useful.test(name));
  if (kept.length === 0) return undefined;
  return Object.fromEntries(
    kept.slice(0, maxLabels).map(([name, value]) => [name, value.slice(0, maxLabelChars)]),
  );
}

function redactFields(fields: JsonLog['fields'], redact: (text: string) => string): JsonLog['fields'] {
  const redacted: JsonLog['fields'] = {};
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value !== 'string') redacted[name] = value;
    else {
      // The name tells what the value is: both are shown to the redaction, and the name taken off again.
      const lead = `${name}=`;
      const shown = redact(lead + value);
      redacted[name] = shown.startsWith(lead) ? shown.slice(lead.length) : redact(value);
    }
  }
  return redacted;
}

/** Keeps the begin and the end of a text that is too long, with a line between them that says how much was left out. */
export function cutMiddle(text: string, maxBytes: number): string {
  if (text.length * 3 <= maxBytes) return text;
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length <= maxBytes) return text;
  const half = Math.max(0, Math.floor((maxBytes - 64) / 2));
  let head = half;
  while (head > 0 && isInnerByte(bytes[head])) head--;
  let tail = bytes.length - half;
  while (tail < bytes.length && isInnerByte(bytes[tail])) tail++;
  const marker = `\n[... ${tail - head} bytes left out ...]\n`;
  return bytes.toString('utf8', 0, head) + marker + bytes.toString('utf8', tail);
}

function isInnerByte(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}
