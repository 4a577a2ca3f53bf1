// Which line may follow which: the table of states that join.ts walks, family by family in traces/, and what may begin a
// traceback.

import { diagnostic, diagnosticPlace, goroutine, namesException } from './shapes.ts';
import { afterStamp, bracketDepth, startsLog } from './text.ts';
import { frames } from './traces/frames.ts';
import { go } from './traces/go.ts';
import { kernel, kernelFault } from './traces/kernel.ts';
import { lines } from './traces/lines.ts';
import { machines } from './traces/machines.ts';
import { native } from './traces/native.ts';
import { python } from './traces/python.ts';
import { groupTraceback, type Row, rule, type State, sanitizer, traceback } from './traces/row.ts';
import { servers } from './traces/servers.ts';
import { tools } from './traces/tools.ts';

export const table: Record<State, Row[]> = {
  ...lines,
  ...frames,
  ...python,
  ...go,
  ...native,
  ...kernel,
  ...machines,
  ...servers,
  ...tools,
};

/** States in which what is held is a traceback. */
export const traceStates = new Set<State>([
  'frames',
  'cause',
  'titled',
  'web',
  'ruby',
  'ruby-message',
  'hash',
  'python',
  'python-stack',
  'python-end',
  'python-chain',
  'python-group',
  'python-fault',
  'box',
  'go',
  'go-names',
  'gin',
  'race',
  'sanitizer',
  'abort',
  'rust',
  'rust-message',
  'rust-frames',
  'source-caret',
  'elixir',
  'erlang',
  'bug-report',
  'mysql-crash',
  'jvm-crash',
  'thread-dump',
  'swift',
  'gdb',
  'tcl',
  'scheme-frames',
  'kernel',
  'minio',
  'console',
  'collision-frames',
  'clojure-report',
]);

/** States whose waiting lines are a message's rest where all other lines begin with a time. */
export const restStates = new Set<State>(['python-field', 'python-wrap']);

/** A line that begins a traceback: what state it opens, and whether it belongs to an announcement right above. */
export interface Beginning {
  when: RegExp;
  to: State;
  /** The entry above keeps it when its first line introduces it. */
  joins?: boolean;
}

