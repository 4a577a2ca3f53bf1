// A second of the run -> a line of timeline.log: what was printed, read and sent, what waits, and whose processor time it
// took. It tells what a long recovery was made of; the verdict does not need it.

import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { World } from './world.ts';

/** Of the agent's metrics, by the name they have in the log. Counters begin again when the agent does. */
const metrics = {
  read: 'records_total',
  waiting: 'spool_records',
  oldest_s: 'spool_oldest_seconds',
  sent: 'records_sent_total',
  requests: 'requests_total',
  failed: 'requests_failed_total',
  syncs: 'spool_syncs_total',
  followed: 'containers_followed',
};

export function writeTimeline(world: World, printed: () => number): { stop(): Promise<void> } {
  const file = join(world.folder, 'timeline.log');
  const startedAt = Date.now();
  const stopping = new AbortController();
  const writing = (async () => {
    while (!stopping.signal.aborted) {
      const told = await agentTells(world);
      const line = {
        s: Math.round((Date.now() - startedAt) / 100) / 10,
        printed: printed(),
        ...told,
        agent_cpu_s: cpuSeconds(world.agent.pid),
        backend_cpu_s: cpuSeconds(world.backend.pid),
      };
      appendFileSync(file, `${JSON.stringify(line)}\n`);
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, 1000);
        stopping.signal.addEventListener('abort', () => {
          clearTimeout(timer);
          resolve(undefined);
        });
      });
    }
  })();
  return {
    stop() {
      stopping.abort();
      return writing;
    },
  };
}

async function agentTells({ agentMetricsUrl }: World): Promise<Record<string, number>> {
  try {
    const response = await fetch(`${agentMetricsUrl}/metrics`, { signal: AbortSignal.timeout(1000) });
    const text = await response.text();
    return Object.fromEntries(
      Object.entries(metrics).flatMap(([name, metric]) => {
        const found = new RegExp(`^log_detector_agent_${metric} (\\S+)`, 'm').exec(text);
        return found ? [[name, Math.round(Number(found[1]))]] : [];
      }),
    );
  } catch {
    // It is down, or frozen.
    return {};
  }
}

/** Of the process since it started; undefined when there is none. Linux counts in hundredths. */
function cpuSeconds(pid: number | undefined): number | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return undefined;
  }
}
