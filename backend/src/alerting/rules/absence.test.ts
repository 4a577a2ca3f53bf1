import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../../test-kit/src/postgres.ts';
import { aRecord } from '../given.ts';
import { createOwnRecords, type OwnRecord } from '../own-records.ts';
import { hours, minutes, seconds } from '../test-help-timeline.ts';
import { type AbsenceWatch, createAbsenceWatch } from './absence.ts';
import { readRulesText } from './read-file.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(() => database.pool.query('truncate absences, agents'));

const start = Date.parse('2026-11-22T10:00:00Z');

/** A watch, and what it told: seconds since the start, and the first line. */
function given(absence: string, startedAt = start - hours(1)) {
  const { config, problems } = readRulesText(`absence:\n${absence}`, 'rules.yaml', {
    channelTypes: {},
    variable: () => undefined,
  });
  expect(problems).toEqual([]);
  const told: [number, string][] = [];
  const records: OwnRecord[] = [];
  let now = start;
  const tell = async (record: OwnRecord) => {
    records.push(record);
    told.push([(now - start) / 1000, record.message.split('\n')[0]!]);
  };
  const limits = createOwnRecords({ submit: async () => [{}], now: () => now });
  const raise = async (record: OwnRecord) => {
    const raised = await limits.raise(record);
    if (raised === 'raised') await tell(record);
    return raised;
  };
  const watch = createAbsenceWatch({
    pool: database.pool,
    absence: config.absence,
    telling: { raise, over: tell },
    startedAt,
  });
  const look = (ms: number) => {
    now = start + ms;
    return watch.look(now);
  };
  return {
    watch,
    told,
    records,
    look,
    /** Looks every ten seconds, as a backend does that nothing keeps from it. */
    async lookUntil(fromMs: number, untilMs: number) {
      for (let ms = fromMs; ms < untilMs; ms += seconds(10)) await look(ms);
    },
  };
}

const hear = (watch: AbsenceWatch, ms: number, parts: Parameters<typeof aRecord>[0] = {}) =>
  watch.heard([aRecord(parts)], start + ms);

