// Which of some texts stands where: looked up by their three rarest bytes, sixteen places at once, each byte by its two halves
// in tables of eight sets, then compared (the "Teddy" of Hyperscan and of Rust's aho-corasick). Pieces of WebAssembly that
// scan-module.ts and glance.ts are put together from.

import {
  add,
  and,
  bits,
  block,
  bothBytes,
  type Code,
  differingBytes,
  differs,
  eitherBytes,
  type Func,
  get,
  i32,
  isAtLeast,
  isZero,
  leave,
  leaveWhen,
  load8,
  load16Bytes,
  load32,
  lookUp,
  loop,
  lowestBit,
  multiply,
  number,
  or,
  set,
  shiftPairsRight,
  sixteen,
  store16Bytes,
  subtract,
  v128,
  when,
} from './wasm.ts';

/** Where a module's memory has the texts and what they are looked up by. */
export interface TextLayout {
  /**
   * Six tables of sixteen: for the first, second and third byte of a text the sets by its low and by its high half. Then
   * two times sixteen bytes for the sets that may begin at each place, and where the texts of each set begin.
   */
  sets: number;
  /** Of each text: length, where the three bytes are that it is looked up by, its value, and the bytes. */
  texts: number;
}

const setCount = 8;
const [scratch, begins] = [6 * 16, 8 * 16];
/** Bytes of memory for all that. */
export const setsBytes = begins + 4 * (setCount + 1);
/** Bytes of memory for each text. */
export const textBytes = 64;
const head = 12;
/** Of a longer text, its begin is looked for. */
const maxTextLength = textBytes - head;

/** A to Z are as good as a to z; what else falls together with another byte is found too often. */
const small = 0x20;

/** The values, as bits, of all texts of some sets that stand where an address points at their three bytes; 0 when none does. */
export function holdsText(layout: TextLayout, inAnyCase = false): Func {
  const [at, sets, text, end, length, index, begin, values] = [0, 1, 2, 3, 4, 5, 6, 7];
  const byte = load8(add(get(begin), get(index)));
  const beginOf = (offset: number) =>
    load32(add(number(layout.sets + begins), multiply(lowestBit(get(sets)), number(4))), offset);
  return {
    parameters: 2,
    locals: [i32, i32, i32, i32, i32, i32],
    body: [
      block(
        loop(
          leaveWhen(1, isZero(get(sets))),
          set(text, beginOf(0)),
          set(end, beginOf(4)),
          block(
            loop(
              leaveWhen(1, isAtLeast(get(text), get(end))),
              set(length, load32(get(text))),
              set(begin, subtract(get(at), load32(get(text), 4))),
              set(index, number(0)),
              block(
                loop(
                  when(
                    isAtLeast(get(index), get(length)),
                    set(values, or(get(values), load32(get(text), 8))),
                    leave(2),
                  ),
                  leaveWhen(
                    1,
                    differs(
                      inAnyCase ? or(byte, number(small)) : byte,
                      load8(add(get(text), get(index)), head),
                    ),
                  ),
                  set(index, add(get(index), number(1))),
                  leave(0),
                ),
              ),
              set(text, add(get(text), number(textBytes))),
              leave(0),
            ),
          ),
          set(sets, and(get(sets), subtract(get(sets), number(1)))),
          leave(0),
        ),
      ),
      get(values),
    ],
  };
}

/**
 * Locals of a pass, after its parameters and its own: what is looked up by, and what came of it, for `blocks` times sixteen
 * bytes. What is the same for all bytes is kept in locals too: V8 would make it anew each time.
 */
export function pass(firstLocal: number, layout: TextLayout, { inAnyCase = false, blocks = 1 } = {}) {
  const local = (index: number) => firstLocal + index;
  const low = (place: number) => get(local(place));
  const high = (place: number) => get(local(3 + place));
  const [fifteen, smalls] = [local(6), local(7)];
  const blockAt = (index: number) => {
    const [bytes, sets] = [local(8 + 2 * index), local(9 + 2 * index)];
    const load = (at: Code, offset: number): Code => {
      const sixteenBytes = load16Bytes(at, 16 * index + offset);
      return set(bytes, inAnyCase ? eitherBytes(sixteenBytes, get(smalls)) : sixteenBytes);
    };
    const lookUpBoth = (place: number): Code =>
      bothBytes(
        lookUp(low(place), bothBytes(get(bytes), get(fifteen))),
        // Not a shift of bytes, for which a processor has no instruction.
        lookUp(high(place), bothBytes(shiftPairsRight(get(bytes), 4), get(fifteen))),
      );
    return {
      bytes,
      /** Of each of them the sets of which a text may begin there: a byte that is not zero. */
      sets,
      /** Finds what may begin at one of those sixteen, of which the first block's stand at an address. */
      find: (at: Code): Code => [
        load(at, 1),
        set(sets, lookUpBoth(1)),
        load(at, 2),
        set(sets, bothBytes(get(sets), lookUpBoth(2))),
        load(at, 0),
        set(sets, bothBytes(get(sets), lookUpBoth(0))),
      ],
      /** A bit for each of them where a text may begin. */
      places: bits(differingBytes(get(sets), sixteen(0))),
      /** Before `setsAt` is asked of them. */
      keepSets: store16Bytes(number(layout.sets + scratch + 16 * index), get(sets)),
    };
  };
  return {
    locals: Array<number>(8 + 2 * blocks).fill(v128),
    begin: [
      ...Array.from({ length: 6 }, (_, table) =>
        set(local(table), load16Bytes(number(layout.sets + 16 * table))),
      ),
      set(fifteen, sixteen(15)),
      set(smalls, sixteen(small)),
    ],
    blocks: Array.from({ length: blocks }, (_, index) => blockAt(index)),
    /** The sets of which a text may begin at a place, counted from the first block's. */
    setsAt: (place: Code): Code => load8(place, layout.sets + scratch),
  };
}

