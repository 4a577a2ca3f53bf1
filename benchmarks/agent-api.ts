// What lines cost the agent when it asks Docker for them: its own processor time for a million, with the daemon's beside it,
// against `curl` draining the same log to nothing.

import { setTimeout as sleep } from 'node:timers/promises';
import { jsonFileLines, matching } from './agent/log-lines.ts';
import { cpuSecondsOf, runCommand, until } from './agent/processes.ts';
import { makeAgentWorld } from './agent/world.ts';

const lines = 400_000;
const rounds = 3;

interface Cost {
  own: number;
  daemon: number;
  seconds: number;
}

/** @returns the table of `npm run bench agent-api`. */
export async function run() {
  const world = await makeAgentWorld(2);
  try {
    const [followed, drained] = world.containers;
    const agent = await world.startAgent({ source: 'api' });
    await sleep(1500);
    const pieces = jsonFileLines(lines, Date.now());
    world.append(drained!, pieces);
    // The agent follows that container too.
    await until(
      () => `the first records: ${agent.output()}`,
      () => world.received() >= matching(lines),
      120_000,
    );
    await sleep(500);
    const curls: Cost[] = [];
    const ours: Cost[] = [];
    for (let round = 0; round < rounds; round++) {
      curls.push(
        await costOf(async () => {
          const url = `http://docker/containers/${drained!.id}/logs?stdout=1&stderr=1&timestamps=1`;
          const curl = await runCommand(
            'curl',
            ['-s', '-S', '--unix-socket', world.engine.socketPath, '-o', '/dev/null', url],
            {},
          );
          if (curl.status !== 0) throw new Error(`curl ended with ${curl.status}`);
          return curl.cpuSeconds;
        }),
      );
      const more = jsonFileLines(lines, Date.now());
      const wanted = world.received() + matching(lines);
      ours.push(
        await costOf(async () => {
          const before = cpuSecondsOf(agent.pid);
          world.append(followed!, more);
          await until(
            () => `${wanted} records, ${world.received()} have come: ${agent.output()}`,
            () => world.received() >= wanted,
            120_000,
          );
          await sleep(300);
          return cpuSecondsOf(agent.pid) - before;
        }),
      );
    }
    await agent.stop();
    const curl = cheapest(curls);
    const row = (what: string, { own, daemon, seconds }: Cost) => ({
      what,
      'own CPU-s a million lines': own.toFixed(2),
      'times curl': (own / curl.own).toFixed(2),
      "the daemon's": daemon.toFixed(2),
      'lines/s': Math.round(1e6 / seconds),
    });
    return {
      title: 'A million lines of 200 bytes through the Engine API, 1 % matching',
      rows: [
        row('`curl --unix-socket` to nothing', curl),
        row('log-detector agent: join, match, spool, send', cheapest(ours)),
      ],
      notes: [
        `${rounds} rounds in turn of ${lines.toLocaleString('en')} lines with timestamps, counted up to a million; the cheapest of each is shown. The agent follows while they are written, curl reads what is there. All: curl ${list(curls)}; agent ${list(ours)}.`,
      ],
    };

    /** Counted up to a million lines. */
    async function costOf(work: () => Promise<number>): Promise<Cost> {
      const before = cpuSecondsOf(world.daemonPid);
      const began = performance.now();
      const own = await work();
      const part = lines / 1e6;
      return {
        own: own / part,
        daemon: (cpuSecondsOf(world.daemonPid) - before) / part,
        seconds: (performance.now() - began) / 1000 / part,
      };
    }
  } finally {
    await world.close();
  }
}

const cheapest = (costs: Cost[]): Cost => costs.reduce((a, b) => (b.own < a.own ? b : a));
const list = (costs: Cost[]): string => costs.map(({ own }) => own.toFixed(2)).join(', ');
