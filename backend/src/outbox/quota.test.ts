import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test-kit/src/postgres.ts';
import { type SesTestServer, startSesServer } from '../../../test-kit/src/ses.ts';
import { seconds, Timeline } from '../alerting/test-help-timeline.ts';
import { sesChannel } from '../channels/ses/ses.ts';
import { smtpChannel } from '../channels/smtp/smtp.ts';
import { noteQuota, quotaLimits, takeTurn, watchQuota } from './quota.ts';
import { until } from './test-help.ts';

let database: TestDatabase;
let ses: SesTestServer;
const before = { ...process.env };

const account = (quota: { Max24HourSend: number; MaxSendRate: number; SentLast24Hours: number }) =>
  JSON.stringify({
    DedicatedIpAutoWarmupEnabled: false,
    Details: {
      AdditionalContactEmailAddresses: [],
      ContactLanguage: 'EN',
      MailType: 'TRANSACTIONAL',
      ReviewDetails: { CaseId: '1', Status: 'GRANTED' },
      UseCaseDescription: 'x',
      WebsiteURL: 'https://example.com',
    },
    EnforcementStatus: 'HEALTHY',
    ProductionAccessEnabled: false,
    SendingEnabled: true,
    SendQuota: quota,
    SuppressionAttributes: { SuppressedReasons: [] },
  });

beforeAll(async () => {
  database = await createTestDatabase();
  ses = await startSesServer();
  Object.assign(process.env, ses.env);
});
afterAll(async () => {
  await ses.close();
  await database.drop();
});
beforeEach(() =>
  database.pool.query('truncate mail_budgets, notifications, alerts, issues, episodes, log_records'),
);
afterEach(() => {
  process.env = { ...before, ...ses.env };
});

const budget = async (name: string) =>
  (await database.pool.query('select tokens, quota from mail_budgets where name = $1', [name])).rows[0];

describe('the quota of the account', () => {
  it('is read from SES, and what is left of the day bounds what may be spent', async () => {
    process.env.AWS_SES_ACCOUNT = account({ Max24HourSend: 200, MaxSendRate: 1, SentLast24Hours: 170 });
    const channel = sesChannel({ from: 'alerts@example.com' });
    const watch = watchQuota({
      pool: database.pool,
      channelName: 'email',
      channel,
      onTrouble: (error) => {
        throw error;
      },
    });
    await until(async () => (await budget('quota:email')) !== undefined, 'the quota is noted');
    await watch.stop();
    channel.close();
    expect(await budget('quota:email')).toEqual({
      tokens: 30,
      quota: { perSecond: 1, perDay: 200, sentLastDay: 170 },
    });
  });

  it('holds nothing up when the account does not say, as without the permission', async () => {
    const channel = sesChannel({ from: 'alerts@example.com' });
    const troubles: string[] = [];
    const watch = watchQuota({
      pool: database.pool,
      channelName: 'email',
      channel,
      onTrouble: ({ message }) => troubles.push(message),
    });
    await until(() => troubles.length > 0, 'it was told');
    await watch.waitForTurn(AbortSignal.timeout(1000));
    await watch.stop();
    channel.close();
    expect(troubles[0]).toMatch(/^ses: /);
    expect(await budget('rate:email')).toBeUndefined();
  });

  it('is nothing that SMTP knows', () => {
    expect(smtpChannel({ url: 'smtp://127.0.0.1:25', from: 'alerts@example.com' }).quota).toBeUndefined();
  });

  it('is forgotten when mails go another way, by which they are not bounded', async () => {
    await noteQuota(database.pool, 'email', { perSecond: 1, perDay: 200, sentLastDay: 200 }, Date.now());
    const watch = watchQuota({
      pool: database.pool,
      channelName: 'email',
      channel: smtpChannel({ url: 'smtp://127.0.0.1:25', from: 'alerts@example.com' }),
      onTrouble: (error) => {
        throw error;
      },
    });
    await until(async () => (await budget('quota:email')) === undefined, 'the quota is forgotten');
    await watch.stop();
  });

  it('never lets more go in 24 hours than it grants, whenever they begin', () => {
    const { capacity, perMs } = quotaLimits(200);
    expect(capacity + perMs * 86_400_000).toBeLessThanOrEqual(200);
  });

  it('gathers alerts into one mail while the day is used up', async () => {
    const line = new Timeline(database.pool);
    const quota = { perSecond: 1, perDay: 200, sentLastDay: 199 };
    await noteQuota(database.pool, 'email', quota, line.start);
    await line
      .at(0, { issue: 'a' })
      .at(seconds(100), { issue: 'b' })
      .at(seconds(200), { issue: 'c' })
      .run(seconds(1500));
    // Beside the first 100, 100 come back in a day: one in 864 s.
    expect(line.told).toEqual([
      [0, '[NEW] api on web-1: a'],
      [864, '[2 ISSUES] api'],
    ]);
  });
});

describe('the rate of the account', () => {
  it('is kept by all backends together: turns come one after the other', async () => {
    const waits = await Promise.all(Array.from({ length: 8 }, () => takeTurn(database.pool, 'email', 2)));
    const sorted = waits.sort((a, b) => a - b);
    expect(sorted.slice(0, 2)).toEqual([0, 0]);
    for (const [n, waitMs] of sorted.slice(2).entries()) {
      expect(waitMs).toBeLessThanOrEqual((n + 1) * 500);
      expect(waitMs).toBeGreaterThan((n + 1) * 500 - 2000);
    }
    expect(sorted.at(-1)).toBeGreaterThan(sorted[2]!);
  });
});
