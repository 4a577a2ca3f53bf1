import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test-kit/src/postgres.ts';
import { type SmtpTestServer, startSmtpServer } from '../../../test-kit/src/smtp.ts';
import type { Channel } from '../channels/channel.ts';
import { makeChannels } from '../channels/registry.ts';
import { smtpChannel } from '../channels/smtp/smtp.ts';
import { type Delivery, type DeliveryOptions, startDelivery } from './delivery.ts';
import { leaseDueNotifications, writeOutcome } from './queue.ts';
import { givenPending, rowOf, silentLog, until } from './test-help.ts';

let database: TestDatabase;
let smtp: SmtpTestServer;
const running: Delivery[] = [];

const from = 'alerts@example.com';
const soon = { firstDelayMs: 50, maxDelayMs: 200, giveUpAfterMs: 0, minAttempts: 3 };

function deliver(options: Partial<DeliveryOptions> = {}): Delivery {
  const delivery = startDelivery({
    pool: database.pool,
    connectionString: database.url,
    channels: makeChannels({ smtpUrl: smtp.url, from }),
    log: silentLog,
    ...options,
  });
  running.push(delivery);
  return delivery;
}

/** Ids of the notifications, as the mails carry them. */
const arrived = () =>
  smtp.mails.map((mail) => mail.parsed.headers.get('x-log-detector-notification') as string);

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  smtp = await startSmtpServer();
  await database.pool.query('delete from notifications');
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((delivery) => delivery.stop()));
  await smtp.close();
});

