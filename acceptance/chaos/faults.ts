// A fault of the plan -> what is done to the world. Each takes what it strikes for itself until it is over, so that a
// program is not killed twice at once; faults that strike different things overlap.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault, FaultKind, SlotName } from './plan.ts';
import type { ProxyMode } from './proxy.ts';
import type { Slot, World } from './world.ts';

type Resource = 'agent' | 'backend' | 'engine' | 'proxy';

interface Strike {
  takes: readonly Resource[];
  /** Resolves when the disturbance is over: what was killed is started again, what was broken is whole. */
  run(world: World, fault: Fault): Promise<void>;
}

const agentKill: Strike = {
  takes: ['agent'],
  async run(world, { ms }) {
    world.agentUpSince = undefined;
    await world.agent.signal('SIGKILL');
    await sleep(ms);
    startAgent(world);
  },
};

/** The proxy misbehaves for a while. */
function proxyFault(mode: ProxyMode): Strike {
  return {
    takes: ['proxy'],
    async run({ proxy }, { ms }) {
      proxy.setMode(mode);
      await sleep(ms);
      proxy.setMode('pass');
    },
  };
}

/** Something is done to the container of the slot. */
function containerFault(run: (world: World, slot: Slot, fault: Fault) => Promise<void>): Strike {
  return { takes: ['engine'], run: (world, fault) => run(world, world.slots.get(fault.slot!)!, fault) };
}

const strikes: Record<FaultKind, Strike> = {
  'agent kill -9': agentKill,
  'agent kill -9 for long': agentKill,
  'agent SIGTERM': {
    takes: ['agent'],
    async run(world, { ms }) {
      world.agentUpSince = undefined;
      await world.agent.signal('SIGTERM');
      await sleep(ms);
      startAgent(world);
    },
  },
  'agent frozen': {
    takes: ['agent'],
    async run(world, { ms }) {
      world.agentUpSince = undefined;
      await world.agent.signal('SIGSTOP');
      await sleep(ms);
      await world.agent.signal('SIGCONT');
      world.agentUpSince = Date.now();
    },
  },
  'backend kill -9': {
    takes: ['backend'],
    async run({ backend }, { ms }) {
      await backend.signal('SIGKILL');
      await sleep(ms);
      backend.start();
    },
  },
  'backend SIGTERM': {
    takes: ['backend'],
    async run({ backend }, { ms }) {
      await backend.signal('SIGTERM');
      await sleep(ms);
      backend.start();
    },
  },
  'backend frozen': {
    takes: ['backend'],
    async run({ backend }, { ms }) {
      await backend.signal('SIGSTOP');
      await sleep(ms);
      await backend.signal('SIGCONT');
    },
  },
  'postmaster kill -9': {
    takes: ['backend'],
    async run(world) {
      await killPostmaster(world, 5000);
    },
  },
  'everything kill -9': {
    takes: ['agent', 'backend'],
    async run(world, { ms }) {
      world.agentUpSince = undefined;
      const postmaster = killPostmaster(world, 0);
      await Promise.all([world.agent.signal('SIGKILL'), world.backend.signal('SIGKILL'), postmaster]);
      await sleep(ms);
      world.backend.start();
      startAgent(world);
    },
  },
  'dockerd restart': { takes: ['engine'], run: ({ engine }) => engine.restart() },
  'dockerd kill -9': {
    takes: ['engine'],
    async run(world) {
      // What these have in Docker's memory would be gone without a trace: they are silent for the moment.
      await world.silenceUnaccountable();
      const from = Date.now();
      await world.engine.kill9();
      await world.engine.start();
      for (const { causes } of world.containers) causes.push({ what: 'daemon-killed', from, to: Date.now() });
      world.setUnaccountablePrints(true);
    },
  },
  'connections cut': proxyFault('cut'),
  'connections slow': proxyFault('slow'),
  'connections half-closed': proxyFault('half-close'),
  'requests met by silence': proxyFault('silence'),
  'answers lost': proxyFault('lose-answer'),
  'answers 500': proxyFault('error-500'),
  'answers 429': proxyFault('error-429'),
  'answers 401': proxyFault('error-401'),
  'answers garbage': proxyFault('garbage'),
  'container restart': containerFault(async ({ engine }, { containerName }) => {
    await engine.docker('restart', containerName);
  }),
  // Not by Docker, which would take a `docker kill` for a wish and not start it again.
  'container kill': containerFault(async ({ engine }, { containerName }) => {
    const pid = Number(await engine.docker('inspect', '--format={{.State.Pid}}', containerName));
    if (pid > 0) process.kill(pid, 'SIGKILL');
  }),
  'container stop and start': containerFault(async ({ engine }, { containerName }, { ms }) => {
    await engine.docker('stop', containerName);
    await sleep(ms);
    await engine.docker('start', containerName);
  }),
  'container rename': {
    takes: ['engine', 'agent'],
    async run(world, { slot }) {
      const rename = async () => {
        const { name, containerName } = world.slots.get(slot!)!;
        const next = containerName === name ? `${name}-new` : name;
        await world.engine.docker('rename', containerName, next);
        world.slots.get(slot!)!.containerName = next;
      };
      await rename().catch(async (error: Error) => {
        // Docker 20.10, once killed, has forgotten the network of what it had started, and renames only what is new.
        if (!/sandbox .* not found/.test(error.message)) throw error;
        await recreate(world, slot!);
        await rename();
      });
    },
  },
  'container recreate': { takes: ['engine', 'agent'], run: (world, { slot }) => recreate(world, slot!) },
  'container of a moment': { takes: ['engine'], run: (world) => world.makeMoment(40) },
  'log truncated': containerFault(async (world, slot) => world.truncateLog(slot)),
};

export function startAgent(world: World): void {
  world.agent.start();
  world.agentUpSince = Date.now();
}

/** Removes the container of the slot and makes another of the same name. */
async function recreate(world: World, name: SlotName): Promise<void> {
  const slot = world.slots.get(name)!;
  // A container that came and went while nobody could see it is beyond any agent: it has had two seconds to look.
  const seenAt = Math.max(slot.madeAt, world.agentUpSince ?? Date.now()) + 2000;
  await sleep(Math.max(0, seenAt - Date.now()));
  const from = Date.now();
  await world.engine.docker('rm', '--force', slot.containerName);
  slot.made.causes.push({ what: 'removed', from, to: Date.now() });
  await world.makeContainer(name);
}

/** Kills the postmaster; waits up to `waitMs` for one to kill. */
async function killPostmaster(world: World, waitMs: number): Promise<void> {
  const until = Date.now() + waitMs;
  let pid = world.postmasterPid();
  while (pid === undefined && Date.now() < until) {
    await sleep(50);
    pid = world.postmasterPid();
  }
  try {
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
  } catch {
    // It has just ended by itself.
  }
}

/** Strikes one fault after the other; what a fault takes is taken when the ones before it have let go of it. */
export function createStriker(world: World) {
  const taken = new Map<Resource, Promise<unknown>>();
  return {
    /**
     * Resolves when the fault has begun. @returns a promise of its end, which does not reject: an error becomes the
     * result.
     */
    async begin(fault: Fault, onBegin: () => void): Promise<{ over: Promise<Error | undefined> }> {
      const { takes, run } = strikes[fault.kind];
      await Promise.all(takes.map((resource) => taken.get(resource)));
      onBegin();
      const over = run(world, fault).then(
        () => undefined,
        (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
      );
      for (const resource of takes) taken.set(resource, over);
      return { over };
    },
    /** Resolves when all faults are over. */
    async end(): Promise<void> {
      await Promise.all(taken.values());
    },
  };
}
