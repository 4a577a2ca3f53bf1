// Mutes on a clock: records at these times, what a person does, mails at those, and what the mail after the mute says.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test-kit/src/postgres.ts';
import { emptyTables, hours, minutes, seconds, Timeline } from '../alerting/test-help-timeline.ts';
import { changeState, type StateChange } from './change-issues.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(() => emptyTables(database.pool));

const who = 'ops@example.org';
const line = () => new Timeline(database.pool, { start: Date.parse('2026-11-22T10:00:00Z') });

/** A person does this so many ms after the start. */
function when(timeline: Timeline, ms: number, change: StateChange): Timeline {
  return timeline.do(ms, async () => {
    const { rows } = await database.pool.query<{ id: string }>('select id from issues');
    const now = new Date(timeline.start + ms).toISOString();
    await changeState(database.pool, rows[0]!.id, change, now, { who, how: 'by a link of a message' });
  });
}

const refused = { issue: 'refused', image: 'api:1' };
const subject = 'api on web-1: refused';

async function history(): Promise<{ who: string; what: string; detail: string }[]> {
  return (await database.pool.query('select who, what, detail from issue_history order by id')).rows;
}

describe('an issue that is muted', () => {
  it('until it is twice as bad is told of at once when it is, and the mail says how many were held back', async () => {
    const timeline = line().every(seconds(10), 0, minutes(50), refused);
    // 30 in five minutes until then, and seen at two minutes into them; from 40 minutes on 120.
    when(timeline, minutes(22) - 1, { state: 'muted', mutedUntilState: 'worse' });
    timeline.every(seconds(10), minutes(40), minutes(50), { ...refused, times: 3 });
    await timeline.run(minutes(50));
    expect(timeline.mails.map((mail) => mail.subject)).toEqual([`[NEW] ${subject}`, `[SPIKE] ${subject}`]);
    const [, spike] = timeline.mails;
    expect(spike!.at).toBeGreaterThanOrEqual(minutes(42));
    expect(spike!.at).toBeLessThan(minutes(43));
    expect(spike!.body.replaceAll('\n', ' ')).toMatch(
      /It was muted by ops@example\.org until it is twice as bad, which was 6\d records in five minutes: there are 6\d now\. \d{3} records were held back since the mail before, 16\d of them while it was muted\./,
    );
    expect(await history()).toMatchObject([
      { who, what: 'muted', detail: expect.stringMatching(/: 6\d records in five minutes/) },
      { who: 'log-detector', what: 'mute-over' },
    ]);
  });

  it('until it is twice as bad stays so while it goes on as before', async () => {
    const timeline = line().every(seconds(10), 0, hours(1), refused);
    when(timeline, minutes(1), { state: 'muted', mutedUntilState: 'worse' });
    await timeline.run(hours(1));
    expect(timeline.told).toEqual([[0, `[NEW] ${subject}`]]);
  });

  it('until the next deployment is told of when a record of another image comes', async () => {
    const timeline = line()
      .every(minutes(1), 0, hours(5), refused)
      .at(hours(5), { ...refused, image: 'api:2' })
      .every(minutes(1), hours(5) + minutes(1), hours(5) + minutes(30), { ...refused, image: 'api:2' });
    when(timeline, minutes(10), { state: 'muted', mutedUntilState: 'deployed' });
    await timeline.run(hours(6));
    expect(timeline.told).toEqual([
      [0, `[NEW] ${subject}`],
      [hours(5) / 1000, `[STILL FAILING] ${subject}`],
    ]);
    const { body } = timeline.mails[1]!;
    expect(body).toContain(
      `It was muted by ${who} until the next deployment: a record of another image came.`,
    );
    // One a minute: ten before the mute, the first of them told.
    expect(body).toContain(
      '299 records were held back since the mail before, 289 of them while it was muted.',
    );
    expect(body).toContain('Image: api:2\nImage before: api:1 until 2026-11-22 14:59:00 UTC');
  });

  it('for an hour is told of by its first record after that', async () => {
    const timeline = line().every(minutes(1), 0, hours(2), refused);
    when(timeline, minutes(10), {
      state: 'muted',
      mutedUntil: new Date(timeline.start + minutes(70)).toISOString(),
    });
    await timeline.run(hours(2));
    expect(timeline.told.slice(0, 2)).toEqual([
      [0, `[NEW] ${subject}`],
      [minutes(70) / 1000, `[STILL FAILING] ${subject}`],
    ]);
    expect(timeline.mails[1]!.body).toContain(`The time is over for which it was muted by ${who}.`);
  });

  it('for ever says what was held back once someone unmutes it', async () => {
    const timeline = line().every(minutes(1), 0, hours(5), refused);
    when(timeline, minutes(10), { state: 'muted' });
    when(timeline, hours(3), { state: 'open' });
    await timeline.run(hours(4));
    expect(timeline.told).toEqual([
      [0, `[NEW] ${subject}`],
      [(hours(3) + minutes(1)) / 1000, `[STILL FAILING] ${subject}`],
    ]);
    expect(timeline.mails[1]!.body).toContain(
      '180 records were held back since the mail before, 170 of them while it was muted.',
    );
  });
});
