// A host boots with a clock that is two hours ahead, and the agent starts; then the clock is set right. What is printed from
// then on has earlier times than what was read. No real engine's clock can be set back here, so the engine is made of its log.

import { afterEach, describe, expect, it } from 'vitest';
import type { Container, Hole, Position, Stream } from '../types.ts';
import { pause } from './backoff.ts';
import { type ContainerEvent, type Engine, EngineError, type Inspected, type LogRequest } from './engine.ts';
import { createFollower } from './follow.ts';
import { silentLog } from './log.ts';
import { collectingSink, engineLog } from './testing.ts';
import { stampOf } from './timestamps.ts';

const hourMs = 3600_000;

const running = new Set<{ stop(): Promise<void> }>();
afterEach(async () => {
  for (const agent of running) await agent.stop();
});

/** A host with one container, whose clock goes on by itself and can be set. */
function startHost({ version = '1.45', rotatesAt = undefined as number | undefined } = {}) {
  let aheadMs = 2 * hourMs;
  const begunMs = performance.now();
  const now = () => Date.parse('2026-11-22T10:00:00Z') + aheadMs + performance.now() - begunMs;
  const log = engineLog();
  const asked: LogRequest[] = [];
  let container: Inspected | undefined;
  let onEvent: (event: ContainerEvent) => void = () => {};

  function tell(action: ContainerEvent['action'], attributes = {}): void {
    onEvent({ id: 'a1', name: 'api', action, at: stampOf(now()), attributes });
  }

  const find = (id: string) => {
    if (container?.id !== id) throw new EngineError('not-found', 'No such container');
    return container;
  };
  const engine: Engine = {
    label: 'an engine',
    connect: async () => ({ version, time: stampOf(now()) }),
    list: async () => (container ? [container] : []),
    inspect: async (id) => ({ ...find(id) }),
    events: (options) => {
      onEvent = options.onEvent;
      options.onOpen?.();
      return new Promise((_resolve, reject) => {
        options.signal.addEventListener('abort', () => reject(options.signal.reason), { once: true });
      });
    },
    logs(request) {
      asked.push(request);
      return log.logs({ ...request, isOver: () => !find(request.id).running });
    },
  };

  return {
    engine,
    asked,
    now,
    setRight() {
      aheadMs = 0;
    },
    create() {
      container = { ...madeAt(stampOf(now())), rotatesAt };
      tell('create');
    },
    start() {
      Object.assign(container!, { running: true, status: 'running', startedAt: stampOf(now()) });
      tell('start');
    },
    print(text: string, { stream = 'stdout' as Stream, agoMs = 0 } = {}) {
      log.print(stream, stampOf(now() - agoMs), `${text}\n`);
    },
    breakStreams: () => log.break(),
    die() {
      Object.assign(container!, { running: false, status: 'exited', finishedAt: stampOf(now()) });
      log.end();
      tell('die', { exitCode: '1' });
    },
    remove() {
      container = undefined;
      tell('destroy');
    },
  };
}

type Host = ReturnType<typeof startHost>;

const never = '0001-01-01T00:00:00.000000000Z';

function madeAt(createdAt: string): Inspected {
  return {
    id: 'a1',
    name: 'api',
    createdAt,
    startedAt: never,
    finishedAt: never,
    status: 'created',
    running: false,
    removing: false,
    tty: false,
    driver: 'json-file',
    rotatesAt: undefined,
    logPath: '',
    image: 'api:1',
    imageId: '',
    labels: {},
    exitCode: 0,
    oomKilled: false,
    restartCount: 0,
    isRestarted: false,
    stopSignal: '',
    healthOutput: '',
  };
}

interface Disk {
  cursors: Partial<Record<Stream, Position>>;
  watchedUntil?: string | undefined;
}

async function startAgent({ engine, now }: Host, disk: Disk = { cursors: {} }) {
  const texts: string[] = [];
  const holes: Hole[] = [];
  const stop = new AbortController();
  const follower = createFollower({
    engine,
    selection: { containers: [] },
    cursor: (_id, stream) => disk.cursors[stream],
    known: () => (disk.cursors.stdout ? [{ containerId: 'a1', container: 'api' }] : []),
    knownSince: () => disk.watchedUntil,
    open: (_container: Container) => {
      const sink = collectingSink();
      sink.push = ({ stream, position, text }) => {
        texts.push(text);
        disk.cursors[stream] = position;
      };
      sink.seen = (stream, position) => {
        disk.cursors[stream] = position;
      };
      return sink;
    },
    hole: (hole) => holes.push(hole),
    log: { ...silentLog, warn: () => agent.warnings++ },
    now,
  });
  const done = follower.run(stop.signal);
  const agent = {
    texts,
    holes,
    disk,
    warnings: 0,
    state: () => follower.status().containers[0]?.state,
    async until(what: string, holds: () => boolean): Promise<void> {
      for (const end = Date.now() + 30_000; !holds(); await pause(10)) {
        if (Date.now() > end) throw new Error(`waited in vain for: ${what}; given: ${texts.join(', ')}`);
      }
    },
    async stop() {
      disk.watchedUntil = follower.status().watchedUntil ?? disk.watchedUntil;
      running.delete(agent);
      stop.abort();
      await done;
    },
  };
  running.add(agent);
  await agent.until('the connection', () => follower.status().connected);
  return agent;
}

