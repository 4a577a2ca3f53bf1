import pino from 'pino';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test-kit/src/postgres.ts';
import { startSmtpServer } from '../../test-kit/src/smtp.ts';
import { emptyRuleSet } from './alerting/rules/rule-set.ts';
import { days, Timeline } from './alerting/test-help-timeline.ts';
import { deliveryReport } from './outbox/report.ts';
import { givenPending, rowOf, silentLog, until } from './outbox/test-help.ts';
import { readBackendSettings } from './settings.ts';
import { startTelling } from './start-telling.ts';
import { Pulse } from './watch/pulse.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

it('gives up what waited for a day for mails that were switched off, although nobody else is told, and logs it', async () => {
  const { pool } = database;
  const [old, fresh] = await givenPending(pool, 2);
  await pool.query(`update notifications set created_at = now() - interval '2 days' where id = $1`, [old]);
  await new Timeline(pool, { start: Date.now() - days(2) }).ingest(0, [{ issue: 'a' }]);
  const logged: string[] = [];
  const messages = startTelling({
    settings: readBackendSettings({ ALERT_EMAIL_ENABLED: 'false' }),
    pool,
    connectionString: database.url,
    rules: { current: () => emptyRuleSet },
    report: deliveryReport(silentLog),
    watch: { pulse: new Pulse() },
    logger: pino({ level: 'error' }, { write: (line) => logged.push(JSON.parse(line).msg) }),
  });
  await until(async () => (await rowOf(pool, old!)).status === 'failed', 'the mail is given up');
  await until(async () => {
    const { rows } = await pool.query('select status from alerts');
    return rows[0].status === 'dropped';
  }, 'the alert is given up');
  await messages.stop(0);
  expect((await rowOf(pool, old!)).error_message).toBe('the channel email is not configured any more');
  expect((await rowOf(pool, fresh!)).status).toBe('pending');
  expect(logged.toSorted()).toEqual([
    expect.stringContaining('1 message given up'),
    expect.stringContaining('alerts that waited for a channel'),
  ]);
});

it('tells of a late answer by the channels that RULES_FILE has by then', async () => {
  const { pool } = database;
  await pool.query('truncate notifications cascade');
  const smtp = await startSmtpServer();
  smtp.behave({ do: 'refuse', at: 'rcpt', code: 550, message: 'no such user' });
  const settings = readBackendSettings({
    ALERT_EMAIL_ENABLED: 'true',
    ALERT_EMAIL_TO: 'ops@example.org',
    ALERT_EMAIL_FROM: 'alerts@example.com',
    SMTP_URL: smtp.url,
  });
  settings.alerts.channels = [{ name: 'before', type: 'slack' }];
  const messages = startTelling({
    settings,
    pool,
    connectionString: database.url,
    rules: { current: () => emptyRuleSet },
    report: deliveryReport(silentLog),
    watch: { pulse: new Pulse() },
    logger: pino({ level: 'silent' }),
  });
  settings.alerts.channels = [{ name: 'since', type: 'slack' }];
  const [id] = await givenPending(pool, 1);
  await until(async () => (await rowOf(pool, id!)).status === 'failed', 'the mail is refused');
  await messages.stop(5_000);
  await smtp.close();
  const { rows } = await pool.query('select channel from notifications where id <> $1', [id]);
  expect(rows).toEqual([{ channel: 'since' }]);
});
