// Message -> a text that stands for all messages that differ from it only in digits that nobody looks at: those of numbers,
// times, dates and IPv4 addresses that stand between white space, and of URLs. Each becomes `0`, so that all keep their
// lengths. header.ts and mask.ts tell such words by their shape alone; what they know by heart (ports, hexadecimal, a time
// that is ten digits and begins with 1) is in no such word. A number that tells failures apart (outcome.ts) keeps its digits.

import { mayBeOutcome, mostDigits } from './outcome.ts';

export interface Sentence {
  text: string;
  /** Equal for messages of one sentence; a whole number. */
  hash: number;
}

const maxChars = 1000;
const scratch = Buffer.alloc(maxChars);

/** What a word of digits may be made of beside them; the letters are those of ISO 8601. */
const isMark = new Uint8Array(256);
for (const char of '.:,;/-+%#()[]<>|TZ') isMark[char.charCodeAt(0)] = 1;

/** Undefined for what is long or has several lines, quotes (the length of what they hold counts), or letters beyond Latin-1. */
export function sentenceOf(message: string): Sentence | undefined {
  const { length } = message;
  if (length > maxChars) return undefined;
  let hash = 0x811c9dc5;
  for (let from = 0; from < length; ) {
    let digits = 0;
    let run = 0;
    let isShape = true;
    let at = from;
    for (; at < length; at += 1) {
      const code = message.charCodeAt(at);
      if (code <= 32) {
        if (code === 10) return undefined;
        break;
      }
      if (code > 255 || code === 34 || code === 39 || code === 96) return undefined;
      scratch[at] = code;
      if (code >= 48 && code <= 57) {
        digits += 1;
        run += 1;
        if (run > 9) isShape = false;
        continue;
      }
      run = 0;
      if (isMark[code] === 0) isShape = false;
      hash = Math.imul(hash ^ code, 0x01000193);
    }
    if (digits > 0) {
      const isKnown =
        (isShape && (digits > mostDigits || !mayBeOutcome(message, from))) || isUrl(message, from);
      for (let i = from; i < at; i += 1) {
        const code = scratch[i]!;
        if (code < 48 || code > 57) continue;
        if (isKnown) scratch[i] = 48;
        else hash = Math.imul(hash ^ code, 0x01000193);
      }
    }
    if (at < length) scratch[at] = message.charCodeAt(at);
    from = at + 1;
  }
  return { text: scratch.toString('latin1', 0, length), hash };
}

function isUrl(message: string, from: number): boolean {
  return message.startsWith('http://', from) || message.startsWith('https://', from);
}
