// Pieces of a message -> fewer: what takes several of them to say one thing (a date, an amount with its unit, a list of
// values) becomes one.

import type { Masked } from './mask.ts';
import { anything, errorType } from './mask-piece.ts';
import { kindOfWord } from './words.ts';

const durationUnit =
  /^ (?:ns|[uµμ]s|ms|s|secs?|seconds?|millis|milliseconds?|microseconds?|nanoseconds?|mins?|minutes?|hours?|hrs?|days?|ticks)$/i;
const sizeUnit = /^ (?:[KkMGTP]i?B|[kmgt]b|B|[Bb]ytes?|k?bytes|octets?)$/;
/** ISO 4217, those that most is paid in, and their signs */
const currency =
  /^ (?:AED|ARS|AUD|BRL|CAD|CHF|CLP|CNY|COP|CZK|DKK|EUR|GBP|HKD|HUF|IDR|ILS|INR|JPY|KRW|MXN|MYR|NGN|NOK|NZD|PHP|PLN|RON|RUB|SAR|SEK|SGD|THB|TRY|TWD|UAH|USD|VND|ZAR|[€£$¥₹₽₩₺₴]|zł|Kč|kr)$/;
const monthOrDay = /^ ?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec|Mon|Tue|Wed|Thu|Fri|Sat|Sun)$/;
const zoneName = /^ (?:UTC|GMT|Z|AM|PM|[A-Z]{1,3}[SD]T|CET)$/;

