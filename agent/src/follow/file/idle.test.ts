import { appendFileSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pause } from '../backoff.ts';
import { createIdle, type IdleOptions } from './idle.ts';

let folder: string;
let path: string;
const never = new AbortController().signal;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ld-idle-'));
  path = join(folder, 'log');
  writeFileSync(path, '');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Waits for the log to grow. */
function waiting(options: IdleOptions) {
  let asked = 0;
  let isOver = false;
  const sizeThen = statSync(path).size;
  const idle = createIdle(options);
  const grown = idle.open(path, never).until(() => {
    asked++;
    return isOver || statSync(path, { throwIfNoEntry: false })?.size !== sizeThen;
  });
  return {
    idle,
    grown,
    asked: () => asked,
    over() {
      isOver = true;
    },
  };
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await pause(5);
}

describe('idle', () => {
  it('asks often for a log that grew lately', async () => {
    const { grown, asked } = waiting({ everyMs: 2, quietAsks: 1e9 });
    await until(() => asked() > 20);
    appendFileSync(path, 'line\n');
    await grown;
  });

  it('watches one that is silent, and hears of its first line without asking', async () => {
    // So seldom that it is not by asking.
    const { grown, asked } = waiting({ everyMs: 50, quietAsks: 2 });
    await until(() => asked() >= 4);
    const before = asked();
    appendFileSync(path, 'line\n');
    await grown;
    expect(asked() - before).toBe(1);
  });

  it('hears of a silent log that is moved away, and of one made in its place', async () => {
    const { grown, asked } = waiting({ everyMs: 20, quietAsks: 2 });
    await until(() => asked() >= 4);
    renameSync(path, `${path}.1`);
    await grown;
  });

  it('is told of what is no change of the file', async () => {
    const { idle, grown, over } = waiting({ everyMs: 1000 });
    over();
    idle.ask();
    await grown;
  });

  it('finds what nobody told of, and after three times watches no more', async () => {
    let watched = 0;
    const deaf: IdleOptions['watch'] = () => {
      watched++;
      return { close() {} } as ReturnType<NonNullable<IdleOptions['watch']>>;
    };
    const waiter = createIdle({ everyMs: 1, quietAsks: 1, watch: deaf }).open(path, never);
    for (let round = 0; round < 5; round++) {
      const { size } = statSync(path);
      let asked = 0;
      const grown = waiter.until(() => asked++ > 20 || statSync(path).size !== size);
      await until(() => asked > 3);
      appendFileSync(path, 'line\n');
      await grown;
    }
    expect(watched).toBe(3);
  });

  it('asks as before where no watch is to be had', async () => {
    const none: IdleOptions['watch'] = () => {
      throw Object.assign(new Error('no watches are left'), { code: 'ENOSPC' });
    };
    const { grown, asked } = waiting({ everyMs: 1, quietAsks: 1, watch: none });
    await until(() => asked() > 5);
    appendFileSync(path, 'line\n');
    await grown;
  });

  it('ends the wait of one that cannot be asked, however it is asked', async () => {
    let asked = 0;
    const failsAt = (times: number) => () => {
      if (++asked >= times) throw new Error('EACCES: permission denied');
      return false;
    };
    const often = createIdle({ everyMs: 1, quietAsks: 2 });
    await often.open(path, never).until(failsAt(1));
    await often.open(path, never).until(failsAt(10));
    const seldom = createIdle({ everyMs: 60_000 });
    const grown = seldom.open(path, never).until(failsAt(1));
    seldom.ask();
    await grown;
  });

  it('ends a wait when its signal fires, and waits no more after that', async () => {
    const stopping = new AbortController();
    const waiter = createIdle({ everyMs: 1000 }).open(path, stopping.signal);
    const grown = waiter.until(() => false);
    stopping.abort();
    await grown;
    await waiter.until(() => false);
    waiter.close();
  });
});
