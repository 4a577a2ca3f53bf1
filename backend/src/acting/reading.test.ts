import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { rotateLinkKey, signingKey } from '../alerting/links/keys.ts';
import { actionLinkMs, readingLinkMs } from '../alerting/links/lifetimes.ts';
import { mailLinks, type ReadingLinks, sharedLinks } from '../alerting/links/links.ts';
import type { LinkKey } from '../alerting/links/token.ts';
import { newId } from '../db/record-id.ts';
import { type GivenBackend, givenBackend } from '../http/test-help.ts';

let backend: GivenBackend;
let key: LinkKey;
const who = 'ops@example.org';
const baseUrl = 'https://logs.example.com/ld';
const apiKey = { 'x-api-key': 'a-key-that-no-link-needs' };

beforeAll(async () => {
  backend = await givenBackend({ apiKey: apiKey['x-api-key'] });
});
afterAll(() => backend.close());
beforeEach(async () => {
  await backend.database.pool.query(
    'truncate log_records, issues, used_links, link_keys, issue_history, unsubscriptions, email_recipients',
  );
  key = await signingKey(backend.database.pool, [], Date.now());
});

interface Stored {
  id: string;
  issue_id: string;
}
async function aRecord(parts: object = {}): Promise<Stored> {
  const record = { host: 'web-1', container: 'api', message: 'ERROR could not write block 17', ...parts };
  return (await backend.call<Stored>('POST', '/api/logs', record, apiKey)).body;
}
const links = (sentAt = Date.now()) => mailLinks(key, { baseUrl }, who, newId(sentAt), sentAt);
const pathOf = (url: string) => url.slice(baseUrl.length);
const get = (path: string) => backend.app.inject({ method: 'GET', url: path });
const open = (kind: keyof ReadingLinks, id: string, from: ReadingLinks = links()) =>
  get(pathOf(from[kind](id)));
/** The addresses that a page leads to, as a browser makes them. */
const linksOf = (path: string, html: string) =>
  [...html.matchAll(/href="([^"#]+)"/g)].map(([, href]) => new URL(href!, `http://x${path}`).pathname);

describe('the page of a record', () => {
  it('shows the record as it is, without a key', async () => {
    const traceback = `Traceback (most recent call last):\n  File "a.py", line 1\n\tValueError: <b>"no"</b> & 'never'`;
    const { id } = await aRecord({
      message: traceback,
      severity: 'fatal',
      image: 'shop/api:7',
      stream: 'stderr',
      occurred_at: '2026-11-22T10:00:00.123456Z',
      context_before: ['GET /orders'],
      context_after: ['GET /<i>health</i>'],
      fields: { restart_count: 3, user: { name: 'ada' } },
      labels: { team: 'pay<ments' },
    });
    const { statusCode, body, headers } = await open('record', id);
    expect(statusCode).toBe(200);
    for (const text of [
      '<h1>FATAL api on web-1</h1>',
      'Traceback (most recent call last):\n  File &quot;a.py&quot;, line 1\n\tValueError: &lt;b&gt;&quot;no&quot;&lt;/b&gt; &amp; &#39;never&#39;',
      'shop/api:7',
      'stderr',
      '2026-11-22 10:00:00 UTC',
      'GET /orders',
      'GET /&lt;i&gt;health&lt;/i&gt;',
      '<dt>restart_count</dt><dd>3</dd>',
      '{&quot;name&quot;:&quot;ada&quot;}',
      'pay&lt;ments',
      id,
      '<dt>State</dt><dd>Open',
    ])
      expect(body).toContain(text);
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'content-security-policy': expect.stringContaining("default-src 'none'"),
    });
  });

  it('shows a message of a megabyte whole', async () => {
    const message = `first ${'<'.repeat(1_000_000)} last`;
    const { id } = await aRecord({ message });
    const { body } = await open('record', id);
    expect(body).toContain(`first ${'&lt;'.repeat(1_000_000)} last`);
  });

  it('leads to its issue and to the newest other records of that, and each of these opens', async () => {
    const records: Stored[] = [];
    for (let n = 0; n < 8; n += 1) records.push(await aRecord({ message: `ERROR cannot write block ${n}` }));
    const path = pathOf(links().record(records[3]!.id));
    const { body } = await get(path);
    const found = linksOf(path, body).filter((url) => !url.startsWith('/act/'));
    expect(found.map((url) => url.split('/')[2])).toEqual([
      ...[7, 6, 5, 4, 2].map((n) => records[n]!.id),
      records[0]!.issue_id,
    ]);
    for (const url of found) {
      const page = await get(url);
      expect([page.statusCode, page.body.includes('cannot write block')]).toEqual([200, true]);
    }
  });

  it('lets the recipient of a mail act for as long as the other links of that mail do', async () => {
    const { id } = await aRecord();
    const path = pathOf(links().record(id));
    const acting = linksOf(path, (await get(path)).body).filter((url) => url.startsWith('/act/'));
    expect(acting).toHaveLength(1);
    expect((await get(acting[0]!)).body).toContain(`You act as ${who}`);
    const later = await open('record', id, links(Date.now() - actionLinkMs));
    expect(later.statusCode).toBe(200);
    expect(later.body).not.toContain('/act/');
  });

  it('lets nobody act whose message is the same for all its recipients', async () => {
    const { id } = await aRecord();
    const { statusCode, body } = await open('record', id, sharedLinks(key, baseUrl, Date.now()));
    expect([statusCode, body.includes('/act/')]).toEqual([200, false]);
  });

  it('says that the record is gone once it is', async () => {
    const { id } = await aRecord();
    await backend.database.pool.query('truncate log_records');
    const { statusCode, body } = await open('record', id);
    expect([statusCode, body.includes('This record is gone')]).toEqual([404, true]);
  });
});

