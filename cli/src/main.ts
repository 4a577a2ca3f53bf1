// The command: one verb each, loaded only when it is asked for.

import { runVerb, UsageError } from './run-verb.ts';
import { asksForHelp, refuseUnknownArguments, usage } from './usage.ts';
import { version } from './version.ts';

const verbs: Record<string, (args: string[]) => Promise<number | undefined>> = {
  start: async () => (await import('./start.ts')).start(process.env),
  serve: async () => {
    await (await import('@log-detector/backend')).serve(process.env);
    return 0;
  },
  agent: async (args) => (await import('@log-detector/agent')).agentCommand(args, process.env),
  canary: async () => (await import('@log-detector/agent')).canaryCommand(process.env),
  migrate: async () => {
    await (await import('@log-detector/backend')).migrateCommand(process.env);
    return 0;
  },
  explain: async (args) => {
    const { stdin, stdout, stderr } = process;
    return (await import('./explain.ts')).explain(args, { stdin, stdout, stderr });
  },
  rules: async (args) => (await import('./rules.ts')).rules(args, { stdout: process.stdout }),
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
  if (asksForHelp(args)) {
    process.stdout.write(usage);
    return 0;
  }
  // These take files too, and look at their arguments themselves.
  if (!['explain', 'rules'].includes(verb)) refuseUnknownArguments(verb, args);
  return run(args);
});