describe('delivery', () => {
  it('sends what is pending and settles it', async () => {
    const [id] = await givenPending(database.pool, 1);
    const delivery = deliver();
    const [mail] = await smtp.waitForMails(1);
    await until(async () => (await rowOf(database.pool, id!)).status === 'sent', 'it is settled');
    expect(mail!.parsed.messageId).toBe(`<${id}@example.com>`);
    expect(await rowOf(database.pool, id!)).toMatchObject({
      attempts: 1,
      leased_by: null,
      leased_until: null,
      provider_message_id: `<${id}@example.com>`,
      error_message: null,
      sent_at: expect.stringMatching(/Z$/),
    });
    // The row is written first.
    await until(() => delivery.counts.sent === 1, 'it is counted');
    expect(delivery.counts).toEqual({ sent: 1, retried: 0, failed: 0 });
  });

  it('is woken by NOTIFY, long before it would look by itself', async () => {
    const delivery = deliver({ pollMs: 600_000 });
    await givenPending(database.pool, 1);
    await smtp.waitForMails(1);
    expect(delivery.counts.failed).toBe(0);
  });

  it('finds what came without a NOTIFY by looking', async () => {
    deliver({ pollMs: 50 });
    await new Promise((resolve) => setTimeout(resolve, 200));
    await givenPending(database.pool, 1, { silently: true });
    await smtp.waitForMails(1);
  });

  it('sends each notification once, when three workers share hundreds', async () => {
    const ids = await givenPending(database.pool, 300);
    for (let n = 0; n < 3; n += 1) deliver({ concurrency: 4 });
    await smtp.waitForMails(300);
    await until(async () => (await pendingCount()) === 0, 'all are settled');
    expect(arrived().sort()).toEqual(ids.sort());
  });

  it('tries again when the server is busy, and sends under the same Message-ID', async () => {
    smtp.behave({ do: 'refuse', at: 'data', code: 451 }, 2);
    const [id] = await givenPending(database.pool, 1);
    deliver({ policy: { ...soon, minAttempts: 100 }, pollMs: 50 });
    await smtp.waitForMails(1);
    await until(async () => (await rowOf(database.pool, id!)).status === 'sent', 'it is settled');
    expect(smtp.mails[0]!.parsed.messageId).toBe(`<${id}@example.com>`);
    expect((await rowOf(database.pool, id!)).attempts).toBe(3);
  });

  it('waits for the late answer of a server that has the mail, instead of sending it again', async () => {
    smtp.behave({ do: 'delay', ms: 4000 }, 1);
    const email = smtpChannel({ url: smtp.url, from, handOverMs: 3500 });
    const [id] = await givenPending(database.pool, 1);
    for (let n = 0; n < 2; n += 1)
      deliver({ channels: { email }, sendTimeoutMs: 50, leaseMs: 2500, pollMs: 50 });
    await until(async () => (await rowOf(database.pool, id!)).status === 'sent', 'it is settled');
    expect(arrived()).toEqual([id]);
    expect((await rowOf(database.pool, id!)).attempts).toBe(1);
  });

  it('lets others go past a mail whose answer is late', async () => {
    smtp.behave({ do: 'hang', at: 'data', keep: true }, 1);
    const [late] = await givenPending(database.pool, 1);
    const delivery = deliver({ concurrency: 1, sendTimeoutMs: 50 });
    await smtp.waitForMails(1);
    const [next] = await givenPending(database.pool, 1);
    await until(async () => (await rowOf(database.pool, next!)).status === 'sent', 'the next is sent');
    expect(await rowOf(database.pool, late!)).toMatchObject({ status: 'pending', attempts: 1 });
    await delivery.stop(0);
  });

  it('fails for good when the recipient is refused, and says why', async () => {
    smtp.behave({ do: 'refuse', at: 'rcpt', code: 550, message: 'no such user' });
    const [id] = await givenPending(database.pool, 1);
    deliver();
    await until(async () => (await rowOf(database.pool, id!)).status === 'failed', 'it failed');
    expect(await rowOf(database.pool, id!)).toMatchObject({
      attempts: 1,
      error_message: expect.stringContaining('550 no such user'),
      sent_at: null,
      leased_by: null,
    });
  });

  it('gives up after the attempts and the time it is given', async () => {
    smtp.behave({ do: 'refuse', at: 'connect', code: 421 });
    const [id] = await givenPending(database.pool, 1);
    deliver({ policy: soon, pollMs: 20 });
    await until(async () => (await rowOf(database.pool, id!)).status === 'failed', 'it is given up');
    expect(await rowOf(database.pool, id!)).toMatchObject({
      attempts: 3,
      error_message: expect.stringMatching(/421.*; given up after 3 attempts$/),
    });
  });

  it('keeps everything while the mail server is down, and sends it when it is back', async () => {
    const ids = await givenPending(database.pool, 20);
    await smtp.close();
    const delivery = deliver({ policy: { ...soon, minAttempts: 10_000 }, pollMs: 50 });
    await until(() => delivery.counts.retried > 20, 'all were tried');
    smtp = await startSmtpServer({ port: smtp.port });
    await smtp.waitForMails(20);
    await until(async () => (await pendingCount()) === 0, 'all are settled');
    expect(arrived().sort()).toEqual(ids.sort());
  });

  it('leaves notifications of a channel that it does not have to others', async () => {
    const [id] = await givenPending(database.pool, 1, { channel: 'pager' });
    await givenPending(database.pool, 1);
    deliver();
    await smtp.waitForMails(1);
    expect(await rowOf(database.pool, id!)).toMatchObject({ status: 'pending', attempts: 0 });
  });

  it('goes on when a channel throws what it should not, and says that it is a bug', async () => {
    const broken: Channel = {
      name: 'broken',
      send: () => Promise.reject(new TypeError('x is not a function')),
      close() {},
    };
    const [id] = await givenPending(database.pool, 1, { channel: 'broken' });
    deliver({ channels: { broken } });
    await until(async () => (await rowOf(database.pool, id!)).error_message !== null, 'it was tried');
    expect(await rowOf(database.pool, id!)).toMatchObject({
      status: 'pending',
      error_message: expect.stringContaining('bug: broken threw TypeError'),
    });
  });

  it('frees the place of a channel that ignores its time limit', async () => {
    const deaf: Channel = { name: 'deaf', send: () => new Promise(() => {}), close() {} };
    const [id] = await givenPending(database.pool, 1, { channel: 'deaf' });
    deliver({ channels: { deaf }, sendTimeoutMs: 50 });
    await until(async () => (await rowOf(database.pool, id!)).error_message !== null, 'it was given up');
    expect((await rowOf(database.pool, id!)).error_message).toContain('deaf: no answer in time');
  });
});

describe('stopping', () => {
  it('lets what is under way finish, and settles it', async () => {
    smtp.behave({ do: 'delay', ms: 400 });
    const [id] = await givenPending(database.pool, 1);
    const delivery = deliver();
    await smtp.waitForMails(1);
    await delivery.stop();
    expect((await rowOf(database.pool, id!)).status).toBe('sent');
  });

  it('breaks off what hangs, so that the next worker has it at once', async () => {
    smtp.behave({ do: 'hang', at: 'data' }, 1);
    const [id] = await givenPending(database.pool, 1);
    const delivery = deliver();
    await until(async () => (await rowOf(database.pool, id!)).attempts === 1, 'it is leased');
    await delivery.stop(200);
    expect(await rowOf(database.pool, id!)).toMatchObject({
      status: 'pending',
      leased_by: null,
      leased_until: null,
    });
    deliver();
    await smtp.waitForMails(1);
    expect(arrived()).toEqual([id]);
  });

  it('leaves what it did not begin to others', async () => {
    smtp.behave({ do: 'delay', ms: 200 });
    await givenPending(database.pool, 50);
    const delivery = deliver({ concurrency: 2 });
    await smtp.waitForMails(1);
    await delivery.stop();
    const { rows } = await database.pool.query(
      `select count(*) filter (where status = 'sent') as sent, count(*) filter (where leased_by is not null) as leased
       from notifications`,
    );
    expect(rows[0].sent).toBe(smtp.mails.length);
    expect(rows[0].leased).toBe(0);
  });
});

