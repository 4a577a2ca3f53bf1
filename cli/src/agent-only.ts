// `log-detector agent` and `canary` as one file: it runs on every host and must not carry the backend.

import { agentCommand, canaryCommand } from '@log-detector/agent';
import { runVerb } from './run-verb.ts';
import { asksForHelp, refuseUnknownArguments, usage } from './usage.ts';

await runVerb(async () => {
  const [verb = 'agent', ...args] = process.argv.slice(2);
  if (asksForHelp(args)) {
    process.stdout.write(usage);
    return 0;
  }
  refuseUnknownArguments(verb, args);
  return verb === 'canary' ? canaryCommand(process.env) : agentCommand(args, process.env);
});
