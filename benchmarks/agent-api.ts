// What lines cost the agent when it asks Docker for them: its own processor time for a million, with the daemon's beside it,
// against `curl` draining the same log to nothing.

import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { jsonFileLines, matching } from './agent/log-lines.ts';
import { cpuSecondsOf, until } from './agent/processes.ts';
import { type AgentWorld, type Container, makeAgentWorld } from './agent/world.ts';

const lines = 400_000;
const rounds = 3;

interface Cost {
  own: number;
  daemon: number;
}

/** @returns the table of `npm run bench agent-api`. */
export async function run() {
  const world = await makeAgentWorld(2);
  try {
    const [followed, drained] = world.containers;
    const agent = await world.startAgent({
      source: 'api',
      env: { MONITOR_CONTAINERS: 'shop-0' },
      following: 1,
    });
    await sleep(1500);
    const pieces = jsonFileLines(lines, Date.now());
    world.append(followed!, pieces);
    await until(
      () => `the first records: ${agent.output()}`,
      () => world.received() >= matching(lines),
      120_000,
    );
    await sleep(500);
    const curls: Cost[] = [];
    const ours: Cost[] = [];
    for (let round = 0; round < rounds; round++) {
      const forCurl = jsonFileLines(lines, Date.now());
      curls.push(await costOf(() => drain(world, drained!, forCurl)));
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
    const row = (what: string, { own, daemon }: Cost) => ({
      what,
      'own CPU-s a million lines': own.toFixed(2),
      'times curl': (own / curl.own).toFixed(2),
      "the daemon's": daemon.toFixed(2),
    });
    return {
      title: 'A million lines of 200 bytes through the Engine API, 1 % matching',
      rows: [
        row('`curl --unix-socket`, following, to nothing', curl),
        row('log-detector agent: join, match, spool, send', cheapest(ours)),
      ],
      notes: [
        `${rounds} rounds in turn of ${lines.toLocaleString('en')} lines with timestamps, counted up to a million; the cheapest of each is shown. Both follow while the lines are written; the agent must not follow the container that curl drains (MONITOR_CONTAINERS). All: curl ${list(curls)}; agent ${list(ours)}.`,
      ],
    };

    /** Counted up to a million lines. */
    async function costOf(work: () => Promise<number>): Promise<Cost> {
      const before = cpuSecondsOf(world.daemonPid);
      const own = await work();
      const part = lines / 1e6;
      return {
        own: own / part,
        daemon: (cpuSecondsOf(world.daemonPid) - before) / part,
      };
    }
  } finally {
    await world.close();
  }
}

/** Follows a container's log with curl while lines are written. @returns its CPU-seconds, when no more come. */
async function drain(
  { engine, append }: AgentWorld,
  container: Container,
  pieces: Buffer[],
): Promise<number> {
  const url = `http://docker/containers/${container.id}/logs?stdout=1&stderr=1&timestamps=1&follow=1&tail=0`;
  const args = ['-s', '-N', '--unix-socket', engine.socketPath, '-o', '/dev/null', url];
  const curl = spawn('curl', args, { stdio: 'ignore' });
  try {
    await sleep(500);
    append(container, pieces);
    let cpu = cpuSecondsOf(curl.pid!);
    for (let calm = 0; calm < 6; calm++) {
      await sleep(250);
      const now = cpuSecondsOf(curl.pid!);
      if (now > cpu) calm = 0;
      cpu = now;
    }
    return cpu;
  } finally {
    curl.kill();
  }
}

const cheapest = (costs: Cost[]): Cost => costs.reduce((a, b) => (b.own < a.own ? b : a));
const list = (costs: Cost[]): string => costs.map(({ own }) => own.toFixed(2)).join(', ');
