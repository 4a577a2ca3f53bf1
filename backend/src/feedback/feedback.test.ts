import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type GivenBackend, givenBackend } from '../http/test-help.ts';
import { readSesEvent } from './ses-event.ts';
import type { SnsMessage } from './sns-message.ts';
import { certificateUrl, startSns, type TestSns, topicArn } from './test-help-sns.ts';

let sns: TestSns;
let backend: GivenBackend;
beforeAll(async () => {
  sns = await startSns();
  backend = await givenBackend({
    apiKey: 'a key that SNS cannot send',
    sesFeedbackTopicArn: topicArn,
    alerts: {
      enabled: true,
      to: [],
      from: 'alerts@example.com',
      baseUrl: 'https://logs.example.com',
      channels: [{ name: 'ops-slack', type: 'slack' }],
    },
    fetchText: sns.fetchText,
  });
});
afterAll(async () => {
  await backend.close();
  await sns.server.close();
});
beforeEach(async () => {
  sns.asked.length = 0;
  await backend.database.pool.query(
    'truncate notifications, email_recipients, unsubscriptions, mail_budgets',
  );
});

const post = (message: unknown) =>
  backend.call('POST', '/api/ses-feedback', typeof message === 'string' ? message : JSON.stringify(message), {
    'content-type': 'text/plain; charset=UTF-8',
  });
const query = async (sql: string) => (await backend.database.pool.query(sql)).rows;

const mail = { messageId: '0100-ses-id', timestamp: '2026-11-20T10:00:00.000Z' };
const bounce = (type: string, address = 'bob@example.com') => ({
  notificationType: 'Bounce',
  mail,
  bounce: {
    bounceType: type,
    bounceSubType: 'General',
    bouncedRecipients: [{ emailAddress: address, diagnosticCode: 'smtp; 550 5.1.1 no such user' }],
    timestamp: '2026-11-22T10:00:05.000Z',
  },
});
const complaint = {
  eventType: 'Complaint',
  mail,
  complaint: {
    complainedRecipients: [{ emailAddress: '"Bob" <bob@example.com>' }],
    complaintFeedbackType: 'abuse',
    timestamp: '2026-11-22T10:00:05.000Z',
  },
};
const delivery = {
  notificationType: 'Delivery',
  mail,
  delivery: {
    recipients: ['bob@example.com'],
    smtpResponse: '250 ok',
    timestamp: '2026-11-22T10:00:05.000Z',
  },
};

/** A mail that SES took, to bob, who is one of these recipients. */
async function givenSentMail(...recipients: string[]): Promise<void> {
  const { pool } = backend.database;
  for (const [index, email] of recipients.entries())
    await pool.query(
      `insert into email_recipients (id, email, created_at) values (gen_random_uuid(), $1, now() + $2 * interval '1 ms')`,
      [email, index],
    );
  await pool.query(
    `insert into notifications (id, record_id, bucket, channel, to_address, subject, body, status, reason, message_id,
       provider_message_id, sent_at, next_attempt_at, created_at)
     values (gen_random_uuid(), gen_random_uuid(), 0, 'email', 'bob@example.com', 's', 'b', 'sent', 'new', 'm',
       '0100-ses-id', now(), now(), now())`,
  );
}
const say = (event: object, parts: Partial<SnsMessage> = {}) =>
  post(sns.message({ Message: JSON.stringify(event), ...parts }));