export const beginnings: Beginning[] = [
  { when: groupTraceback, to: 'python-group', joins: true },
  { when: /^\s*[╭┌+].{0,3}[─-]+.*Traceback \(most recent call last\)/, to: 'box', joins: true },
  { when: /^(?:╷$|┌ [A-Z][a-z]+: )/, to: 'note' },
  { when: /^npm (?:ERR!|error)(?: |$)/, to: 'npm' },
  { when: /^API: [\w.]+\(.*\)$/, to: 'minio-fields' },
  { when: /^In \S+\.php line \d+:$/, to: 'console' },
  { when: /^ {2,3}(?:(?:[A-Z]\w*\\)+[A-Z]\w*|[A-Z]\w*(?:Error|Exception)) ?$/, to: 'collision' },
  { when: /^ERROR in (?:\.{1,2}\/|[\w@.-]{1,80}\/)\S{1,400}\.\w{1,6}(?:[ :]\d|$)/, to: 'webpack' },
  {
    when: /^(?:Execution|Syntax) error .{0,200}\bat (?:\S{1,200} )?\(\S{1,200}\)\.$/,
    to: 'clojure',
  },
  { when: kernelFault, to: 'kernel' },
  { when: traceback, to: 'python', joins: true },
  { when: /^Stack \(most recent call last\):$/, to: 'python-stack', joins: true },
  { when: /^\s+File "[^"]+", line \d+$/, to: 'python' },
  { when: /^Stack overflow\.$/, to: 'wrap' }, // .NET
  { when: /^\*\*\* Check failure stack trace/, to: 'abort', joins: true },
  { when: /^\d+ \| /, to: 'source-line' },
  { when: /^Fatal Python error: /, to: 'python-fault' },
  { when: goroutine, to: 'go', joins: true },
  {
    when: /^(?:(?:.{0,80}(?:[|\]:>]|std(?:err|out) F) | )?panic: |fatal error: |runtime: |SIG[A-Z]{2,6}: |unexpected fault address|thread \d+ panic: )|\bpanic serving\b|\b[Pp]anic recovered:/,
    to: 'go-head',
  },
  { when: sanitizer, to: 'sanitizer' },
  { when: rule, to: 'rule' },
  {
    when: /^(?:terminate called|libc\+\+abi: terminating|\*\*\* Terminating app|\*\*\* (?:stack smashing|buffer overflow|Error in|SIG|Aborted at)|(?:free|malloc|realloc|malloc_consolidate|munmap_chunk)\(\): [a-z]|(?:double free or corruption \(|corrupted (?:size vs|double-linked)))|: Assertion [`'].*' failed\.?$/,
    to: 'abort',
  },
  { when: /^thread '[^']*'(?: \(\d+\))? panicked at .*:\d+:\d+:$/, to: 'rust' },
  {
    when: /^thread '[^']*'(?: \(\d+\))? (?:panicked at |has overflowed its stack|panicked while)/,
    to: 'rust-message',
  },
  { when: /^The application panicked \(crashed\)\.?$/, to: 'rust' },
  {
    when: /^(?:file:\/\/)?(?:[A-Za-z]:)?[^\s:'"]+\.(?:[cm]?[jt]sx?|vue|svelte):\d+$|^(?:node:\S+|\[(?:eval|stdin)\]|<anonymous_script>|evalmachine\.<anonymous>):\d+$/,
    to: 'source',
  },
  { when: /^\*\* \((?:exit|EXIT|stop|throw|[A-Z]\w*)[\w.]*\)/, to: 'elixir', joins: true },
  { when: /^=(?:ERROR|CRASH|SUPERVISOR) REPORT====/, to: 'erlang' },
  { when: /^=[A-Z]+ REPORT====/, to: 'report' },
  { when: /^=== [A-Z]+ BUG REPORT START: /, to: 'bug-report' }, // Redis and its kin
  { when: /\bgot signal \d+ ;$/, to: 'mysql-crash' },
  { when: /^# (?:Time: |User@Host: )/, to: 'slow-query' },
  {
    when: /^(?:Program|Thread \d+ (?:"[^"]{0,80}" )?)\s?(?:received|terminated with) signal SIG[A-Z]+\b/, // gdb
    to: 'gdb',
  },
  { when: /^# (?:A fatal error has been|There is insufficient memory)/, to: 'jvm-crash' },
  { when: /^#$/, to: 'jvm-hash' },
  { when: /^Full thread dump /, to: 'thread-dump', joins: true },
  { when: /^<--- Last few GCs --->/, to: 'v8-memory' },
  { when: /^-{3,} (?:Native|JS|JavaScript) stack ?trace -{3,}$/, to: 'titled', joins: true },
  { when: /^(?:💣|\*\*\*) (?:Program crashed|Signal \d+)/u, to: 'swift', joins: true },
  { when: /^[A-Z][a-z]{2} \d{1,2}, \d{4},? \d{1,2}:\d{2}:\d{2} [AP]M [\w.$]+(?: \S+)?$/, to: 'jul' },
  // Rails and others print the head of an error indented by a blank or two.
  {
    when: /^ {1,2}(?=\S*[a-z])(?:[A-Z]\w*::)*[A-Z]\w* \(.*\):?$/,
    to: 'wrap',
  },
];

/** Behind what a logger was told: `recovered: … goroutine 7 [running]:` */
const goroutineBehind = /[\s:="]goroutine \d+ \[[^\]]{1,80}\]:$/;

/** `[8a4c-2e3f] Shop::Closed (message):`: Rails behind the tag of a request. */
const taggedException = /^\[[\w-]{1,64}\] (?:[A-Z]\w*::)*[A-Z]\w* \(.*\):$/;

/** The state a line opens that begins no traceback: an exception's name may have frames coming. */
export function openingState(text: string): State {
  if (text.length < 48 && startsLog(text) && afterStamp(text).trim() === '') return 'stamp';
  const first = text.charCodeAt(0);
  if ((first === 123 || (first === 91 && text.length < 4)) && bracketDepth(text) > 0) return 'json';
  if (text === 'Backtrace:') return 'scheme';
  if (goroutineBehind.test(text)) return 'go';
  if (taggedException.test(text)) return 'wrap';
  if (diagnostic.test(text)) return 'diagnostic';
  if (diagnosticPlace.test(text)) return 'diagnostic-place';
  return namesException(text) || text.includes(': runtime error: ') ? 'wrap' : 'line';
}

/** Whether the line alone tells that a traceback or crash report begins with it. */
export function startsTraceback(text: string): boolean {
  return (
    /^Exception in thread "/.test(text) ||
    beginnings.some(({ when, to }) => (traceStates.has(to) || to === 'go-head') && when.test(text))
  );
}
