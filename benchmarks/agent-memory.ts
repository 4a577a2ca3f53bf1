// What the agent holds in memory: at rest with fifty containers followed, and at most while some of them flood it; against a
// Node.js process that does nothing.

import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { jsonFileLines, matching } from './agent/log-lines.ts';
import { type Memory, memoryOf, until } from './agent/processes.ts';
import { makeAgentWorld } from './agent/world.ts';

const containers = 50;
const flooding = 5;
const lines = 200_000;
const restMs = 10_000;

/** @returns the table of `npm run bench agent-memory`. */
export async function run() {
  const world = await makeAgentWorld(containers);
  const bare = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  try {
    const rows: Record<string, string | number>[] = [];
    await sleep(1000);
    const idle = memoryOf(bare.pid!);
    rows.push(row('a Node.js process that does nothing', idle, idle.rss, idle));
    for (const source of ['file', 'api'] as const) {
      const agent = await world.startAgent({ source });
      await sleep(restMs);
      const rest = memoryOf(agent.pid);
      // From here on the peak is the flood's.
      writeFileSync(`/proc/${agent.pid}/clear_refs`, '5');
      const wanted = world.received() + flooding * matching(lines);
      const pieces = jsonFileLines(lines, Date.now());
      for (const container of world.containers.slice(0, flooding)) world.append(container, pieces);
      await until(
        () => `${wanted} records, ${world.received()} have come: ${agent.output()}`,
        () => world.received() >= wanted,
        120_000,
      );
      const flooded = memoryOf(agent.pid);
      const way = source === 'file' ? 'reading files' : 'asking Docker';
      rows.push(row(`agent at rest, ${containers} containers, ${way}`, rest, rest.rss, idle));
      rows.push(row(`agent at most, under a flood, ${way}`, flooded, flooded.peak, idle));
      await agent.stop();
    }
    return {
      title: 'Memory of the agent',
      rows,
      notes: [
        `The built single file as users run it. At rest: ${restMs / 1000} s after it follows ${containers} containers. The flood: ${(flooding * lines).toLocaleString('en')} lines of 200 bytes at once from ${flooding} of them, 1 % matching, read, joined, matched, spooled and sent. "Own" is memory that is neither a file's nor shared.`,
      ],
    };
  } finally {
    bare.kill();
    await world.close();
  }
}

function row(what: string, { own }: Memory, mib: number, bare: Memory) {
  return { what, MiB: mib.toFixed(0), 'times bare': (mib / bare.rss).toFixed(2), 'own MiB': own.toFixed(0) };
}
