// Which part of one core the agent takes beside fifty containers that print 5,000 lines a second in all: an hour, shortened.
// Option: --seconds=300, to measure for longer.

import { setTimeout as sleep } from 'node:timers/promises';
import { jsonFileLines } from './agent/log-lines.ts';
import { cpuSecondsOf } from './agent/processes.ts';
import { makeAgentWorld } from './agent/world.ts';

const containers = 50;
const linesPerSecond = 5000;
const seconds = Number(process.argv.find((text) => text.startsWith('--seconds='))?.slice(10) ?? 20);
/** Before that: what starting costs, which is compiling above all, is not to be counted up to the hour. */
const warmUpSeconds = 15;
/** Then the lines come so many times as fast, for two minutes' worth of them. */
const warmUpSpeed = 8;
/** Each container's lines come in so many writes a second. */
const writes = 5;

/** @returns the table of `npm run bench agent-share`. */
export async function run() {
  const world = await makeAgentWorld(containers);
  try {
    const rows: Record<string, string | number>[] = [];
    for (const source of ['file', 'api'] as const) {
      const agent = await world.startAgent({ source });
      await print(warmUpSeconds * 1000, warmUpSpeed);
      await sleep(1000);
      const received = world.received();
      const before = { agent: cpuSecondsOf(agent.pid), daemon: cpuSecondsOf(world.daemonPid) };
      const began = performance.now();
      const lines = await print(seconds * 1000);
      await sleep(500);
      const wall = (performance.now() - began) / 1000;
      const own = cpuSecondsOf(agent.pid) - before.agent;
      rows.push({
        'logs are': source === 'file' ? 'read from their files' : 'asked of Docker',
        'agent, % of a core': ((100 * own) / wall).toFixed(1),
        'daemon, % of a core': ((100 * (cpuSecondsOf(world.daemonPid) - before.daemon)) / wall).toFixed(1),
        'lines/s': Math.round(lines / wall),
        'records/s': Math.round((world.received() - received) / wall),
        'agent, CPU-s in an hour': Math.round((own / wall) * 3600),
      });
      await agent.stop();
    }
    return {
      title: 'Share of one core: 50 containers, 5,000 lines a second in all',
      rows,
      notes: [
        `Run for ${seconds} s each, not for an hour: the hour's CPU-seconds are counted up. Before that two minutes' worth of the same lines was printed within ${warmUpSeconds} s. Lines of 200 bytes, 1 % matching, each container's in ${writes} writes a second, straight into its json-file.`,
      ],
    };

    /** @returns how many lines were printed. */
    async function print(ms: number, speed = 1): Promise<number> {
      const began = performance.now();
      let lines = 0;
      for (let round = 0; performance.now() - began < ms; round++) {
        for (const [index, container] of world.containers.entries()) {
          const count = linesPerSecond / writes / containers;
          world.append(container, jsonFileLines(count, Date.now(), round * count + index * 37));
          lines += count;
          // Spread over the time, as containers are.
          const due = ((round + (index + 1) / containers) * 1000) / writes / speed;
          const early = due - (performance.now() - began);
          if (early > 1) await sleep(early);
        }
      }
      return lines;
    }
  } finally {
    await world.close();
  }
}
