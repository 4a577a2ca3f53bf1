// Containers that are restarted, replaced and stopped: what of their noise is told, and when.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test-kit/src/postgres.ts';
import { decisionsOfRecord } from './decisions.ts';
import { hasPhase, judgeNoise } from './startup-noise.ts';
import { emptyTables, hours, minutes, seconds, Timeline, type TimelineRecord } from './test-help-timeline.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(() => emptyTables(database.pool));

const timeline = () => new Timeline(database.pool);

/** A record of a container that was started at this second. */
const during = (
  phase: 'starting' | 'stopping' | undefined,
  startedS: number,
  more: Partial<TimelineRecord> = {},
) => ({
  issue: 'refused',
  ...more,
  fields: {
    started_at: new Date(Date.UTC(2026, 10, 22) + seconds(startedS)).toISOString(),
    ...(phase ? { phase } : {}),
  },
});

describe('noise of containers that start and stop', () => {
  it('makes no mail in a rolling restart of 30 replicas', async () => {
    const line = timeline();
    for (let n = 0; n < 30; n++) {
      const container = 'api';
      const host = `web-${n}`;
      line.at(seconds(10 * n), during('stopping', -86_400, { issue: 'cut off', host, container, times: 3 }));
      line.at(seconds(10 * n + 4), during('starting', 10 * n + 3, { issue: 'not yet', host, container }));
    }
    await line.run(hours(3));
    expect(line.told).toEqual([]);
    const { rows } = await database.pool.query('select distinct reason from log_records');
    expect(rows).toEqual([{ reason: 'starting-or-stopping' }]);
  });

  it('is told as new at once when it goes on after the start', async () => {
    const line = timeline();
    const [held] = await line.ingest(0, [during('starting', 0)]);
    await line.at(seconds(31), during(undefined, 0)).run(minutes(5));
    expect(line.told).toEqual([[31, '[NEW] api on web-1: refused']]);
    expect(await decisionsOfRecord(database.pool, held!)).toMatchObject({
      notify: false,
      reason: 'starting-or-stopping',
    });
  });

  it('is told when one container brings it in three starts over more than a minute', async () => {
    const line = await timeline()
      .at(0, during('starting', 0))
      .at(seconds(20), during('starting', 20))
      .at(seconds(45), during('starting', 45))
      .at(seconds(70), during('starting', 70))
      .run(minutes(5));
    expect(line.told).toEqual([[70, '[NEW] api on web-1: refused']]);
  });

  it('is told, in one mail, with the loop of restarts that it is part of, and not again', async () => {
    const line = timeline();
    const crash = (at: number, ...more: TimelineRecord[]) =>
      line.at(
        seconds(at),
        during('starting', at, { issue: 'traceback', coalesceId: `crash ${at}` }),
        during('starting', at, { issue: 'exited', coalesceId: `crash ${at}` }),
        ...more,
      );
    crash(0);
    crash(1);
    crash(3, during(undefined, 3, { issue: 'loop', coalesceId: 'crash 3' }));
    for (const at of [7, 15, 31, 63, 123, 183]) crash(at);
    await line.run(minutes(30));
    expect(line.told).toEqual([[3, '[NEW] api on web-1: traceback']]);
    for (const part of ['traceback', 'exited', 'loop'])
      expect(line.mails[0]!.body).toContain(`ERROR ${part}`);
  });

  it('is not told again by a roll-up that comes after the mail of the loop', async () => {
    const line = timeline();
    const crash = (at: number, ...more: TimelineRecord[]) =>
      line.at(
        seconds(at),
        during('starting', at, { issue: 'traceback', coalesceId: `crash ${at}` }),
        during('starting', at, { issue: 'exited', coalesceId: `crash ${at}` }),
        ...more,
      );
    crash(0, during('starting', 0, { issue: 'once only' }));
    crash(1);
    crash(3, during(undefined, 3, { issue: 'loop', coalesceId: 'crash 3' }));
    await line.at(seconds(10), { issue: 'x' }, { issue: 'y' }).run(hours(30));
    expect(line.told).toEqual([
      [3, '[NEW] api on web-1: traceback'],
      [63, '[3 ISSUES] api'],
    ]);
    expect(line.mails.map(({ issues }) => issues)).toEqual([
      ['exited', 'traceback'],
      ['once only', 'x', 'y'],
    ]);
  });

  it('does not call what was told long ago back in each restart, but says so when it stays', async () => {
    const line = await timeline()
      .at(0, during(undefined, 0))
      .at(hours(5), during('stopping', 0))
      .at(hours(5) + seconds(40), during(undefined, 18_000))
      .run(hours(6));
    expect(line.told).toEqual([
      [0, '[NEW] api on web-1: refused'],
      [18_040, '[REGRESSED] api on web-1: refused'],
    ]);
  });
});