const opensList = /^ ?[([{]$/;
const closers: Record<string, string> = { '(': ')', '[': ']', '{': '}' };
const listItem = /^ ?(?:[\w<*>.$-]+|["'`]<\*>["'`])$/;
const quotedItem = /^["'`]<\*>["'`]$/;

/** Where the list of two or more single words, or of one in quotes, that opens at `from` closes, or -1. */
function endOfList(keys: readonly string[], from: number): number {
  const closer = closers[(keys[from] as string).trim()];
  let items = 0;
  for (let at = from + 1; at + 1 < keys.length; at += 2) {
    const item = keys[at] as string;
    if (!listItem.test(item) || errorType.test(item.trimStart())) return -1;
    items++;
    const mark = keys[at + 1];
    if (mark === closer) return items > 1 || (closer === ']' && quotedItem.test(item)) ? at + 1 : -1;
    if (mark !== ',') return -1;
  }
  return -1;
}

const joinedWords = /^ ?[a-z]+(?:_[a-z]+)+$/;

/** Where the list of three or more names without brackets that begins at `from` ends, or -1. */
function endOfNames(keys: readonly string[], from: number): number {
  let at = from;
  while (isName(keys[at]) && keys[at + 1] === ',' && keys[at + 2]?.startsWith(' ') && isName(keys[at + 2]))
    at += 2;
  // Two are enough behind a colon: `lagging: orders, refunds`
  const isAll = keys[from - 1] === ':' && at === keys.length - 1;
  return at - from >= (isAll ? 2 : 4) ? at : -1;
}

function isName(key: string | undefined): boolean {
  if (key === undefined) return false;
  const kind = kindOfWord(key);
  return (
    kind === 'plain' || kind === 'name' || kind === 'mask' || (kind === 'constant' && joinedWords.test(key))
  );
}

const httpMethod = /^ ?(?:GET|HEAD|POST|PUT|DELETE|PATCH|OPTIONS|CONNECT|TRACE)$/;
const saidWord = /^ ?[A-Za-z][a-z]{2,}$/;
const requested = /^ ["'`]?<(?:path|url|str)>/;

const isMask = (key: string | undefined): boolean => key === anything || key === ' <*>';

/** Joins what takes several pieces to say one thing: dates, amounts with a unit, lists of values. */
export function compact({ shown, keys }: Masked): Masked {
  const outShown: string[] = [];
  const outKeys: string[] = [];
  let said = false;
  let looked = 0;
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as string;
    const text = shown[i] as string;
    const isGlued = key.charCodeAt(0) === 32;
    const lead = isGlued ? ' ' : '';
    // Fri Jun 17 07:07:00 PDT 2005
    if (key.length === (isGlued ? 4 : 3) && monthOrDay.test(key)) {
      let j = i;
      let times = 0;
      let numbers = 0;
      while (j < keys.length && j - i < 8) {
        const next = keys[j] as string;
        if (isMask(next)) {
          if (shown[j]?.endsWith('<time>')) times++;
          else if (shown[j]?.endsWith('<num>')) numbers++;
          else break;
        } else if (!(monthOrDay.test(next) || zoneName.test(next) || (next === ',' && j > i))) break;
        j++;
      }
      if ((times > 0 || numbers > 1) && numbers > 0) {
        outShown.push(`${lead}<time>`);
        outKeys.push(lead + anything);
        i = j - 1;
        continue;
      }
    }
    // What was asked for, behind words that say what failed: `retry of GET /orders`, `No route matches [GET] "/orders"`
    if (httpMethod.test(key) && hasSaidAWord()) {
      if (requested.test(shown[i + 1] ?? '') && isMask(keys[i + 1])) {
        push(`${lead}<request>`);
        i++;
        continue;
      }
      if (outKeys.at(-1) === ' [' && keys[i + 1] === ']') {
        push(`${lead}<method>`);
        continue;
      }
    }
    if (isMask(key)) {
      const next = keys[i + 1];
      const isNumber = text.endsWith('<num>');
      if (isNumber && next?.startsWith(' ')) {
        const kind = durationUnit.test(next)
          ? '<duration>'
          : sizeUnit.test(next)
            ? '<size>'
            : currency.test(next)
              ? '<amount>'
              : undefined;
        if (kind) {
          if (outKeys.at(-1) === ' <' || outKeys.at(-1) === '<') {
            outKeys.pop();
            outShown.pop();
          }
          push(`${lead}${kind}`);
          i++;
          // 18846 bytes (18.4 KB): the same amount again
          if (keys[i + 1] === ' (' && isMask(keys[i + 2])) {
            if (keys[i + 3] === ')' && /<(?:size|duration)>$/.test(shown[i + 2] as string)) i += 3;
            else if (
              keys[i + 4] === ')' &&
              (sizeUnit.test(keys[i + 3] as string) || durationUnit.test(keys[i + 3] as string))
            )
              i += 4;
          }
          continue;
        }
      }
      // 2017-05-16 05:00:00
      if (text.endsWith('<time>') && next === ' <*>' && shown[i + 1] === ' <time>') i++;
      if (text.endsWith('<time>') && zoneName.test(keys[i + 1] ?? '')) i++;
      push(text);
      continue;
    }
    // Nothing in brackets is a value that is absent: `10.0.0.1 ()` beside `10.0.0.1 (host)`.
    if ((key === ' (' && keys[i + 1] === ')') || (key === ' [' && keys[i + 1] === ']')) {
      outShown.push(text, '<empty>', shown[i + 1] as string);
      outKeys.push(key, anything, keys[i + 1] as string);
      i++;
      continue;
    }
    // (text, integer): a list in brackets is a value, however long it is.
    const listEnd = key.length === (isGlued ? 2 : 1) && opensList.test(key) ? endOfList(keys, i) : -1;
    if (listEnd !== -1) {
      outShown.push(text, '<list>', shown[listEnd] as string);
      outKeys.push(key, anything, keys[listEnd] as string);
      i = listEnd;
      continue;
    }
    // alice, bob, carol: names that no list knows
    const namesEnd = keys[i + 1] === ',' ? endOfNames(keys, i) : -1;
    if (namesEnd !== -1) {
      push(`${lead}<list>`);
      i = namesEnd;
      continue;
    }
    // blk_1 blk_2 blk_3: a list of ids is as long as it happens to be.
    const previous = outKeys.length - 1;
    const before = outKeys[previous];
    if (
      isGlued &&
      before !== undefined &&
      (before.length === key.length
        ? before === key
        : before.length === key.length - 1 && key.endsWith(before)) &&
      key.includes(anything)
    ) {
      outShown[previous] = `${outShown[previous]?.replace(/…$/, '')}…`;
      continue;
    }
    outShown.push(text);
    outKeys.push(key);
  }
  return { shown: outShown, keys: outKeys };

  function hasSaidAWord(): boolean {
    while (!said && looked < outKeys.length) said = saidWord.test(outKeys[looked++] as string);
    return said;
  }

  /** Adds a value, or takes it into the list of values before it. */
  function push(text: string): void {
    const key = (text.startsWith(' ') ? ' ' : '') + anything;
    const last = outKeys.length - 1;
    if (last >= 0 && key === ' <*>' && isMask(outKeys[last])) {
      outShown[last] = `${outShown[last]?.replace(/…$/, '')}…`;
      return;
    }
    // a:b:c and longer: as long as it happens to be.
    const mark = outKeys[last];
    if (key === anything && last >= 1 && (mark === ':' || mark === '|') && isMask(outKeys[last - 1])) {
      if (outShown[last - 1]?.endsWith(`${mark}…`)) {
        outShown.pop();
        outKeys.pop();
        return;
      }
      if (last >= 3 && outKeys[last - 2] === mark && isMask(outKeys[last - 3])) {
        outShown.splice(-3);
        outKeys.splice(-3);
        outShown[last - 3] += `${mark}…`;
        return;
      }
    }
    if (last >= 1 && (outKeys[last] === ',' || outKeys[last] === ';') && isMask(outKeys[last - 1])) {
      outShown.pop();
      outKeys.pop();
      outShown[last - 1] = `${outShown[last - 1]?.replace(/…$/, '')}…`;
      return;
    }
    outShown.push(text);
    outKeys.push(key);
  }
}
