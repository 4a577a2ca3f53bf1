// A follower for tests with a real engine, as the agent runs it, with its disk in memory.

import type { Hole, Line, Position, Stream } from '../types.ts';
import { defer, pause } from './backoff.ts';
import type { ContainerEvent, Engine } from './engine.ts';
import { createFollower, type FollowerOptions } from './follow.ts';
import { silentLog } from './log.ts';
import { collectingSink } from './testing.ts';

/** A follower at work, what came of it, and the cursors as a disk would keep them. */
export interface Agent {
  lines: { container: string; id: string; line: Line }[];
  holes: Hole[];
  events: ContainerEvent[];
  cursors: Map<string, Position>;
  names: Map<string, string>;
  watchedUntil: string | undefined;
  texts(name: string): string[];
  status(): ReturnType<ReturnType<typeof createFollower>['status']>;
  /** Nothing more is taken until what this gives is called. */
  pause(): () => void;
  stop(): Promise<void>;
}

export interface Past {
  cursors: Map<string, Position>;
  names: Map<string, string>;
  watchedUntil: string | undefined;
}

export const running = new Set<Agent>();

export function startAgent(
  engine: Engine,
  { past, ...more }: Partial<FollowerOptions> & { past?: Past } = {},
): Agent {
  const stop = new AbortController();
  let paused: Promise<void> | undefined;
  const agent: Agent = {
    lines: [],
    holes: [],
    events: [],
    cursors: new Map(past?.cursors),
    names: new Map(past?.names),
    watchedUntil: past?.watchedUntil,
    texts: (name) => agent.lines.filter(({ container }) => container === name).map(({ line }) => line.text),
    status: () => follower.status(),
    pause() {
      const { promise, resolve } = defer();
      paused = promise;
      return () => {
        paused = undefined;
        resolve();
      };
    },
    async stop() {
      agent.watchedUntil = follower.status().watchedUntil ?? agent.watchedUntil;
      stop.abort();
      await done;
      running.delete(agent);
    },
  };
  const follower = createFollower({
    engine,
    selection: { containers: [] },
    cursor: (id, stream) => agent.cursors.get(`${id} ${stream}`),
    known: () => [...agent.names].map(([containerId, container]) => ({ containerId, container })),
    forget(id) {
      agent.names.delete(id);
      for (const stream of ['stdout', 'stderr']) agent.cursors.delete(`${id} ${stream}`);
    },
    knownSince: () => past?.watchedUntil,
    open(opened) {
      const sink = collectingSink();
      const place = { sink, container: opened };
      agent.names.set(opened.id, opened.name);
      const key = (stream: Stream) => `${opened.id} ${stream}`;
      sink.push = (line) => {
        agent.lines.push({ container: place.container.name, id: opened.id, line });
        agent.cursors.set(key(line.stream), line.position);
      };
      sink.ready = () => paused;
      sink.seen = (stream, position) => agent.cursors.set(key(stream), position);
      sink.update = (container) => {
        place.container = container;
      };
      return sink;
    },
    hole: (hole) => agent.holes.push(hole),
    event: (event) => agent.events.push(event),
    log: silentLog,
    retryMs: 500,
    ...more,
  });
  const done = follower.run(stop.signal);
  running.add(agent);
  return agent;
}

/** Stops all agents, and takes away all containers. */
export async function cleanUp({ docker }: { docker(...args: string[]): Promise<string> }): Promise<void> {
  for (const agent of running) await agent.stop();
  const ids = (await docker('ps', '-aq')).split('\n').filter(Boolean);
  if (ids.length > 0) await docker('rm', '-f', ...ids);
}

export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  ms = 60_000,
): Promise<void> {
  for (const end = Date.now() + ms; !(await holds()); await pause(20)) {
    if (Date.now() > end) throw new Error(`waited ${ms} ms for: ${what}`);
  }
}

export const connected = (agent: Agent) => until('connection', () => agent.status().connected);
