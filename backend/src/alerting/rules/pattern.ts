// A rule's pattern -> a test of a message, in RE2: its time grows with the message alone, and no message can hang it. What
// RE2 does not have (lookaround, back references) is refused with a word on what to do.

import { RE2JS } from 're2js';

/** Of a message, so many characters are looked at. */
export const patternSees = 65_536;

/** @throws {Error} whose message says what is wrong with it and what to do. */
export function compilePattern(source: string): (message: string) => boolean {
  // Without a character that means something, a plain search is the same, and a hundred times as fast.
  if (!/[\\^$.|?*+()[\]{}]/.test(source)) return (message) => message.slice(0, patternSees).includes(source);
  const lookaround = /\(\?<?[=!]/.exec(source)?.[0];
  if (lookaround)
    throw new Error(
      `uses ${lookaround.includes('<') ? 'a lookbehind' : 'a lookahead'} "${lookaround}", which rules cannot have; match the whole phrase and drop the "${lookaround}"`,
    );
  if (/\\[1-9]|\\k<|\(\?P=/.test(source))
    throw new Error('uses a back reference, which rules cannot have; write out what it stands for');
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(RE2JS.translateRegExp(source), RE2JS.MULTILINE);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.replace(/^error parsing regexp: /, '') : String(cause);
    throw new Error(`cannot be read (${why}); correct it, a backslash makes a character stand for itself`, {
      cause,
    });
  }
  return (message) => compiled.test(message.length > patternSees ? message.slice(0, patternSees) : message);
}
