// One word of a message -> what it is by its shape alone: a number, an address, an id, a time, a size, a path; or nothing.

import { kindOfWord } from './words.ts';

/** Every mask, as compared. */
export const anything = '<*>';

// Each pattern is anchored and without nested repetition, so that a token costs time linear in its length.
const ip4 = /^\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?:\/\d{1,2})?(?::\d{1,5})?$/;
const ip6 =
  /^(?=[\da-f:.]*:[\da-f:.]*:)[\da-f]{0,4}(?::[\da-f]{0,4}){2,7}(?:\d{1,3}(?:\.\d{1,3}){3})?(?:%\w{1,16})?(?:\/\d{1,3})?$/i;
const mac = /^[\da-f]{2}(?:[:-][\da-f]{2}){5,19}$/i;
const uuid = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i;
export const url = /^[a-z][a-z\d+.-]{1,15}:\/\/\S+$/i;
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
const windowsPath = /^(?:[A-Za-z]:[\\/]|\\\\)[\w.@~+%:$*#\\/ -]*$/;
const relativePath =
  /^[\w.@~+-]+(?:\/[\w.@~+%:$*#-]+){2,}\/?$|^[\w@~+-]+(?:\.[\w@~+-]+)+\/[\w.@~+%:$*#/-]+$|^[\w@~+-]+\/[\w./@~+-]*\.[a-z]{1,5}$/;
/** A place in source code: `main.go:42`, `src/app.js:3:17` */
const codePlace =
  /^[\w./@+-]{1,200}\.(?:go|py|rb|rs|js|mjs|cjs|ts|tsx|jsx|java|kt|scala|cs|php|c|cc|cpp|cxx|h|hpp|swift|dart|exs?|erl|pl|pm|lua|sql|vue):\d{1,7}(?::\d{1,7})?$/;
/** With a dot, a digit or a hyphen in the name: `index:12` is a name and its value. */
const hostPort =
  /^(?=[^:]*[.\d-]|localhost)(?![^:]*[a-z][A-Z])[A-Za-z\d][\w-]{0,62}(?:\.[\w-]{1,63}){0,8}:\d{2,5}$/;
/** Of one word, a port that everybody knows: `redis:6379`. What programs count and number is no host: `line:80`, `pid:1433`. */
const knownPort =
  /^([a-z][a-z\d]{3,62}):(?:80|443|1433|1521|1883|2181|2375|2379|3000|3306|4222|5000|5432|5672|6379|8000|8080|8081|8443|8500|8888|9000|9090|9092|9200|9300|11211|15672|27017)$/;
const isWordWithPort = (piece: string): boolean => kindOfWord(knownPort.exec(piece)?.[1] ?? '') === 'plain';
const dotted = /^[A-Za-z_\d][\w$-]*(?:\.[\w$-]+){2,}$/;
const domain =
  /^[a-z\d][a-z\d-]*\.(?:com|org|net|io|dev|app|edu|gov|local|internal|lan|cn|de|fr|uk|jp|ru|in|br|nl|us|eu|info|biz|co|me|cloud|svc)$/i;
/** Exception types tell errors apart, whatever digits are in them: `Http404Error`. */
export const errorType =
  /^[A-Za-z_$][\w$.]*(?:Error|Exception|Warning|Fault|Failure|Throwable|Panic|Interrupt)$/;
const objectId = /^([A-Za-z_$][\w.$]*)@[\da-f]{1,16}$/;
const opaque = /^(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])(?=\D*\d)[\w+/=-]{16,}$/;
const booleanWord = /^(?:true|false|True|False|TRUE|FALSE)$/;

/** One piece without separators at its ends, as shown; undefined when it is a plain word. `first`: it begins the message. */
export function maskPiece(piece: string, first: boolean): string | undefined {
  const code = piece.charCodeAt(0);
  const startsWithDigit = code >= 48 && code <= 57;
  let digits = 0;
  let hasSlash = false;
  let hasDot = false;
  let hasColon = false;
  let hasBackslash = false;
  let hasAt = false;
  for (let i = 0; i < piece.length; i++) {
    const c = piece.charCodeAt(i);
    if (c >= 48 && c <= 57) digits++;
    else if (c === 47) hasSlash = true;
    else if (c === 46) hasDot = true;
    else if (c === 58) hasColon = true;
    else if (c === 92) hasBackslash = true;
    else if (c === 64) hasAt = true;
  }
  if (digits === piece.length) return '<num>';
  const hasDigit = digits > 0;
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
  if (hasColon && hasDigit && (hostPort.test(piece) || isWordWithPort(piece))) return '<host>';
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