describe('what was printed once while a container started, and never again', () => {
  const once = (at: number, issue: string) => during('starting', at, { issue });
  const names = ({ body }: { body: string }) => /once \w+/.exec(body)?.[0];

  it('stands in the next roll-up, and leaves the mail about one issue what it is', async () => {
    const line = await timeline()
      .at(0, once(0, 'once only'))
      .at(minutes(10), { issue: 'alone' })
      .at(hours(2), { issue: 'x' })
      .at(hours(2) + seconds(5), { issue: 'y' }, { issue: 'z' })
      .run(hours(30));
    expect(line.told).toEqual([
      [600, '[NEW] api on web-1: alone'],
      [7200, '[NEW] api on web-1: x'],
      [7260, '[3 ISSUES] api'],
    ]);
    expect(line.mails[2]!.body).toContain('2 new, 1 starting or stopping.');
    expect(line.mails[2]!.body).toContain('[STARTING OR STOPPING] once only');
  });

  it('goes out by itself after a day, all of it in one mail, and once', async () => {
    const line = timeline();
    const restart = (from: number) => {
      for (let n = 0; n < 30; n++) {
        const host = `web-${n}`;
        line.at(from + seconds(10 * n), during('stopping', -86_400, { issue: 'cut off', host }));
        line.at(from + seconds(10 * n + 4), during('starting', 10 * n + 3, { issue: 'not yet', host }));
      }
    };
    restart(0);
    restart(hours(20));
    restart(hours(60));
    await line.run(hours(100));
    expect(line.told).toEqual([[86_400, '[2 ISSUES] api']]);
    for (const issue of ['cut off', 'not yet']) expect(line.mails[0]!.issues).toContain(issue);
  });

  it('is told in the mail that says that it stays, when it does', async () => {
    const line = await timeline()
      .at(0, once(0, 'once more'))
      .at(minutes(3), { issue: 'once more' })
      .run(hours(30));
    expect(line.told).toEqual([[180, '[NEW] api on web-1: once more']]);
    const { rows } = await database.pool.query('select distinct status from alerts');
    expect(rows).toEqual([{ status: 'mailed' }]);
  });

  it('says of one alone what it is, and pages nobody', async () => {
    const channels = [
      { name: 'pager', type: 'pagerduty' },
      { name: 'chat', type: 'slack' },
    ];
    const chatty = new Timeline(database.pool, { channels });
    await chatty.at(0, once(0, 'once only')).run(hours(30));
    expect(chatty.mails.map(({ at, channel, subject }) => [at / 1000, channel, subject])).toEqual([
      [86_400, 'chat', '[STARTING OR STOPPING] api on web-1: once only'],
      [86_400, 'email', '[STARTING OR STOPPING] api on web-1: once only'],
    ]);
    expect(chatty.mails.map(names)).toEqual(['once only', 'once only']);
    expect(chatty.mails[0]!.facts.threadId).toBeNull();
  });
});

describe('judgeNoise', () => {
  const record = (fields: Record<string, unknown> | null, container = 'api') =>
    ({ host: 'h', container, fields }) as Parameters<typeof judgeNoise>[0][number];

  it('takes the phase of the agent alone for one', () => {
    expect(hasPhase(record({ phase: 'starting' }))).toBe(false);
    expect(hasPhase(record({ phase: 'waxing', started_at: '2026' }))).toBe(false);
    expect(hasPhase(record(null))).toBe(false);
    expect(hasPhase(record({ phase: 'stopping', image_id: 'x' }))).toBe(true);
  });

  it('remembers few containers and few starts, however many come', () => {
    let noise: ReturnType<typeof judgeNoise>['noise'];
    for (let n = 0; n < 1000; n++) {
      const fields = { phase: 'starting', started_at: new Date(n * 1000).toISOString() };
      noise = judgeNoise([record(fields, `c${n % 100}`)], [], noise, n).noise;
    }
    const starts = Object.values(noise!.starts);
    expect(starts).toHaveLength(50);
    expect(Math.max(...starts.map(({ length }) => length))).toBe(3);
  });
});
