// The one pass over a log's bytes, sixteen at a time: WebAssembly, assembled when the agent starts. It answers two questions.
// Where does the next of some texts stand? And, in a json-file log: which is the next line that is not plainly of no
// interest? Surprise: it only ever sorts out. What it stops at is decided by find.ts, so it may stop too often, never too
// seldom.

import { holdsText, pass, setsBytes, textBytes } from './teddy.ts';
import {
  add,
  and,
  assemble,
  bits,
  block,
  type Code,
  call,
  chars,
  choose,
  code,
  differs,
  differs64,
  either,
  eitherBytes,
  equal,
  equal64,
  equalBytes,
  escapedBytes,
  type Func,
  get,
  giveBack,
  highestBit,
  i32,
  isAny,
  isAtLeast,
  isLess,
  isMore,
  isZero,
  leave,
  leaveWhen,
  load8,
  load16,
  load16Bytes,
  load32,
  load64,
  loop,
  lowestBit,
  multiply,
  number,
  or,
  set,
  shiftLeft,
  shiftRight,
  sixteen,
  store32,
  subtract,
  v128,
  when,
} from './wasm.ts';

const sets = 256;

/** Where things lie in the module's memory. */
export const layout = {
  /** A byte for each first byte of a line: 1 stops at it. */
  firstBytes: 0,
  /** What teddy.ts looks up by. */
  sets,
  /** Where the last line of each stream begins that was passed over. */
  lastStdout: sets + setsBytes,
  lastStderr: sets + setsBytes + 4,
  /** A byte for each hash of a line's first three bytes: the fourth that stops at it, or `anyFourth`. */
  starts: 4096,
  texts: 16 * 1024,
  /** The log's bytes. */
  data: 64 * 1024,
  pages: 9,
} as const;

export const maxTexts = (layout.data - layout.texts) / textBytes;
/** Room for the log's bytes; what is read beyond their end is not looked at. */
export const maxDataBytes = layout.pages * 64 * 1024 - layout.data - 64;

/** In the place of a line's fourth byte: whichever it is. */
export const anyFourth = 1;

/** The hash of three bytes, the first the lowest. */
export const hashOf = (three: number): number => Math.imul(three, 0x9e3779b1) >>> 19;

const no = giveBack(number(0));
const minusOne = number(-1);

/** The address of the first newline from `from` on, or `to`. */
function lineEnd(): Func {
  const [from, to, found] = [0, 1, 2];
  return {
    name: 'lineEnd',
    parameters: 2,
    locals: [i32],
    body: [
      block(
        loop(
          leaveWhen(1, isAtLeast(get(from), get(to))),
          set(found, bits(equalBytes(load16Bytes(get(from)), sixteen(10)))),
          when(
            get(found),
            set(from, add(get(from), lowestBit(get(found)))),
            giveBack(choose(isLess(get(from), get(to)), get(from), get(to))),
          ),
          set(from, add(get(from), number(16))),
          leave(0),
        ),
      ),
      get(to),
    ],
  };
}

/** The address behind the last newline before `end`, or `lowest`. */
function lineBegin(): Func {
  const [end, lowest, found] = [0, 1, 2];
  return {
    name: 'lineBegin',
    parameters: 2,
    locals: [i32],
    body: [
      block(
        loop(
          leaveWhen(1, isAtLeast(get(lowest), get(end))),
          set(end, subtract(get(end), number(16))),
          set(found, bits(equalBytes(load16Bytes(get(end)), sixteen(10)))),
          when(
            get(found),
            // The highest of sixteen bits.
            set(end, add(get(end), subtract(number(32), highestBit(get(found))))),
            giveBack(choose(isLess(get(end), get(lowest)), get(lowest), get(end))),
          ),
          leave(0),
        ),
      ),
      get(lowest),
    ],
  };
}

/** Whether what lies there, sixteen bytes or more, is printable ASCII without quotes or backslashes: it is the same in JSON. */
function isBareText(): Func {
  const [from, to, bytes, odd] = [0, 1, 2, 3];
  return {
    name: 'isBareText',
    parameters: 2,
    locals: [v128, v128],
    body: [
      block(
        loop(
          leaveWhen(1, isAtLeast(add(get(from), number(16)), get(to))),
          set(bytes, load16Bytes(get(from))),
          set(odd, eitherBytes(get(odd), escapedBytes(get(bytes)))),
          set(from, add(get(from), number(16))),
          leave(0),
        ),
      ),
      // The last sixteen, some of which were looked at.
      set(bytes, load16Bytes(subtract(get(to), number(16)))),
      isZero(isAny(eitherBytes(get(odd), escapedBytes(get(bytes))))),
    ],
  };
}

