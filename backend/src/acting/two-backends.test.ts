// Two backends as they are started for real: a mail that one of them caused, and its link pressed on the other.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePort } from '../../../test-kit/src/free-port.ts';
import { createTestDatabase, type TestDatabase } from '../../../test-kit/src/postgres.ts';
import { type SmtpTestServer, startSmtpServer } from '../../../test-kit/src/smtp.ts';
import { serve } from '../serve.ts';

const apiKey = 'k'.repeat(32);
let database: TestDatabase;
let smtp: SmtpTestServer;
let urls: string[];
const stop = new AbortController();
let running: Promise<void>[];

beforeAll(async () => {
  database = await createTestDatabase();
  smtp = await startSmtpServer();
  const ports = [await freePort(), await freePort()];
  urls = ports.map((port) => `http://127.0.0.1:${port}`);
  running = ports.map((port) =>
    serve(
      {
        DATABASE_URL: database.url,
        PORT: String(port),
        API_KEY: apiKey,
        ALERT_EMAIL_ENABLED: 'true',
        ALERT_EMAIL_TO: 'ops@example.org',
        ALERT_EMAIL_FROM: 'alerts@example.com',
        SMTP_URL: smtp.url,
        BASE_URL: urls[1]!,
        UNSUBSCRIBE_BASE_URL: 'https://public.example.com/ld',
        LINK_SECRET: `${'new'.repeat(12)},${'old'.repeat(12)}`,
        LOG_LEVEL: 'silent',
      },
      { signal: stop.signal },
    ),
  );
  await Promise.all(urls.map(isListening));
});
afterAll(async () => {
  stop.abort();
  await Promise.all(running ?? []);
  await smtp.close();
  await database.drop();
});

async function isListening(url: string): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt += 1) {
    const isThere = await fetch(`${url}/health`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isThere) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`nothing listens at ${url}`);
}

it('take each other’s links, signed by LINK_SECRET, and each link once', async () => {
  const headers = { 'x-api-key': apiKey, 'content-type': 'application/json' };
  const body = JSON.stringify({ host: 'web-1', container: 'api', message: 'ERROR it broke' });
  await fetch(`${urls[0]}/api/logs`, { method: 'POST', headers, body });
  const [mail] = await smtp.waitForMails(1);
  expect(mail!.raw).toMatch(
    /^List-Unsubscribe:\s+<https:\/\/public\.example\.com\/ld\/unsubscribe\/[\w-]+>/m,
  );
  expect(mail!.raw).toMatch(/^List-Unsubscribe-Post: List-Unsubscribe=One-Click\r$/m);
  const [, link] = /Mute for ever:\n(\S+)/.exec(mail!.parsed.text!)!;
  expect(link!.startsWith(urls[1]!)).toBe(true);
  expect((await fetch(link!, { method: 'POST' })).status).toBe(200);
  expect((await fetch(link!.replace(urls[1]!, urls[0]!), { method: 'POST' })).status).toBe(409);
  const issues = await fetch(`${urls[0]}/api/issues?state=muted`, { headers });
  expect(await issues.json()).toMatchObject({ total: 1, items: [{ mute: { by: 'ops@example.org' } }] });
  expect((await database.pool.query('select 1 from link_keys')).rowCount).toBe(0);
});
