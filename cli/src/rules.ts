// `log-detector rules test FILE`: its arguments.

import { type RulesTestOptions, rulesTest } from '@log-detector/backend';
import { UsageError } from './run-verb.ts';

const help = 'use: rules test FILE [--since 24h] [--fixtures FILE] [--api URL] [--json]';
const unitMs: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** The verb. @returns the exit code. @throws {UsageError} for arguments that do not fit. */
export async function rules(
  args: readonly string[],
  io: { stdout: NodeJS.WritableStream; env?: NodeJS.ProcessEnv; now?: number },
): Promise<number> {
  const options = readArguments(args);
  const text = await rulesTest(options, io.env ?? process.env, io.now ?? Date.now());
  await new Promise<void>((resolve, reject) => {
    io.stdout.write(text, (error) => (error ? reject(error) : resolve()));
  });
  return 0;
}

export function readArguments(args: readonly string[]): RulesTestOptions {
  const [what, ...rest] = args;
  if (what !== 'test')
    throw new UsageError(
      `${what === undefined ? 'rules of what?' : `"${what}" is nothing that rules do`}; ${help}`,
    );
  const options: { -readonly [Key in keyof RulesTestOptions]: RulesTestOptions[Key] } = {
    file: '',
    json: false,
  };
  for (let index = 0; index < rest.length; index += 1) {
    const arg = rest[index]!;
    const value = () => {
      const next = rest[++index];
      if (next === undefined || next.startsWith('--')) throw new UsageError(`${arg} needs a value; ${help}`);
      return next;
    };
    if (arg === '--json') options.json = true;
    else if (arg === '--fixtures') options.fixtures = value();
    else if (arg === '--api') options.api = urlOf(value());
    else if (arg === '--since') options.sinceMs = timeOf(value());
    else if (arg.startsWith('--')) throw new UsageError(`"${arg}" is no option of rules test; ${help}`);
    else if (options.file === '') options.file = arg;
    else throw new UsageError(`"${arg}" is one file too many; ${help}`);
  }
  if (options.file === '') throw new UsageError(`no file of rules is given; ${help}`);
  return options;
}

function urlOf(text: string): string {
  if (URL.canParse(text) && /^https?:/.test(text)) return text;
  throw new UsageError(`--api is "${text}"; give an address such as http://localhost:8000`);
}

/** `90m`, `24h`, `7d`. @returns ms. */
function timeOf(text: string): number {
  const [, digits, unit] = /^(\d+)\s*([smhd])$/.exec(text) ?? [];
  if (digits === undefined) throw new UsageError(`--since is "${text}"; give a time such as 90m, 24h or 7d`);
  return Number(digits) * unitMs[unit!]!;
}