describe('a lease', () => {
  const lease = (worker: string, leaseMs = 60_000, except: string[] = []) =>
    leaseDueNotifications(database.pool, { channel: 'email', limit: 10, worker, leaseMs, except });

  it('gives a notification to one worker only, when many lease at once', async () => {
    await givenPending(database.pool, 40);
    const leases = await Promise.all(Array.from({ length: 8 }, (_, n) => lease(`w-${n}`)));
    const ids = leases.flat().map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('of what closes a thread waits for what opens it, and for nothing else', async () => {
    const [opens, other, closes] = (await givenPending(database.pool, 3)).toSorted();
    const say = (id: string, facts: object) =>
      database.pool.query('update notifications set facts = $2 where id = $1', [id, JSON.stringify(facts)]);
    await say(opens!, { threadId: 'a', ended: [] });
    await say(other!, { threadId: 'b', ended: [] });
    await say(closes!, { threadId: null, ended: ['a', 'c'] });
    expect((await lease('first')).map(({ id }) => id).toSorted()).toEqual([opens, other]);
    await writeOutcome(
      database.pool,
      opens!,
      'first',
      { status: 'sent', providerMessageId: 'p' },
      Date.now(),
    );
    expect((await lease('second')).map(({ id }) => id)).toEqual([closes]);
  });

  it('comes free when its time is over, and the attempt counts', async () => {
    const [id] = await givenPending(database.pool, 1);
    await lease('killed', 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await lease('next')).toMatchObject([{ id, attempts: 2 }]);
  });

  it('is not taken again by the worker that still holds the notification', async () => {
    const [id] = await givenPending(database.pool, 1);
    await lease('slow', 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await lease('slow', 60_000, [id!])).toEqual([]);
  });

  it('lost to another worker keeps the former from writing a failure, but not from writing that it was sent', async () => {
    const [id] = await givenPending(database.pool, 1);
    await lease('former', 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await lease('other');
    const failed = { status: 'failed', errorMessage: 'late' } as const;
    expect(await writeOutcome(database.pool, id!, 'former', failed, Date.now())).toBe(false);
    const sent = { status: 'sent', providerMessageId: 'p' } as const;
    expect(await writeOutcome(database.pool, id!, 'former', sent, Date.now())).toBe(true);
    expect(await writeOutcome(database.pool, id!, 'other', failed, Date.now())).toBe(false);
    expect((await rowOf(database.pool, id!)).status).toBe('sent');
  });
});

describe('a database that goes away', () => {
  it('costs no mail: connections broken by the server are made again, and NOTIFY is heard again', async () => {
    deliver({ pollMs: 600_000 });
    await givenPending(database.pool, 1);
    await smtp.waitForMails(1);
    await database.pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and pid <> pg_backend_pid() and application_name = 'log-detector listen'`,
    );
    await until(async () => (await listeners()) === 1, 'it listens again');
    await givenPending(database.pool, 1);
    await smtp.waitForMails(2);
  });

  it('does not repeat a mail whose outcome could not be written at first', async () => {
    smtp.behave({ do: 'delay', ms: 500 });
    const [id] = await givenPending(database.pool, 1);
    deliver({ pollMs: 50, leaseMs: 60_000 });
    await smtp.waitForMails(1);
    // The settling statement waits for this lock until its connection is broken, and then is tried again.
    const blocker = await database.pool.connect();
    await blocker.query('begin');
    await blocker.query('select from notifications where id = $1 for update', [id]);
    await until(async () => (await waitingForLock()) > 0, 'the settling waits');
    await database.pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and wait_event_type = 'Lock'`,
    );
    await blocker.query('commit');
    blocker.release();
    await until(async () => (await rowOf(database.pool, id!)).status === 'sent', 'it is settled');
    expect(smtp.mails).toHaveLength(1);
  });
});

async function pendingCount(): Promise<number> {
  const { rows } = await database.pool.query(
    `select count(*) as n from notifications where status = 'pending'`,
  );
  return rows[0].n;
}
async function listeners(): Promise<number> {
  const { rows } = await database.pool.query(
    `select count(*) as n from pg_stat_activity
     where datname = current_database() and application_name = 'log-detector listen' and query ilike 'listen%'`,
  );
  return rows[0].n;
}
async function waitingForLock(): Promise<number> {
  const { rows } = await database.pool.query(
    `select count(*) as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
  );
  return rows[0].n;
}
