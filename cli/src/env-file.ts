// The file `.env` -> variables. Node.js reads such files too, but passes over in silence what it does not understand, and
// takes the line after a broken one along: a setting was lost without a word.

import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { StartError } from '@log-detector/settings';

/** A comment, an assignment (a value in quotes may have several lines), or nothing. */
const line =
  /[ \t]*(?:#[^\n]*|(?:export[ \t]+)?[A-Za-z_][\w.-]*[ \t]*=[ \t]*(?:"[^"]*"|'[^']*'|`[^`]*`)?[^\n]*)?(?:\n|$)/y;

/**
 * @returns nothing when there is no such file.
 * @throws {StartError} when it cannot be read, or a line is none of these.
 */
export function readEnvFile(path: string): NodeJS.Dict<string> {
  const text = textOf(path);
  for (line.lastIndex = 0; line.lastIndex < text.length; ) {
    const from = line.lastIndex;
    if (line.test(text)) continue;
    const number = text.slice(0, from).split('\n').length;
    // Its text is not repeated: it may hold a password.
    throw new StartError(`${path}, line ${number}, is not NAME=value; correct it, or begin it with #`);
  }
  return parseEnv(text);
}

/** Without what editors of Windows put at the beginning and at the ends of lines. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
      .replace(/^\uFEFF/, '')
      .replaceAll('\r\n', '\n');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw new StartError(
      `cannot read ${path}: ${(error as Error).message}; let the user who starts this read it, or take it away`,
    );
  }
}
