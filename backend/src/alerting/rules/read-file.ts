// RULES_FILE -> its sections, checked. Every mistake is told at once, as `file:line: what is wrong; what to do`. A value may
// hold `${NAME}`, which the environment fills in (NAME, or the file that NAME_FILE names), so that secrets stay out of it.

import { readFileSync } from 'node:fs';
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { type ChannelSchemas, checkConfig } from './check.ts';
import { Checker, type Path } from './checker.ts';
import { noRules, type RulesConfig } from './types.ts';

export interface ReadOptions {
  channelTypes: ChannelSchemas;
  /** The value of a variable of the environment; undefined: it is not set. */
  variable(name: string): string | undefined;
}

export interface ReadRules {
  config: RulesConfig;
  /** `rules.yaml:14: …`, in the order of the lines. */
  problems: string[];
}

/** Largest file that is read. */
const maxBytes = 1024 * 1024;

/** @param file its path, as the messages name it. */
export function readRulesFile(file: string, options: ReadOptions): ReadRules {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    return {
      config: noRules,
      problems: [`${file}: cannot be read: ${(error as Error).message}; give the path of a readable file`],
    };
  }
  return readRulesText(text, file, options);
}

/** @param name of the file, for the messages. */
export function readRulesText(text: string, name: string, options: ReadOptions): ReadRules {
  if (text.length > maxBytes)
    return { config: noRules, problems: [`${name}: is larger than 1 MB; split off what is no rule`] };
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const placed: { line: number; message: string }[] = [...document.errors, ...document.warnings].map(
    ({ pos, message }) => ({ line: lines.linePos(pos[0]).line, message: `${message}; correct the YAML` }),
  );
  if (placed.length > 0) return { config: noRules, problems: toTexts(placed, name) };

  const secrets = new Set<unknown>();
  const checker = new Checker(secrets);
  let value: unknown;
  try {
    value = fillIn(document.toJS({ maxAliasCount: 100 }), [], options.variable, secrets, checker);
  } catch (error) {
    return {
      config: noRules,
      problems: [`${name}: ${(error as Error).message}; write out what is repeated`],
    };
  }
  // What stands where a variable is missing is wrong for that reason alone.
  const unfilled = new Set(checker.problems.map(({ path }) => path.join('\0')));
  const missing = checker.problems.length;
  const config = checkConfig(value, checker, options.channelTypes);
  const problems = checker.problems.filter(
    ({ path }, index) => index < missing || !unfilled.has(path.join('\0')),
  );
  for (const { path, message } of problems)
    placed.push({ line: lineOf(document.contents as Node | null, path, lines), message });
  return { config, problems: toTexts(placed, name) };
}

function toTexts(placed: readonly { line: number; message: string }[], name: string): string[] {
  return placed.toSorted((a, b) => a.line - b.line).map(({ line, message }) => `${name}:${line}: ${message}`);
}

/** The line of what stands at the path, or of what stands around it. */
function lineOf(root: Node | null, path: Path, lines: LineCounter): number {
  let node: Node | null = root;
  let line = 1;
  for (const part of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(part));
      if (!pair) return line;
      line = lines.linePos((pair.key as Node).range![0]).line;
      node = pair.value as Node | null;
    } else if (isSeq(node)) {
      node = node.items[Number(part)] as Node | null;
      if (node?.range) line = lines.linePos(node.range[0]).line;
    } else return line;
  }
  return line;
}

/** The value with every `${NAME}` filled in; `$${` stands for `${`. */
function fillIn(
  value: unknown,
  path: Path,
  variable: ReadOptions['variable'],
  secrets: Set<unknown>,
  checker: Checker,
): unknown {
  if (typeof value === 'string') {
    if (!value.includes('${')) return value;
    const filled = value.replace(
      /\$\$\{|\$\{([^}]*)\}/g,
      (part: string, name: string | undefined): string => {
        if (name === undefined) return '${';
        const known = /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? variable(name) : undefined;
        if (known !== undefined) return known;
        checker.problem(
          path,
          `the environment has no ${name}; set it, or ${name}_FILE, or write "$${part}" if the text itself is meant`,
        );
        return part;
      },
    );
    if (filled !== value) secrets.add(filled);
    return filled;
  }
  if (Array.isArray(value))
    return value.map((each, index) => fillIn(each, [...path, index], variable, secrets, checker));
  if (value !== null && typeof value === 'object')
    return Object.fromEntries(
      Object.entries(value).map(([key, each]) => [
        key,
        fillIn(each, [...path, key], variable, secrets, checker),
      ]),
    );
  return value;
}
