import { describe, expect, it } from 'vitest';
import { lifeId } from '../ship/event-id.ts';
import type { ContainerState } from '../types.ts';
import { createLife, type LifeOptions } from './life.ts';
import { signalNumber } from './signals.ts';
import { addFields, tellTogether } from './together.ts';

const start = Date.parse('2026-11-22T10:00:00Z');
const stampAt = (ms: number) => `${new Date(start + ms).toISOString().slice(0, 23)}000000Z`;
const never = '0001-01-01T00:00:00.000000000Z';

/** A life on a clock that is moved by hand. */
function given(options: Partial<LifeOptions> = {}) {
  let clock = start;
  const life = createLife({
    host: 'web-1',
    enabled: true,
    eventId: lifeId,
    inspect: async () => state({ healthOutput: 'password=hunter22 refused' }),
    redact: (text) => text.replace('hunter22', '[redacted:password]'),
    now: () => clock,
    ...options,
  });
  const tell = (ms: number, action: string, attributes: Record<string, string> = {}, id = 'c1') => {
    clock = start + ms;
    life.event({ id, name: attributes.name ?? 'api-1', at: stampAt(ms), action, attributes });
  };
  return {
    life,
    tell,
    look: (ms: number, parts: Partial<ContainerState> = {}) => {
      clock = start + ms;
      life.inspected(state({ startedAt: stampAt(ms), ...parts }));
    },
    /** The records that are due by then. */
    at(ms: number) {
      clock = start + ms;
      return life.due().flatMap((id) => life.take(id, () => ['last line']));
    },
    phase: (ms: number, id = 'c1') => life.fieldsOf(id, stampAt(ms))?.phase,
  };
}

function state(parts: Partial<ContainerState> = {}): ContainerState {
  return {
    id: 'c1',
    name: 'api-1',
    image: 'shop:1',
    labels: {},
    tty: false,
    startedAt: never,
    finishedAt: never,
    running: true,
    imageId: 'sha256:0123456789abcdef',
    exitCode: 0,
    oomKilled: false,
    restartCount: 0,
    isRestarted: false,
    stopSignal: '',
    healthOutput: '',
    ...parts,
  };
}

describe('the end of a container', () => {
  it('is told when it died with another code than 0, with its last lines and how long it ran', () => {
    const { tell, look, at } = given();
    tell(0, 'start');
    look(10);
    tell(60_000, 'die', { exitCode: '3' });
    expect(at(60_100)).toEqual([]);
    const [told] = at(62_000);
    expect(told!.record).toMatchObject({
      host: 'web-1',
      container: 'api-1',
      message: 'Container exited with code 3.',
      severity: 'fatal',
      occurred_at: '2026-11-22T10:01:00.000000Z',
      image: 'shop:1',
      context_before: ['last line'],
      fields: { event: 'died', exit_code: 3, uptime_seconds: 60, image_id: '0123456789ab', restart_count: 0 },
    });
    expect(told!.record.fields).not.toHaveProperty('phase');
  });

  it.each([
    ['exit code 0', [['die', { exitCode: '0' }]]],
    [
      'docker stop',
      [
        ['kill', { signal: '15' }],
        ['die', { exitCode: '143' }],
      ],
    ],
    [
      'docker stop of one that exits with 1',
      [
        ['kill', { signal: '15' }],
        ['die', { exitCode: '1' }],
      ],
    ],
    [
      'docker rm -f',
      [
        ['kill', { signal: '9' }],
        ['die', { exitCode: '137' }],
      ],
    ],
  ] as [string, [string, Record<string, string>][]][])('is not told after %s', (_, events) => {
    const { tell, look, at } = given();
    tell(0, 'start');
    look(1);
    events.forEach(([action, attributes], index) => {
      tell(40_000 + index, action, attributes);
    });
    expect(at(60_000)).toEqual([]);
  });

  it('is told although it was sent a signal that asks for something else', () => {
    const { tell, look, at } = given();
    tell(0, 'start');
    look(1);
    tell(40_000, 'kill', { signal: '1' });
    tell(41_000, 'die', { exitCode: '1' });
    expect(at(43_000)).toHaveLength(1);
  });

  it("knows the image's own stop signal", () => {
    const { tell, look, at } = given();
    look(0, { stopSignal: 'SIGWINCH' });
    tell(40_000, 'kill', { signal: '28' });
    tell(41_000, 'die', { exitCode: '1' });
    expect(at(43_000)).toEqual([]);
    expect([signalNumber('term'), signalNumber('SIGQUIT'), signalNumber('15')]).toEqual([15, 3, 15]);
  });

  it('tells once of a container killed for memory', () => {
    const { tell, look, at } = given();
    look(0);
    tell(40_000, 'oom');
    tell(40_050, 'die', { exitCode: '137' });
    expect(at(42_000).map(({ record }) => record.message)).toEqual([
      'Container was killed: out of memory (exit code 137).',
    ]);
  });

  it('tells of an unhealthy one, with what the check printed, redacted', async () => {
    const { tell, look, at } = given();
    look(0);
    tell(40_000, 'health_status: unhealthy');
    await Promise.resolve();
    await Promise.resolve();
    expect(at(42_000)[0]!.record).toMatchObject({
      severity: 'error',
      message: 'Container is unhealthy: its health check fails.\npassword=[redacted:password] refused',
    });
  });

  it('gets the same id when it is told again', () => {
    const ids = [given(), given()].map(({ tell, look, at }) => {
      look(0);
      tell(40_000, 'die', { exitCode: '1' });
      return at(42_000)[0]!.record.event_id;
    });
    expect(ids[0]).toBe(ids[1]);
  });

  it('is found by inspection when it came while the agent was away, unless someone may have stopped it', () => {
    const ended = { running: false, startedAt: stampAt(0), finishedAt: stampAt(40_000) };
    const found = (parts: Partial<ContainerState>, since: number) => {
      const { look, at } = given({ since: () => stampAt(since) });
      look(50_000, { ...ended, ...parts });
      return at(60_000).map(({ record }) => record.message);
    };
    expect(found({ exitCode: 1 }, 30_000)).toEqual(['Container exited with code 1.']);
    expect(found({ exitCode: 137, oomKilled: true }, 30_000)).toEqual([
      'Container was killed: out of memory (exit code 137).',
    ]);
    expect(found({ exitCode: 1 }, 45_000)).toEqual([]);
    expect(found({ exitCode: 137 }, 30_000)).toEqual([]);
  });

  it('is told once when inspection finds it and events tell of it too, and not when they say that it was stopped', () => {
    const ended = { running: false, startedAt: stampAt(0), finishedAt: stampAt(40_000), exitCode: 1 };
    const told = [false, true].map((isStopped) => {
      const { look, tell, at } = given({ since: () => stampAt(30_000) });
      look(50_000, ended);
      if (isStopped) tell(39_000, 'kill', { signal: '15' });
      tell(40_002, 'die', { exitCode: '1' });
      return at(60_000).length;
    });
    expect(told).toEqual([1, 0]);
  });

  it.each([
    ['CONTAINER_EVENTS=false', { enabled: false }, {}],
    ['the label log-detector.events=false', {}, { 'log-detector.events': 'false' }],
  ])('is not told with %s', (_, options, labels) => {
    const { tell, look, at, phase } = given(options);
    look(0, { labels, restartCount: 2 });
    tell(40_000, 'die', { exitCode: '1', ...labels });
    expect(at(60_000)).toEqual([]);
    expect(phase(1000)).toBeUndefined();
  });
});

