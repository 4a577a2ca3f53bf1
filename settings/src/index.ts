// Environment variables -> checked settings. Everything is read once, at start; every mistake is collected and reported
// together with its remedy, so that nobody fixes them one restart at a time. Any variable X may come as X_FILE, the
// path of a file that holds the value (Docker and Kubernetes secrets).

import { readFileSync } from 'node:fs';
import { distance } from './distance.ts';

/** Thrown by `finish()`: its message lists every mistake, one a line, each with what to do. */
export class SettingsError extends Error {
  override name = 'SettingsError';
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(
      `${problems.length === 1 ? 'one setting is' : `${problems.length} settings are`} wrong:\n${problems.map((p) => `  - ${p}`).join('\n')}`,
    );
    this.problems = problems;
  }
}

/** What LOG_LEVEL may be, for all who read it; `silent`: nothing is written. */
export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

type Environment = Readonly<Record<string, string | undefined>>;

const byteUnits: Record<string, number> = {
  '': 1,
  b: 1,
  k: 1024,
  kb: 1024,
  kib: 1024,
  m: 1024 ** 2,
  mb: 1024 ** 2,
  mib: 1024 ** 2,
  g: 1024 ** 3,
  gb: 1024 ** 3,
  gib: 1024 ** 3,
}; // prettier keeps one line: it is a table

/** Reads one environment. Values come back at once (the default in place of a wrong one); `finish()` throws for all mistakes. */
export class SettingsReader {
  readonly #env: Environment;
  readonly #problems: string[] = [];
  readonly #names = new Set<string>();

  constructor(env: Environment) {
    this.#env = env;
  }

  /** The value of `name`, or of the file that `name_FILE` names (its trailing line break cut), or undefined when neither is set. An empty value counts as not set. */
  raw(name: string): string | undefined {
    this.#names.add(name);
    const value = this.#env[name];
    const file = this.#env[`${name}_FILE`];
    if (file) {
      if (value) this.problem(name, `is set together with ${name}_FILE; set only one of the two`);
      try {
        return readFileSync(file, 'utf8').replace(/\r?\n$/, '') || undefined;
      } catch (error) {
        this.problem(
          `${name}_FILE`,
          `cannot read ${file}: ${(error as Error).message}; give the path of a readable file`,
        );
        return undefined;
      }
    }
    return value === undefined || value.trim() === '' ? undefined : value;
  }

  string(name: string, options: { default: string; pattern?: RegExp; expected?: string }): string {
    const value = this.raw(name);
    if (value === undefined) return options.default;
    if (options.pattern && !options.pattern.test(value)) {
      this.problem(
        name,
        `is ${JSON.stringify(value)}; expected ${options.expected ?? String(options.pattern)}`,
      );
      return options.default;
    }
    return value;
  }

