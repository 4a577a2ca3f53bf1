// `log-detector agent` as one file: it runs on every host and must not carry the backend.

import { agentCommand } from '@log-detector/agent';
import { runVerb } from './run-verb.ts';
import { asksForHelp, refuseUnknownArguments, usage } from './usage.ts';

await runVerb(async () => {
  const args = process.argv.slice(3);
  if (asksForHelp(args)) {
    process.stdout.write(usage);
    return 0;
  }
  refuseUnknownArguments('agent', args);
  return agentCommand(args, process.env);
});