/** Whether a line's text can begin and continue nothing, as far as its shape tells (what ordinary.ts calls so). */
function isOrdinaryText(): Func {
  const [from, to, first, last, at, found, bytes] = [0, 1, 2, 3, 4, 5, 6];
  const isDigit = (value: Code): Code =>
    and(isAtLeast(value, number(code('0'))), isLess(value, number(code('9') + 1)));
  return {
    name: 'isOrdinaryText',
    parameters: 2,
    locals: [i32, i32, i32, i32, v128],
    body: [
      when(isAtLeast(get(from), get(to)), no),
      set(first, load8(get(from))),
      when(load8(get(first), layout.firstBytes), no),
      set(last, load8(subtract(get(to), number(1)))),
      when(equal(get(first), number(code('{'))), giveBack(equal(get(last), number(code('}'))))),
      when(equal(get(last), number(code(':'))), no),
      when(equal(get(last), number(code('>'))), no),
      when(equal(load16(subtract(get(to), number(2))), chars(' ;')), no),
      // The same, as Docker writes it.
      when(
        and(
          equal(load32(subtract(get(to), number(6))), chars('\\u00')),
          equal(load16(subtract(get(to), number(2))), chars('3e')),
        ),
        no,
      ),
      set(found, shiftRight(multiply(and(load32(get(from)), number(0xffffff)), number(0x9e3779b1)), 19)),
      set(found, load8(get(found), layout.starts)),
      when(or(equal(get(found), number(anyFourth)), equal(get(found), load8(get(from), 3))), no),
      when(equal(load16(get(from)), chars('0x')), no),
      when(
        and(
          isDigit(get(first)),
          or(equal(load8(get(from), 2), number(code('|'))), equal(load8(get(from), 3), number(code('|')))),
        ),
        no,
      ),
      when(and(equal(load8(get(from), 3), number(code(' '))), isDigit(load8(get(from), 4))), no),
      // Nothing but a time stamp, perhaps: it ends in no small letter but that of `pm`.
      when(
        and(
          and(
            isLess(subtract(get(to), get(from)), number(64)),
            or(
              or(
                equal(get(last), number(code('m'))),
                or(isLess(get(last), number(code('a'))), isMore(get(last), number(code('z')))),
              ),
              // White space, as Docker writes it.
              or(
                equal(load8(subtract(get(to), number(2))), number(code('\\'))),
                equal(load8(subtract(get(to), number(6))), number(code('\\'))),
              ),
            ),
          ),
          isAny(
            eitherBytes(
              eitherBytes(
                equalBytes(load16Bytes(get(from)), sixteen(code(':'))),
                equalBytes(load16Bytes(get(from), 16), sixteen(code(':'))),
              ),
              equalBytes(load16Bytes(get(from), 32), sixteen(code(':'))),
            ),
          ),
        ),
        no,
      ),
      // The first word: whether it is all there is, or looks like `a.b.Type:` or `A::Type:`.
      set(at, get(from)),
      block(
        loop(
          set(bytes, load16Bytes(get(at))),
          set(found, bits(equalBytes(get(bytes), sixteen(code(' '))))),
          leaveWhen(1, get(found)),
          set(at, add(get(at), number(16))),
          when(isAtLeast(get(at), get(to)), no),
          leave(0),
        ),
      ),
      set(at, add(get(at), lowestBit(get(found)))),
      when(isAtLeast(get(at), get(to)), no),
      when(
        and(
          equal(load8(subtract(get(at), number(1))), number(code(':'))),
          isMore(get(first), number(code('9'))),
        ),
        set(at, subtract(get(at), get(from))),
        when(isMore(get(at), number(16)), no),
        when(isLess(lowestBit(bits(equalBytes(load16Bytes(get(from)), sixteen(code('.'))))), get(at)), no),
        when(
          isLess(
            lowestBit(bits(equalBytes(load16Bytes(get(from)), sixteen(code(':'))))),
            subtract(get(at), number(1)),
          ),
          no,
        ),
      ),
      number(1),
    ],
  };
}

/**
 * Whether a line of a json-file log, from its first byte up to its newline, is whole and its text ordinary. If it is, it is
 * noted as the last of its stream. `attributes` is the length of `"attrs":{…},`.
 */
function isOrdinaryLine(): Func {
  const [from, to, attributes, time, end, stream, last] = [0, 1, 2, 3, 4, 5, 6];
  return {
    parameters: 3,
    locals: [i32, i32, i32, i32],
    body: [
      // {"log":"…\n","stream":"stdout","time":"2026-11-22T10:00:00.123456789Z"}
      when(isLess(subtract(get(to), get(from)), add(get(attributes), number(62))), no),
      when(differs64(load64(get(from)), chars('{"log":"')), no),
      when(differs(load16(subtract(get(to), number(2))), chars('"}')), no),
      // Docker leaves trailing zeros of the fraction out.
      set(time, subtract(get(to), number(32))),
      block(
        loop(
          leaveWhen(1, equal64(load64(subtract(get(time), number(8))), chars('"time":"'))),
          set(time, add(get(time), number(1))),
          when(isMore(get(time), subtract(get(to), number(22))), no),
          leave(0),
        ),
      ),
      set(stream, subtract(subtract(get(time), number(16)), get(attributes))),
      either(
        equal64(load64(get(stream)), chars('stdout",')),
        set(last, number(layout.lastStdout)),
        either(equal64(load64(get(stream)), chars('stderr",')), set(last, number(layout.lastStderr)), no),
      ),
      when(differs64(load64(subtract(get(stream), number(12))), chars('","strea')), no),
      when(differs(load32(subtract(get(stream), number(4))), chars('m":"')), no),
      // Without its newline it is a piece of a line. Behind a second backslash it may be no newline.
      set(end, subtract(get(stream), number(14))),
      when(differs(load16(get(end)), chars('\\n')), no),
      when(equal(load8(subtract(get(end), number(1))), number(code('\\'))), no),
      when(
        and(
          equal(load16(subtract(get(end), number(2))), chars('\\r')),
          differs(load8(subtract(get(end), number(3))), number(code('\\'))),
        ),
        set(end, subtract(get(end), number(2))),
      ),
      when(isZero(call(1, add(get(from), number(8)), get(end))), no),
      store32(get(last), get(from)),
      number(1),
    ],
  };
}

