// Values that a person wrote -> checked ones, with every mistake noted at its place and nothing thrown. The reader of
// RULES_FILE turns a place into a line; the API, into a `loc`.

import { distance } from '@log-detector/settings';

export type Path = readonly (string | number)[];

export interface Problem {
  path: Path;
  /** What is wrong, and what to do. */
  message: string;
}

/** Reads values and collects what is wrong with them. A wrong value comes back as undefined. */
export class Checker {
  readonly problems: Problem[] = [];
  readonly #secrets: ReadonlySet<unknown>;

  /** @param secrets values that no message may repeat. */
  constructor(secrets: ReadonlySet<unknown> = new Set()) {
    this.#secrets = secrets;
  }

  problem(path: Path, message: string): undefined {
    this.problems.push({ path, message });
    return undefined;
  }

  /** The value as a message may show it. */
  shown(value: unknown): string {
    if (this.#secrets.has(value)) return 'the value from the environment';
    const text = asJson(value);
    return text.length > 80 ? `${text.slice(0, 77)}…` : text;
  }

  /** An object with none but the known keys. */
  object(value: unknown, path: Path, known: readonly string[]): Record<string, unknown> | undefined {
    if (value === null || typeof value !== 'object' || Array.isArray(value))
      return this.problem(path, `${nameOf(path)} is ${this.shown(value)}; give ${keysOf(known)}`);
    for (const key of Object.keys(value))
      if (!known.includes(key)) this.problem([...path, key], unknownKey(key, known));
    return value as Record<string, unknown>;
  }

  /** An object whose keys are names that the user gives. */
  map(value: unknown, path: Path): [string, unknown][] {
    if (value === undefined || value === null) return [];
    if (typeof value === 'object' && !Array.isArray(value)) return Object.entries(value);
    this.problem(path, `${nameOf(path)} is ${this.shown(value)}; give names with a colon, each on its line`);
    return [];
  }

  list(value: unknown, path: Path): unknown[] {
    if (value === undefined || value === null) return [];
    if (Array.isArray(value)) return value;
    this.problem(path, `${nameOf(path)} is ${this.shown(value)}; give a list, each item after "- "`);
    return [];
  }

  text(value: unknown, path: Path, maxLength = 255): string | undefined {
    if (typeof value === 'string' && value.trim() !== '' && value.length <= maxLength) return value.trim();
    // `container: 7` is a number to YAML and a name to whoever wrote it.
    if (typeof value === 'number' || typeof value === 'boolean') return String(value);
    if (typeof value === 'string' && value.length > maxLength)
      return this.problem(path, `${nameOf(path)} is longer than ${maxLength} characters; shorten it`);
    return this.problem(path, `${nameOf(path)} is ${this.shown(value)}; give a text`);
  }

  /** One text, or a list of them. */
  texts(value: unknown, path: Path): string[] | undefined {
    if (!Array.isArray(value)) {
      const text = this.text(value, path);
      return text === undefined ? undefined : [text];
    }
    if (value.length === 0) return this.problem(path, `${nameOf(path)} is an empty list; leave it out`);
    return value.flatMap((each, index) => this.text(each, [...path, index]) ?? []);
  }

  boolean(value: unknown, path: Path): boolean {
    if (value === undefined || value === null) return false;
    if (typeof value === 'boolean') return value;
    this.problem(path, `${nameOf(path)} is ${this.shown(value)}; use true or false`);
    return false;
  }

  integer(value: unknown, path: Path, min: number, max: number): number | undefined {
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
    return this.problem(
      path,
      `${nameOf(path)} is ${this.shown(value)}; give a whole number from ${min} to ${max}`,
    );
  }

  oneOf<Choice extends string>(
    value: unknown,
    path: Path,
    choices: readonly Choice[],
    word: string = nameOf(path),
  ): Choice | undefined {
    const choice = choices.find((each) => each === value);
    if (choice !== undefined) return choice;
    const near = typeof value === 'string' ? nearest(value, choices) : undefined;
    return this.problem(
      path,
      `${word} is ${this.shown(value)}; ${near ? `did you mean "${near}"?` : `use one of ${choices.join(', ')}`}`,
    );
  }

  /** Seconds, or `90s`, `15m`, `4h`, `1h30m`, `2d`. @returns ms. */
  duration(value: unknown, path: Path, minMs: number, maxMs: number): number | undefined {
    const ms =
      typeof value === 'number' ? value * 1000 : typeof value === 'string' ? msOf(value) : Number.NaN;
    if (ms >= minMs && ms <= maxMs) return ms;
    return this.problem(
      path,
      `${nameOf(path)} is ${this.shown(value)}; give a time such as 90s, 15m, 4h or 2d, from ${saidMs(minMs)} to ${saidMs(maxMs)}`,
    );
  }
}

const unitMs: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function msOf(text: string): number {
  if (/^\s*\d+\s*$/.test(text)) return Number(text) * 1000;
  if (!/^\s*(\d+(\.\d+)?\s*[smhd]\s*)+$/.test(text)) return Number.NaN;
  return [...text.matchAll(/(\d+(?:\.\d+)?)\s*([smhd])/g)].reduce(
    (sum, [, digits, unit]) => sum + Number(digits) * unitMs[unit!]!,
    0,
  );
}

function saidMs(ms: number): string {
  const unit = Object.keys(unitMs)
    .toReversed()
    .find((each) => ms % unitMs[each]! === 0)!;
  return `${ms / unitMs[unit]!}${unit}`;
}

/** `rules[2].match.host`, or its last part. */
function nameOf(path: Path): string {
  const last = path.at(-1);
  return typeof last === 'string'
    ? `"${last}"`
    : path.length > 0
      ? `this item of "${path.at(-2)}"`
      : 'the file';
}

function keysOf(known: readonly string[]): string {
  return known.length > 0 ? `some of ${known.join(', ')}` : 'an object';
}

export function unknownKey(key: string, known: readonly string[]): string {
  const near = nearest(key, known);
  return `"${key}" is not known here; ${near ? `did you mean "${near}"?` : `use ${known.join(', ')}`}`;
}

/** The known word that few changes of letters make of this one; undefined when none is near. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const lower = word.toLowerCase().slice(0, 60);
  const [best] = known
    .map((each) => ({ each, far: distance(lower, each.toLowerCase()) }))
    .sort((a, b) => a.far - b.far);
  return best && best.far <= Math.max(1, Math.floor(Math.min(word.length, best.each.length) / 3) + 1)
    ? best.each
    : undefined;
}

/** What nests thousands deep has no JSON: writing it down runs out of stack. */
function asJson(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return 'nested too deep';
  }
}
