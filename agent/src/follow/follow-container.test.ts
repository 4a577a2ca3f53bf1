// What is declared of a container that was removed before it was surely read to its end. A daemon that was killed has
// forgotten what happened before, so what its events leave out is not known.

import { describe, expect, it } from 'vitest';
import type { Hole, Position, Stream } from '../types.ts';
import { type ContainerEvent, EngineError, type Inspected, type LogEnd, type LogRequest } from './engine.ts';
import { type FollowContainerOptions, followContainer } from './follow-container.ts';
import { createLimit } from './limits.ts';
import type { Sink } from './sink.ts';
import { engineLog, frame, stamped } from './testing.ts';

const at = (second: number) => `2026-11-22T10:00:${String(second).padStart(2, '0')}.000000000Z`;

/** The holes that are declared of a container that is gone, of which these events are heard. */
async function holesOf(
  events: readonly [action: ContainerEvent['action'], second: number][],
  options: Partial<FollowContainerOptions> = {},
): Promise<Pick<Hole, 'from' | 'to'>[]> {
  const holes: Hole[] = [];
  const never = new AbortController().signal;
  const one = followContainer({
    engine: {
      label: 'an engine that no longer has it',
      inspect: () => Promise.reject(new EngineError('not-found', 'No such container')),
    } as unknown as FollowContainerOptions['engine'],
    link: {
      losses: 0,
      stumbles: true,
      wholeSeconds: false,
      outOfFiles() {},
      whenUp: () => Promise.resolve(),
    },
    limits: { short: createLimit(1), long: createLimit(1) },
    id: 'a1',
    name: 'api',
    cursor: () => undefined,
    beginAt: () => at(0),
    clock: { present: () => at(50), setBack: () => undefined, isOfOldTime: () => false },
    absentUntil: at(10),
    open: () => {
      throw new Error('there is nothing to read');
    },
    hole: (hole) => holes.push(hole),
    log: { debug() {}, info() {}, warn() {}, error() {} },
    maxLineBytes: 1000,
    retryMs: 10,
    silenceMs: 1000,
    now: () => Date.parse(at(50)),
    random: () => 0,
    signal: never,
    ...options,
  });
  for (const [action, second] of events)
    one.notify({ id: 'a1', name: 'api', action, at: at(second), attributes: {} }, 0);
  await one.done;
  return holes.map(({ from, to }) => ({ from, to }));
}

describe('a container that is gone before anybody looked at it', () => {
  it('may have printed since it was made', async () => {
    expect(
      await holesOf([
        ['create', 20],
        ['start', 21],
        ['die', 30],
        ['destroy', 31],
      ]),
    ).toEqual([{ from: at(20), to: at(31) }]);
  });

  it('may have printed since it surely was not there, when the event of its making is forgotten', async () => {
    expect(
      await holesOf([
        ['start', 29],
        ['destroy', 31],
      ]),
    ).toEqual([{ from: at(10), to: at(31) }]);
    expect(await holesOf([['destroy', 31]])).toEqual([{ from: at(10), to: at(31) }]);
  });

  it('has printed nothing when it was made and never started', async () => {
    expect(
      await holesOf([
        ['create', 20],
        ['destroy', 31],
      ]),
    ).toEqual([]);
  });

  it('may have printed since its cursor, whichever events are forgotten', async () => {
    const cursor = () => ({ at: at(15), ordinal: 3 });
    const events = [
      ['start', 29],
      ['destroy', 31],
    ] as const;
    expect(
      await holesOf(
        events.map(([action, second]) => [action, second]),
        { cursor },
      ),
    ).toEqual([{ from: at(15), to: at(31) }]);
  });
});

