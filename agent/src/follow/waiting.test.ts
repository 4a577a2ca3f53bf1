// What waits again and again for a thing that does not happen must leave nothing behind: a wait that lost a race stays with the
// promise, or the signal, for as long as those live.

import { getEventListeners } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { abortWith } from './abort-with.ts';
import { type Engine, EngineError, type Inspected } from './engine.ts';
import { createFollower } from './follow.ts';
import { silentLog } from './log.ts';
import { collectingSink } from './testing.ts';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

function heapUsed(): number {
  gc();
  return process.memoryUsage().heapUsed;
}

afterEach(() => {
  vi.useRealTimers();
});

/** An engine with one container, whose events end when the test says so. */
function engineWith(inspect: () => Promise<Inspected>) {
  let endEvents = () => {};
  let isUp = true;
  const down = new EngineError('unreachable', 'cannot reach Docker');
  const engine = {
    label: 'an engine',
    connect: async () => {
      if (!isUp) throw down;
      return { version: '1.45', time: '2026-11-22T10:00:00.000000000Z' };
    },
    list: async () => [{ id: 'a1', name: 'api', labels: {}, running: true, createdAt: '' }],
    inspect,
    events: ({ onOpen, signal }: Parameters<Engine['events']>[0]) => {
      onOpen?.();
      return new Promise<void>((resolve, reject) => {
        endEvents = resolve;
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      });
    },
  } as unknown as Engine;
  return {
    engine,
    down,
    goDown() {
      isUp = false;
      endEvents();
    },
  };
}

function follow(engine: Engine, retryMs: number) {
  const stop = new AbortController();
  const follower = createFollower({
    engine,
    selection: { containers: [] },
    cursor: () => undefined,
    open: () => collectingSink(),
    hole() {},
    log: silentLog,
    retryMs,
  });
  const done = follower.run(stop.signal);
  return {
    signal: stop.signal,
    async stop() {
      stop.abort();
      await done;
    },
  };
}

describe('waiting', () => {
  it('leaves nothing with the signal when a container that is being removed is looked at again and again', async () => {
    let looks = 0;
    let looked = () => {};
    const enough = new Promise<void>((resolve) => {
      looked = resolve;
    });
    const { engine } = engineWith(async () => {
      looks++;
      if (looks === 200) looked();
      return { id: 'a1', name: 'api', removing: true } as Inspected;
    });
    const agent = follow(engine, 1);
    await enough;
    expect(getEventListeners(agent.signal, 'abort').length).toBeLessThan(10);
    await agent.stop();
  });

  it('takes no memory for the time that passes, while Docker is down or nothing happens', async () => {
    vi.useFakeTimers();
    const given = engineWith(() => Promise.reject(given.down));
    const agent = follow(given.engine, 60_000);
    await vi.advanceTimersByTimeAsync(1000);
    given.goDown();
    await vi.advanceTimersByTimeAsync(100_000);
    const before = heapUsed();
    const seconds = 5000;
    await vi.advanceTimersByTimeAsync(seconds * 1000);
    expect((heapUsed() - before) / seconds).toBeLessThan(100);
    const stopped = agent.stop();
    await vi.advanceTimersByTimeAsync(60_000);
    await stopped;
  });
});

describe('abortWith', () => {
  it('aborts with the signal, and lets go of it when the work is done', () => {
    const outer = new AbortController();
    const first = abortWith(outer.signal);
    const second = abortWith(outer.signal);
    first.release();
    expect(getEventListeners(outer.signal, 'abort').length).toBe(1);
    outer.abort('the end');
    expect(first.controller.signal.aborted).toBe(false);
    expect(second.controller.signal.reason).toBe('the end');
    expect(abortWith(outer.signal).controller.signal.reason).toBe('the end');
  });

  it('aborts when the time is over', async () => {
    vi.useFakeTimers();
    const { controller } = abortWith(new AbortController().signal, 5000);
    vi.advanceTimersByTime(4999);
    expect(controller.signal.aborted).toBe(false);
    vi.advanceTimersByTime(1);
    expect(controller.signal.reason).toMatchObject({ name: 'TimeoutError' });
  });
});
