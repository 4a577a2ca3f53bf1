// Which numbers tell failures apart, and so stay where every other number is masked: an HTTP status that is an error, what
// a process ended with, and the number of an error. What stands before the number says so.

/** What a process ended with: any number but zero, up to what a process can end with. */
const ending =
  /(?:^|[^A-Za-z])(?:(?:exit(?:ed|s|ing)?|return(?:ed|s)?)[ _-]?(?:with )?(?:a )?(?:non-?zero )?(?:code|status)(?: of| was)?|exit(?:ed|s)?(?: [a-z]{1,20})? \(code|rc|errno)(?:["']?\s?[=:]\s?|\s)$/i;
const greatestEnding = 255;
const signal = /(?:^|[^A-Za-z])signal(?:["']?\s?[=:]\s?|\s)$/i;
const greatestSignal = 64;
/** `error code 1045`, `(os error 111)`, `close code: 1006`, `closed with code 1011` */
const errorNumber =
  /(?:^|[^A-Za-z])(?:(?:err(?:or)?|close|reason|result)[ _-]?(?:code|number|num|no)|(?:os|system|socket) error|errno|(?:closed|failed|ended|aborted|rejected|terminated) with code)(?: of| was| is)?(?:["']?\s?[=:#]\s?|\s)["']?$/i;
/** Digits of the longest number that tells failures apart. */
export const mostDigits = 5;
/**
 * An HTTP status. Behind a quote and a space it is that of an access log, which tells of all requests; behind a comma, a
 * detail of a failure that has been told.
 */
const status =
  /(?:^|[^A-Za-z\s]|[^",\s]\s)(?<!(?:https?|response|status|error)\s)(?:(?:https?[ _-]?)?(?:(?:response|status|error)[ _-]?)?(?:status|code|error)(?: of| was| is)?|https?(?:\/\d(?:\.\d)?)?)(?:["']?\s?[=:]\s?["']?|\s)$/i;
const result = /(?:^|[^A-Za-z])result["']?\s?[=:]\s?["']?$/i;
/** A code of something else: `country code: 404`, `zip_code=404`. Behind these words it is that of an answer. */
const otherCode =
  /(?:^|[^A-Za-z])(?!(?:with|by|the|an?|https?|response|status|error|returned|got|received|result|unexpected|failed)[\s_-])[A-Za-z]+[\s_-]code(?: of| was| is)?(?:["']?\s?[=:]\s?|\s)$/i;
/** Those that are in use, of 4xx and 5xx. */
const failedStatus = /^(?:4[0-5]\d|499|5[0-3]\d|59[89])$/;
/** Words that things may be counted behind, too. */
const answer =
  /(?:^|[^A-Za-z])(?:(?:responded|answered|returned|returns|sent|got)(?: with)?(?: an?)?\s|response(?: of| was| is)?(?::\s|\s)|(?<!(?:https?|response|status)[ _-])error(?: of| was| is)?(?::\s|\s))$/i;
const bareExit = /(?:^|[^A-Za-z])exit(?:ed)?(?: with)?(?:["']?\s?[=:]\s?|\s)$/i;
/** After these: a number of things would be followed by their name. */
const afterAnswer = /^(?:$|[),.;:\]}"'!]| (?:in|for|from|after|on|to|at|when|while)\b| [A-Z("])/;
const longestName = 40;

/** The last letters of what may stand before, two or three of them: most numbers need no pattern. */
const lastLetters = new Set(
  [
    'de',
    'us',
    'of',
    'as',
    'is',
    'it',
    'ed',
    'th',
    'rc',
    'al',
    'no',
    'or',
    'ps',
    'tp',
    'ns',
    'nt',
    'ot',
    ' a',
    'an',
  ].map((pair) => (pair.charCodeAt(0) << 8) | pair.charCodeAt(1)),
);
const lastThreeLetters = new Set(
  ['ber', 'num', 'nse', 'ult'].map((three) =>
    [...three].reduce((sum, char) => (sum << 8) | char.charCodeAt(0), 0),
  ),
);
const space = 32;

const isDigit = (code: number): boolean => code >= 48 && code <= 57;

/** Length of the number at `from` if it tells failures apart, else 0. Looks at a bounded part of the text. */
export function lengthOfOutcome(text: string, from: number): number {
  const length = lengthOfCandidate(text, from);
  return length > 0 && isOutcome(text, from, length, 0) ? length : 0;
}

/**
 * Whether it tells failures apart in the text, or in what is left of it when its header is taken off, wherever that ends:
 * `HTTP 503` behind `ERROR`.
 */
export function mayBeOutcome(text: string, from: number): boolean {
  const length = lengthOfCandidate(text, from);
  if (length === 0) return false;
  if (isOutcome(text, from, length, 0)) return true;
  // Of a longer one it does not matter where the text begins.
  if (length > 3) return false;
  for (let begin = Math.max(1, from - longestName); begin <= from - 3; begin++)
    if (!isLetter(text.charCodeAt(begin - 1)) && isOutcome(text, from, length, begin)) return true;
  return false;
}

/** Length of the number at `from` if it has the shape of one that tells failures apart, else 0. */
function lengthOfCandidate(text: string, from: number): number {
  const first = text.charCodeAt(from);
  if (first < 49 || first > 57 || from < 3) return 0;
  let end = from + 1;
  while (end < text.length && end - from <= mostDigits && isDigit(text.charCodeAt(end))) end++;
  const length = end - from;
  return length <= mostDigits && mayPrecede(text, from) && isWholeNumber(text, end) ? length : 0;
}

/** @param begin where the text is read from. */
function isOutcome(text: string, from: number, length: number, begin: number): boolean {
  const end = from + length;
  const before = text.slice(Math.max(begin, from - longestName), from);
  if (errorNumber.test(before)) return true;
  if (length > 3) return false;
  const number = Number(text.slice(from, end));
  if (number <= greatestSignal && signal.test(before)) return true;
  const isCounted = (): boolean => !afterAnswer.test(text.slice(end, end + 8));
  if (number <= greatestEnding && (ending.test(before) || (bareExit.test(before) && !isCounted())))
    return true;
  if (!failedStatus.test(text.slice(from, end))) return false;
  if (answer.test(before)) return !isCounted();
  return result.test(before) || (status.test(before) && !otherCode.test(before));
}

const isLetter = (code: number): boolean => (code | 32) >= 97 && (code | 32) <= 122;

function mayPrecede(text: string, from: number): boolean {
  let at = from - 1;
  while (at > from - 5 && isBetween(text.charCodeAt(at))) at--;
  const letter = text.charCodeAt(at);
  // HTTP/1.1 503
  if (isDigit(letter)) return at === from - 2;
  if (at >= from - 1) return false;
  const two = ((text.charCodeAt(at - 1) | 32) << 8) | (letter | 32);
  return lastLetters.has(two) || lastThreeLetters.has(((text.charCodeAt(at - 2) | 32) << 16) | two);
}

/** White space, and what may stand between a name and its value: `: `, `=`, `":` */
const isBetween = (code: number): boolean =>
  code <= space || code === 58 || code === 61 || code === 34 || code === 39;

/** Not the start of `404.5`, `5s` or `1-2`. */
function isWholeNumber(text: string, end: number): boolean {
  if (end >= text.length) return true;
  const code = text.charCodeAt(end);
  if (code <= space) return true;
  if (!'.,:;)]}"\'!'.includes(text[end]!)) return false;
  const next = text.charCodeAt(end + 1);
  return !((code === 46 || code === 44 || code === 58) && isDigit(next));
}
