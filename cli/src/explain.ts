// `log-detector explain [FILE…]`: what the detector sees in log files or standard input, entry by entry: the lines joined,
// level, match, masked text, template and fingerprint, and at the end what looks like an error and does not match. It is how
// a user finds out why. Memory does not grow with the input, but with --each-line, which must remember one number for each
// line.

import { createReadStream } from 'node:fs';
import { createJoin, type Entry, readAgent, readAgentSettings, readLevel } from '@log-detector/agent';
import { createExplainer, type Explainer } from '@log-detector/backend';
import { SettingsError } from '@log-detector/settings';
import { linesOf } from './lines-of.ts';
import { UsageError } from './run-verb.ts';

export interface ExplainIo {
  stdin: AsyncIterable<Buffer | string> & { isTTY?: boolean };
  stdout: NodeJS.WritableStream;
  stderr: NodeJS.WritableStream;
  env?: NodeJS.ProcessEnv;
}

interface Options {
  files: string[];
  json: boolean;
  eachLine: boolean;
}

/** All lines are of one made-up container and instant, so the entries depend on the text alone. */
const instant = '1970-01-01T00:00:00.000000000Z';
const container = { id: 'explain', name: 'explain', image: '', labels: {}, tty: false };

/** The verb. @returns the exit code. @throws {UsageError} for an unknown option, {SettingsError} for a wrong pattern. */
export async function explain(args: readonly string[], io: ExplainIo): Promise<number> {
  const options = readOptions(args);
  if (options.files.length === 0 && io.stdin.isTTY)
    io.stderr.write(
      'Reading what is typed, until Ctrl-D; or give a file, or the output of docker logs: | log-detector explain\n',
    );
  const out = createOutput(io.stdout);
  try {
    if (options.eachLine) await explainEachLine(options, io, out);
    else await explainEntries(options, io, out);
  } catch (error) {
    if (error instanceof UsageError || error instanceof SettingsError) throw error;
    const { code, path, message } = error as NodeJS.ErrnoException;
    // The reader went away: `explain … | head` is no mistake.
    if (code === 'EPIPE') return 0;
    if (path === undefined) throw error;
    // What the readable files before it gave is not lost with it.
    await out.end();
    throw new UsageError(`cannot read ${path}: ${message}; give the path of a readable file`);
  }
  await out.end();
  return 0;
}

/** After `--` come files, whatever their names begin with. */
function readOptions(args: readonly string[]): Options {
  const known = ['--json', '--each-line'];
  const end = args.includes('--') ? args.indexOf('--') : args.length;
  const isFlag = (arg: string, index: number) => index < end && arg.startsWith('--');
  const flags = args.filter(isFlag);
  for (const flag of flags)
    if (!known.includes(flag))
      throw new UsageError(`"${flag}" is no option of explain; use ${known.join(', ')}`);
  const options = {
    files: args.filter((arg, index) => index !== end && !isFlag(arg, index)),
    json: flags.includes('--json'),
    eachLine: flags.includes('--each-line'),
  };
  if (options.eachLine && !options.json) throw new UsageError('--each-line needs --json; give both');
  return options;
}

/** Chunks of each input, in order; `-` is standard input, and so is no file at all. */
function* inputsOf({ files }: Options, io: ExplainIo): Generator<AsyncIterable<Buffer | string>> {
  if (files.length === 0) yield io.stdin;
  for (const file of files) yield file === '-' ? io.stdin : chunksOf(file);
}

/** @throws with `path`, which Node leaves out when it can open a file but not read it, as with a folder. */
async function* chunksOf(path: string): AsyncGenerator<Buffer> {
  try {
    yield* createReadStream(path, { highWaterMark: 256 * 1024 });
  } catch (error) {
    throw Object.assign(error as Error, { path });
  }
}

async function explainEntries(options: Options, io: ExplainIo, out: Output): Promise<void> {
  const { settings, detection } = await readAgent(io.env ?? process.env);
  const { match, traceback, multilineStart } = detection;
  const explainer = createExplainer();
  const show = options.json ? asJson : asText;
  const sum: Sum = { entries: 0, matched: 0, missed: 0, missedLines: [] };
  const join = createJoin(
    { maxLines: settings.tracebackMaxLines, tracebackPattern: traceback, multilineStart },
    (entry, now) => {
      const record = match(entry, container, settings.host, now)?.record;
      const explained = explainEntry(entry, record, explainer);
      addTo(sum, explained);
      out.write(show(explained));
    },
  );
  let number = 0;
  for (const input of inputsOf(options, io)) {
    for await (const lines of linesOf(input, settings.maxLineBytes)) {
      for (const text of lines) {
        join.push({ stream: 'stdout', position: { at: instant, ordinal: number++ }, text }, 0);
      }
      await out.ready();
    }
    // An entry does not go on in the next file.
    join.flush(0);
  }
  if (!options.json) out.write(verdictOf(sum));
}

