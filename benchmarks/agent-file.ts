// What a million lines of 200 bytes cost the agent when it reads Docker's json-file: the whole process, with joining,
// matching, the spool and sending, against `grep -cE` over the same bytes, and rsyslog where it is installed.

import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { jsonFileLines, matching } from './agent/log-lines.ts';
import { cpuSecondsOf, memoryOf, runCommand, until } from './agent/processes.ts';
import { measureRsyslog } from './agent/rsyslog.ts';
import { type AgentWorld, makeAgentWorld } from './agent/world.ts';

const lines = 1_000_000;
/** V8 goes on optimising for some millions of lines. */
const rounds = { ours: 6, bare: 4, each: 2 };
/** The words alone: what stands around them, which the agent looks at, would cost grep five times as much. */
const pattern = 'ERROR|Traceback \\(most recent call last\\):';

/** @returns the table of `npm run bench agent-file`. */
export async function run() {
  const world = await makeAgentWorld(1);
  try {
    const copy = join(world.engine.folder, 'data', 'copy.log');
    const ours = await measure(world, copy, rounds.ours);
    const bare = await measure(world, copy, rounds.bare, { CONTEXT_LINES: '0' });
    // No two letters in a row are in all that it matches.
    const each = await measure(world, copy, rounds.each, { LOG_MATCH_PATTERNS: 'E.R.R' });
    const rsyslog = await measureRsyslog({ folder: world.folder, log: copy, wanted: matching(lines) });
    rmSync(copy);
    const grep = Math.min(...ours.greps, ...bare.greps);
    const row = (what: string, cpu: number) => ({
      what,
      'CPU-s a million lines': cpu.toFixed(2),
      'times grep': (cpu / grep).toFixed(1),
    });
    return {
      title: 'A million lines of 200 bytes from a json-file, 1 % matching',
      rows: [
        row(`\`grep -cE '${pattern}'\`, counting alone`, grep),
        row('log-detector agent: join, match, context, spool, send', least(ours.cpu)),
        row('the same, its first million after the start', ours.cpu[0]!),
        row('without lines of context (CONTEXT_LINES=0)', least(bare.cpu)),
        row('with a pattern for which every line is looked at', least(each.cpu)),
        ...('cpuSeconds' in rsyslog ? [row('rsyslog: join, match, send', rsyslog.cpuSeconds)] : []),
      ],
      notes: [
        `${rounds.ours}, ${rounds.bare} and ${rounds.each} rounds in turn with grep (LC_ALL=C); the lowest of each is shown, the agent's after its first. All: agent ${list(ours.cpu)}; without context ${list(bare.cpu)}; every line looked at ${list(each.cpu)}; grep ${list([...ours.greps, ...bare.greps])}. The agent's own start took ${ours.start.toFixed(2)} CPU-s.`,
        `The file has ${(ours.bytes / 1e6).toFixed(0)} MB; ${matching(lines)} records came to the receiving server in each round, all of them. Wall time of a round, writing the file included: ${list(ours.wall)} s. The agent's peak memory: ${ours.peak.toFixed(0)} MiB.`,
        'cpuSeconds' in rsyslog
          ? `rsyslog ${rsyslog.version}: imfile with startmsg.regex, the agent's own pattern as a regular expression, sent over TCP; it gave ${rsyslog.received} messages.`
          : `rsyslog is not compared: ${rsyslog.missing}.`,
        'Neither syslog-ng (its Debian package excludes rsyslog) nor Fluent Bit (not in Debian 12) is compared.',
      ],
    };
  } finally {
    await world.close();
  }
}

/** One agent's rounds, each with grep over the same bytes, which are left in `copy`. */
async function measure(world: AgentWorld, copy: string, rounds: number, env?: NodeJS.ProcessEnv) {
  const agent = await world.startAgent({ source: 'file', env });
  await sleep(1500);
  const start = cpuSecondsOf(agent.pid);
  const cpu: number[] = [];
  const greps: number[] = [];
  const wall: number[] = [];
  let bytes = 0;
  for (let round = 0; round < rounds; round++) {
    const pieces = jsonFileLines(lines, Date.now());
    bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
    const wanted = world.received() + matching(lines);
    const before = cpuSecondsOf(agent.pid);
    const began = performance.now();
    world.append(world.containers[0]!, pieces);
    await until(
      () => `${wanted} records, ${world.received()} have come: ${agent.output()}`,
      () => world.received() >= wanted,
    );
    wall.push((performance.now() - began) / 1000);
    await sleep(300);
    cpu.push(cpuSecondsOf(agent.pid) - before);
    if (world.received() !== wanted) throw new Error(`${world.received()} records, not ${wanted}`);
    const file = openSync(copy, 'w');
    for (const piece of pieces) writeSync(file, piece);
    closeSync(file);
    const grep = await runCommand('grep', ['-cE', pattern, copy], { env: { ...process.env, LC_ALL: 'C' } });
    greps.push(grep.cpuSeconds);
  }
  const { peak } = memoryOf(agent.pid);
  await agent.stop();
  return { cpu, greps, wall, bytes, start, peak };
}

const least = ([, ...warm]: number[]): number => Math.min(...warm);
const list = (figures: number[]): string => figures.map((figure) => figure.toFixed(2)).join(', ');