describe('POST /api/ses-feedback', () => {
  it.each(['1', '2'] as const)(
    'takes a message with signature version %s, without a key',
    async (version) => {
      await givenSentMail('bob@example.com');
      const { status, body } = await say(delivery, { SignatureVersion: version, Subject: 'about a mail' });
      expect([status, body]).toEqual([200, { status: 'noted' }]);
      expect(await query('select feedback, feedback_detail from notifications')).toEqual([
        { feedback: 'delivered', feedback_detail: '250 ok' },
      ]);
    },
  );

  it('notes it where the API shows it', async () => {
    await givenSentMail('bob@example.com');
    await say(delivery);
    const { body } = await backend.call<{ items: object[] }>('GET', '/api/emails', undefined, {
      'x-api-key': 'a key that SNS cannot send',
    });
    expect(body.items[0]).toMatchObject({
      feedback: 'delivered',
      feedback_at: '2026-11-22T10:00:05.000000Z',
    });
  });

  it('deactivates whom a mail bounced from for good, and tells another recipient', async () => {
    await givenSentMail('bob@example.com', 'ann@example.com');
    await say(bounce('Permanent'));
    expect(
      await query('select email, is_active, deactivated_because from email_recipients order by email'),
    ).toEqual([
      { email: 'ann@example.com', is_active: true, deactivated_because: null },
      {
        email: 'bob@example.com',
        is_active: false,
        deactivated_because: 'a mail bounced: Permanent, General, smtp; 550 5.1.1 no such user',
      },
    ]);
    expect(await query(`select address from unsubscriptions`)).toEqual([{ address: 'bob@example.com' }]);
    expect(
      await query(
        `select channel, to_address, subject from notifications where reason = 'recipient-deactivated'`,
      ),
    ).toEqual([
      { channel: 'email', to_address: 'ann@example.com', subject: '[RECIPIENT DEACTIVATED] bob@example.com' },
    ]);
  });

  it('tells a channel when there is no other recipient', async () => {
    await givenSentMail('bob@example.com');
    await say(complaint);
    expect(
      await query(`select channel, body from notifications where reason = 'recipient-deactivated'`),
    ).toMatchObject([
      { channel: 'ops-slack', body: expect.stringContaining('the recipient complained of a mail: abuse') },
    ]);
  });

  it('does it once, however often SNS says it, and again only when the recipient was added again', async () => {
    await givenSentMail('bob@example.com', 'ann@example.com');
    const message = sns.message({ Message: JSON.stringify(bounce('Permanent')) });
    expect((await post(message)).body).toEqual({ status: 'noted' });
    expect((await post(message)).body).toEqual({ status: 'ignored' });
    const headers = { 'x-api-key': 'a key that SNS cannot send' };
    await backend.call('POST', '/api/recipients', { emails: 'bob@example.com' }, headers);
    expect((await post(message)).body).toEqual({ status: 'ignored' });
    expect(await query(`select is_active from email_recipients where email = 'bob@example.com'`)).toEqual([
      { is_active: true },
    ]);
  });

  it('keeps the recipient after a bounce that passes, and after one of somebody else', async () => {
    await givenSentMail('bob@example.com', 'ann@example.com');
    await say(bounce('Permanent', 'someone.else@example.com'));
    await query(`update notifications set feedback = null returning 1`);
    await say(bounce('Transient'));
    expect(await query('select distinct is_active from email_recipients')).toEqual([{ is_active: true }]);
    expect(await query('select feedback from notifications')).toEqual([{ feedback: 'bounced' }]);
  });

  it('leaves alone what another program sent over the same topic', async () => {
    await givenSentMail('bob@example.com');
    const { body } = await say({ ...bounce('Permanent'), mail: { messageId: 'of another' } });
    expect(body).toEqual({ status: 'ignored' });
    expect(await query('select is_active from email_recipients')).toEqual([{ is_active: true }]);
  });

  it('asks SNS to come again with what it says of a mail that was not written down yet', async () => {
    const fresh = { ...mail, messageId: 'just now', timestamp: new Date().toISOString() };
    expect((await say({ ...bounce('Permanent'), mail: fresh })).status).toBe(503);
    await givenSentMail('bob@example.com');
    await query(`update notifications set provider_message_id = 'just now'`);
    expect((await say({ ...bounce('Permanent'), mail: fresh })).body).toEqual({ status: 'noted' });
    expect((await say({ ...bounce('Permanent'), mail: fresh })).body).toEqual({ status: 'ignored' });
  });

  it('tells at most five times at once, however many bounce', async () => {
    await givenSentMail('ann@example.com');
    for (let n = 0; n < 8; n += 1) {
      await query(
        `update notifications set feedback = null, to_address = 'r${n}@example.com' where reason = 'new'`,
      );
      await say(bounce('Permanent', `r${n}@example.com`));
    }
    expect(await query('select count(*) as n from unsubscriptions')).toEqual([{ n: 8 }]);
    expect(
      await query(`select count(*) as n from notifications where reason = 'recipient-deactivated'`),
    ).toEqual([{ n: 5 }]);
  });

  it('confirms a subscription to the topic, and fetches the certificate once', async () => {
    const SubscribeURL = `https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=${topicArn}&Token=t`;
    const parts = { Type: 'SubscriptionConfirmation', Token: 't', SubscribeURL } as const;
    expect((await post(sns.message(parts))).body).toEqual({ status: 'confirmed' });
    expect(sns.asked.at(-1)).toBe(SubscribeURL);
    expect(sns.asked.filter((url) => url === certificateUrl).length).toBeLessThanOrEqual(1);
  });

  it.each([
    ['another host', 'https://sns.eu-west-1.amazonaws.com.evil.example.com/?Action=ConfirmSubscription'],
    ['another action', `https://sns.eu-west-1.amazonaws.com/?Action=Publish&TopicArn=${topicArn}`],
    ['another topic', 'https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=other'],
    ['plain http', `http://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=${topicArn}`],
  ])('confirms nothing at %s', async (_, SubscribeURL) => {
    const message = sns.message({ Type: 'SubscriptionConfirmation', Token: 't', SubscribeURL });
    expect((await post(message)).status).toBe(403);
    expect(sns.asked.filter((url) => url !== certificateUrl)).toEqual([]);
  });

  it.each([
    ['a changed message', (m: SnsMessage) => ({ ...m, Message: `${m.Message} ` })],
    ['a changed time', (m: SnsMessage) => ({ ...m, Timestamp: '2020-01-01T00:00:00.000Z' })],
    ['another signature', (m: SnsMessage) => ({ ...m, Signature: Buffer.from('no').toString('base64') })],
    ['version 1 said to be 2', (m: SnsMessage) => ({ ...m, SignatureVersion: '2' })],
    ['another topic', (m: SnsMessage) => ({ ...m, TopicArn: `${topicArn}-2` })],
    ['no JSON', () => 'hello'],
    ['nothing', () => ''],
    ['a list', () => '[]'],
    ['no signature', ({ Signature: _, ...m }: SnsMessage) => m],
  ])('refuses %s', async (_, change) => {
    const { status, body } = await post(change(sns.message({ Message: JSON.stringify(delivery) })));
    expect(status).toBe(403);
    expect(body.detail).toMatch(/^Not taken: /);
  });

  it.each([
    'https://evil.example.com/cert.pem',
    'https://sns.eu-west-1.amazonaws.com.evil.example.com/cert.pem',
    'https://sns.us-east-1.amazonaws.com/cert.pem',
    'http://sns.eu-west-1.amazonaws.com/cert.pem',
    'https://sns.eu-west-1.amazonaws.com:8443/cert.pem',
    'https://user@sns.eu-west-1.amazonaws.com/cert.pem',
    'https://sns.eu-west-1.amazonaws.com/cert.pem?x=1',
    'https://sns.eu-west-1.amazonaws.com/cert',
    'not an address',
  ])('fetches no certificate from %s', async (SigningCertURL) => {
    expect((await post(sns.message({ SigningCertURL }))).status).toBe(403);
    expect(sns.asked).toEqual([]);
  });

  it('asks once in a minute for a certificate that is not there', async () => {
    const SigningCertURL = 'https://sns.eu-west-1.amazonaws.com/none.pem';
    for (let n = 0; n < 3; n += 1) expect((await post(sns.message({ SigningCertURL }))).status).toBe(403);
    expect(sns.asked).toEqual([SigningCertURL]);
  });

  it('is not there without SES_FEEDBACK_TOPIC_ARN', async () => {
    const without = await givenBackend({});
    const { status } = await without.call('POST', '/api/ses-feedback', '{}');
    await without.close();
    expect(status).toBe(404);
  });
});

describe('readSesEvent', () => {
  const now = '2026-11-22T12:00:00.000Z';

  it('finds our id among the headers, for mails that went by the SMTP interface of SES', () => {
    const headers = [{ name: 'x-log-detector-notification', value: '019AABCD-0000-7000-8000-000000000001' }];
    const event = readSesEvent(JSON.stringify({ ...delivery, mail: { ...mail, headers } }), now);
    expect(event?.notificationId).toBe('019aabcd-0000-7000-8000-000000000001');
  });

  it.each([
    '',
    '{}',
    'null',
    '"x"',
    '{"notificationType":"Bounce"}',
    '{"eventType":"Open","mail":{"messageId":"1"}}',
  ])('says nothing of %s', (text) => expect(readSesEvent(text, now)).toBeUndefined());
});
