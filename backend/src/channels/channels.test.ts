// The contract that every channel keeps, over real servers: what arrives, and for every failure whether trying again may
// help. A new channel adds itself to `channels`.

import { createServer as createHttpServer, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type SesTestServer, startSesServer } from '../../../test-kit/src/ses.ts';
import { type SmtpTestServer, startSmtpServer } from '../../../test-kit/src/smtp.ts';
import type { Channel, OutgoingMessage } from './channel.ts';
import { NotificationError } from './notification-error.ts';
import { makeChannels } from './registry.ts';
import { sesChannel } from './ses/ses.ts';
import { smtpChannel } from './smtp/smtp.ts';
import { smtpError } from './smtp/smtp-error.ts';
import { aMessage, someFacts } from './test-help.ts';

const from = 'Log Detector <alerts@example.com>';
const message: OutgoingMessage = {
  id: '019aabcd-0000-7000-8000-000000000001',
  messageId: '<019aabcd-0000-7000-8000-000000000001@example.com>',
  to: 'ops@example.org',
  subject: '[Log Alert] ERROR api on web-1 ✓',
  text: `Host: web-1\n\n${'x'.repeat(3000)} größer\n.\nend`,
  html: '<p>größer &lt;b&gt;</p>',
};
const inTime = () => AbortSignal.timeout(60_000);

/** Sends and gives back the failure, which must be a NotificationError. */
async function failureOf(channel: Channel, signal: AbortSignal = inTime()): Promise<NotificationError> {
  const outcome = await channel.send(message, signal).then(
    (id) => new Error(`it was sent, as ${id}`),
    (error: unknown) => error,
  );
  channel.close();
  expect(outcome).toBeInstanceOf(NotificationError);
  return outcome as NotificationError;
}

