import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createTurns, type InTurns } from './turns.ts';

const turns = createTurns({ everyMs: 10 });
const joined: InTurns[] = [];

/** A stream that is read when it is resumed and something is there. */
function streamOf() {
  const stream = {
    isResumed: true,
    isThere: false,
    reads: 0,
    resumed: 0,
    resume() {
      stream.isResumed = true;
      stream.resumed++;
      if (!stream.isThere) return;
      stream.isThere = false;
      stream.read();
    },
    pause() {
      stream.isResumed = false;
    },
    read() {
      stream.reads++;
      turns.join(stream);
      stream.isResumed = false;
    },
  };
  joined.push(stream);
  return stream;
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  for (const stream of joined.splice(0)) turns.leave(stream);
  vi.useRealTimers();
});

const sleep = (ms: number) => vi.advanceTimersByTimeAsync(ms);

async function until(holds: () => boolean): Promise<void> {
  for (let ms = 0; !holds(); ms++) {
    if (ms > 5000) throw new Error('waited for too long');
    await sleep(1);
  }
}

describe('turns', () => {
  it('reads streams at the same instants, and leaves them in between', async () => {
    const [a, b] = [streamOf(), streamOf()];
    a.read();
    b.read();
    a.isThere = b.isThere = true;
    expect([a.isResumed, b.isResumed]).toEqual([false, false]);
    await until(() => a.reads === 2);
    expect(b.reads).toBe(2);
    await until(() => a.resumed === 3);
    await sleep(1);
    expect([a.isResumed, b.isResumed]).toEqual([false, false]);
  });

  it('leaves a stream that has been silent to wake by itself', async () => {
    const stream = streamOf();
    stream.read();
    await until(() => stream.resumed > 20);
    await sleep(50);
    expect(stream.isResumed).toBe(true);
    const { resumed } = stream;
    await sleep(50);
    expect(stream.resumed).toBe(resumed);
  });

  it('does not touch a stream that has left', async () => {
    const stream = streamOf();
    stream.read();
    turns.leave(stream);
    await sleep(50);
    expect([stream.isResumed, stream.resumed]).toEqual([false, 0]);
  });
});