describe('absence', () => {
  it('of what matches is told after its time, again every while, and over when it is heard of', async () => {
    const { watch, told, look, lookUntil, records } = given(
      '  - { name: backup, match: { container: backup, pattern: done }, for: 10m }',
    );
    await look(0);
    hear(watch, minutes(1), { container: 'backup', message: 'backup done' });
    hear(watch, minutes(5), { container: 'backup', message: 'backup failed' });
    hear(watch, minutes(5), { container: 'api', message: 'done' });
    await lookUntil(seconds(10), minutes(25));
    hear(watch, minutes(25), { container: 'backup', message: 'backup done' });
    await lookUntil(minutes(25), minutes(30));
    expect(told).toEqual([
      [660, 'Silence: nothing was heard of "backup"'],
      [1260, 'Silence: nothing was heard of "backup"'],
      [1500, 'Silence is over: "backup" is heard of again'],
    ]);
    expect(records[0]!.message).toContain('since 2026-11-22T10:01:00.000000Z; one is expected every 10 min');
    expect(new Set(records.map(({ subject }) => subject))).toEqual(new Set(['backup']));
    expect(new Set(records.map(({ event }) => event)).size).toBe(3);
  });

  it('of what was never heard of is told, its time after it was first watched', async () => {
    const { told, lookUntil } = given('  - { name: backup, match: { container: backup }, for: 10m }');
    await lookUntil(0, minutes(15));
    expect(told).toEqual([[600, 'Silence: nothing was heard of "backup"']]);
  });

  it('of each container is told for that one, and of none that was never heard of', async () => {
    const { watch, told, look, lookUntil, records } = given(
      '  - { name: workers, match: { container: "worker-*" }, per: container, for: 2m }',
    );
    hear(watch, 0, { container: 'worker-1' });
    hear(watch, 0, { container: 'worker-2' });
    await look(0);
    hear(watch, minutes(1.5), { container: 'worker-2' });
    await lookUntil(seconds(10), minutes(2) + 1);
    expect(told).toEqual([[120, 'Silence: nothing was heard of "workers" of web-1/worker-1']]);
    expect(records[0]).toMatchObject({ host: 'web-1', container: 'worker-1', severity: 'error' });
  });

  it('of more than may be told of at once is told for each, the rest when there is room again', async () => {
    const { watch, look, lookUntil, records } = given(
      '  - { name: workers, match: { container: "worker-*" }, per: container, for: 2m }',
    );
    for (let n = 0; n < 230; n += 1) hear(watch, 0, { container: `worker-${n}` });
    await look(0);
    await lookUntil(seconds(10), minutes(15));
    expect(new Set(records.map(({ container }) => container)).size).toBe(230);
    hear(watch, minutes(15), { container: 'worker-229' });
    await look(minutes(15));
    const over = records.filter(({ message }) => message.startsWith('Silence is over'));
    expect(over.map(({ container }) => container)).toEqual(['worker-229']);
  });

  it('of an agent goes by its heartbeats, and one that said goodbye is not missed', async () => {
    const at = (ms: number) => new Date(start + ms);
    await database.pool.query(
      `insert into agents (id, host, version, first_seen_at, last_seen_at, stopped_at, facts)
       values (gen_random_uuid(), 'web-1', '1', $1, $1, null, '{}'), (gen_random_uuid(), 'web-2', '1', $1, $2, null, '{}'),
         (gen_random_uuid(), 'web-3', '1', $1, $1, $1, '{}'), (gen_random_uuid(), 'db-1', '1', $1, $1, null, '{}')`,
      [at(0), at(minutes(4))],
    );
    const { told, lookUntil } = given('  - { name: web, agent: "web-*", for: 5m, severity: fatal }');
    await lookUntil(0, minutes(5) + 1);
    expect(told).toEqual([[300, 'Silence: nothing was heard of "web" of web-1']]);
  });

  describe('of an agent', () => {
    const heartbeat = (ms: number, parts: { id?: string; isStopping?: boolean } = {}) => {
      const { id = '019aabcd-0000-7000-8000-000000000001', isStopping = false } = parts;
      return database.pool.query(
        `insert into agents (id, host, version, first_seen_at, last_seen_at, stopped_at, facts)
         values ($1, 'web-1', '1', $2::timestamptz, $2::timestamptz, case when $3 then $2::timestamptz end, '{}')
         on conflict (id) do update set last_seen_at = excluded.last_seen_at, stopped_at = excluded.stopped_at`,
        [id, new Date(start + ms), isStopping],
      );
    };
    const silent = 'Silence: nothing was heard of "web" of web-1';
    const web = '  - { name: web, agent: "web-*", for: 5m }';

    it('is not told once it said goodbye, but is when it came back and fell silent', async () => {
      const { told, lookUntil } = given(web);
      await heartbeat(0);
      await lookUntil(0, minutes(1));
      await heartbeat(minutes(1), { isStopping: true });
      await lookUntil(minutes(1), minutes(20));
      expect(told).toEqual([]);
      await heartbeat(minutes(20));
      await lookUntil(minutes(20), minutes(26));
      expect(told).toEqual([[1500, silent]]);
    });

    it('is over when it says goodbye', async () => {
      const { told, lookUntil } = given(web);
      await heartbeat(0);
      await lookUntil(0, minutes(6));
      await heartbeat(minutes(6), { isStopping: true });
      await lookUntil(minutes(6), minutes(30));
      expect(told).toEqual([
        [300, silent],
        [360, 'Silence is over: "web" is heard of again of web-1'],
      ]);
    });

    it('is not told when the one that took its place said goodbye', async () => {
      const { told, lookUntil } = given(web);
      await heartbeat(0);
      await lookUntil(0, minutes(1));
      const id = '019aabcd-0000-7000-8000-000000000002';
      await heartbeat(minutes(1), { id });
      await heartbeat(minutes(2), { id, isStopping: true });
      await lookUntil(minutes(2), minutes(20));
      expect(told).toEqual([]);
    });

    it('is told no more when it was forgotten', async () => {
      const { told, lookUntil } = given(web);
      await heartbeat(0);
      await lookUntil(0, minutes(6));
      await database.pool.query('delete from agents');
      await lookUntil(minutes(6), minutes(30));
      expect(told).toEqual([[300, silent]]);
    });
  });

  it('is told by one of several backends, however they look at once', async () => {
    const all = Array.from({ length: 4 }, () =>
      given('  - { name: backup, match: { container: b }, for: 1m }'),
    );
    await all[0]!.look(0);
    for (let ms = 0; ms <= minutes(1) + seconds(30); ms += seconds(10))
      await Promise.all(all.map(({ look }) => look(ms)));
    expect(all.flatMap(({ told }) => told)).toHaveLength(1);
  });

  it('is not told by a backend that only just began, and could not have heard', async () => {
    const before = given('  - { name: backup, match: { container: backup }, for: 10m }');
    await before.look(0);
    const after = given('  - { name: backup, match: { container: backup }, for: 10m }', start + hours(2));
    await after.lookUntil(hours(2), hours(2) + minutes(2));
    expect(after.told).toEqual([]);
    await after.look(hours(2) + minutes(2));
    expect(after.told).toHaveLength(1);
  });

  it('is not told when the database was away and nothing could be heard, until whoever is there was heard again', async () => {
    const { watch, told, look, lookUntil } = given(
      '  - { name: workers, match: { container: "worker-*" }, per: container, for: 10m }',
    );
    hear(watch, 0, { container: 'worker-1' });
    hear(watch, 0, { container: 'worker-2' });
    await lookUntil(0, minutes(8));
    await database.pool.query('alter table absences rename to absences_away');
    try {
      for (let ms = minutes(8); ms < minutes(11); ms += seconds(10))
        await expect(look(ms)).rejects.toThrow('absences');
    } finally {
      await database.pool.query('alter table absences_away rename to absences');
    }
    await look(minutes(11));
    hear(watch, minutes(11.5), { container: 'worker-2' });
    await lookUntil(minutes(11) + seconds(10), minutes(14));
    expect(told).toEqual([[780, 'Silence: nothing was heard of "workers" of web-1/worker-1']]);
  });

  it('is not told by a backend that stood still, as on a machine that slept', async () => {
    const { watch, told, look, lookUntil } = given('  - { name: b, match: { container: b }, for: 10m }');
    hear(watch, 0, { container: 'b' });
    await lookUntil(0, minutes(1));
    await look(hours(8));
    hear(watch, hours(8) + minutes(1), { container: 'b' });
    await lookUntil(hours(8) + seconds(10), hours(8) + minutes(10));
    expect(told).toEqual([]);
  });

  it('is not broken by what Log Detector says of it', async () => {
    const { watch, told, lookUntil } = given('  - { name: b, match: { container: "*" }, for: 2m }');
    watch.heard([aRecord({ group: { fingerprint: 'own:absence:x', title: 'Silence' } })], start + minutes(1));
    await lookUntil(0, minutes(4));
    expect(told).toHaveLength(1);
  });
});