const stopped: Inspected = {
  id: 'a1',
  name: 'api',
  createdAt: at(20),
  startedAt: at(21),
  finishedAt: at(30),
  status: 'exited',
  running: false,
  removing: false,
  tty: true,
  driver: 'local',
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

const quietSink: Sink = {
  push() {},
  ready: () => undefined,
  seen() {},
  readTo() {},
  update() {},
  end: async () => {},
  isOpen: () => false,
  wantsAll: () => true,
  passedOver() {},
};

/** Tells, in order, what it is given, and that it ends. */
function tellingSink(told: string[], onEnd?: () => void): Sink {
  return {
    ...quietSink,
    push: ({ text }) => told.push(text),
    end: async () => {
      told.push('end');
      onEnd?.();
    },
  };
}

async function give(onBytes: LogRequest['onBytes'], line: string, end = '\n'): Promise<void> {
  const bytes = Buffer.from(line + end);
  await onBytes('stdout', bytes, 0, bytes.length);
}

/** What is told, in order, of a stopped container whose log came to its end, and of which the engine then says this. */
async function toldOf(afterwards: EngineError[], end: LogEnd = 'ended'): Promise<string[]> {
  const told: string[] = [];
  let looks = 0;
  await holesOf([], {
    engine: {
      label: 'an engine',
      inspect: () =>
        looks++ === 0 ? Promise.resolve(stopped) : Promise.reject(afterwards[looks - 2] ?? afterwards.at(-1)),
      logs: async ({ onBytes }: LogRequest) => {
        await give(onBytes, `${at(25)} ERROR no stock`);
        return end;
      },
    } as unknown as FollowContainerOptions['engine'],
    hole: ({ from }) => told.push(`hole from ${from}`),
    open: () => tellingSink(told),
  });
  return told;
}

const away = new EngineError('unreachable', 'cannot reach Docker');
const removed = new EngineError('not-found', 'No such container');

describe('a stopped container that is gone after its log came to its end', () => {
  it('was read to its end', async () => {
    expect(await toldOf([removed])).toEqual(['ERROR no stock', 'end']);
  });

  it('may have printed more when its file was cut off while it was read', async () => {
    expect(await toldOf([removed], 'cut')).toEqual(['ERROR no stock', `hole from ${at(25)}`, 'end']);
  });

  it('may have printed what an old engine left out, that gave nothing of a log which it was just removing', async () => {
    const told: string[] = [];
    let looks = 0;
    await holesOf([], {
      engine: {
        label: 'an engine',
        inspect: async () => {
          if (looks++ > 1) throw removed;
          return { ...stopped, removing: looks > 1 };
        },
        logs: async () => 'ended',
      } as unknown as FollowContainerOptions['engine'],
      hole: ({ from, to }) => told.push(`hole from ${from} to ${to}`),
      open: () => tellingSink(told),
    });
    expect(told).toEqual([`hole from ${at(0)} to ${at(50)}`, 'end']);
  });

  it('may have printed more when the daemon could not be reached then, which shuts down by ending its streams', async () => {
    expect(await toldOf([away, removed])).toEqual(['ERROR no stock', `hole from ${at(25)}`, 'end']);
  });
});

describe('a container that is there', () => {
  it.each(['its log', 'it'])('is no removed one when %s was not found once', async (refused) => {
    const told: string[] = [];
    const ending = new AbortController();
    let looks = 0;
    let asked = 0;
    await holesOf([], {
      engine: {
        label: 'an engine',
        inspect: async () => {
          if (looks++ === 0 && refused === 'it') throw removed;
          return stopped;
        },
        logs: async ({ onBytes }: LogRequest) => {
          if (asked++ === 0 && refused === 'its log') throw removed;
          await give(onBytes, `${at(25)} ERROR no stock`);
          return 'ended';
        },
      } as unknown as FollowContainerOptions['engine'],
      hole: ({ reason }) => told.push(reason),
      open: () => tellingSink(told, () => ending.abort()),
      signal: ending.signal,
    });
    expect(told).toEqual(['ERROR no stock', 'end']);
  });
});

describe('a log that ends without a newline', () => {
  /** What is told of it, where it was read up to `left` before. `removed`: the container is gone when its log was read. */
  async function toldOfLast(left: Position, isRemoved: boolean, isFull = false): Promise<string[]> {
    const told: string[] = [];
    const ending = new AbortController();
    let looks = 0;
    await holesOf(isRemoved ? [['die', 30]] : [], {
      engine: {
        label: 'an engine',
        inspect: () => (isRemoved && looks++ > 0 ? Promise.reject(removed) : Promise.resolve(stopped)),
        logs: async ({ onBytes }: LogRequest) => {
          await give(onBytes, `${at(25)} ERROR no stock`, '');
          return 'ended';
        },
        mayHaveThrownAway: () => isFull,
      } as unknown as FollowContainerOptions['engine'],
      cursor: () => left,
      hole: ({ reason, from, to }) => told.push(`${reason} from ${from} to ${to}`),
      open: () => tellingSink(told, () => ending.abort()),
      signal: ending.signal,
    });
    return told;
  }
  const never = { at: at(20), ordinal: -1 };

  it.each([false, true])(
    'is given with its last line, when that is the first of all (removed: %s)',
    async (is) => {
      expect(await toldOfLast(never, is)).toEqual(['ERROR no stock', 'end']);
    },
  );

  it('has its hole where its beginning was thrown away before anybody read it', async () => {
    const isFull = true;
    expect(await toldOfLast({ at: '1970-01-01T00:00:00.000000000Z', ordinal: -1 }, false, isFull)).toEqual([
      `rotated from ${stopped.createdAt} to ${at(25)}`,
      'ERROR no stock',
      'end',
    ]);
  });

  it('has its hole where what stood before the last line was rotated away', async () => {
    const hole = `rotated from ${at(22)} to ${at(25)}`;
    expect(await toldOfLast({ at: at(22), ordinal: 0 }, false)).toEqual([hole, 'ERROR no stock', 'end']);
  });
});

it.each([
  ['whole', '\n'],
  ['without a newline', ''],
])('has its hole where it is removed while it is asked what was lost before a line, %s', async (_, end) => {
  const told: string[] = [];
  let looks = 0;
  let asked = 0;
  await holesOf(
    [
      ['die', 30],
      ['destroy', 31],
    ],
    {
      engine: {
        label: 'an engine that removes it just now',
        inspect: () => (looks++ > 0 ? Promise.reject(removed) : Promise.resolve(stopped)),
        logs: async ({ tail, onBytes }: LogRequest) => {
          if (tail === undefined && asked++ > 0) throw removed;
          await give(onBytes, `${at(25)} ERROR no stock`, tail === undefined ? end : '\n');
          return 'ended';
        },
      } as unknown as FollowContainerOptions['engine'],
      cursor: () => ({ at: at(22), ordinal: 0 }),
      hole: ({ from, to }) => told.push(`hole from ${from} to ${to}`),
      open: () => tellingSink(told),
    },
  );
  expect(told.filter((text) => text !== 'ERROR no stock')).toEqual([
    expect.stringContaining(`hole from ${at(22)} to `),
    'end',
  ]);
});

describe('a stream that left out what the log has', () => {
  interface Stalled {
    /** Where a line is torn: the engine stops before the piece that stands there. */
    torn?: number;
    /** How many lines more there are whenever the log is followed again. */
    growing?: readonly number[];
    /** The last of them comes in so many pieces. */
    pieces?: number;
  }

  /** What is told of a log of four lines, of which the first request that follows gives only the last; read up to the first. */
  async function toldOf({ torn = 0, growing = [], pieces = 1 }: Stalled): Promise<string[]> {
    const log: { at: string; text: string }[] = [22, 23, 24].map((n) => ({ at: at(n), text: `line ${n}\n` }));
    for (let n = 1; n < pieces; n++) log.push({ at: at(25), text: `piece ${n} of ` });
    log.push({ at: at(25), text: 'line 25\n' });
    const told: string[] = [];
    const ending = new AbortController();
    let follows = 0;
    const engine = {
      label: 'an engine',
      inspect: async () => ({
        ...stopped,
        driver: 'json-file',
        running: true,
        status: 'running',
        tty: false,
      }),
      logs: async ({ follow, tail = log.length, onBytes, signal }: LogRequest) => {
        const isFirst = follow && follows++ === 0;
        for (let more = follow ? (growing[follows - 2] ?? 0) : 0; more > 0; more--)
          log.push({ at: at(23 + log.length - pieces), text: `line ${23 + log.length - pieces}\n` });
        if (isFirst) log.push({ at: at(26), text: 'line 26\n' });
        const first = isFirst ? log.length - 1 : Math.max(0, log.length - tail);
        for (const [index, piece] of [...log.entries()].slice(first)) {
          if (index === torn && first < torn) break;
          const bytes = frame('stdout', stamped(piece.at, piece.text));
          await onBytes('mux', bytes, 0, bytes.length);
          signal.throwIfAborted();
        }
        if (follow) ending.abort();
        return 'ended';
      },
    };
    await holesOf([], {
      engine: engine as unknown as FollowContainerOptions['engine'],
      cursor: () => ({ at: at(22), ordinal: 0 }),
      hole: ({ reason, from, to }) => told.push(`${reason} from ${from} to ${to}`),
      open: () => tellingSink(told),
      signal: ending.signal,
    });
    return told;
  }
  const lines = (from: number, to: number) =>
    Array.from({ length: to - from + 1 }, (_, index) => `line ${from + index}`);

  it('is read again, and what is printed while it is asked how far back leaves no hole', async () => {
    expect(await toldOf({ growing: [6, 0] })).toEqual(lines(23, 32));
  });

  it('is read again where the end of the log is one line in many pieces', async () => {
    const told = await toldOf({ pieces: 9 });
    expect(told.map((text) => text.replace(/^.* of /, ''))).toEqual(lines(23, 26));
  });

  it('has its hole where a line is torn, which ends at the first line behind it, though more is printed meanwhile', async () => {
    const hole = `corrupt-log from ${at(22)} to ${at(24)}`;
    expect(await toldOf({ torn: 2 })).toEqual([hole, ...lines(24, 26)]);
    expect(await toldOf({ torn: 2, growing: [3, 1, 0] })).toEqual([hole, ...lines(24, 30)]);
  });

  it('is given up behind a torn line where more is printed each time', async () => {
    const told = await toldOf({ torn: 2, growing: Array.from({ length: 30 }, () => 1) });
    expect(told[0]).toMatch(`corrupt-log from ${at(22)} to `);
    expect(told.length).toBeGreaterThan(1);
  });
});

it('declares no line as unread that stands below the first one of the other stream, and is older', async () => {
  const newer = '2026-11-22T10:00:26.000002000Z';
  const older = '2026-11-22T10:00:26.000001000Z';
  const bytes = Buffer.concat([
    frame('stdout', stamped(newer, 'out\n')),
    frame('stderr', stamped(older, 'ERROR no stock\n')),
  ]);
  const told: string[] = [];
  const ending = new AbortController();
  await holesOf([], {
    engine: {
      label: 'an engine whose log was truncated',
      inspect: () => Promise.resolve({ ...stopped, tty: false }),
      logs: async ({ onBytes }: LogRequest) => {
        await onBytes('mux', bytes, 0, bytes.length);
        return 'ended';
      },
    } as unknown as FollowContainerOptions['engine'],
    cursor: (stream) => ({ at: at(stream === 'stdout' ? 22 : 23), ordinal: 0 }),
    hole: ({ stream, from, to }) => told.push(`${stream} from ${from} to ${to}`),
    open: () => tellingSink(told, () => ending.abort()),
    signal: ending.signal,
  });
  expect(told).toEqual([
    `stdout from ${at(22)} to ${newer}`,
    `stderr from ${at(23)} to ${older}`,
    'out',
    'ERROR no stock',
    'end',
  ]);
});

it('asks for the whole log when an old engine left its compressed files out, and ends only then', async () => {
  const told: string[] = [];
  const ending = new AbortController();
  await holesOf([], {
    engine: {
      label: 'an engine that leaves compressed files out',
      inspect: () => Promise.resolve({ ...stopped, rotatesAt: 1000 }),
      logs: async ({ since, tail, onBytes }: LogRequest) => {
        for (const second of since === undefined && tail === undefined ? [22, 24, 26] : [26]) {
          await give(onBytes, `${at(second)} line ${second}`);
        }
        return 'ended';
      },
    } as unknown as FollowContainerOptions['engine'],
    cursor: () => ({ at: at(22), ordinal: 0 }),
    hole: ({ reason }) => told.push(reason),
    open: () => tellingSink(told, () => ending.abort()),
    signal: ending.signal,
  });
  expect(told).toEqual(['line 24', 'line 26', 'end']);
});

it('asks for the whole log of a busy container of an old engine only when lines are missing since its cursor too', async () => {
  const asked: string[] = [];
  const told: string[] = [];
  const ending = new AbortController();
  await holesOf([], {
    engine: {
      label: 'an engine that leaves compressed files out',
      inspect: () => Promise.resolve({ ...stopped, running: true, status: 'running', rotatesAt: 1000 }),
      logs: async ({ since, tail, onBytes }: LogRequest) => {
        const isPoll = tail === undefined || tail > 1;
        if (isPoll) asked.push(tail ? 'tail' : since ? 'since' : 'all');
        // By the second poll more was printed than its tail holds.
        const isBusy = asked.length > 1;
        for (const second of !isBusy ? [22] : tail ? [26] : [22, 24, 26]) {
          await give(onBytes, `${at(second)} line ${second}`);
        }
        if (isPoll && isBusy && !tail) ending.abort();
        return 'ended';
      },
    } as unknown as FollowContainerOptions['engine'],
    cursor: () => ({ at: at(22), ordinal: 0 }),
    open: () => ({ ...quietSink, push: ({ text }) => told.push(text) }),
    signal: ending.signal,
  });
  expect(asked).toEqual(['since', 'tail', 'since']);
  expect(told).toEqual(['line 24', 'line 26']);
});

it('does not ask an old engine for the whole log because one stream prints nothing', async () => {
  const log = engineLog();
  for (const second of [1, 2, 3, 22]) log.print('stdout', at(second), `line ${second}\n`);
  const told: string[] = [];
  const ending = new AbortController();
  let polls = 0;
  let ofWholeLog = 0;
  await holesOf([], {
    engine: {
      label: 'an engine that leaves compressed files out',
      inspect: () =>
        Promise.resolve({ ...stopped, running: true, status: 'running', rotatesAt: 1000, tty: false }),
      logs: async (request: LogRequest) => {
        const { since, tail, onBytes } = request;
        if (since && polls++ === 1) log.print('stdout', at(26), 'line 26\n');
        return log.logs({
          ...request,
          onBytes(...bytes) {
            if (since === undefined && tail === undefined) ofWholeLog++;
            return onBytes(...bytes);
          },
        });
      },
    } as unknown as FollowContainerOptions['engine'],
    cursor: (stream) => (stream === 'stdout' ? { at: at(22), ordinal: 0 } : { at: at(21), ordinal: -1 }),
    open: () => ({
      ...quietSink,
      push({ text }) {
        told.push(text);
        ending.abort();
      },
    }),
    signal: ending.signal,
  });
  expect(told).toEqual(['line 26']);
  // Its first line alone, which shows how far the log reaches back.
  expect(ofWholeLog).toBe(1);
});

/** What the sink is told of how far a running container's log is known to be read, and when it was asked for last; each look takes a second. */
async function readToOf(rotatesAt: number | undefined) {
  const told: (number | undefined)[] = [];
  const ending = new AbortController();
  let clock = 1000;
  let askedAt = 0;
  await holesOf([], {
    engine: {
      label: 'an engine',
      inspect: () => Promise.resolve({ ...stopped, running: true, status: 'running', rotatesAt }),
      logs: async () => {
        askedAt = clock;
        await new Promise((resolve) => setImmediate(resolve));
        clock += 1000;
        setImmediate(() => ending.abort());
        return 'ended';
      },
    } as unknown as FollowContainerOptions['engine'],
    open: () => ({ ...quietSink, readTo: (to) => told.push(to) }),
    cursor: () => ({ at: at(25), ordinal: 0 }),
    now: () => clock,
    signal: ending.signal,
  });
  return { told, askedAt };
}

describe('how far a log is known to be read', () => {
  it('is up to now while it is followed, and to the end of that after it', async () => {
    const { told, askedAt } = await readToOf(undefined);
    expect(told).toEqual([undefined, askedAt + 1000]);
  });

  it('is up to when it was asked for, where it is asked for now and then', async () => {
    const { told, askedAt } = await readToOf(5000);
    expect(told).toEqual([askedAt]);
  });
});

/** What is given of a running container's log, up to the line that ends with `last`, to one who had read up to the cursors, and what is warned of. */
async function resumed(
  log: ReturnType<typeof engineLog>,
  cursors: Record<Stream, Position>,
  last: string,
): Promise<{ texts: string[]; warnings: string[] }> {
  const texts: string[] = [];
  const warnings: string[] = [];
  const ending = new AbortController();
  await holesOf([], {
    engine: {
      label: 'an engine',
      inspect: () => Promise.resolve({ ...stopped, running: true, status: 'running', tty: false }),
      logs: log.logs,
    } as unknown as FollowContainerOptions['engine'],
    cursor: (stream) => cursors[stream],
    open: () => ({
      ...quietSink,
      push({ text }) {
        texts.push(text);
        if (text.endsWith(last)) ending.abort();
      },
    }),
    maxLineBytes: 100_000,
    log: { debug() {}, info() {}, warn: (_fields, message) => warnings.push(message), error() {} },
    signal: ending.signal,
  });
  return { texts, warnings };
}

describe('the log of a container of which one stream printed nothing since the agent came', () => {
  const cursors = { stdout: { at: at(40), ordinal: 0 }, stderr: { at: at(30), ordinal: -1 } };
  const logBefore = () => {
    const log = engineLog();
    for (const second of [1, 2, 3]) log.print('stderr', at(second), 'ERROR of long ago\n');
    log.print('stdout', at(29), 'working\n');
    return log;
  };

  it('is read on from where it was left, though its last piece is of a line begun long before', async () => {
    const log = logBefore();
    const piece = '#'.repeat(16 * 1024);
    log.print('stderr', at(32), piece);
    log.print('stdout', at(40), 'still working\n');
    log.print('stderr', at(32), '100 %\n');
    const { texts, warnings } = await resumed(log, cursors, '100 %');
    expect(texts.map((text) => text.replace(/#+/, '##'))).toEqual(['##100 %']);
    expect(warnings).toEqual([]);
  });

  it('is read on from where it was left when the clock steps back, and nothing older is given', async () => {
    const log = logBefore();
    log.print('stdout', at(40), 'still working\n');
    log.print('stdout', at(20), 'after the step\n');
    log.print('stderr', at(21), 'ERROR after the step\n');
    log.print('stdout', at(22), 'done\n');
    const { texts } = await resumed(log, cursors, 'done');
    expect(texts).toEqual(['after the step', 'ERROR after the step', 'done']);
  });
});

it('ends the sink of a container whose driver gives no log back', async () => {
  const ending = new AbortController();
  const told: string[] = [];
  await holesOf([], {
    engine: {
      label: 'an engine',
      inspect: () => Promise.resolve({ ...stopped, running: true, status: 'running' }),
      logs: () => Promise.reject(new EngineError('unreadable', 'cache-disabled')),
    } as unknown as FollowContainerOptions['engine'],
    hole: ({ reason }) => told.push(reason),
    open: () => ({
      ...quietSink,
      end: async () => {
        told.push('end');
        ending.abort();
      },
    }),
    signal: AbortSignal.any([ending.signal, AbortSignal.timeout(5000)]),
  });
  expect(told).toEqual(['unreadable-driver', 'end']);
});
