// The file `.env` -> variables. Node.js reads such files too, but passes over in silence what it does not understand, and
// takes the line after a broken one along: a setting was lost without a word.

import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { StartError } from '@log-detector/settings';

const quoted = '"[^"]*"|\'[^\']*\'|`[^`]*`';
/**
 * A comment, an assignment, or nothing. A value in quotes may have several lines, and nothing but a comment behind it: what
 * else stands there was to be of the value, or of another one whose quotes were forgotten.
 */
const line = new RegExp(
  `[ \\t]*(?:#[^\\n]*|(?:export[ \\t]+)?(?<name>[A-Za-z_][\\w.-]*)[ \\t]*=[ \\t]*(?<value>(?:${quoted})[ \\t]*(?:#[^\\n]*)?|(?!${quoted})[^\\n]*))?(?:\\n|$)`,
  'y',
);

/**
 * @returns nothing when there is no such file.
 * @throws {StartError} when it cannot be read, or a line is none of these.
 */
export function readEnvFile(path: string): NodeJS.Dict<string> {
  const text = textOf(path);
  let assignments = '';
  for (line.lastIndex = 0; line.lastIndex < text.length; ) {
    const from = line.lastIndex;
    const { name, value } = line.exec(text)?.groups ?? {};
    // Without the tabs that Node.js takes for a part of the name, and with the newline that it needs.
    if (name !== undefined) assignments += `${name}=${value}\n`;
    if (line.lastIndex > 0) continue;
    const number = text.slice(0, from).split('\n').length;
    // Its text is not repeated: it may hold a password.
    throw new StartError(`${path}, line ${number}, is not NAME=value; correct it, or begin it with #`);
  }
  return parseEnv(assignments);
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
