// Message -> tokens with what is surely variable masked: numbers, addresses, ids, times, sizes, paths, quoted words. Each
// token comes twice: as shown to people (`<ip>`) and as compared (`<*>`), so that a port in one record and a duration in
// the next are the same place of the same template.

import { Doorkeeper, hashOfText } from './doorkeeper.ts';

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

const anything = '<*>';
const gluedAnything = ' <*>';
const separators = new Set('=:,;()[]{}<>"\'|!?');
/** What stands before the path of a request, in a chunk of its own or behind a quote. */
const methodBefore = /(?:^|[^\w])(?:GET|HEAD|POST|PUT|DELETE|PATCH|OPTIONS|CONNECT|TRACE) $/;
const httpRequest = /^(?:GET|HEAD|POST|PUT|DELETE|PATCH|OPTIONS|CONNECT|TRACE) \S/;
const messageKey =
  /(?:^|[\s,{"'])(?:msg|message|event|err|error|reason|cause|exception|detail|title|body|description|text)["']?\s?[=:]\s?$/i;

// Each pattern is anchored and without nested repetition, so that a token costs time linear in its length.
const ip4 = /^\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?:\/\d{1,2})?(?::\d{1,5})?$/;
const ip6 =
  /^(?=[\da-f:.]*:[\da-f:.]*:)[\da-f]{0,4}(?::[\da-f]{0,4}){2,7}(?:\d{1,3}(?:\.\d{1,3}){3})?(?:%\w{1,16})?(?:\/\d{1,3})?$/i;
/** Colons that are an address's own: `::1`. */
const startsIp6 = /^::(?=[\da-f:.]{0,40}\d)[\da-f:.]{1,45}(?![\w-])/i;
const mac = /^[\da-f]{2}(?:[:-][\da-f]{2}){5,19}$/i;
const uuid = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i;
const url = /^[a-z][a-z\d+.-]{1,15}:\/\/\S+$/i;
const email = /^[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}$/;
const clockTime = /^\d{1,3}:\d{2}(?::\d{2})?(?:[.,]\d{1,9})?(?:Z|[+-]\d{2}:?\d{2})?$/;
const dateTime =
  /^\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?:[T_:-]\d{1,2}[:.]\d{2}(?:[:.]\d{2})?(?:[.,:]\d{1,9})?(?:Z|[+-]\d{2}:?\d{2})?)?$/;
const shortDate = /^\d{1,2}[-/]\d{1,2}[-/]\d{2,4}$/;
const logDate =
  /^\d{1,2}[-/](?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[-/]\d{4}(?::\d{2}:\d{2}:\d{2})?$/;
const number = /^[#$€£~^]?[+-]?(?:\d+(?:[.,]\d+)*|\.\d+)(?:e[+-]?\d+)?%?\.?$/i;
const duration =
  /^[+-]?\d+(?:\.\d+)?(?:ns|[uµμ]s|ms|s|secs?|m|mins?|h|hrs?|d)(?:\d+(?:\.\d+)?(?:ns|[uµμ]s|ms|s|m|h))*$/;
const size = /^[+-]?\d+(?:\.\d+)?(?:[KMGTP]i?B?|[kmg]i?[bB]?|B|bytes)(?:\/s)?$/;
const hex =
  /^(?:0x[\da-f]+|(?=[a-f]*\d)[\da-f]{6,}|(?=[\da-f]*[a-f])(?=[a-f]*\d)[\da-f]{4,}|[a-f]{8}(?:[a-f]{8})*)h?$/i;
const unixPath = /^(?:~|\.{1,2})?(?:\/[\w.@~+%:$*#-]*)+$/;
const pathWithQuery = /^(?:\/[\w.@~+%:$*#;,-]*)+\?[^\s"'<>]*$/;
/** Hosts as cluster tools write them: `node-[40-63]` */
const hostList = /^[\w.-]{0,60}\[\d+(?:[-,]\d+)+\]$/;
/** A value after `=` that is an object written out: `ws=WorkSource{10113},` */
const writtenObject =
  /^([\w.$-]{1,60}=)[A-Za-z_$][\w$.]{0,60}(?:\{[^{}]{1,80}\}|\([^()]{1,80}\)|\[[^[\]]{1,80}\])([,;.]?)$/;
const windowsPath = /^(?:[A-Za-z]:[\\/]|\\\\)[\w.@~+%:$*#\\/ -]*$/;
const relativePath =
  /^[\w.@~+-]+(?:\/[\w.@~+%:$*#-]+){2,}\/?$|^[\w@~+-]+(?:\.[\w@~+-]+)+\/[\w.@~+%:$*#/-]+$|^[\w@~+-]+\/[\w./@~+-]*\.[a-z]{1,5}$/;
/** A place in source code: `main.go:42`, `src/app.js:3:17` */
const codePlace =
  /^[\w./@+-]{1,200}\.(?:go|py|rb|rs|js|mjs|cjs|ts|tsx|jsx|java|kt|scala|cs|php|c|cc|cpp|cxx|h|hpp|swift|dart|exs?|erl|pl|pm|lua|sql|vue):\d{1,7}(?::\d{1,7})?$/;
/** With a dot, a digit or a hyphen in the name, or a port that everybody knows: `index:12` is a name and its value. */
const hostPort =
  /^(?:(?=[^:]*[.\d-]|localhost)(?![^:]*[a-z][A-Z])[A-Za-z\d][\w-]{0,62}(?:\.[\w-]{1,63}){0,8}:\d{2,5}|[a-z][a-z\d]{1,62}:(?:21|22|25|53|80|110|143|389|443|465|587|636|993|1433|1521|1883|2181|2375|2379|3000|3306|4222|5000|5432|5672|6379|8000|8080|8081|8443|8500|8888|9000|9090|9092|9200|9300|11211|15672|27017))$/;
const dotted = /^[A-Za-z_\d][\w$-]*(?:\.[\w$-]+){2,}$/;
const domain =
  /^[a-z\d][a-z\d-]*\.(?:com|org|net|io|dev|app|edu|gov|local|internal|lan|cn|de|fr|uk|jp|ru|in|br|nl|us|eu|info|biz|co|me|cloud|svc)$/i;
/** Exception types tell errors apart, whatever digits are in them: `Http404Error`. */
const errorType = /^[A-Za-z_$][\w$.]*(?:Error|Exception|Warning|Fault|Failure|Throwable|Panic|Interrupt)$/;
/** What follows a message that is in quotes: nothing, or a field. */
const quotedMessage = /^(?:\s*$|\s+[\w.-]{1,60}=)/;
const shownError = /(?:Error|Exception|Warning|Fault|Failure)\($/;
/** Words that say that a type follows, and the type: one piece. */
const namedType =
  /(?:exception|instance of) (?:'[A-Za-z_][^'\n]{0,200}'|[A-Z]\w{0,100}(?:\.[A-Z]\w{0,100}){0,8}(?![\w.]))/y;
const objectId = /^([A-Za-z_$][\w.$]*)@[\da-f]{1,16}$/;
const opaque = /^(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])(?=\D*\d)[\w+/=-]{16,}$/;
const booleanWord = /^(?:true|false|True|False|TRUE|FALSE)$/;

const durationUnit =
  /^ (?:ns|[uµμ]s|ms|s|secs?|seconds?|millis|milliseconds?|microseconds?|nanoseconds?|mins?|minutes?|hours?|hrs?|days?|ticks)$/i;
const sizeUnit = /^ (?:[KkMGTP]i?B|[kmgt]b|B|[Bb]ytes?|k?bytes|octets?)$/;
const monthOrDay = /^ ?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec|Mon|Tue|Wed|Thu|Fri|Sat|Sun)$/;
const zoneName = /^ (?:UTC|GMT|Z|AM|PM|[A-Z]{1,3}[SD]T|CET)$/;

/** One piece without separators at its ends, as shown; undefined when it is a plain word. `first`: it begins the message. */
function maskPiece(piece: string, first: boolean): string | undefined {
  const code = piece.charCodeAt(0);
  const startsWithDigit = code >= 48 && code <= 57;
  let hasDigit = false;
  let hasSlash = false;
  let hasDot = false;
  let hasColon = false;
  let hasBackslash = false;
  let hasAt = false;
  for (let i = 0; i < piece.length; i++) {
    const c = piece.charCodeAt(i);
    if (c >= 48 && c <= 57) hasDigit = true;
    else if (c === 47) hasSlash = true;
    else if (c === 46) hasDot = true;
    else if (c === 58) hasColon = true;
    else if (c === 92) hasBackslash = true;
    else if (c === 64) hasAt = true;
  }
  if (!hasDigit && !hasSlash && !hasDot && !hasColon && !hasBackslash && !hasAt) {
    if (booleanWord.test(piece)) return '<bool>';
    if (piece.length % 8 === 0 && hex.test(piece)) return '<hex>';
    return undefined;
  }
  if (errorType.test(piece)) return undefined;
  if (hasDigit && !(hasDot && ip4.test(piece)) && number.test(piece))
    return dateTime.test(piece) ? '<time>' : '<num>';
  if (hasColon) {
    if (clockTime.test(piece)) return '<time>';
    if (hasSlash && url.test(piece)) return '<url>';
    if (mac.test(piece)) return '<mac>';
    if (ip6.test(piece)) return '<ip>';
  }
  if (hasDot && hasDigit) {
    const bare = piece.startsWith('/') ? piece.slice(1) : piece;
    if (ip4.test(bare)) return '<ip>';
    const slash = piece.indexOf('/');
    if (slash > 0 && ip4.test(piece.slice(slash + 1))) return '<host>';
  }
  if (hasDigit) {
    if (piece.length === 36 && uuid.test(piece)) return '<uuid>';
    if (dateTime.test(piece) || shortDate.test(piece) || logDate.test(piece)) return '<time>';
    if (startsWithDigit || code === 43 || code === 45) {
      if (duration.test(piece)) return '<duration>';
      if (size.test(piece)) return '<size>';
    }
    if (hex.test(piece)) return '<hex>';
  }
  if (hasAt) {
    if (email.test(piece)) return '<email>';
    const object = objectId.exec(piece)?.[1];
    if (object !== undefined) return errorType.test(object) ? object : '<object>';
  }
  if (hasBackslash && windowsPath.test(piece)) return '<path>';
  if (hasSlash && piece.length > 1 && (unixPath.test(piece) || relativePath.test(piece))) return '<path>';
  if (hasColon && hasDot && hasDigit && codePlace.test(piece)) return '<path>';
  if (hasColon && hasDigit && hostPort.test(piece)) return '<host>';
  if (hasDot && !first) {
    if (domain.test(piece)) return '<host>';
    if (dotted.test(piece)) return '<name>';
  }
  if (hasDigit) {
    if (opaque.test(piece)) return '<id>';
    // Numbers inside a word: blk_-123, node-17, core.4711. With several it is an id as a whole, but for its first letters.
    let masked = piece.replace(/[+-]?\d+(?:\.\d+)*/g, (run, at: number) =>
      // A hyphen after a letter or digit is a hyphen; elsewhere it is a sign.
      (run[0] === '-' || run[0] === '+') && at > 0 && /[A-Za-z\d]/.test(piece[at - 1] as string)
        ? `${run[0]}<num>`
        : '<num>',
    );
    const firstMask = masked.indexOf('<num>');
    if (masked.indexOf('<num>', firstMask + 5) !== -1) {
      const head = /^[A-Za-z]+/.exec(piece)?.[0] ?? '';
      masked = `${head}<id>`;
    }
    return masked;
  }
  return undefined;
}

const chunkCache = new Map<string, Masked>();
const maxCachedChunks = 20_000;
const seenOnce = new Doorkeeper();

/**
 * What a value with colons may be made of. No name of a host with its port is longer, nor an address or a time: a longer run
 * is none, and would be looked at once more at each of its colons.
 */
const longestColonRun = 280;
const colonRun = new RegExp(`[\\w./@:-]{1,${longestColonRun + 1}}`, 'y');

/** Values that have colons of their own. */
const wholeMask = new Set(['<ip>', '<time>', '<host>', '<mac>', '<path>']);

function isSeparator(char: string): boolean {
  return separators.has(char);
}

function isIp6At(chunk: string, at: number): boolean {
  return chunk.startsWith('::', at) && startsIp6.test(chunk.slice(at));
}

/** A chunk between white space, in pieces; the first piece gets the leading space. */
function maskChunk(chunk: string, first: boolean): Masked {
  const shown: string[] = [];
  const keys: string[] = [];
  const push = (text: string, key: string): void => {
    shown.push(text);
    keys.push(key);
  };
  const pushWord = (word: string): void => {
    const mask = maskPiece(word, first && shown.length === 0);
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
      for (let at = 0; at <= core.length; at++) {
        const char = core[at];
        // A leader of dots parts a name from its value: `store operation........1`
        if (char === '.' && core[at + 1] === '.' && core[at + 2] === '.') {
          if (at > from) pushWord(core.slice(from, at));
          while (core[at + 1] === '.') at++;
          push('...', '...');
          from = at + 1;
          continue;
        }
        if (char !== undefined && !isSeparator(char)) continue;
        // can't, O'Brien
        if (char === "'" && /[A-Za-z]/.test(core[at - 1] ?? '') && /[A-Za-z]/.test(core[at + 1] ?? ''))
          continue;
        // A colon inside a path, an address or a time belongs to it.
        if (char === ':' && (/\d/.test(core[at + 1] ?? '') || (at === from && core[at + 1] === ':'))) {
          colonRun.lastIndex = from;
          const rest = colonRun.exec(core)?.[0] ?? '';
          const isWhole = rest.length > at - from && rest.length <= longestColonRun;
          const mask = isWhole ? maskPiece(rest, false) : undefined;
          if (mask !== undefined && wholeMask.has(mask)) {
            push(mask, anything);
            from = from + rest.length;
            at = from - 1;
            continue;
          }
        }
        if (at > from) pushWord(core.slice(from, at));
        if (char !== undefined) push(char, char);
        from = at + 1;
      }
    }
  }
  for (const char of tail) push(char, char);
  return { shown, keys };
}

/** Quoted text with up to three words becomes `"<str>"`; longer text is prose that tells errors apart, and stays. */
function maskQuotes(text: string): string {
  if (text.indexOf('"') === -1 && text.indexOf("'") === -1 && text.indexOf('`') === -1) return text;
  return text.replace(
    /(?<![\w"'`\\])(["'`])((?:[^"'`\\\n]|\\.){0,200}?|(?:(?!\1)[^\\\n]|\\.){0,200}?)\1(?![\w])/g,
    (whole, quote: string, inner: string, at: number) => {
      if (inner === '') return `${quote}<str>${quote}`;
      if (httpRequest.test(inner) || errorType.test(inner)) return whole;
      const before = text.slice(Math.max(0, at - 24), at);
      if (messageKey.test(before) || before.endsWith('instance of ')) return whole;
      // klog quotes the message, and fields follow; RuntimeError('no order') is how Python shows an exception.
      if (at === 0 && quote === '"' && quotedMessage.test(text.slice(whole.length, whole.length + 64)))
        return whole;
      if (inner.includes(' ') && shownError.test(before)) return whole;
      if (/^[A-Za-z_]\w*$/.test(inner) && text[at + whole.length] === ':') return whole; // a JSON key
      const words = inner.split(/\s+/).filter((word) => /^[A-Za-z][a-z']{2,}[,.]?$/.test(word)).length;
      return words >= 4 ? whole : `${quote}<str>${quote}`;
    },
  );
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
      sentence += `${message.slice(taken, at)}0`;
      taken = end;
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
  const text = maskQuotes(bounded);
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
    if (length === 1 && initial === 47 && methodBefore.test(text.slice(Math.max(0, from - 9), from))) {
      shown.push(' <path>');
      keys.push(gluedAnything);
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

const isMask = (key: string | undefined): boolean => key === anything || key === ' <*>';

/** Joins what takes several pieces to say one thing: dates, amounts with a unit, lists of values. */
function compact({ shown, keys }: Masked): Masked {
  const outShown: string[] = [];
  const outKeys: string[] = [];
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
    if (isMask(key)) {
      const next = keys[i + 1];
      const isNumber = text.endsWith('<num>');
      if (isNumber && next?.startsWith(' ')) {
        const kind = durationUnit.test(next) ? '<duration>' : sizeUnit.test(next) ? '<size>' : undefined;
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

/** The message with its variables shown as such: for titles and for `explain`. */
export function maskText(message: string): string {
  return mask(message).shown.join('');
}