/** A port on which nothing listens. */
async function closedPort(): Promise<number> {
  const server = createTcpServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe('the smtp channel', () => {
  let smtp: SmtpTestServer;
  beforeAll(async () => {
    smtp = await startSmtpServer();
  });
  afterAll(() => smtp.close());

  it('sends one mail with both parts, the headers of an automatic mail and the notification in its Message-ID', async () => {
    const channel = smtpChannel({ url: smtp.url, from });
    const id = await channel.send(message, inTime());
    channel.close();
    const [mail] = await smtp.waitForMails(1);
    expect(mail).toMatchObject({ from: 'alerts@example.com', to: ['ops@example.org'] });
    expect(mail!.parsed.from?.text).toBe('"Log Detector" <alerts@example.com>');
    expect(mail!.parsed.subject).toBe(message.subject);
    expect(mail!.parsed.text?.trimEnd()).toBe(message.text);
    expect(mail!.parsed.html).toBe(message.html);
    expect(mail!.parsed.messageId).toBe(message.messageId);
    expect(id).toBe(message.messageId);
    expect(mail!.parsed.headers.get('auto-submitted')).toBe('auto-generated');
    expect(mail!.parsed.headers.get('x-auto-response-suppress')).toBe('All');
    expect(mail!.parsed.headers.get('x-log-detector-notification')).toBe(message.id);
  });

  it.each([
    { at: 'connect', code: 421, retry: 'later' },
    { at: 'connect', code: 554, retry: 'later' },
    { at: 'mail', code: 451, retry: 'later' },
    { at: 'mail', code: 550, retry: 'later' },
    { at: 'mail', code: 530, retry: 'later' },
    { at: 'rcpt', code: 450, retry: 'later' },
    { at: 'rcpt', code: 550, retry: 'never' },
    { at: 'data', code: 452, retry: 'later' },
    { at: 'data', code: 554, retry: 'never' },
  ] as const)('says $retry when the server answers $code at $at', async ({ at, code, retry }) => {
    smtp.behave({ do: 'refuse', at, code, message: `no ${code}` }, 2);
    const failure = await failureOf(smtpChannel({ url: smtp.url, from }));
    expect(failure.retry).toBe(retry);
    expect(failure.message).toContain(`no ${code}`);
    smtp.behave(undefined);
  });

  it.each([
    '5.7.1 <ops@example.org>: Relay access denied',
    'relay not permitted',
    '5.7.54 SMTP; Unable to relay recipient in non-accepted domain',
    '5.7.1 Client host rejected: authentication required',
  ])('says later when the server passes nothing on for who did not log in: %s', async (words) => {
    smtp.behave({ do: 'refuse', at: 'rcpt', code: 554, message: words }, 1);
    expect((await failureOf(smtpChannel({ url: smtp.url, from }))).retry).toBe('later');
  });

  it.each([
    '5.4.5 Daily user sending limit exceeded. For more information on Gmail',
    "5.7.233 Your message can't be sent because your tenant exceeded its daily limit for sending email",
    'Domain example.com has exceeded the max emails per hour (200/200 (100%)) allowed. Message discarded.',
  ])('says later when the account sent enough for now: %s', async (words) => {
    for (const at of ['rcpt', 'data'] as const) {
      smtp.behave({ do: 'refuse', at, code: 550, message: words }, 1);
      expect((await failureOf(smtpChannel({ url: smtp.url, from }))).retry).toBe('later');
    }
  });

  it('sends a mail that a filter refuses once more, without anything that a log wrote', async () => {
    smtp.clear();
    smtp.behave({ do: 'refuse', at: 'data', code: 554, message: '5.7.1 spam: GTUBE' }, 1);
    const channel = smtpChannel({ url: smtp.url, from });
    const poisoned = aMessage(
      {
        to: message.to,
        subject: '[NEW] api on web-1: ERROR GTUBE',
        text: 'ERROR GTUBE',
        html: '<p>GTUBE</p>',
      },
      { title: 'ERROR GTUBE', message: 'ERROR GTUBE', isTemplated: true },
    );
    await channel.send(poisoned, inTime());
    channel.close();
    expect(smtp.mails).toHaveLength(1);
    const [{ raw, parsed }] = smtp.mails as [(typeof smtp.mails)[0]];
    expect(raw).not.toContain('GTUBE');
    expect(parsed.messageId).toBe(poisoned.messageId);
    expect(parsed.subject).toBe('[NEW] api on web-1: its text was refused');
    expect(parsed.text).toContain('(554 5.7.1)');
    expect(parsed.text).toContain('Host: web-1');
    for (const { url } of poisoned.facts!.links) expect(parsed.text).toContain(url);
    expect(parsed.text).toContain(poisoned.facts!.url);
  });

  it('waits for the answer to that one too, however long the first took: broken off, it would go twice', () => {
    const channel = smtpChannel({ url: smtp.url, from, handOverMs: 30, answerMs: 600 });
    channel.close();
    expect(channel.maxSendMs).toBe(630 + 630);
  });

  it('names each issue of a roll-up that a filter refuses', async () => {
    smtp.clear();
    smtp.behave({ do: 'refuse', at: 'data', code: 552, message: '5.3.4 too large' }, 1);
    const channel = smtpChannel({ url: smtp.url, from });
    const item = { ...someFacts(), issueId: 'i', recordId: 'r', title: 'GTUBE' };
    const items = [
      item,
      { ...item, service: 'worker', host: 'web-2', url: 'https://logs.example.com/records/2' },
    ];
    await channel.send(
      aMessage({ to: message.to, subject: '[2 ISSUES] api, worker' }, { items, service: 'api, worker' }),
      inTime(),
    );
    channel.close();
    const [{ raw, parsed }] = smtp.mails as [(typeof smtp.mails)[0]];
    expect(raw).not.toContain('GTUBE');
    expect(parsed.text).toContain('worker on web-2:\nhttps://logs.example.com/records/2');
  });

  it.each(['connect', 'data'] as const)('says later when the connection is lost at %s', async (at) => {
    smtp.behave({ do: 'drop', at }, 1);
    expect((await failureOf(smtpChannel({ url: smtp.url, from }))).retry).toBe('later');
  });

  it.each(['connect', 'data'] as const)(
    'says later when the server hangs at %s past the time limit',
    async (at) => {
      smtp.behave({ do: 'hang', at }, 1);
      const failure = await failureOf(smtpChannel({ url: smtp.url, from }), AbortSignal.timeout(300));
      expect(failure.retry).toBe('later');
    },
  );

  it('ends a send of its own when the server does not take the message', async () => {
    smtp.behave({ do: 'hang', at: 'connect' }, 1);
    const failure = await failureOf(smtpChannel({ url: smtp.url, from, handOverMs: 50 }));
    expect(failure).toMatchObject({ retry: 'later', message: expect.stringContaining('aborted') });
  });

  it('does not repeat a mail by itself when the connection is lost', async () => {
    smtp.clear();
    smtp.behave({ do: 'drop', at: 'data', keep: true }, 1);
    await failureOf(smtpChannel({ url: smtp.url, from }));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(smtp.mails).toHaveLength(1);
  });

  it('says later when nothing listens, and names the server', async () => {
    const port = await closedPort();
    const failure = await failureOf(smtpChannel({ url: `smtp://127.0.0.1:${port}`, from }));
    expect(failure.retry).toBe('later');
    expect(failure.message).toContain(`smtp (127.0.0.1:${port})`);
    expect(failure.message).toMatch(
      /nobody listens there; check host and port in SMTP_URL \(in a container, /,
    );
  });

  it('says what to do where TLS is begun with a server that begins without', async () => {
    const failure = await failureOf(smtpChannel({ url: smtp.url.replace('smtp:', 'smtps:'), from }));
    expect(failure.retry).toBe('later');
    expect(failure.message).toMatch(/check whether SMTP_URL is to begin with smtp:\/\/ \(port 587\)/);
  });

  it.each([
    [{ code: 'ETIMEDOUT', message: 'Greeting never received' }, 'is to begin with smtps:// (port 465)'],
    [{ code: 'ETIMEDOUT', message: 'Connection timeout' }, 'whether a firewall is in between'],
    [
      { code: 'EDNS', message: 'getaddrinfo ENOTFOUND mail.example.com' },
      'check the host in its url, and DNS',
    ],
    [{ code: 'ESOCKET', message: 'self-signed certificate' }, 'NODE_EXTRA_CA_CERTS'],
    [{ code: 'EAUTH', message: 'Missing credentials for "PLAIN"' }, 'check user and password in its url'],
  ])('says what to do about %j', (failure, remedy) => {
    expect(smtpError(Object.assign(new Error(), failure), 'smtp', 'p', 'its url').message).toContain(remedy);
  });

  it('says nothing of its own about what a server refuses', () => {
    const refused = Object.assign(new Error(), { responseCode: 550, response: '550 no such user ' });
    expect(smtpError(refused, 'smtp', '').message).toBe('smtp: 550 no such user');
  });

  it('says later for a wrong password, because a new one may come, and never shows it', async () => {
    const guarded = await startSmtpServer({ auth: { user: 'robot', pass: 'right' } });
    const url = `smtp://robot:s3cr%2Ft-word@127.0.0.1:${guarded.port}`;
    guarded.behave(undefined);
    const failure = await failureOf(smtpChannel({ url, from }));
    await guarded.close();
    expect(failure.retry).toBe('later');
    expect(failure.message).toMatch(/535.*; check user and password in SMTP_URL$/);
    expect(`${failure.message} ${failure.stack} ${JSON.stringify(failure)}`).not.toMatch(/s3cr/);
  });

  it('logs in with the password of SMTP_URL', async () => {
    const guarded = await startSmtpServer({ auth: { user: 'robot', pass: 'a/b@c' } });
    const channel = smtpChannel({ url: guarded.url, from });
    await channel.send(message, inTime());
    channel.close();
    expect(guarded.mails).toHaveLength(1);
    await guarded.close();
  });

  it('says what to do when the port speaks TLS otherwise, or its certificate is not trusted', async () => {
    const plainPort = await failureOf(smtpChannel({ url: `smtps://127.0.0.1:${smtp.port}`, from }));
    expect(plainPort).toMatchObject({
      retry: 'later',
      message: expect.stringContaining('begin with smtp://'),
    });
    const guarded = new SMTPServer({ secure: true, logger: false }).on('error', () => {});
    await new Promise<void>((listening) => guarded.listen(0, '127.0.0.1', listening));
    const { port } = guarded.server.address() as AddressInfo;
    const strange = await failureOf(smtpChannel({ url: `smtps://127.0.0.1:${port}`, from }));
    await new Promise<void>((closed) => guarded.close(closed));
    expect(strange).toMatchObject({
      retry: 'later',
      message: expect.stringContaining('?tls.rejectUnauthorized=false'),
    });
    expect(smtpError(new Error('Greeting never received'), 'smtp', '').message).toContain(
      'begin with smtps://',
    );
  });

  it('strikes the password out of an answer that repeats it', () => {
    const failure = smtpError(new Error('who is robot:hunter 22?'), 'smtp', 'hunter%2022');
    expect(failure.message).toBe('smtp: who is robot:***?');
    expect(smtpError(new Error('no 100%'), 'smtp', '100%').message).toBe('smtp: no ***');
  });

  it('sends many at once over a few connections', async () => {
    smtp.clear();
    const channel = smtpChannel({ url: smtp.url, from, connections: 3 });
    await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        channel.send({ ...message, messageId: `<n-${n}@example.com>` }, inTime()),
      ),
    );
    channel.close();
    expect(new Set(smtp.mails.map((mail) => mail.parsed.messageId)).size).toBe(20);
  });
});

