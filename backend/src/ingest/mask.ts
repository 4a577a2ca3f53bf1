// Message -> tokens with what is surely variable masked: numbers, addresses, ids, times, sizes, paths, quoted words. Each
// token comes twice: as shown to people (`<ip>`) and as compared (`<*>`), so that a port in one record and a duration in
// the next are the same place of the same template.

import { Doorkeeper, hashOfText } from './doorkeeper.ts';
import { compact } from './mask-compact.ts';
import { anything, errorType, maskPiece, url } from './mask-piece.ts';
import { lengthOfOutcome } from './outcome.ts';

/** Longest message looked at, in characters; what follows cannot tell two errors apart that are alike so far. */
export const maxMaskedChars = 4096;
/** Most tokens of a message that take part. */
export const maxTokens = 160;

/**
 * A message in pieces. A piece that followed white space starts with a space, so joining the pieces gives the text.
 */
export interface Masked {
  /** With typed masks, for people. */
  shown: string[];
  /** With every mask `<*>`: what is compared. */
  keys: string[];
  /** The keys joined, where they are known by heart; see `joined`. */
  joined?: string;
}

/** Pieces as one text, by which they are looked up. */
export function joined(keys: readonly string[]): string {
  return keys.join('\u0000');
}

const gluedAnything = ' <*>';
const separators = new Set('=:,;()[]{}<>"\'|!?');
/** What stands before the path of a request, in a chunk of its own or behind a quote, or before a value. */
const rootBefore = /(?:(?:^|[^\w])(?:GET|HEAD|POST|PUT|DELETE|PATCH|OPTIONS|CONNECT|TRACE)|:) $/;
const httpRequest = /^(?:GET|HEAD|POST|PUT|DELETE|PATCH|OPTIONS|CONNECT|TRACE) \S/;
const messageKey =
  /(?:^|[\s,{"'])(?:(?:[\w.-]{0,20}[_.-])?(?:msg|message|event|err|error|reason|cause|exception|detail|title|body|description|text)|(?:error|exception|fault|failure)(?:msg|message|description|reason|detail|text))["']?\s?[=:]\s?$/i;
/** A word right before what is quoted: then that is what was given, however many words it has. Behind these it was said. */
const givenBefore =
  /(?:^|\s)(?!(?:with|because|saying|says?|said|returned|got|reads?|is|was|and|or|but|to|by|errors?|exception|cause|warning|failure|fault|reason|message|status|result|response|reply|reports|detail|[a-z]+ed|threw|throws|output|stderr|stdout|log|panic|fatal)\s$)[A-Za-z]{2,}\s$/i;
/** Statements of SQL say what was asked for, not what failed. */
const sql =
  /^\s{0,20}(?:select\s(?=.{1,2000}\sfrom\s)|insert\s{1,20}into\s|update\s(?=.{1,2000}\sset\s)|delete\s{1,20}from\s|with\s{1,20}\w{1,60}\s{1,20}as\s|(?:create|alter|drop|truncate)\s{1,20}table\s)/is;
const sqlBehind =
  /(?<=\bSQL: |\bstatement: {1,2})(?=(?:select|insert|update|delete|with|create|alter|drop|truncate)\s)/i;
/** What tells outcomes apart: `Failed with result 'timeout'` */
const outcomeKey = /(?:^|[^A-Za-z])(?:result|reason|status|code)["']?\s?[=:]?\s?$/i;
/** Colons that are an address's own: `::1`. */
const startsIp6 = /^::(?=[\da-f:.]{0,40}\d)[\da-f:.]{1,45}(?![\w-])/i;
/** `2001:d`, `fe80::`, `::` */
const startsIp6Group = /^(?:[\da-f]{1,4}:[\da-f:]|::)$/i;
const pathWithQuery = /^(?:\/[\w.@~+%:$*#;,-]*)+\?[^\s"'<>]*$/;
/** Hosts as cluster tools write them: `node-[40-63]` */
const hostList = /^[\w.-]{0,60}\[\d+(?:[-,]\d+)+\]$/;
/** A value after `=` that is an object written out: `ws=WorkSource{10113},` */
const writtenObject =
  /^([\w.$-]{1,60}=)[A-Za-z_$][\w$.]{0,60}(?:\{[^{}]{1,80}\}|\([^()]{1,80}\)|\[[^[\]]{1,80}\])([,;.]?)$/;
/** What stands before the name of a field in JSON. */
const beginsField = /[{,]\s*$/;
/** What follows a message that is in quotes: nothing, or a field. */
const quotedMessage = /^(?:\s*$|\s+[\w.-]{1,60}=)/;
const shownError = /(?:Error|Exception|Warning|Fault|Failure)\($/;
/** Words that say that a type follows, and the type: one piece. */
const namedType =
  /(?:exception|instance of) (?:'[A-Za-z_][^'\n]{0,200}'|[A-Z]\w{0,100}(?:\.[A-Z]\w{0,100}){0,8}(?![\w.]))/y;

/** What may follow a number that ends a sentence or stands in brackets. */
const onlyMarks = /^[.,:;)\]}"'!]*$/;

const chunkCache = new Map<string, Masked>();
const maxCachedChunks = 20_000;
const seenOnce = new Doorkeeper();

/** What a value with colons may be made of. */
const colonRun = /[\w./@:-]+/y;
/** No name of a host with its port is longer, nor an address or a time: a longer run is none. */
const longestColonRun = 280;

/** Keys of caches and names of resources: `user:1234:cart`, `arn:aws:s3:::orders` */
const colonName = /(?:arn|urn):[\w-]+:[^\s"'<>(),;|]*|[\w.@*+-]+(?::[\w.@*+-]+){2,20}(?![\w:/])/y;

/** Behind a place in a file, or an address, is what happened there: `server.c:120:malloc failed`, `10.0.0.1:6379:timeout` */
const placeBefore = /^[\w.@*+-]*\.\w{1,8}:\d/;

/** Whether a run of words and colons is such a key: one of its words is a value, and none tells what failed. */
function isColonName(run: string): boolean {
  // urn:ietf:params:acme:error:badNonce too
  if (/(?:^|:)(?:err|error|code|status|exit|signal|errno|https?):/i.test(run)) return false;
  if (/^(?:arn|urn):/.test(run)) return true;
  if (run.length > longestColonRun || placeBefore.test(run)) return false;
  return run.split(':').some((word) => /^<[a-z]+>$/.test(maskPiece(word, false) ?? ''));
}

/** Values that have colons of their own. */
const wholeMask = new Set(['<ip>', '<time>', '<host>', '<mac>', '<path>']);

const scheme = /^[a-z][a-z\d+.-]{1,15}$/i;
/** What ends a URL within a word. */
const endsUrl = new Set(',;()[]{}<>"\'|');

function isSeparator(char: string): boolean {
  return separators.has(char);
}

function isIp6At(chunk: string, at: number): boolean {
  return chunk.startsWith('::', at) && startsIp6.test(chunk.slice(at));
}

/** Words of Chinese, Japanese and Thai, which have no spaces between them, and of Korean, whose particles are glued on. */
const unspaced = /([\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+)/;

/** A chunk of such words: each run of them is a piece, and what stands between is masked as ever. */
function maskUnspaced(chunk: string, first: boolean): Masked {
  const shown: string[] = [];
  const keys: string[] = [];
  for (const [at, part] of chunk.split(unspaced).entries()) {
    if (part === '') continue;
    const pieces =
      at % 2 === 1 ? { shown: [part], keys: [part] } : maskChunk(part, first && shown.length === 0);
    shown.push(...pieces.shown);
    keys.push(...pieces.keys);
  }
  return { shown, keys };
}

/** `FahQhYRNaGFurvdjhWUlYG==`: a word without a digit may be such too. */
function isBase64(word: string, tail: readonly string[]): boolean {
  const ends = tail[0] === '=' && tail[1] === '=' && word.length % 4 === 2;
  return ends && word.length > 12 && /^[A-Za-z\d+/]+$/.test(word);
}

/** A chunk between white space, in pieces; the first piece gets the leading space. */
function maskChunk(chunk: string, first: boolean): Masked {
  const shown: string[] = [];
  const keys: string[] = [];
  const push = (text: string, key: string): void => {
    shown.push(text);
    keys.push(key);
  };
  const pushWord = (word: string, at: number): void => {
    // `path=/`
    if (word === '/' && at > 0) {
      push('<path>', anything);
      return;
    }
    const isOutcome = lengthOfOutcome(core, at) === word.length;
    const isLast = at + word.length === core.length;
    const mask = isOutcome
      ? undefined
      : isLast && isBase64(word, tail)
        ? '<id>'
        : maskPiece(word, first && shown.length === 0);
    if (mask === undefined) push(word, word);
    else if (errorType.test(mask)) push(mask, mask);
    else push(mask, mask.replace(/<[a-z]+>/g, anything));
  };
  const object = writtenObject.exec(chunk);
  if (object) {
    const [, name, mark] = object as unknown as [string, string, string];
    push(name.slice(0, -1), name.slice(0, -1));
    push('=', '=');
    push('<object>', anything);
    if (mark) push(mark, mark);
    return { shown, keys };
  }
  if (hostList.test(chunk)) {
    push('<host>', anything);
    return { shown, keys };
  }
  if (unspaced.test(chunk) && !url.test(chunk)) return maskUnspaced(chunk, first);
  let start = 0;
  let end = chunk.length;
  while (start < end && isSeparator(chunk[start] as string) && !isIp6At(chunk, start))
    push(chunk[start] as string, chunk[start++] as string);
  const tail: string[] = [];
  while (
    end > start &&
    (isSeparator(chunk[end - 1] as string) || (chunk[end - 1] === '.' && end - 1 > start))
  )
    tail.unshift(chunk[--end] as string);
  const core = chunk.slice(start, end);
  if (core !== '') {
    if (pathWithQuery.test(core)) {
      push('<path>', anything);
      for (const char of tail) push(char, char);
      return { shown, keys };
    }
    // A whole that has separators of its own (a URL, a time, an address) is tried before it is taken apart.
    const whole = maskPiece(core, first && shown.length === 0);
    const wholly =
      whole !== undefined &&
      !(whole === '<id>' && core.includes(':')) &&
      /^<[a-z]+>$/.test(whole) &&
      !/[=,;()[\]{}<>"'|]/.test(core);
    if (wholly) push(whole, anything);
    else if (url.test(core)) push('<url>', anything);
    else {
      let from = 0;
      /** Where the run of what a value with colons may be made of ends, in which `from` stands. */
      let runEnd = 0;
      for (let at = 0; at <= core.length; at++) {
        const char = core[at];
        // A leader of dots parts a name from its value: `store operation........1`
        if (char === '.' && core[at + 1] === '.' && core[at + 2] === '.') {
          if (at > from) pushWord(core.slice(from, at), from);
          while (core[at + 1] === '.') at++;
          push('...', '...');
          from = at + 1;
          continue;
        }
        if (char !== undefined && !isSeparator(char)) continue;
        // A query belongs to its path, and a URL is one: `path=/orders?id=3,`, `url=https://example.com/`
        const isQuery = char === '?' && core[from] === '/';
        if (isQuery || (char === ':' && core.startsWith('//', at + 1) && scheme.test(core.slice(from, at)))) {
          while (at < core.length && !endsUrl.has(core[at] as string)) at++;
          push(isQuery ? '<path>' : '<url>', anything);
          from = at;
          at--;
          continue;
        }
        // can't, O'Brien
        if (char === "'" && /[A-Za-z]/.test(core[at - 1] ?? '') && /[A-Za-z]/.test(core[at + 1] ?? ''))
          continue;
        // A colon inside a path, an address or a time belongs to it.
        const isAddress = char === ':' && startsIp6Group.test(core.slice(from, at + 2));
        if (char === ':' && (isAddress || /\d/.test(core[at + 1] ?? ''))) {
          if (from >= runEnd) {
            colonRun.lastIndex = from;
            runEnd = colonRun.test(core) ? colonRun.lastIndex : from;
          }
          const isWhole = runEnd > at && runEnd - from <= longestColonRun && core[runEnd] !== '+';
          const rest = isWhole ? core.slice(from, runEnd) : '';
          const mask = isWhole ? maskPiece(rest, false) : undefined;
          if (mask !== undefined && wholeMask.has(mask)) {
            push(mask, anything);
            from = from + rest.length;
            at = from - 1;
            continue;
          }
        }
        if (char === ':' && at > from && core[from - 1] !== ':') {
          colonName.lastIndex = from;
          const run = colonName.exec(core)?.[0];
          if (run !== undefined && isColonName(run)) {
            push('<id>', anything);
            from += run.length;
            at = from - 1;
            continue;
          }
        }
        if (at > from) pushWord(core.slice(from, at), from);
        if (char !== undefined) push(char, char);
        from = at + 1;
      }
    }
  }
  // Base64 ends so.
  if (keys.at(-1) === anything) while (tail[0] === '=') tail.shift();
  for (const char of tail) push(char, char);
  return { shown, keys };
}

/** A statement of SQL that is announced, to the end of the brackets that it stands in or else of the text, becomes `<str>`. */
function maskSql(text: string): string {
  if (!text.includes('SQL: ') && !text.includes('statement: ')) return text;
  const at = text.search(sqlBehind);
  if (at === -1 || !sql.test(text.slice(at))) return text;
  const end = endOfBracketed(text, at);
  return `${text.slice(0, at)}<str>${text.slice(end)}`;
}

/** Where the bracket closes that `at` stands in. */
function endOfBracketed(text: string, at: number): number {
  let depth = 0;
  for (let i = at; i < text.length; i++) {
    const char = text[i] as string;
    if (char === '(' || char === '[') depth++;
    else if ((char === ')' || char === ']') && depth-- === 0) return i;
  }
  return text.length;
}

const quoted = /(?<![\w"'`\\])(["'`])((?:[^"'`\\\n]|\\.){0,200}?|(?:(?!\1)[^\\\n]|\\.){0,200}?)\1(?![\w])/g;

/** Quoted text with up to three words becomes `"<str>"`; longer text is prose that tells errors apart, and stays. */
function maskQuotes(text: string): string {
  if (text.indexOf('"') === -1 && text.indexOf("'") === -1 && text.indexOf('`') === -1) return text;
  return text.replace(quoted, (whole: string, quote: string, inner: string, at: number) => {
    const kept = isKept(text, whole, quote, inner, at);
    if (!kept) return `${quote}<str>${quote}`;
    // What is quoted within a sentence that stays: `error="no such user 'bob'"`
    return quote === '"' && inner.includes("'") ? `"${maskQuotes(inner)}"` : whole;
  });
}

/** Whether what is quoted tells errors apart. */
function isKept(text: string, whole: string, quote: string, inner: string, at: number): boolean {
  if (inner === '') return false;
  if (httpRequest.test(inner) || errorType.test(inner)) return true;
  const before = text.slice(Math.max(0, at - 24), at);
  if (messageKey.test(before) || before.endsWith('instance of ') || outcomeKey.test(before)) return true;
  const end = at + whole.length;
  // klog quotes the message, and fields follow; RuntimeError('no order') is how Python shows an exception.
  if (at === 0 && quote === '"' && quotedMessage.test(text.slice(end, end + 64))) return true;
  if (inner.includes(' ') && shownError.test(before)) return true;
  if (text[end] === ':' && /^[A-Za-z_]\w*$/.test(inner) && beginsField.test(before)) return true;
  const words = inner.split(/\s+/).filter((word) => /^[A-Za-z][a-z']{2,}[,.]?$/.test(word)).length;
  return words >= 4 && !givenBefore.test(before) && !sql.test(inner);
}

/**
 * The message in pieces, masked. At most its first `maxMaskedChars` characters and `maxTokens` pieces take part. Linear in
 * the length of the message.
 */
export function mask(message: string): Masked {
  // A number that stands alone is a number whatever it is, so all messages that differ in nothing else are masked alike.
  const sentence = message.length <= maxKnownChars ? withoutLoneNumbers(message) : undefined;
  if (sentence === undefined) return maskAll(message);
  const known = knownSentences.get(sentence);
  if (known) return known;
  const masked = maskAll(message);
  if (sentenceSeenOnce.passes(hashOfSentence)) {
    if (knownSentences.size >= maxKnownSentences) knownSentences.clear();
    knownSentences.set(sentence, { ...masked, joined: joined(masked.keys) });
  }
  return masked;
}

/**
 * The message with `0` for each number that stands alone, perhaps with a mark after it. Undefined when there is none, or when
 * there are quotes, in which the length of what they hold counts.
 */
function withoutLoneNumbers(message: string): string | undefined {
  let hash = 0x811c9dc5;
  let sentence = '';
  let taken = 0;
  let before = 32;
  const { length } = message;
  for (let at = 0; at < length; at++) {
    const code = message.charCodeAt(at);
    if (code === 34 || code === 39 || code === 96) return undefined;
    if (code < 48 || code > 57 || before > 32) {
      before = code;
      hash = Math.imul(hash ^ code, 0x01000193);
      continue;
    }
    let end = at + 1;
    while (end < length && isDigit(message.charCodeAt(end))) end++;
    const mark = end < length ? message.charCodeAt(end) : 32;
    const isMark = mark === 44 || mark === 46 || mark === 58 || mark === 59;
    if (mark <= 32 || (isMark && (end + 1 === length || message.charCodeAt(end + 1) <= 32))) {
      // What stays is no other number's.
      if (lengthOfOutcome(message, at) > 0) {
        for (let i = at; i < end; i++) hash = Math.imul(hash ^ message.charCodeAt(i), 0x01000193);
      } else {
        sentence += `${message.slice(taken, at)}0`;
        taken = end;
      }
    }
    at = end - 1;
    before = 48;
  }
  hashOfSentence = hash;
  return taken === 0 ? undefined : sentence + message.slice(taken);
}
/** Of the last one, but for its numbers: found on the way. */
let hashOfSentence = 0;

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

const knownSentences = new Map<string, Masked>();
const maxKnownSentences = 5000;
const maxKnownChars = 1000;
const sentenceSeenOnce = new Doorkeeper();

function maskAll(message: string): Masked {
  const bounded = message.length > maxMaskedChars ? message.slice(0, maxMaskedChars) : message;
  const text = maskQuotes(maskSql(bounded));
  const shown: string[] = [];
  const keys: string[] = [];
  let at = 0;
  while (at < text.length && shown.length < maxTokens) {
    if (text.charCodeAt(at) <= 32) {
      at++;
      continue;
    }
    const from = at;
    const first = shown.length === 0;
    const initial = text.charCodeAt(from);
    // exception, instance of
    if (initial === 101 || initial === 105) {
      namedType.lastIndex = from;
      if (namedType.test(text)) {
        at = namedType.lastIndex;
        const words = `${first ? '' : ' '}${text.slice(from, at)}`;
        shown.push(words);
        keys.push(words);
        continue;
      }
    }
    let plain = true;
    let digits = true;
    for (; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code <= 32) break;
      if (!((code >= 97 && code <= 122) || (code >= 65 && code <= 90))) plain = false;
      if (code < 48 || code > 57) digits = false;
    }
    const length = at - from;
    // The root, which is a path only where one must stand.
    if (length === 1 && initial === 47 && rootBefore.test(text.slice(Math.max(0, from - 9), from))) {
      shown.push(' <path>');
      keys.push(gluedAnything);
      continue;
    }
    const quote = initial === 34 || initial === 39 ? 1 : 0;
    const mayBeOutcome = quote === 1 || (initial >= 49 && initial <= 57);
    const outcome = mayBeOutcome ? lengthOfOutcome(text, from + quote) : 0;
    if (outcome > 0 && onlyMarks.test(text.slice(from + quote + outcome, at))) {
      const number = text.slice(from + quote, from + quote + outcome);
      const pieces = [...(quote === 1 ? [` ${text[from]}`, number] : [` ${number}`])];
      pieces.push(...text.slice(from + quote + outcome, at));
      shown.push(...pieces);
      keys.push(...pieces);
      continue;
    }
    if (digits) {
      shown.push(first ? '<num>' : ' <num>');
      keys.push(first ? anything : gluedAnything);
      continue;
    }
    if (plain && length !== 4 && length !== 5 && length % 8 !== 0) {
      const isSpaced = !first && text.charCodeAt(from - 1) === 32;
      const word = isSpaced
        ? text.slice(from - 1, at)
        : first
          ? text.slice(from, at)
          : ` ${text.slice(from, at)}`;
      shown.push(word);
      keys.push(word);
      continue;
    }
    const pieces = maskedChunk(text.slice(from, at), first);
    for (let i = 0; i < pieces.shown.length; i++) {
      shown.push(pieces.shown[i] as string);
      keys.push(pieces.keys[i] as string);
    }
  }
  return compact({ shown, keys });
}

/** With its leading space, unless it is the first. */
function maskedChunk(chunk: string, first: boolean): Masked {
  if (chunk === '<str>' || chunk === '"<str>"' || chunk === "'<str>'") {
    return glued({ shown: [chunk], keys: [chunk.replace('<str>', anything)] }, first);
  }
  const name = first ? `\n${chunk}` : chunk;
  const cached = chunkCache.get(name);
  if (cached) return cached;
  // `<str>` stands for a quoted text from here on; its angle brackets are not separators.
  const made = glued(
    chunk.includes('<str>') ? maskAroundStrings(chunk, first) : maskChunk(chunk, first),
    first,
  );
  if (chunk.length <= 64 && seenOnce.passes(hashOfText(name))) {
    if (chunkCache.size >= maxCachedChunks) chunkCache.clear();
    chunkCache.set(name, made);
  }
  return made;
}

function glued(masked: Masked, first: boolean): Masked {
  if (!first && masked.shown.length > 0) {
    masked.shown[0] = ` ${masked.shown[0]}`;
    masked.keys[0] = ` ${masked.keys[0]}`;
  }
  return masked;
}

function maskAroundStrings(chunk: string, first: boolean): Masked {
  const shown: string[] = [];
  const keys: string[] = [];
  const parts = chunk.split(/(["'`]?<str>["'`]?)/);
  for (const part of parts) {
    if (part === '') continue;
    if (part.includes('<str>')) {
      shown.push(part);
      keys.push(part.replace('<str>', anything));
    } else {
      const pieces = maskChunk(part, first && shown.length === 0);
      shown.push(...pieces.shown);
      keys.push(...pieces.keys);
    }
  }
  return { shown, keys };
}
/** The message with its variables shown as such: for titles and for `explain`. */
export function maskText(message: string): string {
  return mask(message).shown.join('');
}
