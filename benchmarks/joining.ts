// Do the lines of one event become one entry? Scored on suites of other tools and on captured crashes, beside those tools.
// The corpora are not part of this repository: where ../shared/corpora is missing, this is skipped and says so.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createJoin, type JoinOptions } from '../agent/src/detect/join.ts';
import { hasTimeNearStart } from '../agent/src/detect/text.ts';
import { startsTraceback } from '../agent/src/detect/traces.ts';
import type { Entry, Stream } from '../agent/src/types.ts';

const corpora = join(process.cwd(), '..', 'shared', 'corpora');

type Row = Record<string, string | number>;
type Range = [first: number, last: number];

interface Case {
  id: string;
  mode?: string;
  kind?: string;
  lines: string[];
  groups: Range[];
  alt_groups?: Range[][];
  group_indices?: number[][];
  streams?: string[];
  delay_before_ms?: number[];
  timestamps?: string[];
  raw?: string[];
  expected_messages?: string[];
  config?: { first_line?: string; max_lines?: number; max_bytes?: number; flush_after_ms?: number | null };
}

/** As the corpora's README gives them, measured on the same 91 cases. */
const peers: Row[] = [
  { what: 'every line alone', cases: 91, exact: 5 },
  { what: 'indented lines and "Caused by" join', cases: 91, exact: 32 },
  { what: 'coroot/logparser', cases: 91, exact: 33 },
  { what: "Google's detect-exceptions (its own suite is among them)", cases: 91, exact: 51 },
];

/** Rows of the special files that this agent decides otherwise, on purpose. */
const argued: Record<string, string> = {
  'gde-max-lines-2':
    'a longer block goes out in parts of the maximum, as the contract says, not line by line',
  'gde-max-lines-java': 'the same',
  'gde-max-bytes-high': 'the same',
  'gde-max-bytes-low': 'the same',
  'fb-cri': 'the CRI format is containerd’s; Docker has none',
  'fb-container_mix': 'the same',
  'fb-docker_cri_chain': 'the same',
  'fb-docker': 'one of its lines is no valid JSON (a line feed inside a string), which Docker never writes',
  'fb-multiline-001-json':
    'a program that logs each frame as a JSON record of its own made them records of their own',
  'otel-default-source': 'needs a pattern for the last line, which this agent does not have',
  'concat-two-containers': 'the same; its first line would do, but lines after the end would join',
};

/** @returns the table of `npm run bench joining`. */
export async function run(): Promise<{ title: string; rows: Row[]; notes: string[] }> {
  const title = 'Joining: cases exactly right';
  if (!existsSync(corpora)) return { title, rows: [], notes: ['skipped: ../shared/corpora is not here'] };
  const all = read('multiline.jsonl');
  const auto = all.filter(({ mode }) => (mode ?? 'auto') === 'auto');
  const wrong: string[] = [];
  const rows = [...peers];
  rows.push({ what: 'log-detector, nothing configured', cases: auto.length, exact: countExact(auto, wrong) });
  rows.push({
    what: 'log-detector, JSON over several lines',
    cases: 3,
    exact: countExact(
      all.filter(({ mode }) => mode === 'json'),
      wrong,
    ),
  });
  const withFirstLine = all.filter(({ mode, config }) => mode === 'config' && config?.first_line);
  rows.push({
    what: 'log-detector, MULTILINE_START as the case says',
    cases: withFirstLine.length,
    exact: countExact(withFirstLine, wrong),
  });
  const notes = [
    `Ordinary lines swallowed by another entry, in the ${auto.length} cases: ${swallowed(auto)}.`,
  ];
  for (const file of ['detect_exceptions', 'fluent_bit', 'small_suites']) {
    const cases = read(`multiline_special/${file}.jsonl`);
    const right = cases.filter((one) => isRight(one));
    rows.push({ what: `special: ${file}`, cases: cases.length, exact: right.length });
    for (const { id } of cases.filter((one) => !right.includes(one)))
      notes.push(`${id}: ${argued[id] ?? 'WRONG'}.`);
  }
  const starts = read('multiline_special/datadog_line_start.jsonl') as unknown as LineStart[];
  const rightStarts = starts.filter((row) => isRightStart(row));
  rows.push({ what: 'special: datadog_line_start', cases: starts.length, exact: rightStarts.length });
  for (const row of starts.filter((one) => !rightStarts.includes(one)))
    notes.push(`${row.id}: ${JSON.stringify(row.line)}.`);
  if (wrong.length > 0) notes.push(`Wrong: ${wrong.join(', ')}.`);
  return {
    title,
    rows: rows.map((row) => ({
      ...row,
      share: `${Math.round((100 * Number(row.exact)) / Number(row.cases))} %`,
    })),
    notes,
  };
}

interface LineStart {
  id: string;
  line: string;
  starts_event?: boolean;
  has_timestamp_start?: boolean;
}

function isRightStart({ line, starts_event, has_timestamp_start }: LineStart): boolean {
  if (starts_event !== undefined) return startsTraceback(line) === starts_event;
  const stamped =
    hasTimeNearStart(line) &&
    /\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/]\d{1,2}[-/]\d{4}|[A-Z][a-z]{2} +\d{1,2} |\d{1,2}\/[A-Z][a-z]{2}\/\d{4}/.test(
      line,
    );
  return stamped === has_timestamp_start;
}