interface Sum {
  entries: number;
  matched: number;
  /** Of level error or worse, and no record. */
  missed: number;
  /** Where the first of these begin, from 1. */
  missedLines: number[];
}

const shownMissed = 10;

function addTo(sum: Sum, { first, level, matched }: Explained): void {
  sum.entries += 1;
  if (matched) sum.matched += 1;
  else if (level === 'error' || level === 'fatal') {
    sum.missed += 1;
    if (sum.missedLines.length < shownMissed) sum.missedLines.push(first + 1);
  }
}

function verdictOf({ entries, matched, missed, missedLines }: Sum): string {
  const lines = [`${counted(entries, 'entry', 'entries')}, ${matched} of them matched.`];
  if (missed > 0)
    lines.push(
      `${missed} not matched, though of level error or fatal: ${missed === 1 ? 'line' : 'lines'} ${missedLines.join(', ')}${missed > missedLines.length ? ', …' : ''}.`,
      'To have such lines, set LOG_MATCH_PATTERNS: docs/configuration.md, "What becomes a record".',
    );
  return `${lines.join('\n')}\n`;
}

function counted(n: number, one: string, many: string): string {
  return `${n} ${n === 1 ? one : many}`;
}

interface Explained {
  first: number;
  last: number;
  level: string;
  matched: boolean;
  severity: string | null;
  masked: string;
  template: string;
  fingerprint: string;
}

function explainEntry(
  entry: Entry,
  record: { message: string; severity?: string } | undefined,
  explainer: Explainer,
): Explained {
  const text = record?.message ?? entry.lines.join('\n');
  return {
    first: entry.first.ordinal,
    last: entry.last.ordinal,
    level: levelOf(entry),
    matched: record !== undefined,
    severity: record?.severity ?? null,
    ...explainer.explain(text),
  };
}

/** Of the first line that has one: a traceback's own first line may not. */
function levelOf({ lines }: Entry): string {
  if (lines.length > 1 && lines[0]!.charCodeAt(0) === 123) return readLevel(lines.join('\n'));
  for (const line of lines.slice(0, 3)) {
    const level = readLevel(line);
    if (level !== 'unknown') return level;
  }
  return readLevel(lines.at(-1)!);
}

function asJson(explained: Explained): string {
  return `${JSON.stringify(explained)}\n`;
}

function asText({ first, last, level, matched, severity, masked, template, fingerprint }: Explained): string {
  const lines = first === last ? `line ${first + 1}` : `lines ${first + 1}-${last + 1}`;
  const verdict = matched ? `matched, severity ${severity}` : 'not matched';
  const indented = masked.replaceAll('\n', '\n            ');
  return `${lines}: level ${level}, ${verdict}\n  masked    ${indented}\n  template  ${template}\n  issue     ${fingerprint}\n\n`;
}

async function explainEachLine(options: Options, io: ExplainIo, out: Output): Promise<void> {
  const { maxLineBytes } = readAgentSettings(io.env ?? process.env);
  const explainer = createExplainer();
  const numbers = new Map<string, number>();
  const names: string[] = [];
  const issues: number[] = [];
  for (const input of inputsOf(options, io)) {
    for await (const lines of linesOf(input, maxLineBytes)) {
      for (const text of lines) {
        const name = explainer.group(text);
        let number = numbers.get(name);
        if (number === undefined) {
          number = names.push(name) - 1;
          numbers.set(name, number);
        }
        issues.push(number);
      }
    }
  }
  for (let i = 0; i < issues.length; i++) {
    out.write(`${JSON.stringify({ i, issue: explainer.current(names[issues[i]!]!) })}\n`);
    if (i % 1000 === 0) await out.ready();
  }
}

interface Output {
  write(text: string): void;
  /** Resolves when what was written has gone far enough for more. */
  ready(): Promise<void>;
  end(): Promise<void>;
}

function createOutput(stream: NodeJS.WritableStream): Output {
  let waiting: string[] = [];
  let size = 0;
  let failure: Error | undefined;
  stream.on('error', (error: Error) => {
    failure = error;
  });

  async function flush(): Promise<void> {
    const text = waiting.join('');
    waiting = [];
    size = 0;
    if (text === '') return;
    await new Promise<void>((resolve, reject) => {
      stream.write(text, (error) => (error ? reject(error) : resolve()));
    });
  }

  return {
    write(text) {
      waiting.push(text);
      size += text.length;
    },
    async ready() {
      if (failure) throw failure;
      if (size > 64 * 1024) await flush();
    },
    end: flush,
  };
}
