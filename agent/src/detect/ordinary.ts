// A cheap answer to: can this line begin or continue anything? Nearly all lines of nearly all logs cannot, and only they
// need to be fast. What the table of traces.ts knows must not be called ordinary here; a test holds the two together.

import { isDigit } from './text.ts';

/** Begins, at the start of a line, that the table knows: all others are ordinary without a look. */
export const starts = [
  'Caused by',
  'Suppressed',
  'Wrapped by',
  'Root cause',
  'Reason',
  'Stack',
  'stack',
  'Traceback',
  'Call',
  'Back',
  'back',
  'Current stack',
  'error: ',
  '0x',
  'goroutine ',
  'panic: ',
  'fatal error',
  'runtime: ',
  'SIG',
  'unexpected fault',
  'thread ',
  'The application panicked',
  'terminate called',
  'libc++abi',
  'free',
  'malloc',
  'realloc',
  'munmap',
  'corrupt',
  'double free',
  'Fatal Python',
  'Fatal error: ',
  'Parse error: ',
  'Segmentation fault',
  'Full thread dump',
  '<--- Last few GCs',
  'Unhandled',
  'Uncaught',
  'SUMMARY: ',
  'Node.js v',
  'Bun v',
  '(Use `node',
  'SpanTrace',
  'Location:',
  'Thrown at',
  'Trace',
  'nested exception',
  'Exception in thread',
  'at ',
  'Next ',
  'Server: ',
  'Request: ',
  'Raised ',
  'Re-raised ',
  'Called ',
  'Message: ',
  'BEGIN failed',
  'Compilation failed',
  '(1) ',
  '----- ',
  'Wraps: (',
  'Error types: (',
  'Program ',
  'Thread ',
  'npm E',
  'npm e',
  'API: ',
  'ERROR in ',
  'Execution error ',
  'Syntax error ',
  'ORA-',
  'Line |',
];
const knownStarts: string[][] = Array.from({ length: 128 }, () => []);
for (const start of starts) knownStarts[start.charCodeAt(0)]!.push(start);
// Any line that begins so is looked at.
const looked = new Uint8Array(128);
for (const character of ' \t\r\u001b!#*=+.[\\]})"\'<|@') looked[character.charCodeAt(0)] = 1;
// Unless it is a logger's bracket or a whole JSON object.
looked['['.charCodeAt(0)] = 0;
looked['"'.charCodeAt(0)] = 0;
looked["'".charCodeAt(0)] = 0;
looked['<'.charCodeAt(0)] = 0;

/** Whether a line that begins with this byte of UTF-8 may be out of the ordinary, whatever follows. */
export const isLookedAt = (byte: number): boolean => byte >= 128 || looked[byte] === 1;

// Each stage asks of the same line.
let askedLast = '';
let answeredLast = false;

/** Whether the line can neither begin nor continue anything: told by its first character and a few words. */
export function isOrdinary(text: string): boolean {
  if (text !== askedLast) {
    answeredLast = looksOrdinary(text);
    askedLast = text;
  }
  return answeredLast;
}

function looksOrdinary(text: string): boolean {
  const code = text.charCodeAt(0);
  if (!(code < 128)) return code < 0x2500 && code !== 0x2139 && !hasSpecialWord(text);
  // A whole JSON object is one log line, whatever it says.
  if (code === 123) return text.charCodeAt(text.length - 1) === 125;
  if (looked[code] === 1) return false;
  if (code >= 48 && code <= 57 && (text.charCodeAt(2) === 124 || text.charCodeAt(3) === 124)) return false;
  // `Nov 22, 2026 5:52:38 PM app.Main run`: java.util.logging.
  if (text.charCodeAt(3) === 32 && isDigit(text.charCodeAt(4)) && /^[A-Z][a-z]{2} \d.* [AP]M /.test(text)) {
    return false;
  }
  // `mysqld got signal 11 ;`
  if (text.endsWith(' ;')) return false;
  // `future: <Task finished …>`: asyncio.
  if (text.charCodeAt(text.length - 1) === 58) return false;
  if (code >= 97 && code <= 122 && text.charCodeAt(text.length - 1) === 62) return false;
  for (const start of knownStarts[code]!) if (text.startsWith(start)) return false;
  return !hasSpecialWord(text);
}

/** Words that no ordinary line has. */
export const specialWords = [
  'Exception',
  'Error',
  'Traceback',
  'Throwable',
  'Assertion',
  'untime error: ',
  'Uncaught',
  'Unhandled',
  ':in ',
  'panic',
  'PHP ',
];

/** Nanoseconds for 200 characters each: 15 to 50 by its first letter; one regular expression for all takes 300. */
function hasSpecialWord(text: string): boolean {
  if (isOddWord(text)) return true;
  for (const word of specialWords) if (text.includes(word)) return true;
  return false;
}

/** Whether the first word is the whole line, or looks like `a.b.Type:` or `A::Type:`. */
function isOddWord(text: string): boolean {
  const space = text.indexOf(' ');
  if (space === -1) return true;
  if (text.charCodeAt(space - 1) !== 58) return false;
  const word = text.slice(0, space);
  return (word.includes('.') || word.includes('::')) && !(text.charCodeAt(0) <= 57);
}
