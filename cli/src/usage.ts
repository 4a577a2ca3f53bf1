// The help, and the arguments that each verb takes: what does not fit is told before anything is started.

import { UsageError } from './run-verb.ts';

export const usage = `Usage: log-detector <verb> | --help | --version

  start       backend and agent together, on this machine (what "npm start" runs)
  serve       the backend: takes in records, groups them, sends the mails
  agent       follows this host's containers and posts what matches  [--check: is the running one healthy?]
  canary      prints a line now and then that goes through every stage (docs/watching.md)
  migrate     brings the database up to date, and ends
  explain     shows what the detector sees in log files or standard input  [FILE…] [--json] [--each-line]
  rules test  says what a file of rules would have sent, replaying stored records or a file's
              FILE [--since 24h] [--fixtures FILE] [--api URL] [--json]

Settings come from the environment; see docs/configuration.md.
Exit codes: 0, 1 when it failed (agent --check: not healthy), 2 when settings or arguments are wrong or it cannot start.
`;

const options: Record<string, readonly string[]> = { agent: ['--check'] };

export const asksForHelp = (args: readonly string[]) => args.includes('--help') || args.includes('-h');

/** @throws {UsageError} naming the first argument that `verb` does not take. */
export function refuseUnknownArguments(verb: string, args: readonly string[]): void {
  const known = options[verb] ?? [];
  const unknown = args.find((arg) => !known.includes(arg));
  if (unknown === undefined) return;
  const remedy = known.length > 0 ? `use ${known.join(', ')}` : 'it takes none';
  throw new UsageError(
    `"${unknown}" is no option of ${verb}; ${remedy} (settings come from the environment, see docs/configuration.md)`,
  );
}
