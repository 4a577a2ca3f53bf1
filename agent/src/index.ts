// What the command and the benchmarks use of the agent.

export { canaryCommand } from './canary.ts';
export { createCoalesce } from './detect/coalesce.ts';
export { createJoin } from './detect/join.ts';
export { readLevel } from './detect/level.ts';
export { createMatch } from './detect/match.ts';
export { readAgent, readDetection, stagesFor } from './detection.ts';
export { agentCommand, pingEngine, runAgent } from './main.ts';
export { readAgentSettings } from './settings.ts';
export type * from './types.ts';