describe('a loop of restarts', () => {
  it('is told once, at its third death, without a phase, and the deaths before as of a container that starts', () => {
    const { tell, look, at } = given();
    look(0, { isRestarted: true, startedAt: stampAt(0) });
    const told = [0, 5000, 10_000, 15_000].flatMap((ms) => {
      tell(ms, 'start');
      tell(ms + 100, 'die', { exitCode: '1' });
      return at(ms + 2000);
    });
    expect(told.map(({ record }) => [record.fields!.event, record.fields!.phase])).toEqual([
      ['died', 'starting'],
      ['died', 'starting'],
      ['died', 'starting'],
      ['restart-loop', undefined],
      ['died', 'starting'],
    ]);
  });
});

describe('the phase of a record', () => {
  it('is stopping from the signal on until the end', () => {
    const { tell, look, phase } = given();
    look(0);
    tell(60_000, 'kill', { signal: '15' });
    tell(62_000, 'die', { exitCode: '1' });
    expect([phase(50_000), phase(60_001), phase(61_999), phase(70_000)]).toEqual([
      undefined,
      'stopping',
      'stopping',
      undefined,
    ]);
  });

  it('is starting for half a minute where a container starts again, and never at the first start of all', () => {
    const { tell, look, phase } = given();
    tell(0, 'start');
    look(1);
    expect(phase(1000)).toBeUndefined();
    tell(50_000, 'kill', { signal: '15' });
    tell(51_000, 'die', { exitCode: '0' });
    tell(52_000, 'start');
    expect([phase(52_100), phase(81_000), phase(83_000)]).toEqual(['starting', 'starting', undefined]);
  });

  it('is starting where a container takes the place of one of its service', () => {
    const { tell, look, phase } = given();
    look(0);
    tell(60_000, 'kill', { signal: '15' });
    tell(61_000, 'die', { exitCode: '0' });
    tell(70_000, 'start', { name: 'api-2' }, 'c2');
    tell(70_000, 'start', { name: 'other' }, 'c3');
    expect([phase(71_000, 'c2'), phase(71_000, 'c3')]).toEqual(['starting', undefined]);
  });
});

describe('one alert', () => {
  const record = (ms: number, fields?: Record<string, unknown>) => ({
    stream: 'stderr' as const,
    first: { at: stampAt(ms), ordinal: 0 },
    last: { at: stampAt(ms), ordinal: 0 },
    containerId: 'c1',
    record: {
      event_id: `id ${ms}`,
      host: 'h',
      container: 'c',
      message: 'm',
      ...(fields ? { fields } : { stream: 'stderr' as const }),
    },
  });

  it('tells of a death and of what was printed within seconds before it', () => {
    const all = tellTogether(
      [record(0), record(55_000), record(59_900)],
      [record(60_000, { event: 'died' })],
    );
    expect(all.map((one) => (one.record as { coalesce_id?: string }).coalesce_id)).toEqual([
      undefined,
      'id 55000',
      'id 55000',
      'id 55000',
    ]);
  });

  it("keeps a JSON log's own fields of such names apart", () => {
    const one = record(0);
    Object.assign(one.record, { fields: { phase: 'moon', user: 7 } });
    addFields(one, { fieldsOf: () => ({ image_id: 'x' }) });
    expect((one.record as { fields?: object }).fields).toEqual({
      'log.phase': 'moon',
      user: 7,
      image_id: 'x',
    });
  });
});