export interface WantedText {
  text: string;
  /** What finding it gives; not 0. */
  value: number;
}

/** Writes the tables. */
export function fillTexts(
  memory: Buffer,
  layout: TextLayout,
  wanted: readonly WantedText[],
  inAnyCase = false,
): void {
  const texts = wanted.map(({ text, value }) => {
    const bytes = Buffer.from(text, 'latin1').subarray(0, maxTextLength);
    if (inAnyCase) for (let index = 0; index < bytes.length; index++) bytes[index]! |= small;
    const skip = rarestThree(bytes.toString('latin1'));
    return { bytes, value, skip, three: bytes.subarray(skip, skip + 3) };
  });
  let at = layout.texts;
  const sets = divide(texts);
  for (let set = 0; set <= setCount; set++) {
    memory.writeUInt32LE(at, layout.sets + begins + 4 * set);
    for (const { bytes, value, skip, three } of sets[set] ?? []) {
      memory.writeUInt32LE(bytes.length, at);
      memory.writeUInt32LE(skip, at + 4);
      memory.writeUInt32LE(value, at + 8);
      bytes.copy(memory, at + head);
      at += textBytes;
      for (let place = 0; place < 3; place++) {
        const low = layout.sets + 16 * place;
        const high = layout.sets + 16 * (3 + place);
        const byte = three[place];
        for (let half = 0; half < 16; half++) {
          if (byte === undefined || (byte & 15) === half) memory[low + half]! |= 1 << set;
          if (byte === undefined || byte >> 4 === half) memory[high + half]! |= 1 << set;
        }
      }
    }
  }
}

/** Texts that share a set, and what finding it costs: how often, by the halves of bytes it is looked up by, times how many. */
interface TextSet<T> {
  texts: T[];
  /** Of each of the three bytes a bit for each low half and each high half. */
  halves: number[];
  cost: number;
}

/** Divides the texts into as many sets as there are, so that seldom one is found that none wants. */
function divide<T extends { three: Buffer }>(texts: readonly T[]): T[][] {
  const any = 0xffff;
  const merged = (a: TextSet<T>, b: TextSet<T>): TextSet<T> => {
    const halves = a.halves.map((bits, index) => bits | b.halves[index]!);
    return { texts: [...a.texts, ...b.texts], halves, cost: costOf(halves, a.texts.length + b.texts.length) };
  };
  const sets = texts.map((text): TextSet<T> => {
    const halves = [0, 1, 2].flatMap((place) => {
      const byte = text.three[place];
      return byte === undefined ? [any, any] : [1 << (byte & 15), 1 << (byte >> 4)];
    });
    return { texts: [text], halves, cost: costOf(halves, 1) };
  });
  /** What it costs more to have two of them in one. */
  const more = sets.map((a) => sets.map((b) => merged(a, b).cost - a.cost - b.cost));
  while (sets.length > setCount) {
    let [first, second] = [0, 1];
    for (let a = 0; a < sets.length; a++)
      for (let b = a + 1; b < sets.length; b++)
        if (more[a]![b]! < more[first]![second]!) [first, second] = [a, b];
    sets[first] = merged(sets[first]!, sets[second]!);
    sets.splice(second, 1);
    more.splice(second, 1);
    for (const row of more) row.splice(second, 1);
    for (let other = 0; other < sets.length; other++) {
      const cost = merged(sets[first]!, sets[other]!).cost - sets[first]!.cost - sets[other]!.cost;
      more[first]![other] = cost;
      more[other]![first] = cost;
    }
  }
  return sets.map((set) => set.texts);
}

/** In any unit. */
function costOf(halves: readonly number[], texts: number): number {
  const chances = [0, 2, 4].map((place) => frequencyOf(halves[place]!, halves[place + 1]!));
  return chances.reduce((product, chance) => product * chance, 2 + texts);
}

const known = new Map<number, number>();

/** How often a byte comes that has one of some low halves and one of some high ones. */
function frequencyOf(lows: number, highs: number): number {
  const key = lows * 0x10000 + highs;
  let sum = known.get(key);
  if (sum !== undefined) return sum;
  sum = 0;
  for (let byte = 0; byte < 256; byte++) {
    if ((lows >> (byte & 15)) & (highs >> (byte >> 4)) & 1) sum += frequencies[byte]!;
  }
  known.set(key, sum);
  return sum;
}

/** Where the three letters of a text begin that are rarest in logs. */
function rarestThree(text: string): number {
  let best = 0;
  let rarest = Number.POSITIVE_INFINITY;
  for (let from = 0; from === 0 || from <= text.length - 3; from++) {
    const common = [...text.slice(from, from + 3)].reduce((sum, letter) => sum + commonness(letter), 0);
    if (common < rarest) [best, rarest] = [from, common];
  }
  return best;
}

/** How often a character stands in logs, roughly: the letters of English in their order, blanks and digits before them. */
function commonness(character: string): number {
  const at = ' etaoinsr0123456789hldcumfpgw.,-:/ybvkxjqz'.indexOf(character);
  return at < 0 ? 0 : 42 - at;
}

/** How often each byte stands in logs, roughly. JSON is full of quotes, and of what stands before them in JSON. */
const frequencies = Array.from({ length: 256 }, (_, byte) => {
  if (byte === 0x22 || byte === 0x5c) return 40;
  return byte < 0x20 || byte >= 0x7f ? 0.2 : 2 + commonness(String.fromCharCode(byte));
});
