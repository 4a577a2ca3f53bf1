// From a record to what services of other people are sent, with real parts all the way: database, dispatcher, worker, HTTP.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test-kit/src/postgres.ts';
import { configuredChannels } from '../channels/registry.ts';
import { type HttpTestServer, startHttpServer } from '../channels/test-help.ts';
import { newId } from '../db/record-id.ts';
import { type Delivery, startDelivery } from '../outbox/delivery.ts';
import { silentLog, until } from '../outbox/test-help.ts';
import { defaultPolicy } from './policy.ts';
import { startDispatch } from './start-dispatch.ts';
import { emptyTables, Timeline } from './test-help-timeline.ts';
import { addTestNotification } from './test-notification.ts';
import { watchChannels } from './watch-channels.ts';

let database: TestDatabase;
let slack: HttpTestServer;
let pager: HttpTestServer;
let delivery: Delivery;
let dispatching: { stop(): Promise<void> };
let watch: ReturnType<typeof watchChannels>;
const settings = {
  enabled: false,
  to: [],
  from: 'alerts@example.com',
  baseUrl: 'https://logs.example.com',
  channels: [
    { name: 'ops-slack', type: 'slack' },
    { name: 'on-call', type: 'pagerduty' },
  ],
  policy: { ...defaultPolicy, digestMs: 1000 },
};

beforeAll(async () => {
  database = await createTestDatabase();
  slack = await startHttpServer();
  pager = await startHttpServer();
  const { pool, url: connectionString } = database;
  watch = watchChannels({ pool, settings, newId: () => newId(Date.now()), log: silentLog, everyMs: 1e9 });
  delivery = startDelivery({
    pool,
    connectionString,
    channels: configuredChannels(
      [
        { name: 'ops-slack', type: 'slack', options: { url: `${slack.url}/services/T/B/secret-of-slack` } },
        { name: 'on-call', type: 'pagerduty', options: { routing_key: 'k', url: pager.url } },
      ],
      { from: settings.from, allowPrivate: true },
    ),
    log: silentLog,
    onSettled: (channel, { to }, next) =>
      watch.settled(
        channel,
        to,
        next.status === 'sent' ? undefined : next.errorMessage,
        next.status === 'failed',
      ),
  });
  dispatching = startDispatch({ pool, connectionString, settings, log: silentLog });
});
afterAll(async () => {
  await dispatching.stop();
  await delivery.stop();
  await watch.stop();
  await slack.close();
  await pager.close();
  await database.drop();
});
beforeEach(async () => {
  await emptyTables(database.pool);
  for (const server of [slack, pager]) server.received.length = 0;
  slack.answer((response) => response.end('ok'));
  pager.answer((response) => response.writeHead(202).end('{"status":"success"}'));
});

const post = (issue: string) => {
  const { channels, enabled } = settings;
  const line = new Timeline(database.pool, { channels, enabled });
  return line.ingest(Date.now() - line.start, [{ issue, message: `ERROR ${issue} <!channel>` }]);
};
const bodies = (server: HttpTestServer) => server.received.map(({ body }) => JSON.parse(body));

describe('a record', () => {
  it('becomes a message in the chat and an incident at the pager, which a quiet hour closes', async () => {
    await post('disk full');
    await until(() => slack.received.length === 1 && pager.received.length === 1, 'both were told');
    const [message] = bodies(slack);
    expect(message.text).toBe('[NEW] api on web-1: disk full');
    expect(JSON.stringify(message.blocks)).toContain('ERROR disk full <!channel>');
    const [event] = bodies(pager);
    expect(event).toMatchObject({
      event_action: 'trigger',
      payload: { summary: '[NEW] api on web-1: disk full' },
    });

    await database.pool.query(`update issues set last_seen = last_seen - interval '2 hours'`);
    await database.pool.query(
      `update episodes set began_at = began_at - interval '2 hours', check_at = began_at`,
    );
    await database.pool.query(`update mail_budgets set gather_until = null`);
    await database.pool.query(`notify log_detector_alerts`);
    await until(() => pager.received.length === 2, 'the pager was told that it is over');
    expect(bodies(pager)[1]).toEqual({
      routing_key: 'k',
      event_action: 'resolve',
      dedup_key: event.dedup_key,
    });
    expect(slack.received).toHaveLength(1);
  });

  it('is sent again after what Retry-After asks for, and not before', async () => {
    const at: number[] = [];
    slack.answer((response) => {
      at.push(Date.now());
      if (at.length === 1) response.writeHead(429, { 'retry-after': '3' }).end('rate_limited');
      else response.end('ok');
    });
    await post('a');
    await until(() => at.length === 2, 'it was sent again');
    expect(at[1]! - at[0]!).toBeGreaterThanOrEqual(3000);
  });

  it('that the chat will not take is told by the pager, with the reason and without the secret', async () => {
    slack.answer((response, { path }) => response.writeHead(404).end(`no_service ${path}`));
    await post('b');
    await until(async () => {
      const { rows } = await database.pool.query(`select 1 from notifications where status = 'failed'`);
      return rows.length === 1;
    }, 'it was given up');
    await watch.look();
    await until(() => pager.received.length === 2, 'the pager was told');
    const [, told] = bodies(pager);
    expect(told).toMatchObject({
      dedup_key: 'log-detector:channel:ops-slack',
      payload: { summary: '[CHANNEL FAILS] ops-slack' },
    });
    expect(told.payload.custom_details.message).toContain('HTTP 404: no_service');
    expect(JSON.stringify(told)).not.toContain('secret-of-slack');

    slack.answer((response) => response.end('ok'));
    await addTestNotification(
      database.pool,
      newId(Date.now()),
      { channel: 'ops-slack', toAddress: 'ops-slack' },
      settings,
    );
    await until(
      () => delivery.counts.sent > 0 && slack.received.at(-1)!.body.includes('TEST'),
      'the test arrived',
    );
    await until(async () => {
      await watch.look();
      return pager.received.length === 3;
    }, 'the pager was told that it works');
    expect(bodies(pager)[2]).toMatchObject({
      event_action: 'resolve',
      dedup_key: 'log-detector:channel:ops-slack',
    });
  });

  it('that could not be told yet is told before it is said to be over', async () => {
    let isDown = true;
    pager.answer((response) =>
      isDown ? response.writeHead(503).end() : response.writeHead(202).end('{"status":"success"}'),
    );
    await post('c');
    await until(() => pager.received.length > 0, 'the pager was tried');
    const { rows } = await database.pool.query<{ fingerprint: string }>('select fingerprint from issues');
    expect(rows).toHaveLength(1);
    await database.pool.query(`update issues set state = 'resolved', resolved_at = now()`);
    await database.pool.query(`update episodes set check_at = began_at`);
    await database.pool.query(`update mail_budgets set gather_until = null`);
    await database.pool.query(`notify log_detector_alerts`);
    await until(async () => {
      const all = await database.pool.query(`select 1 from notifications where channel = 'on-call'`);
      return all.rows.length === 2;
    }, 'the end was written');
    pager.received.length = 0;
    isDown = false;
    await until(() => pager.received.length >= 2, 'both arrived');
    const actions = bodies(pager).map(({ event_action }) => event_action);
    expect(actions.slice(-2)).toEqual(['trigger', 'resolve']);
  });
});
