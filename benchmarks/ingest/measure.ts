// One load on one server, with the processor time that each of the three processes spent on it.

import type { Load, LoadResult } from './load.ts';
import { prepareLoad, type Server } from './parts.ts';
import { postgresCpuSeconds } from './postgres-cpu.ts';

export interface Measured extends LoadResult {
  serverCpu: number;
  /** Undefined where /proc does not tell. */
  postgresCpu: number | undefined;
}

/** @param postmaster process id. */
export async function measure(
  server: Server,
  load: Omit<Load, 'port'>,
  postmaster: number | undefined,
): Promise<Measured> {
  const go = await prepareLoad({ ...load, port: server.port });
  const before = { server: await server.cpuSeconds(), postgres: postgresCpuSeconds(postmaster) };
  const result = await go();
  const after = { server: await server.cpuSeconds(), postgres: postgresCpuSeconds(postmaster) };
  return {
    ...result,
    serverCpu: after.server - before.server,
    postgresCpu:
      after.postgres === undefined || before.postgres === undefined
        ? undefined
        : after.postgres - before.postgres,
  };
}

type Timed = Pick<LoadResult, 'records' | 'seconds'>;

/** Records a second. */
export function rate({ records, seconds }: Timed): number {
  return records / seconds;
}

export function fastest<Result extends Timed>(results: readonly Result[]): Result {
  return results.toSorted((a, b) => rate(b) - rate(a))[0]!;
}

/** The columns that say what bounds it. */
export function cells(result: Measured): Record<string, string | number> {
  const micros = (seconds: number | undefined) =>
    seconds === undefined ? '' : Math.round((seconds / result.records) * 1e6);
  return {
    'median ms': result.median.toFixed(1),
    'p99 ms': result.p99.toFixed(1),
    'server’s CPU, µs a record': micros(result.serverCpu),
    'PostgreSQL’s': micros(result.postgresCpu),
    'the load’s': micros(result.cpuSeconds),
  };
}
