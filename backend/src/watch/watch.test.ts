import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Agent, Heartbeat } from '@log-detector/contract';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { dispatch } from '../alerting/dispatch.ts';
import { tellOwnOver } from '../alerting/own-over.ts';
import { defaultPolicy } from '../alerting/policy.ts';
import { newId } from '../db/record-id.ts';
import type { App } from '../http/http.ts';
import { Metrics } from '../http/metrics.ts';
import { type GivenBackend, givenBackend } from '../http/test-help.ts';
import { until } from '../outbox/test-help.ts';
import { settleFindings } from './incidents.ts';
import { deadMansPing } from './ping.ts';
import { startWatching } from './start-watching.ts';
import { Watch } from './watch.ts';

const alerts = {
  enabled: true,
  to: ['ops@example.org'],
  from: 'alerts@example.com',
  baseUrl: 'https://logs.example.com',
  policy: { ...defaultPolicy, grouping: 'on' as const },
};
const bounds = { missingMs: 300_000, lagMs: 300_000 };
let backend: GivenBackend;
const stops: (() => Promise<void>)[] = [];

beforeAll(async () => {
  backend = await givenBackend({ alerts });
});
afterAll(() => backend.close());
beforeEach(() =>
  backend.database.pool.query(`truncate agents, incidents, canaries, log_records, record_events, latest_messages, log_counts,
    issues, alerts, episodes, notifications, mail_budgets`),
);
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

const aHeartbeat = (parts: Partial<Heartbeat> = {}): Heartbeat => ({
  agent_id: randomUUID(),
  host: 'web-1',
  version: '1.0.0',
  is_connected: true,
  containers: 3,
  uptime_seconds: 10,
  reading_lag_seconds: 0.2,
  spool_records: 0,
  spool_bytes: 4096,
  spool_oldest_seconds: null,
  records: 7,
  holes: 0,
  ...parts,
});
const send = (heartbeat: Heartbeat) => backend.call('POST', '/api/agents/heartbeat', heartbeat);
const agents = async () => (await backend.call<{ items: Agent[] }>('GET', '/api/agents')).body.items;
const ago = (seconds: number) =>
  backend.database.pool.query(
    `update agents set last_seen_at = last_seen_at - $1 * interval '1 second', first_seen_at = first_seen_at - $1 * interval '1 second'`,
    [seconds],
  );

/** Watches as `serve` does. */
function watching(app: App = backend.app, options: Partial<Parameters<typeof startWatching>[0]> = {}) {
  const { pool } = backend.database;
  const watch = new Watch({ pool, bounds, metrics: new Metrics() });
  const over = { pool, ownRecords: app.ownRecords, settings: alerts, newId: () => newId(Date.now()) };
  const { stop } = startWatching({
    pool,
    watch,
    telling: {
      raise: (record) => app.ownRecords.raise(record),
      over: (record) => tellOwnOver(over, record, Date.now()),
    },
    log: { info() {}, warn() {} },
    lookEveryMs: 20,
    quietMs: 0,
    ...options,
  });
  stops.push(stop);
  return watch;
}

const waiting = async () => {
  const { rows } = await backend.database.pool.query<{ reason: string; episode: string; title: string }>(
    `select a.reason, a.episode, i.title from alerts a join issues i on i.id = a.issue_id order by a.id`,
  );
  return rows;
};

describe('heartbeats', () => {
  it('may say what this version does not know, even what cannot be stored', async () => {
    const unknown = { mood: '\0', 'a\0b': ['\ud800'] };
    expect((await send(aHeartbeat(unknown as Partial<Heartbeat>))).status).toBe(200);
    const [agent] = await agents();
    expect(agent).toMatchObject({ host: 'web-1', containers: 3 });
    expect(agent).not.toHaveProperty('mood');
  });

  it('make an agent known, with what it says of itself', async () => {
    const heartbeat = aHeartbeat();
    expect((await send(heartbeat)).status).toBe(200);
    const { agent_id, ...facts } = heartbeat;
    expect(await agents()).toEqual([
      expect.objectContaining({ ...facts, id: agent_id, state: 'fresh', silent_seconds: expect.any(Number) }),
    ]);
  });

  it('that do not fit are refused with the reason', async () => {
    const { status, body } = await send(aHeartbeat({ containers: -1 }));
    expect([status, JSON.stringify(body)]).toEqual([422, expect.stringContaining('containers')]);
  });

  it('tell by their absence: late, then missing; and stopped, when the last one said so', async () => {
    const heartbeat = aHeartbeat();
    await send(heartbeat);
    const states: string[] = [];
    for (const seconds of [60, 60, 200]) {
      await ago(seconds);
      states.push((await agents())[0]!.state);
    }
    await send(aHeartbeat({ ...heartbeat, is_stopping: true }));
    states.push((await agents())[0]!.state);
    await send(heartbeat);
    states.push((await agents())[0]!.state);
    expect(states).toEqual(['fresh', 'late', 'missing', 'stopped', 'fresh']);
  });

  it('of a new agent stand for an old one of the same host that is silent', async () => {
    await send(aHeartbeat());
    await ago(400);
    const fresh = aHeartbeat();
    await send(fresh);
    expect((await agents()).map(({ id }) => id)).toEqual([fresh.agent_id]);
  });

  it('are forgotten on request', async () => {
    const { agent_id } = aHeartbeat();
    await send(aHeartbeat({ agent_id }));
    expect((await backend.call('DELETE', `/api/agents/${agent_id}`)).status).toBe(200);
    expect(await agents()).toEqual([]);
    expect((await backend.call('DELETE', `/api/agents/${agent_id}`)).status).toBe(404);
  });
});