describe('the page of an issue', () => {
  it('says how it stands, and lists its newest records, with the first and the last line of each', async () => {
    const first = await aRecord({ message: '\nERROR cannot write block 1\nsecond line' });
    for (let n = 0; n < 52; n += 1)
      await aRecord({ message: `\nERROR cannot write block ${n}\nsecond line` });
    const path = pathOf(links().issue(first.issue_id));
    const { statusCode, body } = await get(path);
    expect(statusCode).toBe(200);
    expect(body).toContain('53 records');
    expect(body.match(/<li>/g)).toHaveLength(50);
    expect(body).toContain('ERROR cannot write block 51 … second line</li>');
    expect(linksOf(path, body).filter((url) => url.startsWith('/act/'))).toHaveLength(1);
  });

  it('is the page of the issue that took it over, once it was merged', async () => {
    const [one, other] = [await aRecord(), await aRecord({ message: 'ERROR quite another thing' })];
    await backend.call('POST', `/api/issues/${other.issue_id}/merge`, { issue_ids: [one.issue_id] }, apiKey);
    const { statusCode, body } = await open('issue', one.issue_id);
    expect(statusCode).toBe(200);
    for (const text of ['quite another thing', 'could not write block', '2 records'])
      expect(body).toContain(text);
  });

  it('says that the issue is gone, when it is', async () => {
    const { statusCode, body } = await open('issue', newId(Date.now()));
    expect([statusCode, body.includes('This issue is gone')]).toEqual([404, true]);
  });
});

describe('whoever was taken off', () => {
  const newer = 'ERROR could not write block 18';
  async function pages(): Promise<{ record: number; issue: number; seesNewer: boolean }> {
    const { id, issue_id } = await aRecord();
    await aRecord({ message: newer });
    const [record, issue] = [await open('record', id), await open('issue', issue_id)];
    expect(record.body).toContain('could not write block 17');
    const seesNewer = [record, issue].some(({ body }) => body.includes(newer) || body.includes('/act/'));
    return { record: record.statusCode, issue: issue.statusCode, seesNewer };
  }
  const isShut = { record: 200, issue: 403, seesNewer: false };
  const isOpen = { record: 200, issue: 200, seesNewer: true };

  it('by the API, still reads the record of the mail, and nothing that came after it', async () => {
    const { body } = await backend.call<Stored[]>('POST', '/api/recipients', { emails: who }, apiKey);
    expect(await pages()).toEqual(isOpen);
    await backend.call('DELETE', `/api/recipients/${body[0]!.id}`, undefined, apiKey);
    expect(await pages()).toEqual(isShut);
    await backend.call('POST', '/api/recipients', { emails: who }, apiKey);
    expect(await pages()).toEqual(isOpen);
  });

  it('by unsubscribing, too', async () => {
    await backend.app.inject({ method: 'POST', url: pathOf(links().unsubscribe) });
    expect(await pages()).toEqual(isShut);
  });
});

describe('a link to read', () => {
  it('changes nothing, and takes no other method', async () => {
    const { id, issue_id } = await aRecord();
    const state = async () =>
      (
        await backend.database.pool.query(
          'select (select count(*) from used_links) as used, (select count(*) from issue_history) as history, (select state from issues)',
        )
      ).rows;
    const before = await state();
    for (const path of [pathOf(links().record(id)), pathOf(links().issue(issue_id))]) {
      for (const method of ['GET', 'HEAD', 'GET'] as const)
        expect((await backend.app.inject({ method, url: path })).statusCode).toBe(200);
      expect((await backend.app.inject({ method: 'POST', url: path, headers: apiKey })).statusCode).toBe(405);
    }
    expect(await state()).toEqual(before);
  });

  it('opens what it was made for and nothing else', async () => {
    const [mine, other] = [await aRecord(), await aRecord({ message: 'ERROR a secret of others' })];
    const token = links().record(mine.id).split('/').at(-1)!;
    const choose = links().choose(mine.issue_id).url.split('/').at(-1)!;
    for (const path of [
      `/records/${other.id}/${token}`,
      `/issues/${mine.id}/${token}`,
      `/issues/${mine.issue_id}/${token}`,
      `/issues/${mine.issue_id}/${choose}`,
      `/act/${token}`,
      `/unsubscribe/${token}`,
      `/records/${mine.id}/${token.slice(0, -1)}`,
      `/records/%00/${token}`,
    ]) {
      const { statusCode, body } = await get(path);
      expect([path, statusCode]).toEqual([path, 403]);
      expect(body).toContain('This link is not valid');
    }
    expect((await backend.app.inject({ method: 'POST', url: `/act/${token}` })).statusCode).toBe(403);
  });

  it('works for a year, and no longer; nor do the links that its page has', async () => {
    const { id, issue_id } = await aRecord();
    const old = links(Date.now() - readingLinkMs + 60_000);
    const path = pathOf(old.issue(issue_id));
    const page = await get(path);
    expect(page.statusCode).toBe(200);
    expect(linksOf(path, page.body)).toEqual([expect.stringMatching(`^/records/${id}/`)]);
    expect((await open('record', id, links(Date.now() - readingLinkMs))).statusCode).toBe(410);
  });

  it('ends at once when the keys are revoked, and goes on when they are only replaced', async () => {
    const { id } = await aRecord();
    const before = links();
    await rotateLinkKey(backend.database.pool, false, Date.now());
    expect((await open('record', id, before)).statusCode).toBe(200);
    await rotateLinkKey(backend.database.pool, true, Date.now());
    expect((await open('record', id, before)).statusCode).toBe(403);
  });
});