  number(name: string, options: { default: number; min?: number; max?: number; unit?: string }): number {
    return this.#numeric(
      name,
      options,
      (value) => (/^[+-]?(\d+\.?\d*|\.\d+)$/.test(value) ? Number(value) : Number.NaN),
      'a number',
    );
  }

  integer(name: string, options: { default: number; min?: number; max?: number; unit?: string }): number {
    return this.#numeric(
      name,
      options,
      (value) => (/^[+-]?\d+$/.test(value) ? Number(value) : Number.NaN),
      'a whole number',
    );
  }

  /** A size: plain bytes, or with K, M or G (powers of 1024). Comes back in bytes. */
  bytes(name: string, options: { default: number; min?: number; max?: number }): number {
    return this.#numeric(
      name,
      options,
      (value) => {
        const [, digits, unit] = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(value) ?? [];
        const factor = unit === undefined ? undefined : byteUnits[unit.toLowerCase()];
        return digits === undefined || factor === undefined
          ? Number.NaN
          : Math.round(Number(digits) * factor);
      },
      'a size such as 512M or 2G',
    );
  }

  boolean(name: string, options: { default: boolean }): boolean {
    const value = this.raw(name)?.trim().toLowerCase();
    if (value === undefined) return options.default;
    if (['1', 'true', 'yes', 'on'].includes(value)) return true;
    if (['0', 'false', 'no', 'off'].includes(value)) return false;
    this.problem(name, `is ${JSON.stringify(value)}; use true or false`);
    return options.default;
  }

  oneOf<Choice extends string>(
    name: string,
    choices: readonly Choice[],
    options: { default: Choice },
  ): Choice {
    const value = this.raw(name)?.trim();
    if (value === undefined) return options.default;
    const choice = choices.find((candidate) => candidate === value.toLowerCase());
    if (choice !== undefined) return choice;
    this.problem(name, `is ${JSON.stringify(value)}; use one of ${choices.join(', ')}`);
    return options.default;
  }

  /** Comma-separated words, trimmed, empty ones left out. */
  list(name: string): string[] {
    return (this.raw(name) ?? '')
      .split(',')
      .map((word) => word.trim())
      .filter((word) => word !== '');
  }

  /** An absolute URL with one of `protocols` (`['http:', 'https:']`). Without a default, undefined when not set. */
  url(name: string, options: { default?: string; protocols: readonly string[] }): string | undefined {
    const value = this.raw(name)?.trim();
    if (value === undefined) return options.default;
    const url = URL.canParse(value) ? new URL(value) : undefined;
    if (url && options.protocols.includes(url.protocol)) return value;
    // The value is not repeated: a URL may hold a password.
    const starts = options.protocols.map((protocol) => `${protocol}//`);
    this.problem(
      name,
      starts.some((start) => value.toLowerCase().startsWith(start))
        ? 'cannot be read as a URL; check host and port, and in a user or password write : / ? # @ % as %3A %2F %3F %23 %40 %25'
        : `is not a URL that starts with ${starts.join(' or ')}`,
    );
    return options.default;
  }

  /** Notes a mistake that only the caller can see. `what` goes on after the name: say what is wrong and what to do. */
  problem(name: string, what: string): void {
    this.#problems.push(`${name} ${what}`);
  }

  /** The mistakes so far, for a caller that has more to check before it tells of them all. */
  get problems(): readonly string[] {
    return this.#problems;
  }

  /**
   * What looks like a setting that was asked for so far, and is not: in words, for a warning. No mistake, because the
   * environment belongs to others too; so a short name, and one whose neighbour is set, is left alone.
   */
  misspelt(): string[] {
    const isSet = (name: string) => Boolean(this.#env[name] || this.#env[`${name}_FILE`]);
    const unset = [...this.#names].filter((name) => name.length >= 8 && !isSet(name));
    const meant = (name: string) =>
      unset.find((known) => {
        const most = known.length < 12 ? 1 : 2;
        // Most names differ in length already.
        if (Math.abs(name.length - known.length) > most) return false;
        return distance(name, known) <= most && hasSameWords(name, known);
      });
    return Object.keys(this.#env).flatMap((name) => {
      const base = name.replace(/_FILE$/, '');
      if (!this.#env[name] || this.#names.has(name) || this.#names.has(base)) return [];
      const near = meant(name);
      if (near) return [`${name} is no setting; did you mean ${near}?`];
      const ofFile = base === name ? undefined : meant(base);
      return ofFile ? [`${name} is no setting; did you mean ${ofFile}_FILE?`] : [];
    });
  }

  /** Call last. @throws {SettingsError} when anything was wrong. */
  finish(): void {
    if (this.#problems.length > 0) throw new SettingsError(this.#problems);
  }

  #numeric(
    name: string,
    options: { default: number; min?: number; max?: number; unit?: string },
    parse: (value: string) => number,
    expected: string,
  ): number {
    const value = this.raw(name)?.trim();
    if (value === undefined) return options.default;
    const number = parse(value);
    const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = options;
    if (Number.isFinite(number) && number >= min && number <= max) return number;
    const unit = options.unit ? ` of ${options.unit}` : '';
    const range =
      max < Number.POSITIVE_INFINITY
        ? ` from ${min} to ${max}`
        : min > Number.NEGATIVE_INFINITY
          ? ` of at least ${min}`
          : '';
    this.problem(name, `is ${JSON.stringify(value)}; expected ${expected}${unit}${range}`);
    return options.default;
  }
}

/** Whether no word of the one is another word in the other: Kubernetes sets MONITOR_PORT for a service `monitor`. */
function hasSameWords(name: string, known: string): boolean {
  const words = name.split('_');
  const knownWords = known.split('_');
  if (words.length !== knownWords.length) return true;
  return knownWords.every((word, index) => distance(words[index]!, word) * 2 < word.length);
}

/** A reader over an environment, `process.env` in the programs. */
export function settings(env: Environment): SettingsReader {
  return new SettingsReader(env);
}

export { distance } from './distance.ts';
export { makeFolder } from './make-folder.ts';
export { StartError } from './start-error.ts';