const [from, to] = [0, 1];

/** The address of the next text, or -1. */
function nextText(): Func {
  const [found, place] = [2, 3];
  const { locals, begin, blocks, setsAt } = pass(4, layout);
  const { find, places, keepSets } = blocks[0]!;
  return {
    name: 'nextText',
    parameters: 2,
    locals: [i32, i32, ...locals],
    body: [
      begin,
      block(
        loop(
          leaveWhen(1, isAtLeast(get(from), get(to))),
          find(get(from)),
          set(found, places),
          when(
            get(found),
            keepSets,
            loop(
              set(place, lowestBit(get(found))),
              when(
                call(0, add(get(from), get(place)), setsAt(get(place))),
                set(from, add(get(from), get(place))),
                giveBack(choose(isLess(get(from), get(to)), get(from), minusOne)),
              ),
              set(found, and(get(found), subtract(get(found), number(1)))),
              leaveWhen(0, get(found)),
            ),
          ),
          set(from, add(get(from), number(16))),
          leave(0),
        ),
      ),
      minusOne,
    ],
  };
}

/** The address of the next line that is not plainly ordinary, or holds a text; or -1. `from` and `to` are ends of lines. */
function nextLine(): Func {
  const [attributes, line, newlines, found, at, feed] = [2, 3, 4, 5, 6, 7];
  const { locals, begin, blocks, setsAt } = pass(8, layout, { blocks: 2 });
  const [first, second] = blocks as [(typeof blocks)[0], (typeof blocks)[0]];
  const isFeed = ({ bytes }: (typeof blocks)[0]): Code => equalBytes(get(bytes), get(feed));
  const both = (a: Code, b: Code): Code => or(a, shiftLeft(b, 16));
  return {
    name: 'nextLine',
    parameters: 3,
    locals: [i32, i32, i32, i32, v128, ...locals],
    body: [
      begin,
      set(feed, sixteen(10)),
      set(line, get(from)),
      block(
        loop(
          leaveWhen(1, isAtLeast(get(from), get(to))),
          first.find(get(from)),
          second.find(get(from)),
          when(
            isAny(
              eitherBytes(
                eitherBytes(get(first.sets), isFeed(first)),
                eitherBytes(get(second.sets), isFeed(second)),
              ),
            ),
            first.keepSets,
            second.keepSets,
            set(newlines, both(bits(isFeed(first)), bits(isFeed(second)))),
            set(found, or(get(newlines), both(first.places, second.places))),
            loop(
              set(at, add(get(from), lowestBit(get(found)))),
              when(isAtLeast(get(at), get(to)), giveBack(minusOne)),
              either(
                and(get(newlines), and(get(found), subtract(number(0), get(found)))),
                [
                  when(isZero(call(2, get(line), get(at), get(attributes))), giveBack(get(line))),
                  set(line, add(get(at), number(1))),
                ],
                when(call(0, get(at), setsAt(subtract(get(at), get(from)))), giveBack(get(line))),
              ),
              set(found, and(get(found), subtract(get(found), number(1)))),
              leaveWhen(0, get(found)),
            ),
          ),
          set(from, add(get(from), number(32))),
          leave(0),
        ),
      ),
      minusOne,
    ],
  };
}

export interface ScanModule {
  memory: WebAssembly.Memory;
  /** 1 when it is. */
  isOrdinaryText(from: number, to: number): number;
  /** 1 when it is, 0 when it may not be. */
  isBareText(from: number, to: number): number;
  nextText(from: number, to: number): number;
  lineEnd(from: number, to: number): number;
  lineBegin(end: number, lowest: number): number;
  nextLine(from: number, to: number, attributes: number): number;
}

/** Makes the module. @returns undefined on a processor or a Node that cannot run it (no vector instructions, `--jitless`) */
export function createScanModule(): ScanModule | undefined {
  const bytes = assemble(
    [
      holdsText(layout),
      isOrdinaryText(),
      isOrdinaryLine(),
      nextText(),
      nextLine(),
      isBareText(),
      lineEnd(),
      lineBegin(),
    ],
    layout.pages,
  );
  if (typeof WebAssembly === 'undefined' || !WebAssembly.validate(bytes)) return undefined;
  const memory = new WebAssembly.Memory({ initial: layout.pages, maximum: layout.pages });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { host: { memory } });
  return { memory, ...(exports as unknown as Omit<ScanModule, 'memory'>) };
}