describe('a server that takes one connection at a time', () => {
  it('is sent everything, none of it refused, with maxConnections in SMTP_URL', async () => {
    let taken = 0;
    const narrow = new SMTPServer({
      maxClients: 1,
      authOptional: true,
      hideSTARTTLS: true,
      logger: false,
      onData(stream, _session, done) {
        stream.resume().on('end', () => {
          taken += 1;
          done();
        });
      },
    });
    await new Promise<void>((listening) => narrow.listen(0, '127.0.0.1', listening));
    const { port } = narrow.server.address() as AddressInfo;
    const channel = smtpChannel({ url: `smtp://127.0.0.1:${port}?maxConnections=1`, from });
    await Promise.all(Array.from({ length: 8 }, () => channel.send(message, inTime())));
    channel.close();
    await new Promise<void>((closed) => narrow.close(closed));
    expect(taken).toBe(8);
  });
});

describe('the ses channel', () => {
  let ses: SesTestServer;
  const before = { ...process.env };
  const sendTo = (url: string) => {
    process.env.AWS_ENDPOINT_URL_SESV2 = url;
    return sesChannel({ from });
  };
  beforeAll(async () => {
    ses = await startSesServer();
    Object.assign(process.env, ses.env);
  });
  afterAll(async () => {
    process.env = before;
    await ses.close();
  });

  it('sends one mail with both parts and the headers of an automatic mail, and answers the id SES gave it', async () => {
    const channel = sendTo(ses.url);
    const id = await channel.send(message, inTime());
    channel.close();
    const [mail] = await ses.waitForMails(1);
    expect(mail).toMatchObject({
      messageId: id,
      from,
      destination: { to: ['ops@example.org'], cc: [], bcc: [] },
      subject: message.subject,
      body: { text: message.text, html: message.html },
    });
    expect(mail!.headers).toEqual([
      { name: 'Auto-Submitted', value: 'auto-generated' },
      { name: 'X-Auto-Response-Suppress', value: 'All' },
      { name: 'X-Log-Detector-Notification', value: message.id },
    ]);
  });

  it('hands on the header fields of the message', async () => {
    const channel = sendTo(ses.url);
    await channel.send({ ...message, headers: { References: '<root@example.com>' } }, inTime());
    channel.close();
    const mails = await ses.mails();
    expect(mails.at(-1)!.headers).toContainEqual({ name: 'References', value: '<root@example.com>' });
  });

  it('writes a display name that is not ASCII as SES asks for it', async () => {
    const channel = sesChannel({ from: 'Überwachung <alerts@example.com>' });
    await channel.send(message, inTime());
    channel.close();
    const mails = await ses.mails();
    expect(mails.at(-1)!.from).toBe('=?UTF-8?B?w5xiZXJ3YWNodW5n?= <alerts@example.com>');
  });

  it.each([
    ['alerts@bücher.example', 'alerts@xn--bcher-kva.example'],
    ['Alerts <alerts@bücher.example>', 'Alerts <alerts@xn--bcher-kva.example>'],
  ])('writes domains in ASCII, as SES asks for them: %s', async (sender, expected) => {
    const channel = sesChannel({ from: sender });
    await channel.send({ ...message, to: 'ops@bücher.example' }, inTime());
    channel.close();
    const mails = await ses.mails();
    expect(mails.at(-1)).toMatchObject({
      from: expected,
      destination: { to: ['ops@xn--bcher-kva.example'] },
    });
  });

  /** An endpoint that answers every request as told. */
  async function hostile(
    answer: (response: ServerResponse) => void,
  ): Promise<{ url: string; server: Server }> {
    const server = createHttpServer((request, response) => {
      request.resume().on('end', () => answer(response));
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
  }
  async function failureFrom(answer: (response: ServerResponse) => void, signal?: AbortSignal) {
    const { url, server } = await hostile(answer);
    try {
      return await failureOf(sendTo(url), signal);
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  it.each([
    { status: 400, type: 'MessageRejected', retry: 'never' },
    { status: 400, type: 'MailFromDomainNotVerifiedException', retry: 'later' },
    { status: 400, type: 'BadRequestException', retry: 'never' },
    { status: 404, type: 'NotFoundException', retry: 'never' },
    { status: 400, type: 'SendingPausedException', retry: 'later' },
    { status: 400, type: 'AccountSuspendedException', retry: 'later' },
    { status: 400, type: 'LimitExceededException', retry: 'later' },
    { status: 400, type: 'ThrottlingException', retry: 'later' },
    { status: 429, type: 'TooManyRequestsException', retry: 'later' },
    { status: 403, type: 'InvalidSignatureException', retry: 'later' },
    { status: 403, type: 'AccessDeniedException', retry: 'later' },
    { status: 400, type: 'ExpiredTokenException', retry: 'later' },
    { status: 500, type: 'InternalFailure', retry: 'later' },
    { status: 503, type: 'ServiceUnavailable', retry: 'later' },
  ] as const)('says $retry to $type (HTTP $status)', async ({ status, type, retry }) => {
    const failure = await failureFrom((response) => {
      response.writeHead(status, { 'content-type': 'application/json', 'x-amzn-errortype': type });
      response.end(JSON.stringify({ message: 'as told' }));
    });
    expect(failure.retry).toBe(retry);
    expect(failure.message).toBe(`ses: ${type} as told (HTTP ${status})`);
  });

  it.each([
    { who: 'the sender', address: 'alerts@example.com', retry: 'later' },
    { who: 'a recipient', address: 'ops@example.org', retry: 'never' },
  ] as const)('says $retry when $who is not verified with SES', async ({ address, retry }) => {
    const failure = await failureFrom((response) => {
      response.writeHead(400, { 'content-type': 'application/json', 'x-amzn-errortype': 'MessageRejected' });
      const words =
        'Email address is not verified. The following identities failed the check in region EU-WEST-1';
      response.end(JSON.stringify({ message: `${words}: ${address}` }));
    });
    expect(failure.retry).toBe(retry);
  });

  it.each([
    { status: 502, retry: 'later' },
    { status: 413, retry: 'never' },
  ] as const)("says $retry to a proxy's page with status $status", async ({ status, retry }) => {
    const failure = await failureFrom((response) => {
      response.writeHead(status, { 'content-type': 'text/html' });
      response.end('<html>no</html>');
    });
    expect(failure.retry).toBe(retry);
  });

  it('says later to a success without a meaning', async () => {
    for (const answer of ['<html>captive portal</html>', '{"ok":true}']) {
      const failure = await failureFrom((response) => response.writeHead(200).end(answer));
      expect(failure.retry).toBe('later');
    }
  });

  it('says later when the connection is lost', async () => {
    expect((await failureFrom((response) => response.destroy())).retry).toBe('later');
  });

  it('says later when no answer comes within the time limit', async () => {
    expect((await failureFrom(() => {}, AbortSignal.timeout(300))).retry).toBe('later');
  });

  it('says later when nothing listens', async () => {
    const failure = await failureOf(sendTo(`http://127.0.0.1:${await closedPort()}`));
    expect(failure.retry).toBe('later');
    expect(failure.message).not.toBe('ses: Error');
  });
});

describe('makeChannels', () => {
  it('sends mails by SMTP when SMTP_URL is set, else by SES, and names no secret', () => {
    const smtpUrl = 'smtp://me:secret@mail.example.com';
    expect(makeChannels({ smtpUrl, from }).email.name).toBe('smtp (mail.example.com)');
    expect(makeChannels({ from }).email.name).toBe('ses');
  });
});
