import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { aMessage, someFacts, startHttpServer } from '../test-help.ts';
import { alertmanagerPayload } from './alertmanager.ts';
import { signedHeaders } from './sign.ts';
import { webhook, webhookPayload } from './webhook.ts';

describe('the signature of a webhook', () => {
  it('is the one of the Standard Webhooks specification', () => {
    const headers = signedHeaders(
      'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
      'msg_p5jXN8AQM9LWM0D4loKWxJek',
      '{"test": 2432232314}',
      1_614_265_330_000,
    );
    expect(headers).toEqual({
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });

  it('covers what arrives, with any text as the key', async () => {
    const server = await startHttpServer();
    const options = { url: server.url, secret: 'any text', format: 'alertmanager' };
    const channel = webhook.make(options, { name: 'hook', from: '', allowPrivate: true });
    await channel.send(aMessage(), AbortSignal.timeout(60_000));
    await server.close();
    const [{ headers, body }] = server.received as [(typeof server.received)[0]];
    const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
    const expected = createHmac('sha256', 'any text').update(signed).digest('base64');
    expect(headers['webhook-signature']).toBe(`v1,${expected}`);
    expect(headers['webhook-id']).toBe(aMessage().id);
    expect(JSON.parse(body)).toMatchObject({ version: '4', receiver: 'hook' });
  });
});

describe('our own payload', () => {
  it('has every fact in snake case', () => {
    expect(webhookPayload(aMessage())).toMatchObject({
      version: 1,
      state: 'new',
      issue_id: someFacts().issueId,
      occurred_at: '2026-11-22T10:00:00.123456Z',
      thread_id: someFacts().threadId,
      message: expect.stringContaining('ConnectionRefused'),
    });
  });
});

describe("Alertmanager's payload", () => {
  const now = '2026-11-22T12:00:00.000Z';

  it('is firing while it goes on', () => {
    expect(alertmanagerPayload(aMessage(), 'hook', now)).toMatchObject({
      version: '4',
      status: 'firing',
      truncatedAlerts: 0,
      externalURL: 'https://logs.example.com',
      commonLabels: { alertname: 'LogDetector', service: 'api', host: 'web-1' },
      alerts: [
        {
          status: 'firing',
          labels: { severity: 'error', container: 'api-1' },
          annotations: { summary: 'ConnectionRefused <host>:<port>' },
          startsAt: '2026-11-22T10:00:00.123456Z',
          endsAt: '0001-01-01T00:00:00Z',
          fingerprint: '9000000000000001',
        },
      ],
    });
  });

  it('is resolved when it is over, under the same fingerprint', () => {
    const ended = aMessage({}, { state: 'over', threadId: null, ended: ['t'] });
    expect(alertmanagerPayload(ended, 'hook', now)).toMatchObject({
      status: 'resolved',
      groupKey: '{}:{thread="t"}',
      alerts: [{ status: 'resolved', endsAt: now, fingerprint: '9000000000000001' }],
    });
  });

  it('has one alert for each issue of a roll-up', () => {
    const item = { ...someFacts(), issueId: 'aaaa', recordId: 'r' };
    const rollUp = aMessage({}, { items: [item, { ...item, issueId: 'bbbb', service: 'worker' }] });
    const payload = alertmanagerPayload(rollUp, 'hook', now) as {
      alerts: unknown[];
      commonLabels: Record<string, string>;
    };
    expect(payload.alerts).toHaveLength(2);
    expect(payload.commonLabels).toEqual({ alertname: 'LogDetector', host: 'web-1', severity: 'error' });
  });
});
