// Patterns -> what looks over whole chunks of a log for lines that may matter, so that the others need not be cut, decoded
// or matched. scan-module.ts sorts the bytes out; what it stops at is looked at here as text, by the very functions that
// join and match go by. A line matters when it holds what every match of a pattern has, or is out of the ordinary (it may
// begin or continue a traceback). A test holds it to: the records are the same without it.

import type { Find } from '../types.ts';
import { errorTexts, mayStateError } from './json-level.ts';
import { listOfObjects, mayHoldTrace } from './json-trace.ts';
import { isLookedAt, isOrdinary, specialWords, starts } from './ordinary.ts';
import type { Pattern } from './patterns.ts';
import {
  anyFourth,
  createScanModule,
  hashOf,
  layout,
  maxDataBytes,
  maxTexts,
  type ScanModule,
} from './scan-module.ts';
import { fillTexts } from './teddy.ts';
import { hasTimeNearStart } from './text.ts';
import { openingState } from './traces.ts';

export interface FindOptions {
  patterns: readonly Pattern[];
  tracebackPattern: Pattern;
  multilineStart?: Pattern | undefined;
  /** As `MatchOptions.jsonErrors`. */
  jsonErrors?: boolean;
}

/** What every reader needs, or why each line has to be looked at. */
export type Found = { find: Find } | { find: undefined; why: string };

/** Makes one for all containers of the agent. */
export function createFind({
  patterns,
  tracebackPattern,
  multilineStart,
  jsonErrors = false,
}: FindOptions): Found {
  if (multilineStart)
    return { find: undefined, why: 'MULTILINE_START is set: every line may continue an entry' };
  const all = [...patterns, tracebackPattern];
  const unknown = all.find(({ literals }) => literals === undefined);
  if (unknown) {
    const why = `pattern ${JSON.stringify(unknown.source)} has no text of two letters or more that every match holds`;
    return { find: undefined, why };
  }
  const literals = all.flatMap((pattern) => pattern.literals!);
  // `nhandled`: a short line with a time and this announces a traceback. Then what a JSON log's trace may have:
  // a line break within its text, as Docker writes it once more, and a list of frames; and what says that it is an error.
  const ofJson = ['\\\\n', listOfObjects, ...(jsonErrors ? errorTexts : [])];
  const texts = [...literals, ...specialWords, 'nhandled', 'ncaught', ...ofJson];
  const module = texts.length > maxTexts ? undefined : createScanModule();
  if (!module)
    return { find: undefined, why: 'this Node.js cannot run WebAssembly with vector instructions' };
  fill(module.memory, texts);
  return { find: new Scan(module, literals, tracebackPattern, jsonErrors) };
}

class Scan implements Find {
  readonly room: Buffer;
  readonly #module: ScanModule;
  readonly #literals: readonly string[];
  readonly #traceback: Pattern;
  readonly #jsonErrors: boolean;
  readonly #memory: Buffer;
  readonly #cells: Int32Array;
  #bytes: Buffer = Buffer.alloc(0);
  /** From an offset in the bytes to the address in the module's memory. */
  #base = 0;
  #to = 0;
  #fits = true;
  /** The next line break within a JSON log's text. */
  #break = -1;

  constructor(module: ScanModule, literals: readonly string[], traceback: Pattern, jsonErrors: boolean) {
    this.#module = module;
    this.#literals = literals;
    this.#traceback = traceback;
    this.#jsonErrors = jsonErrors;
    this.#memory = Buffer.from(module.memory.buffer);
    this.room = this.#memory.subarray(layout.data, layout.data + maxDataBytes);
    this.#cells = new Int32Array(module.memory.buffer);
  }

