// What is told of an incident while it lasts, and when it is over, on a clock that is passed in.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test-kit/src/postgres.ts';
import { tellOwnOver } from '../alerting/own-over.ts';
import { type OwnRecord, ownIssue } from '../alerting/own-records.ts';
import { emptyTables, hours, minutes, Timeline } from '../alerting/test-help-timeline.ts';
import { newId } from '../db/record-id.ts';
import { changeState } from '../triage/change-issues.ts';
import { type Finding, settleFindings } from './incidents.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  await emptyTables(database.pool);
  await database.pool.query('truncate incidents');
});

const pager = { name: 'on-call', type: 'pagerduty' };
const finding = (is: Finding['is']): Finding => ({
  kind: 'agent-missing',
  subject: 'web-1',
  is,
  message: 'No sign of life from the agent on web-1\nLook whether its host and its container run.',
  over: 'The agent on web-1 is back',
});

function given(options: ConstructorParameters<typeof Timeline>[1] = {}) {
  const line = new Timeline(database.pool, { channels: [pager], ...options });
  const { policy } = line;
  const settings = { enabled: true, to: ['ops@example.org'], channels: [pager], policy };
  return {
    line,
    /** Looks, so many ms after the start, and finds these. */
    look(ms: number, ...findings: Finding[]) {
      const now = line.start + ms;
      const telling = {
        raise: (record: OwnRecord) => line.ingest(ms, [{ issue: ownIssue(record), message: record.message }]),
        over: (record: OwnRecord) =>
          tellOwnOver(
            {
              pool: database.pool,
              ownRecords: { raise: () => Promise.reject(new Error('episodes tell it')) },
              settings,
              newId: () => newId(now),
            },
            record,
            now,
          ),
      };
      line.do(ms, () => settleFindings(database.pool, findings, telling, new Date(now).toISOString()));
    },
    /** To whom, and as what, with the time in minutes. */
    told: () =>
      line.mails
        .map(({ at, channel, reason }) => `${at / minutes(1)} ${channel} ${reason}`)
        .toSorted((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10) || (a < b ? -1 : 1)),
  };
}

const theIssue = async () => {
  const { rows } = await database.pool.query<{ id: string }>('select id from issues');
  return rows[0]!.id;
};

describe('an incident', () => {
  it('is not said to be over while it lasts, but once when it is, in the same thread', async () => {
    const { line, look, told } = given({ policy: { whenOver: true } });
    for (let ms = 0; ms < hours(3); ms += minutes(10)) look(ms, finding('amiss'));
    look(hours(3), finding('in-order'));
    look(hours(3) + minutes(1), finding('in-order'));
    await line.run(hours(6));
    expect(told()).toEqual(['0 email new', '0 on-call new', '180 email over', '180 on-call over']);
    const pages = line.mails.filter(({ channel }) => channel === 'on-call');
    expect(pages[1]!.facts.ended).toEqual([pages[0]!.facts.threadId]);
    const mails = line.mails.filter(({ channel }) => channel === 'email');
    expect(mails[1]!.headers.References).toBe(mails[0]!.headers.References);
  });

  it('that is over is told by how it is now and how long it lasted, not by silence, or what was to be done', async () => {
    const { line, look } = given();
    look(0, finding('amiss'));
    look(minutes(90), finding('in-order'));
    await line.run(hours(2));
    const [began, over] = line.mails.filter(({ channel }) => channel === 'email').map(({ body }) => body);
    expect(began).toContain('Look whether its host');
    expect(over).toContain('What was amiss is in order again.');
    expect(over).toContain('Lasted: 1 h 30 min\n');
    expect(over).toContain('\n\nThe agent on web-1 is back\n\n');
    expect(over).not.toMatch(/quiet|Look whether its host/);
    expect(line.mails.at(-1)!.facts.message).toBe('The agent on web-1 is back');
  });

  it('that was muted is closed at the pager when it is over, and those who muted it hear nothing', async () => {
    const { line, look, told } = given();
    look(0, finding('amiss'));
    line.do(minutes(5), async () =>
      changeState(database.pool, await theIssue(), { state: 'muted' }, new Date().toISOString()),
    );
    for (let ms = minutes(10); ms < hours(3); ms += minutes(10)) look(ms, finding('amiss'));
    look(hours(3), finding('in-order'));
    await line.run(hours(6));
    expect(told()).toEqual(['0 email new', '0 on-call new', '180 on-call over']);
  });

  it('that a person resolved is closed at the pager at once, and said to be over to nobody else', async () => {
    const { line, look, told } = given();
    look(0, finding('amiss'));
    line.do(minutes(5), async () =>
      changeState(database.pool, await theIssue(), { state: 'resolved' }, new Date().toISOString()),
    );
    for (let ms = minutes(10); ms < hours(3); ms += minutes(10)) look(ms, finding('amiss'));
    look(hours(3), finding('in-order'));
    await line.run(hours(6));
    expect(told()).toEqual(['0 email new', '0 on-call new', '5 on-call over']);
  });

  it('that is over before it was told is told once', async () => {
    const { line, look, told } = given();
    line.at(0, { issue: 'a' });
    look(minutes(0.2), finding('amiss'));
    for (const minute of [0.4, 2, 3]) look(minutes(minute), finding('in-order'));
    await line.run(minutes(50));
    // The pager has nothing open.
    expect(told()).toEqual(['0 email new', '0 on-call new', '1 email over']);
  });

  it('that is over before anybody was told lasted since it began, not since it was told', async () => {
    const { line, look, told } = given({ channels: [] });
    line.at(0, { issue: 'a' });
    look(minutes(0.2), finding('amiss'));
    look(minutes(0.4), finding('in-order'));
    await line.run(minutes(50));
    expect(told()).toEqual(['0 email new', '1 email over']);
    expect(line.mails[1]!.body).toContain('Lasted: 12 s\n');
  });

  it('that nobody looks at any more, such as that of an agent that was forgotten, ends as any issue does', async () => {
    const { line, look, told } = given();
    for (let ms = 0; ms < hours(3); ms += minutes(10)) look(ms, finding('amiss'));
    look(hours(3));
    await line.run(hours(6));
    expect(told()).toEqual([
      '0 email new',
      '0 on-call new',
      expect.stringMatching(/^18[01]\S* on-call over$/),
    ]);
  });
});
