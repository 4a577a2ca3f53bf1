// From a record to a mail, from the mail to the page behind its links, from the page's button to the issue: ingest, dispatcher,
// delivery, an SMTP server, a proxy that serves the backend under a path, and a browser, all of them real.

import { mkdirSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { faultsOf, findChromium, phone, startBrowser } from '../../../test-kit/src/browser.ts';
import { type ReceivedMail, type SmtpTestServer, startSmtpServer } from '../../../test-kit/src/smtp.ts';
import { defaultPolicy } from '../alerting/policy.ts';
import { startDispatch } from '../alerting/start-dispatch.ts';
import { makeChannels } from '../channels/registry.ts';
import { type GivenBackend, givenBackend } from '../http/test-help.ts';
import { type Delivery, startDelivery } from '../outbox/delivery.ts';
import { silentLog } from '../outbox/test-help.ts';

const who = 'ops@example.org';
const apiKey = 'a-key-that-no-link-needs';
const policy = { ...defaultPolicy, grouping: 'on' as const, digestMs: 1000 };
let backend: GivenBackend;
let smtp: SmtpTestServer;
let proxy: Server;
let delivery: Delivery;
let dispatching: ReturnType<typeof startDispatch>;
let baseUrl: string;

beforeAll(async () => {
  smtp = await startSmtpServer();
  const from = 'Log Detector <alerts@example.com>';
  let port = 0;
  proxy = await startProxy('/ld', () => port);
  baseUrl = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}/ld`;
  backend = await givenBackend({ apiKey, alerts: { enabled: true, to: [who], from, baseUrl, policy } });
  await backend.app.listen({ host: '127.0.0.1', port: 0 });
  port = (backend.app.server.address() as AddressInfo).port;
  const { pool, url: connectionString } = backend.database;
  delivery = startDelivery({
    pool,
    connectionString,
    channels: makeChannels({ smtpUrl: smtp.url, from }),
    log: silentLog,
  });
  dispatching = startDispatch({
    pool,
    connectionString,
    settings: { from, baseUrl, policy },
    log: silentLog,
  });
});
afterAll(async () => {
  await dispatching.stop();
  await delivery.stop();
  proxy.closeAllConnections();
  proxy.close();
  await smtp.close();
  await backend.close();
});

/** Passes what is under `prefix` on without it, as a reverse proxy does. */
async function startProxy(prefix: string, portOf: () => number): Promise<Server> {
  const server = createServer((incoming, answer) => {
    const { url = '', method, headers } = incoming;
    if (!url.startsWith(`${prefix}/`)) return void answer.writeHead(404).end();
    const passed = request(
      { host: '127.0.0.1', port: portOf(), path: url.slice(prefix.length), method, headers },
      (answered) => {
        answer.writeHead(answered.statusCode ?? 502, answered.headers);
        answered.pipe(answer);
      },
    );
    passed.on('error', () => answer.destroy());
    incoming.pipe(passed);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return server;
}

const post = (parts: object) =>
  backend.call(
    'POST',
    '/api/logs',
    { host: 'web-1', container: 'api', image: 'api:1', ...parts },
    { 'x-api-key': apiKey },
  );

/** Of the newest record. */
async function lastReason(): Promise<string> {
  const { rows } = await backend.database.pool.query<{ reason: string }>(
    'select reason from log_records order by id desc limit 1',
  );
  return rows[0]!.reason;
}

async function mailAfter(parts: object): Promise<ReceivedMail> {
  smtp.clear();
  await post(parts);
  return (await smtp.waitForMails(1))[0]!;
}

function linksOf(mail: ReceivedMail): { text: string[]; html: string[] } {
  const ours = (urls: string[]) =>
    [...new Set(urls.filter((url) => /\/(act|unsubscribe)\//.test(url)))].sort();
  return {
    text: ours(mail.parsed.text!.match(/https?:\/\/\S+/g) ?? []),
    html: ours([...String(mail.parsed.html).matchAll(/href="([^"]+)"/g)].map(([, url]) => url!)),
  };
}

async function stateOf(message: string): Promise<object> {
  const { rows } = await backend.database.pool.query(
    `select i.state, i.mute->>'by' as by, i.mute->>'until' as until from issues i
     where i.id = (select issue_id from log_records where message = $1 limit 1)`,
    [message],
  );
  return rows[0];
}

describe('the links of a mail', () => {
  it('are the same in its text and its HTML, stand under BASE_URL, and change nothing when fetched', async () => {
    const message = 'ERROR cannot reach the cache';
    const mail = await mailAfter({ message });
    const { text, html } = linksOf(mail);
    expect(text).toEqual(html);
    expect(text).toHaveLength(8);
    for (const url of text) {
      expect(url.startsWith(`${baseUrl}/`)).toBe(true);
      for (const method of ['GET', 'HEAD', 'GET']) {
        const page = await fetch(url, { method });
        expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
      }
    }
    expect(await stateOf(message)).toMatchObject({ state: 'open', by: null });
    const { rows } = await backend.database.pool.query(
      'select (select count(*)::int from used_links) as used, (select count(*)::int from unsubscriptions) as gone',
    );
    expect(rows).toEqual([{ used: 0, gone: 0 }]);
  });

  it('are kept for channels too, which show them in their own way', async () => {
    const mail = await mailAfter({ message: 'ERROR the door is ajar' });
    const { rows } = await backend.database.pool.query<{ links: { label: string; url: string }[] }>(
      `select facts->'links' as links from notifications order by id desc limit 1`,
    );
    const urls = rows[0]!.links.map(({ url }) => url);
    expect(linksOf(mail).text.filter((url) => url.includes('/act/') && !urls.includes(url))).toEqual([]);
    expect(rows[0]!.links.map(({ label }) => label)).toContain('Mute until the next deployment');
  });

  it('are not shown to whoever may read the history', async () => {
    const mail = await mailAfter({ message: 'ERROR the key is under the mat' });
    const { body } = await backend.call<{ items: { body: string }[] }>('GET', '/api/emails', undefined, {
      'x-api-key': apiKey,
    });
    expect(body.items[0]!.body).toContain('Mute for an hour:');
    const toRead = mail.parsed.text!.match(/http\S+\/(records|issues)\/\S+/g) ?? [];
    expect(toRead).toHaveLength(2);
    for (const url of [...linksOf(mail).text, ...toRead]) expect(JSON.stringify(body)).not.toContain(url);
  });

  it('offer no one-click address that is not https, because a provider would not take it', async () => {
    const mail = await mailAfter({ message: 'ERROR the moon is full' });
    expect(mail.raw).toMatch(/^List-Unsubscribe: <mailto:alerts@example\.com\?subject=unsubscribe>\r$/m);
    expect(mail.raw).not.toContain('List-Unsubscribe-Post');
  });
});

const chromium = findChromium();

describe.skipIf(chromium === undefined)('in a browser', () => {
  it('a press on a link and on its button mutes the issue, and pressing it again is refused', async () => {
    const message = 'ERROR <b>cannot</b> <img src=x onerror=alert(1)> reach the queue';
    const mail = await mailAfter({ message });
    const browser = await startBrowser(chromium!);
    try {
      const context = await browser.newContext({ ...phone, colorScheme: 'dark' });
      const page = await context.newPage();
      const dialogs: string[] = [];
      page.on('dialog', (dialog) => dialogs.push(dialog.message()));
      const failures: string[] = [];
      page.on('console', (line) => line.type() === 'error' && failures.push(line.text()));
      await page.setContent(String(mail.parsed.html));
      await shoot(page, 'mail');
      await page.getByRole('link', { name: 'Mute until twice as bad' }).click();
      await page.getByRole('heading', { name: 'Mute this issue until it is twice as bad?' }).waitFor();
      await shoot(page, 'ask-phone-dark');
      expect(await stateOf(message)).toMatchObject({ state: 'open' });
      const asked = page.url();
      await page.getByRole('button', { name: 'Mute until twice as bad' }).click();
      await page.getByRole('heading', { name: 'Muted until it is twice as bad' }).waitFor();
      await shoot(page, 'done');
      expect(await stateOf(message)).toEqual({ state: 'muted', by: who, until: 'worse' });

      await page.getByRole('button', { name: 'Undo' }).click();
      await page.getByRole('heading', { name: 'The issue is open' }).waitFor();
      expect(await stateOf(message)).toMatchObject({ state: 'open' });
      await page.goto(asked);
      await page.getByRole('heading', { name: 'This link was used already' }).waitFor();
      await shoot(page, 'used');
      expect(await page.getByRole('button').count()).toBe(0);
      expect((await fetch(asked, { method: 'POST' })).status).toBe(409);
      expect([dialogs, failures]).toEqual([[], []]);
    } finally {
      await browser.close();
    }
  });

  it.each(['light', 'dark'] as const)(
    'a mail leads to its record, and that to its issue, in the %s',
    async (scheme) => {
      const mail = await mailAfter(aLongTraceback(scheme));
      for (let n = 0; n < 3; n += 1) await post(aLongTraceback(scheme, n));
      const browser = await startBrowser(chromium!);
      try {
        for (const [size, screen] of [['phone', phone] as const, ['desktop', wide] as const]) {
          const page = await (await browser.newContext({ ...screen, colorScheme: scheme })).newPage();
          const faults: string[] = [];
          page.on('dialog', (dialog) => faults.push(dialog.message()));
          page.on('console', (line) => line.type() === 'error' && faults.push(line.text()));
          await page.setContent(String(mail.parsed.html));
          await page.getByRole('link', { name: 'Open the record' }).click();
          await page.getByRole('heading', { name: `FATAL shop-${scheme} on web-1` }).waitFor();
          await page.getByText('frame 399').waitFor();
          await shoot(page, `record-${size}-${scheme}`);
          await page.getByRole('link', { name: 'All records of this issue' }).click();
          await page.getByRole('heading', { name: 'Its newest records' }).waitFor();
          await shoot(page, `issue-${size}-${scheme}`);
          await page
            .getByRole('link', { name: `FATAL shop-${scheme} on web-1` })
            .last()
            .click();
          await page.getByText('frame 399').waitFor();
          await page.getByRole('link', { name: 'Mute, resolve' }).click();
          await page.getByRole('heading', { name: 'What shall be done about this issue?' }).waitFor();
          expect(faults).toEqual([]);
        }
      } finally {
        await browser.close();
      }
    },
  );

  it('a rule for what is no error is shown before it is added', async () => {
    const mail = await mailAfter({ message: 'ERROR liveness probe of 10.0.0.8 was late by 12 ms' });
    await post({ message: 'ERROR liveness probe of 10.0.0.9 was late by 31 ms' });
    const browser = await startBrowser(chromium!);
    try {
      const page = await (await browser.newContext({ ...phone, colorScheme: 'light' })).newPage();
      await page.setContent(String(mail.parsed.html));
      await page.getByRole('link', { name: 'Not an error' }).click();
      await page.getByText('The newest 2 records of this issue').waitFor();
      await shoot(page, 'exclude-phone-light');
      await page.getByRole('button', { name: 'Not an error: add the rule' }).click();
      await page.getByRole('heading', { name: 'The rule was added' }).waitFor();
      await post({ message: 'ERROR liveness probe of 10.0.0.7 was late by 44 ms' });
      expect(await lastReason()).toBe('excluded');
    } finally {
      await browser.close();
    }
  });

  it('a recipient of ALERT_EMAIL_TO unsubscribes, is told so with a link to take it back, and is sent nothing more', async () => {
    const mail = await mailAfter({ message: 'ERROR the disk is on fire' });
    smtp.clear();
    const browser = await startBrowser(chromium!);
    try {
      const page = await (await browser.newContext({ ...phone, colorScheme: 'dark' })).newPage();
      await page.setContent(String(mail.parsed.html));
      await page.getByRole('link', { name: 'Unsubscribe' }).click();
      await page.getByRole('button', { name: 'Unsubscribe' }).click();
      await page.getByRole('heading', { name: 'Unsubscribed' }).waitFor();
      await shoot(page, 'unsubscribed');
      await post({ message: 'ERROR the roof is on fire' });
      expect(await lastReason()).toBe('no-recipients');
      const [last] = (await smtp.waitForMails(1)) as [ReceivedMail];
      expect(last.parsed.subject).toBe(`[UNSUBSCRIBED] ${who}`);
      expect(linksOf(last).text).toEqual(linksOf(last).html);
      await page.goto('about:blank'); // the page before allows a mail no styles
      await page.setContent(String(last.parsed.html));
      await shoot(page, 'unsubscribed-mail');
      await page.getByRole('link', { name: 'Get mails again' }).click();
      await page.getByRole('button', { name: 'Subscribe again' }).click();
      await page.getByRole('heading', { name: 'Subscribed again' }).waitFor();
    } finally {
      await browser.close();
    }
    await post({ message: 'ERROR the cellar is on fire' });
    expect(await lastReason()).toBe('new');
  });
});

const wide = { viewport: { width: 1280, height: 900 } } as const;

/** As hostile as it is long. */
function aLongTraceback(container: string, n = 0): object {
  const evil = '<script>alert(1)</script><img src=x onerror=alert(2)>';
  const frames = Array.from(
    { length: 400 },
    (_, frame) =>
      `  File "/app/shop/${'very/'.repeat(frame % 30)}deep.py", line ${frame}, in frame ${frame}\n    call()`,
  );
  return {
    container: `shop-${container}`,
    severity: 'fatal',
    image: 'registry.example.com/shop/api:2026-11-30',
    message: `Traceback (most recent call last):\n${frames.join('\n')}\nValueError: no card for order ${n} \u202e${evil} ${'x'.repeat(500)}`,
    context_before: [`GET /orders ${evil}`, '\x1b[31mred\x1b[0m'],
    context_after: ['GET /health'],
    fields: { exit_code: 1, [`${evil}${'k'.repeat(150)}`]: 'v'.repeat(3000) },
    labels: { team: evil },
  };
}

/** Nothing is too wide or too faint. Keeps what is seen, for whoever wants to look: PICTURES=folder. */
async function shoot(page: import('playwright-core').Page, name: string): Promise<void> {
  expect(await faultsOf(page), name).toEqual([]);
  const folder = process.env.PICTURES;
  if (
    !folder ||
    (folder.endsWith('docs/images') && !['ask-phone-dark', 'exclude-phone-light'].includes(name))
  )
    return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: `${folder}/act-${name}.png`, fullPage: true });
}