  look(bytes: Buffer, from: number, to: number): void {
    this.#bytes = bytes;
    this.#to = to;
    this.#break = -1;
    if (bytes.buffer === this.#memory.buffer) {
      this.#fits = true;
      this.#base = bytes.byteOffset;
      return;
    }
    // More than any read gives, but for the rest of a line that is larger than all: looked at as text.
    this.#fits = to - from <= maxDataBytes;
    if (!this.#fits) return;
    bytes.copy(this.#memory, layout.data, from, to);
    this.#base = layout.data - from;
  }

  text(from: number): number {
    if (!this.#fits) return from;
    const found = this.#module.nextText(from + this.#base, this.#to + this.#base);
    return found < 0 ? -1 : found - this.#base;
  }

  matters(from: number, to: number, holdsText: boolean): boolean {
    let end = to;
    while (end > from && this.#bytes[end - 1] === 0x0d) end--;
    const isOrdinary = this.#fits && this.#module.isOrdinaryText(from + this.#base, end + this.#base) === 1;
    if (isOrdinary && !holdsText && !this.#isJsonWithBreak(from, end)) return false;
    return this.mattersText(this.#bytes.toString('utf8', from, end));
  }

  #isJsonWithBreak(from: number, to: number): boolean {
    if (this.#bytes[from] !== 0x7b) return false;
    if (this.#break < from) {
      const at = this.#bytes.indexOf('\\n', from, 'latin1');
      this.#break = at < 0 ? Number.POSITIVE_INFINITY : at;
    }
    return this.#break < to;
  }

  mattersText(text: string): boolean {
    if (!isOrdinary(text) || this.#traceback.test(text)) return true;
    // A time stamp alone is the head of what comes below.
    if (text.length < 48 && hasTimeNearStart(text) && openingState(text) !== 'line') return true;
    if (text.charCodeAt(0) === 123 && (mayHoldTrace(text) || (this.#jsonErrors && mayStateError(text))))
      return true;
    return this.#literals.some((literal) => text.includes(literal));
  }

  readonly hasTime = hasTimeNearStart;

  standsAlone(text: string): boolean {
    return hasTimeNearStart(text) && isOrdinary(text) && !this.#traceback.test(text);
  }

  endOf(from: number): number {
    if (!this.#fits) return this.#bytes.indexOf(0x0a, from);
    return this.#module.lineEnd(from + this.#base, this.#to + this.#base) - this.#base;
  }

  beginOf(end: number, lowest: number): number {
    if (!this.#fits) return end === 0 ? 0 : Math.max(lowest, this.#bytes.lastIndexOf(0x0a, end - 1) + 1);
    return this.#module.lineBegin(end + this.#base, lowest + this.#base) - this.#base;
  }

  isBare(from: number, to: number): boolean {
    return this.#fits && to - from >= 16 && this.#module.isBareText(from + this.#base, to + this.#base) === 1;
  }

  line(from: number, to: number, attributes: number): number {
    if (!this.#fits) return from;
    this.#cells[layout.lastStdout / 4] = 0;
    this.#cells[layout.lastStderr / 4] = 0;
    const found = this.#module.nextLine(from + this.#base, to + this.#base, attributes);
    return found < 0 ? -1 : found - this.#base;
  }

  get lastStdout(): number {
    return this.#offset(layout.lastStdout);
  }

  get lastStderr(): number {
    return this.#offset(layout.lastStderr);
  }

  #offset(cell: number): number {
    const address = this.#cells[cell / 4]!;
    return address === 0 ? -1 : address - this.#base;
  }
}

/** Writes the module's tables. */
function fill(memory: WebAssembly.Memory, wanted: readonly string[]): void {
  const bytes = Buffer.from(memory.buffer);
  for (let byte = 0; byte < 256; byte++) if (isLookedAt(byte)) bytes[layout.firstBytes + byte] = 1;
  for (const start of starts) {
    const begin = Buffer.from(start);
    if (begin.length < 3) continue;
    const cell = layout.starts + hashOf(begin.readUIntLE(0, 3));
    const fourth = begin[3] ?? anyFourth;
    bytes[cell] = bytes[cell] === 0 || bytes[cell] === fourth ? fourth : anyFourth;
  }
  const texts = [...new Set(wanted)];
  fillTexts(
    bytes,
    layout,
    texts.map((text) => ({ text, value: 1 })),
  );
}
