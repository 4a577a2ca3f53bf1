// What a million lines of 200 bytes cost the agent when it reads Docker's json-file: the whole process, with joining,
// matching, the spool and sending, against `grep -cE` over the same bytes, and rsyslog where it is installed.

import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { jsonFileLines, matching } from './agent/log-lines.ts';
import { cpuSecondsOf, memoryOf, runCommand, until } from './agent/processes.ts';
import { measureRsyslog } from './agent/rsyslog.ts';
import { makeAgentWorld } from './agent/world.ts';

const lines = 1_000_000;
const rounds = 3;
/** The same as the agent's own patterns, as far as grep has the words. */
export const pattern = `(^|[^"'])ERROR([^A-Za-z]|$)|Traceback \\(most recent call last\\):`;

/** @returns the table of `npm run bench agent-file`. */
export async function run() {
  const world = await makeAgentWorld(1);
  try {
    const [container] = world.containers;
    const agent = await world.startAgent({ source: 'file' });
    const copy = join(world.engine.folder, 'data', 'copy.log');
    await sleep(1500);
    const startCpu = cpuSecondsOf(agent.pid);
    const ours: number[] = [];
    const greps: number[] = [];
    const wall: number[] = [];
    let bytes = 0;
    for (let round = 0; round < rounds; round++) {
      const pieces = jsonFileLines(lines, Date.now());
      bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
      const wanted = world.received() + matching(lines);
      const before = cpuSecondsOf(agent.pid);
      const began = performance.now();
      world.append(container!, pieces);
      await until(
        () => `${wanted} records, ${world.received()} have come: ${agent.output()}`,
        () => world.received() >= wanted,
        20_000,
      );
      wall.push((performance.now() - began) / 1000);
      await sleep(300);
      ours.push(cpuSecondsOf(agent.pid) - before);
      if (world.received() !== wanted) throw new Error(`${world.received()} records, not ${wanted}`);
      const file = openSync(copy, 'w');
      for (const piece of pieces) writeSync(file, piece);
      closeSync(file);
      const grep = await runCommand('grep', ['-cE', pattern, copy], { env: { ...process.env, LC_ALL: 'C' } });
      greps.push(grep.cpuSeconds);
    }
    const memory = memoryOf(agent.pid);
    await agent.stop();
    const rsyslog = await measureRsyslog({ folder: world.folder, log: copy, wanted: matching(lines) });
    rmSync(copy);
    const warm = ours.slice(1);
    const [best, grep] = [Math.min(...warm), Math.min(...greps)];
    const row = (what: string, cpu: number) => ({
      what,
      'CPU-s a million lines': cpu.toFixed(2),
      'times grep': (cpu / grep).toFixed(1),
    });
    return {
      title: 'A million lines of 200 bytes from a json-file, 1 % matching',
      rows: [
        row('`grep -cE` (LC_ALL=C), counting alone', grep),
        row('log-detector agent: join, match, spool, send', best),
        row('the same, its first million after the start', ours[0]!),
        ...('cpuSeconds' in rsyslog ? [row('rsyslog: join, match, send', rsyslog.cpuSeconds)] : []),
      ],
      notes: [
        `${rounds} rounds in turn; the lowest of each is shown. The agent's rounds after the first: ${warm.map((cpu) => cpu.toFixed(2)).join(', ')}; grep's: ${greps.map((cpu) => cpu.toFixed(2)).join(', ')}. The agent's own start took ${startCpu.toFixed(2)} CPU-s.`,
        `The file has ${(bytes / 1e6).toFixed(0)} MB; ${matching(lines)} records came to the receiving server in each round, all of them. Wall time of a round, writing the file included: ${wall.map((s) => s.toFixed(1)).join(', ')} s. The agent's peak memory: ${memory.peak.toFixed(0)} MiB.`,
        'cpuSeconds' in rsyslog
          ? `rsyslog ${rsyslog.version}: imfile with startmsg.regex, the same pattern as a regular expression, sent over TCP; it gave ${rsyslog.received} messages.`
          : `rsyslog is not compared: ${rsyslog.missing}.`,
        'Neither syslog-ng (its Debian package excludes rsyslog) nor Fluent Bit (not in Debian 12) is compared.',
      ],
    };
  } finally {
    await world.close();
  }
}
