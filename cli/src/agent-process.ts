// How Node.js is told to run the agent, wherever we start it: agent/Dockerfile, `log-detector start` and the benchmarks.
// docs/performance.md says what each of them is worth.

/**
 * Until there is work, nothing is optimised (agent/src/optimiser.ts); when it is over, the heap is cleared once
 * (agent/src/tidy.ts). New objects get little room, so that they are cleared away while there are few. With a bound of its own the heap also
 * grows in smaller steps; the bound is many times what the agent needs. One thread clears so small a heap for less; but from
 * Node.js 24 on it is another one that gives back what was freed.
 * Placed among the old objects, as V8 would come to do, each line would keep its text there until all is cleared.
 * @param node the version that runs it.
 */
export function agentNodeFlags(node = process.versions.node): readonly string[] {
  return [
    '--max-semi-space-size=2',
    '--no-allocation-site-pretenuring',
    '--max-old-space-size=256',
    ...(Number.parseInt(node, 10) < 24 ? ['--single-threaded-gc'] : []),
    '--no-opt',
    '--expose-gc',
  ];
}

/**
 * One arena of glibc's for all threads: each further one keeps memory that the others could use. And what is freed goes back
 * as with its own first thresholds, which glibc otherwise raises for good with the first large buffer.
 */
export const agentEnvironment: Readonly<Record<string, string>> = {
  MALLOC_ARENA_MAX: '1',
  MALLOC_TRIM_THRESHOLD_: '131072',
};