describe('an agent that is missing', () => {
  it('and of which too many were told within the hour, is told when there is room again', async () => {
    const { pool } = backend.database;
    const outcomes = ['held-back', 'held-back', 'raised', 'raised'];
    const events: string[] = [];
    const telling = {
      async raise({ event }: { event: string }) {
        events.push(event);
        return outcomes[events.length - 1];
      },
      async over() {},
    };
    const missing = {
      kind: 'agent-missing',
      subject: 'x',
      is: 'amiss',
      message: 'gone',
      over: 'back',
    } as const;
    for (let look = 0; look < 5; look += 1)
      await settleFindings(pool, [missing], telling, new Date().toISOString());
    expect([events.length, new Set(events).size]).toEqual([3, 1]);
  });

  it('makes one alert, however many backends watch, and word in the same thread when it is back', async () => {
    const heartbeat = aHeartbeat();
    await send(heartbeat);
    const others = [await backend.replica(), await backend.replica()];
    for (const app of [backend.app, ...others]) watching(app);
    await until(async () => (await waiting()).length === 0, 'they look');
    await ago(301);
    await until(async () => (await waiting()).length > 0, 'it is told');
    const mail = await dispatch(backend.database.pool, alerts, Date.now(), () => newId(Date.now()));
    expect(mail.mails).toBe(1);
    await send(heartbeat);
    await until(async () => (await waiting()).length > 1, 'it is told that it is over');
    const told = await waiting();
    expect(told.map(({ reason, title }) => [reason, title])).toEqual([
      ['new', 'No sign of life from the agent on web-1'],
      ['over', 'No sign of life from the agent on web-1'],
    ]);
    expect(told[1]!.episode).toBe(told[0]!.episode);
    const { rows } = await backend.database.pool.query<{ n: number }>(
      'select count(*)::int as n from log_records',
    );
    expect(rows[0]!.n).toBe(1);
    // And once more: the issue comes back.
    await ago(301);
    await until(async () => (await waiting()).length > 2, 'it is told again');
    expect((await waiting())[2]!.reason).toBe('regressed');
  });

  it('is told of only after a while, when the database stood still and no heartbeat could be stored', async () => {
    const { pool } = backend.database;
    const [back, gone] = [aHeartbeat(), aHeartbeat({ host: 'web-2' })];
    for (const heartbeat of [back, gone]) await send(heartbeat);
    let now = Date.now();
    let looks = 0;
    const watch = new Watch({ pool, bounds });
    const report = watch.report.bind(watch);
    watch.report = () => report().finally(() => (looks += 1));
    watching(backend.app, { watch, now: () => now, quietMs: 60_000 });
    /** Of three more looks, the second one began now, and has told what it had to. */
    const looked = async () => {
      const before = looks;
      await until(() => looks >= before + 3, 'it looks');
    };
    const pass = async (ms: number) => {
      for (const end = now + ms; now < end; ) {
        now += 10_000;
        await looked();
      }
    };
    await pass(70_000);

    const outage = await pool.connect();
    await outage.query('begin');
    await outage.query('lock table agents in access exclusive mode');
    const waits = async () =>
      (await pool.query(`select from pg_locks where not granted and relation = 'agents'::regclass`)).rowCount;
    await until(async () => (await waits()) !== 0, 'a look waits');
    now += 600_000;
    await outage.query(`update agents set last_seen_at = last_seen_at - interval '10 minutes',
      first_seen_at = first_seen_at - interval '10 minutes'`);
    await outage.query('commit');
    outage.release();
    await looked();
    await pass(30_000);
    expect(await waiting()).toEqual([]);
    await send(back);
    await pass(40_000);
    expect((await waiting()).map(({ title }) => title)).toEqual(['No sign of life from the agent on web-2']);
  });

  it('is not told of after a goodbye, but an hour later', async () => {
    await send(aHeartbeat({ is_stopping: true }));
    const watch = watching();
    await ago(3000);
    expect((await watch.report()).findings.find(({ kind }) => kind === 'agent-missing')!.is).toBe('in-order');
    await ago(700);
    await until(async () => (await waiting()).length > 0, 'it is told');
  });

  it('is not told of when it was forgotten', async () => {
    const heartbeat = aHeartbeat();
    await send(heartbeat);
    await ago(301);
    await backend.call('DELETE', `/api/agents/${heartbeat.agent_id}`);
    const watch = watching();
    expect((await watch.report()).reasons).toEqual([]);
  });
});