function countExact(cases: Case[], wrong: string[]): number {
  let exact = 0;
  for (const one of cases) {
    const options = one.mode === 'config' ? { multilineStart: new RegExp(one.config!.first_line!) } : {};
    const found = ranges(entriesOf(one, options), one.lines);
    if ([one.groups, ...(one.alt_groups ?? [])].some((groups) => found === trimmed(groups, one.lines)))
      exact++;
    else wrong.push(one.id);
  }
  return exact;
}

/** Lines that are events of their own, and were given out with others. */
function swallowed(cases: Case[]): number {
  let count = 0;
  for (const one of cases) {
    const found = entriesOf(one, {});
    for (const [first, last] of one.groups) {
      if (first !== last || one.lines[first]!.trim() === '') continue;
      const entry = found.find((item) => item.first.ordinal <= first && item.last.ordinal >= first)!;
      const others = entry.lines.filter((text) => text.trim() !== '').length;
      const allowed = (one.alt_groups ?? []).some((groups) =>
        groups.some(([a, b]) => a < b && a <= first && b >= first),
      );
      if (others > 1 && !allowed) count++;
    }
  }
  return count;
}

function isRight(one: Case): boolean {
  const { config } = one;
  if (one.raw) return isRightRaw(one);
  const options: JoinOptions = {
    multilineStart: config?.first_line ? new RegExp(config.first_line) : undefined,
    maxLines: config?.max_lines,
    maxBytes: config?.max_bytes,
    idleMs: config?.flush_after_ms === null ? 1e9 : (config?.flush_after_ms ?? 500),
  };
  const entries = entriesOf(one, options);
  if (one.group_indices) {
    const found = groupsOfStreams(one, options);
    return JSON.stringify(found) === JSON.stringify([...one.group_indices].sort((a, b) => a[0]! - b[0]!));
  }
  return ranges(entries, one.lines) === trimmed(one.groups, one.lines);
}

function groupsOfStreams(one: Case, options: JoinOptions): number[][] {
  const names = [...new Set(one.streams)];
  const groups: number[][] = [];
  for (const name of names) {
    const stage = createJoin(options, (entry) => {
      const indices = one.streams!.flatMap((stream, i) => (stream === name ? [i] : []));
      groups.push(indices.filter((i) => i >= entry.first.ordinal && i <= entry.last.ordinal));
    });
    one.lines.forEach((text, i) => {
      if (one.streams![i] === name) stage.push(line(text, i, one), 0);
    });
    stage.flush(0);
  }
  return groups.sort((a, b) => a[0]! - b[0]!);
}

/** Docker's json-file lines, glued as the `lines` stage does, then joined. */
function isRightRaw(one: Case): boolean {
  const found: string[] = [];
  const parts: Record<string, string> = {};
  const stage = createJoin(
    { multilineStart: one.config?.first_line ? new RegExp(one.config.first_line) : undefined },
    (entry) => found.push(entry.lines.map((text) => `${text}\n`).join('')),
  );
  for (const [i, raw] of one.raw!.entries()) {
    let parsed: { log?: string; stream?: Stream };
    try {
      parsed = JSON.parse(raw);
    } catch {
      return false;
    }
    const stream = parsed.stream ?? 'stdout';
    const text = (parts[stream] ?? '') + (parsed.log ?? raw);
    parts[stream] = text.endsWith('\n') ? '' : text;
    if (text.endsWith('\n')) stage.push(line(text.slice(0, -1), i, one, stream), 0);
  }
  stage.flush(0);
  return JSON.stringify(found) === JSON.stringify(one.expected_messages);
}

function entriesOf(one: Case, options: JoinOptions): Entry[] {
  const entries: Entry[] = [];
  const stage = createJoin(options, (entry) => entries.push(entry));
  let now = 0;
  one.lines.forEach((text, i) => {
    now += one.delay_before_ms?.[i] ?? 0;
    stage.tick(now);
    stage.push(line(text, i, one), now);
  });
  stage.flush(now);
  return entries;
}

function line(text: string, ordinal: number, one: Case, stream: Stream = 'stdout') {
  const stamp = one.timestamps?.[ordinal] ?? '2026-01-01T00:00:00.000Z';
  return { stream, position: { at: stamp, ordinal }, text: text.replace(/\r$/, '') };
}

function ranges(entries: Entry[], lines: string[]): string {
  return trimmed(
    entries.map(({ first, last }): Range => [first.ordinal, last.ordinal]),
    lines,
  );
}

/** Blank lines at an entry's ends do not count. */
function trimmed(groups: Range[], lines: string[]): string {
  const out: string[] = [];
  for (let [a, b] of groups) {
    while (a <= b && lines[a]!.trim() === '') a++;
    while (b >= a && lines[b]!.trim() === '') b--;
    if (a <= b) out.push(`${a}-${b}`);
  }
  return out.join(' ');
}

function read(file: string): Case[] {
  return readFileSync(join(corpora, file), 'utf8')
    .trim()
    .split('\n')
    .map((text) => JSON.parse(text));
}
