// One look over a text, sixteen bytes at a time, that spares the regular expressions that need not run over it: which kinds of
// texts stand in it, in any case, and whether a number as long as a card's may, or a word as long as a token. Like
// scan-module.ts it only ever sorts out.

import { fillTexts, holdsText, pass, type TextLayout, textBytes, type WantedText } from './teddy.ts';
import {
  add,
  and,
  assemble,
  atMostBytes,
  bits,
  block,
  call,
  code,
  either,
  eitherBytes,
  equalBytes,
  escapedBytes,
  type Func,
  get,
  highestBit,
  i32,
  isAny,
  isAtLeast,
  leave,
  leaveWhen,
  load16Bytes,
  loop,
  lowestBit,
  number,
  or,
  set,
  shiftLeft,
  shiftRight,
  sixteen,
  store16Bytes,
  subtract,
  subtractBytes,
  v128,
  when,
  xor,
} from './wasm.ts';

/** Bits of what is told, besides the values of the texts. */
export const longNumber = 1 << 30;
/** It has a quote, a backslash, a control character or one that is not ASCII: in JSON it may not stand as it is. */
export const notBare = 1 << 29;

/** A word as long as a token: letters, digits, `_` and `-`. */
export const longWord = 1 << 28;

/** Digits, and the blanks and dashes between them, so many in a row: no card has fewer. */
const fewestOfCard = 14;
/** No token that is known by its begin alone is shorter. More than sixteen: such a run goes on from one look to the next. */
const fewestOfToken = 20;
/** In UTF-16 units. A longer text is not looked at: all may be in it. */
const maxLength = 8192;
const layout: TextLayout & { data: number } = { sets: 0, texts: 256, data: 16 * 1024 };
const maxTexts = (layout.data - layout.texts) / textBytes;
const pages = 1;

/** What is in the text of so many bytes at `layout.data`. */
function look(): Func {
  const [length, from, to, found, told, inRun, mask] = [0, 1, 2, 3, 4, 5, 6];
  const [place, inWord, raw, odd] = [7, 8, 9, 10];
  const { locals, begin, blocks, setsAt } = pass(11, layout, { inAnyCase: true });
  const { find, places, keepSets } = blocks[0]!;
  const longer = set(told, or(get(told), number(longNumber)));
  const asToken = set(told, or(get(told), number(longWord)));
  const isDigit = atMostBytes(subtractBytes(get(raw), sixteen(code('0'))), sixteen(9));
  const ofWord = eitherBytes(
    eitherBytes(
      isDigit,
      atMostBytes(subtractBytes(eitherBytes(get(raw), sixteen(0x20)), sixteen(code('a'))), sixteen(25)),
    ),
    eitherBytes(equalBytes(get(raw), sixteen(code('_'))), equalBytes(get(raw), sixteen(code('-')))),
  );
  return {
    name: 'look',
    parameters: 1,
    locals: [i32, i32, i32, i32, i32, i32, i32, i32, v128, v128, ...locals],
    body: [
      begin,
      set(from, number(layout.data)),
      set(to, add(get(from), get(length))),
      // What an earlier text left behind the end is not looked at.
      store16Bytes(get(to), sixteen(code('~'))),
      store16Bytes(get(to), sixteen(code('~')), 16),
      block(
        loop(
          leaveWhen(1, isAtLeast(get(from), get(to))),
          set(raw, load16Bytes(get(from))),
          set(odd, eitherBytes(get(odd), escapedBytes(get(raw)))),
          // A 1 for each that ends a number.
          set(
            mask,
            xor(
              bits(
                eitherBytes(
                  isDigit,
                  eitherBytes(
                    equalBytes(get(raw), sixteen(code(' '))),
                    equalBytes(get(raw), sixteen(code('-'))),
                  ),
                ),
              ),
              number(0xffff),
            ),
          ),
          either(
            get(mask),
            [
              when(isAtLeast(add(get(inRun), lowestBit(get(mask))), number(fewestOfCard)), longer),
              set(inRun, highestBit(shiftLeft(get(mask), 16))),
              // Within the sixteen: in turn, two, four, eight and fourteen in a row.
              set(mask, xor(get(mask), number(0xffff))),
              set(mask, and(get(mask), shiftRight(get(mask), 1))),
              set(mask, and(get(mask), shiftRight(get(mask), 2))),
              set(mask, and(get(mask), shiftRight(get(mask), 4))),
              when(and(get(mask), shiftRight(get(mask), fewestOfCard - 8)), longer),
            ],
            [
              set(inRun, add(get(inRun), number(16))),
              when(isAtLeast(get(inRun), number(fewestOfCard)), longer),
            ],
          ),
          // A 1 for each that ends a word.
          set(mask, xor(bits(ofWord), number(0xffff))),
          either(
            get(mask),
            [
              when(isAtLeast(add(get(inWord), lowestBit(get(mask))), number(fewestOfToken)), asToken),
              set(inWord, highestBit(shiftLeft(get(mask), 16))),
            ],
            [
              set(inWord, add(get(inWord), number(16))),
              // The text may end here.
              when(isAtLeast(get(inWord), number(fewestOfToken)), asToken),
            ],
          ),
          find(get(from)),
          set(found, places),
          when(
            get(found),
            keepSets,
            loop(
              set(place, lowestBit(get(found))),
              set(told, or(get(told), call(0, add(get(from), get(place)), setsAt(get(place))))),
              set(found, and(get(found), subtract(get(found), number(1)))),
              leaveWhen(0, get(found)),
            ),
          ),
          set(from, add(get(from), number(16))),
          leave(0),
        ),
      ),
      when(isAny(get(odd)), set(told, or(get(told), number(notBare)))),
      get(told),
    ],
  };
}

/** Tells of a text, as bits, what is in it. A bit may be set without cause; one that is not set is certain. */
export type Glance = (text: string) => number;

/**
 * @param wanted texts, and the bit that each is told by. No value may have `longNumber`, `notBare` or `longWord`.
 */
export function createGlance(wanted: readonly WantedText[]): Glance {
  const bytes = assemble([holdsText(layout, true), look()], pages);
  if (wanted.length > maxTexts) throw new Error(`bug: at most ${maxTexts} texts, not ${wanted.length}`);
  // A processor or a Node that cannot run it.
  if (typeof WebAssembly === 'undefined' || !WebAssembly.validate(bytes)) return () => ~0;
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { host: { memory } });
  const { look: lookOver } = exports as { look: (length: number) => number };
  const room = Buffer.from(memory.buffer);
  fillTexts(room, layout, wanted, true);
  // It is asked of the same text more than once.
  let askedLast = '';
  let answeredLast = 0;
  return (text) => {
    if (text.length > maxLength) return ~0;
    if (text !== askedLast) {
      answeredLast = lookOver(room.write(text, layout.data, 'utf8'));
      askedLast = text;
    }
    return answeredLast;
  };
}
