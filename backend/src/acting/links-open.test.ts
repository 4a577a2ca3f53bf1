// Every address that a message names is opened, without a key, as the person who gets it would.

import { afterEach, expect, it } from 'vitest';
import { dispatch } from '../alerting/dispatch.ts';
import { defaultPolicy } from '../alerting/policy.ts';
import { newId } from '../db/record-id.ts';
import { type GivenBackend, givenBackend } from '../http/test-help.ts';

const baseUrl = 'https://logs.example.com';
const alerts = {
  enabled: true,
  to: ['ops@example.org', 'ada@example.org'],
  from: 'alerts@example.com',
  baseUrl,
};
const apiKey = 'a-key-that-no-link-needs';
let backend: GivenBackend;
afterEach(() => backend.close());

const shops = ['pay', 'cart', 'tax', 'mail', 'user', 'stock', 'geo'];
const record = (shop: string) => ({ host: 'web-1', container: shop, message: `ERROR fault of ${shop}` });
const post = (records: object[]) => backend.call('POST', '/api/logs', records, { 'x-api-key': apiKey });

interface Message {
  subject: string;
  text: string;
  url: string | null;
}
async function messages(): Promise<Message[]> {
  const { rows } = await backend.database.pool.query<Message>(
    `select n.subject, coalesce(n.facts, t.facts)->>'url' as url,
       concat_ws(' ', n.body, n.html, n.facts::text, t.body, t.html, t.facts::text) as text
     from notifications n
     left join notification_texts t on t.id = n.text_id
     order by n.id`,
  );
  return rows;
}

/** The pages that a message leads to, by their address. */
async function opened({ text }: Message): Promise<Map<string, string>> {
  const urls = new Set(text.match(new RegExp(`${baseUrl}/[\\w/-]+`, 'g')));
  const pages = new Map<string, string>();
  for (const url of urls) {
    const { statusCode, headers, body } = await backend.app.inject(url.slice(baseUrl.length));
    expect([url, statusCode, headers['content-type']]).toEqual([url, 200, 'text/html; charset=utf-8']);
    pages.set(url, body);
  }
  return pages;
}

it('a mail of ALERT_GROUPING=off leads to its record, and is stored once for all who get it', async () => {
  backend = await givenBackend({ apiKey, alerts });
  await post([record('pay')]);
  const all = await messages();
  expect(all).toHaveLength(2);
  expect(new Set(all.map(({ text }) => text)).size).toBe(1);
  const pages = await opened(all[0]!);
  expect(pages.size).toBe(2);
  expect(pages.get(all[0]!.url!)).toContain('ERROR fault of pay');
});

it('a message of several issues leads to each of them', async () => {
  const policy = { ...defaultPolicy, grouping: 'on' as const, digestMs: 0 };
  backend = await givenBackend({ apiKey, alerts: { ...alerts, policy } });
  await post(shops.map(record));
  await dispatch(backend.database.pool, { ...alerts, policy }, Date.now(), () => newId(Date.now()));
  const [message] = await messages();
  expect(message!.subject).toContain('7 ISSUES');
  const pages = await opened(message!);
  for (const shop of shops)
    expect(
      [...pages.values()].some((html) => html.includes(`<h1>ERROR ${shop} on web-1</h1>`)),
      shop,
    ).toBe(true);
  expect(pages.get(message!.url!)).toMatch(/<h1>ERROR \w+ on web-1/);
});

it('a mail that stands in for one that could not be written leads to the records too', async () => {
  const policy = { ...defaultPolicy, grouping: 'on' as const, digestMs: 0 };
  backend = await givenBackend({ apiKey, alerts: { ...alerts, policy } });
  await backend.database.pool.query(
    `alter table notifications add constraint unlucky check (subject not like '%pay%')`,
  );
  await post([record('pay')]);
  await dispatch(backend.database.pool, { ...alerts, policy }, Date.now(), () => newId(Date.now()));
  const [message] = await messages();
  expect(message!.subject).toBe('[ALERT] 1 alert that could not be shown');
  expect([...(await opened(message!)).values()]).toEqual([expect.stringContaining('fault of pay')]);
});