describe('after the clock was set back', () => {
  it('reads a container that is made then from its beginning', async () => {
    const host = startHost();
    const agent = await startAgent(host);
    host.setRight();
    host.create();
    host.start();
    host.print('ERROR at the start');
    await agent.until('its line', () => agent.texts.includes('ERROR at the start'));
    host.print('ERROR later');
    await agent.until('the next', () => agent.texts.includes('ERROR later'));
    expect(agent.texts).toEqual(['ERROR at the start', 'ERROR later']);
  });

  it('reads the new run of a container that had ended, and nothing of the one before again', async () => {
    const host = startHost();
    const agent = await startAgent(host);
    host.create();
    host.start();
    host.print('ERROR run 1');
    await agent.until('the first run', () => agent.texts.length === 1);
    host.die();
    await agent.until('its end', () => agent.state() === 'waiting');
    host.setRight();
    host.start();
    host.print('ERROR run 2');
    await agent.until('the second run', () => agent.texts.includes('ERROR run 2'));
    host.print('calm', { stream: 'stderr' });
    host.die();
    await agent.until('its end', () => agent.state() === 'waiting');
    expect(agent.texts).toEqual(['ERROR run 1', 'ERROR run 2', 'calm']);
  });

  it('reads on in a container that had printed nothing since the agent came, and nothing older', async () => {
    const host = startHost();
    host.create();
    host.start();
    host.print('ERROR of before', { agoMs: hourMs });
    host.print('ERROR of before', { stream: 'stderr', agoMs: hourMs });
    const agent = await startAgent(host);
    await agent.until('following', () => agent.state() === 'following');
    host.setRight();
    await agent.until('the change was seen', () => agent.warnings > 0);
    host.breakStreams();
    host.print('ERROR now');
    await agent.until('its line', () => agent.texts.includes('ERROR now'));
    host.print('ERROR too', { stream: 'stderr' });
    await agent.until('the other stream', () => agent.texts.includes('ERROR too'));
    host.breakStreams();
    host.print('ERROR last');
    await agent.until('the last', () => agent.texts.includes('ERROR last'));
    expect(agent.texts).toEqual(['ERROR now', 'ERROR too', 'ERROR last']);
  });

  it('reads what ran while it was away, which lies before what it has on disk', async () => {
    const host = startHost();
    const first = await startAgent(host);
    host.create();
    host.start();
    host.print('ERROR run 1');
    await first.until('the first run', () => first.texts.length === 1);
    host.die();
    await first.until('its end', () => first.state() === 'waiting');
    await first.stop();
    host.setRight();
    host.start();
    host.print('ERROR run 2');
    host.die();
    const second = await startAgent(host, first.disk);
    await second.until('the second run', () => second.state() === 'waiting');
    expect(second.texts).toEqual(['ERROR run 2']);
  });

  it('reads on in a container with lines of before, and asks an old engine for no more than the end of a log', async () => {
    const host = startHost({ version: '1.41', rotatesAt: 1_000_000 });
    const agent = await startAgent(host);
    host.create();
    host.start();
    host.print('ERROR one');
    await agent.until('its line', () => agent.texts.length === 1);
    host.setRight();
    await agent.until('the change was seen', () => agent.warnings > 0);
    host.print('ERROR two');
    await agent.until('the next', () => agent.texts.includes('ERROR two'));
    let from = host.asked.length;
    const tails = () => host.asked.slice(from).map(({ tail = Number.POSITIVE_INFINITY }) => tail);
    const ends = () => tails().filter((tail) => tail > 1 && Number.isFinite(tail)).length;
    await agent.until('a poll of its end', () => ends() > 0);
    from = host.asked.length;
    host.print('ERROR three');
    await agent.until('some polls', () => ends() >= 3 && agent.texts.includes('ERROR three'));
    expect(agent.texts).toEqual(['ERROR one', 'ERROR two', 'ERROR three']);
    expect(tails().every(Number.isFinite)).toBe(true);
  });

  it('declares what a container may have printed that was started and removed before it could be read', async () => {
    const host = startHost();
    const agent = await startAgent(host);
    host.create();
    host.start();
    host.print('ERROR run 1');
    await agent.until('the first run', () => agent.texts.length === 1);
    host.die();
    await agent.until('its end', () => agent.state() === 'waiting');
    host.setRight();
    host.start();
    host.remove();
    await agent.until('a hole', () => agent.holes.length > 0);
    expect(agent.holes.map(({ reason }) => reason)).toEqual(['container-removed']);
  });
});
