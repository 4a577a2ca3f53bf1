// `log-detector agent` as one file: it runs on every host and must not carry the backend.

import { agentCommand } from '@log-detector/agent';
import { runVerb } from './run-verb.ts';

await runVerb(() => agentCommand(process.argv.slice(3), process.env));