describe('a stage that lags', () => {
  it('is told of: a spool that the backend does not empty, mails that wait', async () => {
    await send(aHeartbeat({ spool_oldest_seconds: 400, spool_records: 12, sending_failure: 'status 413' }));
    await backend.database.pool.query(
      `insert into notifications (id, record_id, bucket, channel, to_address, subject, body, reason, message_id,
         next_attempt_at, created_at, error_message)
       select id, id, 0, 'email', 'ops@example.org', 's', 'b', 'new', 'm', now() + interval '1 minute',
         now() - interval '10 minutes', 'smtp: busy'
       from gen_random_uuid() as id`,
    );
    watching();
    await until(async () => (await waiting()).length === 2, 'both are told');
    expect((await waiting()).map(({ title }) => title).sort()).toEqual([
      'Notifications wait to be sent (email)',
      'The agent on web-1 cannot get rid of its records',
    ]);
    await backend.database.pool.query(`update notifications set status = 'sent'`);
    await until(async () => (await waiting()).some(({ reason }) => reason === 'over'), 'one is over');
  });
});

describe('an ingest that refused records', () => {
  it('is told of when it stores again, if it was for long', async () => {
    let now = Date.now();
    const { pool } = backend.database;
    const watch = new Watch({ pool, bounds, now: () => now });
    watching(backend.app, { watch });
    for (const lastedMs of [10_000, 400_000]) {
      watch.pulse.ingestRefused();
      now += lastedMs;
      watch.pulse.ingestCommitted();
      await until(() => watch.pulse.pastRefusal === undefined, 'it was looked at');
    }
    const { rows } = await pool.query<{ message: string }>('select message from log_records');
    expect(rows.map(({ message }) => message)).toEqual([
      expect.stringMatching(/for 7 min, senders were told/),
    ]);
  });
});

describe("the dead-man's ping", () => {
  let server: Server;
  let pings = 0;
  beforeEach(async () => {
    pings = 0;
    server = createServer((_request, response) => {
      pings += 1;
      response.end('OK');
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  });
  afterEach(() => new Promise((done) => server.close(done)));
  const url = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}/ping`;

  it('goes out while everything is fresh, stays out when it is not, and says why', async () => {
    const heartbeat = aHeartbeat();
    await send(heartbeat);
    const watch = watching(backend.app, { ping: deadMansPing(url(), true), pingEveryMs: 20 });
    await until(() => pings > 2, 'it pings');
    await ago(400);
    await until(() => watch.ping!.withheld_because !== null, 'it is withheld');
    expect(watch.ping!.withheld_because).toBe('No sign of life from the agent on web-1');
    const before = pings;
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(pings).toBe(before);
    await send(heartbeat);
    await until(() => pings > before, 'it goes on');
  });

  it('stays out when a loop of the backend stands still', async () => {
    const watch = watching(backend.app, { ping: deadMansPing(url(), true), pingEveryMs: 20 });
    await until(() => pings > 0, 'it pings');
    watch.pulse.ingestRefused();
    // On a busy machine another loop may be late for a moment, too.
    await until(() => /ingest answers 503/.test(watch.ping!.withheld_because ?? ''), 'it is withheld');
    watch.pulse.ingestCommitted();
    await until(() => watch.ping!.withheld_because === null, 'it goes on');
  });

  it('reaches no private address unless that is allowed', async () => {
    await expect(deadMansPing(url(), false)(AbortSignal.timeout(60_000))).rejects.toThrow(/private address/);
    expect(pings).toBe(0);
  });
});

describe('GET /api/watch', () => {
  it('answers how fresh everything is, and /health/deep whether it is', async () => {
    await send(aHeartbeat());
    expect((await backend.call('GET', '/api/watch')).body).toMatchObject({
      status: 'fresh',
      reasons: [],
      agents: { fresh: 1, missing: 0 },
      incidents: [],
      ping: null,
    });
    expect((await backend.call('GET', '/health/deep')).status).toBe(200);
    await ago(301);
    const deep = await backend.call('GET', '/health/deep');
    expect(deep).toMatchObject({
      status: 503,
      body: { status: 'stale', reasons: [expect.stringMatching(/web-1/)] },
    });
  });
});
