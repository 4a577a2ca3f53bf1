// How Node.js is told to run the agent, wherever we start it: agent/Dockerfile, `log-detector start` and the benchmarks.
// docs/performance.md says what each of them is worth.

/**
 * New objects get little room, so that they are cleared away while there are few. With a bound of its own the heap also
 * grows in smaller steps; the bound is many times what the agent needs.
 */
export const agentNodeFlags: readonly string[] = ['--max-semi-space-size=1', '--max-old-space-size=128'];

/** One arena for all threads: each further one of glibc's keeps memory that the others could use. */
export const agentEnvironment: Readonly<Record<string, string>> = { MALLOC_ARENA_MAX: '1' };
