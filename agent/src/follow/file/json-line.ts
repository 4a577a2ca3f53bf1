// One line of a json-file log, as Docker writes it: {"log":"text\n","stream":"stdout","attrs":{…},"time":"…Z"}. Nearly all
// that is asked of a line is read from its end, so that its text is decoded only when it matters.

import type { Stream } from '../../types.ts';
import { stampLength, toStamp } from '../timestamps.ts';

/** Where the parts of a line lie; `text` is within the quotes, its newline left out. */
export interface JsonLine {
  from: number;
  stream: Stream;
  /** In the one form of 30 characters. */
  at: string;
  textFrom: number;
  textTo: number;
  /** It has its newline: it is no piece of a longer line. */
  whole: boolean;
  /** Bytes of `"attrs":{…},`. */
  attributes: number;
}

const quote = 0x22;
const backslash = 0x5c;
const head = Buffer.from('{"log":"');
const streamKey = Buffer.from('","stream":"std');
const timeKey = Buffer.from('"time":"');
const endOfTime = Buffer.from('Z"}');
const longestTime = stampLength;

/** Reads the line from `from` up to its newline at `to`. @returns undefined when it is none of Docker's */
export function readJsonLine(bytes: Buffer, from: number, to: number): JsonLine | undefined {
  if (to - from < 60 || !isAt(bytes, from, head) || !isAt(bytes, to - 3, endOfTime)) return undefined;
  const timeTo = to - 2;
  let timeFrom = timeTo - longestTime;
  while (!isAt(bytes, timeFrom - timeKey.length, timeKey)) if (++timeFrom > timeTo - 20) return undefined;
  const at = readTime(bytes, timeFrom, timeTo);
  if (at === undefined) return undefined;
  const timeKeyAt = timeFrom - timeKey.length;
  // `","stream":"stdout",` right before, or before the attributes. No text can hold its quotes.
  let textTo = timeKeyAt - streamKey.length - 5;
  if (!isAt(bytes, textTo, streamKey)) {
    textTo = bytes.indexOf(streamKey, from + head.length);
    if (textTo < 0 || textTo > timeKeyAt) return undefined;
  }
  const name = textTo + streamKey.length;
  const stream = bytes[name] === 0x6f ? 'stdout' : bytes[name] === 0x65 ? 'stderr' : undefined;
  if (!stream || bytes[name + 3] !== quote) return undefined;
  const textFrom = from + head.length;
  const whole = endsWithNewline(bytes, textFrom, textTo);
  return {
    from,
    stream,
    at,
    textFrom,
    textTo: whole ? textTo - 2 : textTo,
    whole,
    attributes: timeKeyAt - (name + 5),
  };
}

/** What stands in a JSON text as it is: neither a quote nor a backslash, nor a control character. */
const escaped = /[^ !#-[\]-\uffff]/;

/** The text of a line. @param isBare known to stand in JSON as it is. @returns undefined when it cannot be read */
export function readText(
  bytes: Buffer,
  { textFrom, textTo }: Pick<JsonLine, 'textFrom' | 'textTo'>,
  isBare = false,
): string | undefined {
  if (isBare) return bytes.toString('latin1', textFrom, textTo);
  const text = bytes.toString('utf8', textFrom, textTo);
  if (!escaped.test(text)) return text;
  try {
    return JSON.parse(`${bytes.toString('utf8', textFrom - 1, textTo)}"`) as string;
  } catch {
    return undefined;
  }
}

/** Whether the text ends in `\n`, that is, an odd number of backslashes and an n. */
function endsWithNewline(bytes: Buffer, from: number, to: number): boolean {
  if (bytes[to - 1] !== 0x6e) return false;
  let backslashes = 0;
  while (to - 2 - backslashes >= from && bytes[to - 2 - backslashes] === backslash) backslashes++;
  return backslashes % 2 === 1;
}

/** Docker leaves trailing zeros of the fraction out. */
function readTime(bytes: Buffer, from: number, to: number): string | undefined {
  const text = bytes.toString('latin1', from, to);
  return text.length === stampLength && text.charCodeAt(10) === 0x54 ? text : toStamp(text);
}

function isAt(bytes: Buffer, at: number, wanted: Buffer): boolean {
  if (at < 0) return false;
  for (let index = 0; index < wanted.length; index++) if (bytes[at + index] !== wanted[index]) return false;
  return true;
}
