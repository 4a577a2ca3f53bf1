// The command: one verb each, loaded only when it is asked for.

import { runVerb, UsageError } from './run-verb.ts';
import { version } from './version.ts';

const usage = `Usage: log-detector <verb>

  start       backend and agent together, on this machine (what "npm start" runs)
  serve       the backend: takes in records, groups them, sends the mails
  agent       follows this host's containers and posts what matches  [--check: is the running one healthy?]
  migrate     brings the database up to date, and ends
  explain     shows what the detector sees in log files or standard input  [FILE…] [--json] [--each-line]

Settings come from the environment; see docs/configuration.md.
`;

const verbs: Record<string, (args: string[]) => Promise<number | undefined>> = {
  start: async () => (await import('./start.ts')).start(process.env),
  serve: async () => {
    await (await import('@log-detector/backend')).serve(process.env);
    return 0;
  },
  agent: async (args) => (await import('@log-detector/agent')).agentCommand(args, process.env),
  migrate: async () => {
    await (await import('@log-detector/backend')).migrateCommand(process.env);
    return 0;
  },
};

await runVerb(async () => {
  const [verb, ...args] = process.argv.slice(2);
  if (verb === undefined || verb === 'help' || verb === '--help' || verb === '-h') {
    process.stdout.write(usage);
    return verb === undefined ? 2 : 0;
  }
  if (verb === 'version' || verb === '--version') {
    process.stdout.write(`${version}\n`);
    return 0;
  }
  const run = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined;
  if (!run) throw new UsageError(`"${verb}" is not a verb; use one of ${Object.keys(verbs).join(', ')}`);
  return run(args);
});
