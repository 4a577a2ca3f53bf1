// The links of mails, pressed: what they do, what they refuse, and that looking at them does nothing.

import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { rotateLinkKey, signingKey } from '../alerting/links/keys.ts';
import { actionLinkMs } from '../alerting/links/lifetimes.ts';
import { mailLinks } from '../alerting/links/links.ts';
import type { IssuePurpose, Purpose } from '../alerting/links/purposes.ts';
import { type LinkKey, signLink } from '../alerting/links/token.ts';
import { createPool } from '../db/pool.ts';
import { newId } from '../db/record-id.ts';
import { buildHttp } from '../http/http.ts';
import { Metrics } from '../http/metrics.ts';
import { type GivenBackend, givenBackend } from '../http/test-help.ts';
import { frontPageRoutes } from './front-page.ts';
import { actingRoutes } from './routes.ts';

let backend: GivenBackend;
let key: LinkKey;
const who = 'ops@example.org';
const baseUrl = 'https://logs.example.com/ld';

beforeAll(async () => {
  backend = await givenBackend({ apiKey: 'a-key-that-no-link-needs' });
  key = await signingKey(backend.database.pool, [], Date.now());
});
afterAll(() => backend.close());
beforeEach(() =>
  backend.database.pool.query(
    'truncate log_records, issues, used_links, issue_history, rules, unsubscriptions, email_recipients',
  ),
);

const withKey = { 'x-api-key': 'a-key-that-no-link-needs' };

/** A record that makes an issue. @returns the issue's id. */
async function anIssue(parts: object = {}): Promise<string> {
  const record = { host: 'web-1', container: 'api', message: 'ERROR could not write block 17', ...parts };
  const { body } = await backend.call<{ issue_id: string }>('POST', '/api/logs', record, withKey);
  return body.issue_id;
}
const links = (notificationId = newId(Date.now())) =>
  mailLinks(key, { baseUrl }, who, notificationId, Date.now());
/** The path of a link, as the proxy of BASE_URL passes it on. */
const pathOf = (url: string) => url.slice(baseUrl.length);
const linkTo = (purpose: IssuePurpose, issueId: string) =>
  pathOf(
    links()
      .ofIssue(issueId, { withImage: true, isOver: false })
      .find((link) => link.purpose === purpose)!.url,
  );
const signed = (purpose: Purpose, issueId?: string, parts: object = {}) =>
  signLink(
    { purpose, issueId, recipient: who, expiresAt: Date.now() + 60_000, ...parts },
    key,
    Buffer.from(newId(Date.now()).slice(-6)),
  );
const get = (url: string) => backend.app.inject({ method: 'GET', url });
const press = (url: string) => backend.app.inject({ method: 'POST', url });
const issueNow = async (id: string) =>
  (await backend.call<Record<string, unknown>>('GET', `/api/issues/${id}`, undefined, withKey)).body;
const historyOf = async (id: string) =>
  (await backend.call<object[]>('GET', `/api/issues/${id}/history`, undefined, withKey)).body;

/** Everything in the database, as text. */
async function everything(): Promise<string> {
  const { rows: tables } = await backend.database.pool.query<{ name: string }>(
    `select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = 'public' and c.relkind in ('r', 'p') and not c.relispartition order by 1`,
  );
  const all: unknown[] = [];
  for (const { name } of tables)
    all.push([name, (await backend.database.pool.query(`select t::text from ${name} t order by 1`)).rows]);
  return JSON.stringify(all);
}

describe('a link that is looked at', () => {
  it('changes nothing, be it by GET or HEAD, however often', async () => {
    const id = await anIssue({ image: 'api:1' });
    const mail = links();
    const urls = [
      ...mail.ofIssue(id, { withImage: true, isOver: false }),
      mail.choose(id),
      { url: mail.unsubscribe },
    ].map(({ url }) => pathOf(url));
    expect(urls.length).toBe(9);
    const before = await everything();
    for (const url of [...urls, ...urls]) {
      const page = await get(url);
      expect(page.statusCode, page.body).toBe(200);
      const head = await backend.app.inject({ method: 'HEAD', url });
      expect([head.statusCode, head.body]).toEqual([200, '']);
    }
    expect(await everything()).toBe(before);
  });

  it('shows a page that runs and loads nothing, tells nobody its address, and escapes what logs say', async () => {
    const id = await anIssue({ message: 'ERROR <script>alert(1)</script> "x" </pre>' });
    const page = await get(linkTo('mute-hour', id));
    expect(page.headers['content-security-policy']).toMatch(
      /^default-src 'none'; style-src 'sha256-[\w+/=]+'; form-action 'self'; frame-ancestors 'none'/,
    );
    expect(page.headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
    });
    expect(page.body).not.toMatch(/<script|src=|@import|<link/);
    expect(page.body).toContain('&lt;script&gt;');
    expect(page.body).toContain('<form method="post"><button>Mute for an hour</button></form>');
    expect(page.body).toContain(`You act as ${who}`);
    expect(page.body).toContain('Nothing has happened yet');
  });

  it('answers 404, 410 or 403 with a page, whatever the link is', async () => {
    const gone = await get(`/act/${signed('resolve', '019aabcd-0000-7000-9000-000000000001')}`);
    expect([gone.statusCode, gone.body.includes('This issue is gone')]).toEqual([404, true]);
    for (const token of ['x', 'a'.repeat(900), '%00', 'ä']) {
      const page = await get(`/act/${encodeURIComponent(token)}`);
      expect([page.statusCode, page.body.includes('not valid')]).toEqual([403, true]);
    }
  });
});

describe('while the database is away', () => {
  it('the page says to try again, and nothing that only we can read', async () => {
    const pool = createPool({ connectionString: 'postgresql://nobody@127.0.0.1:1/none', max: 1 });
    const app = await buildHttp({
      logger: pino({ level: 'silent' }),
      metrics: new Metrics(),
      version: '0',
      guard: () => {},
    });
    actingRoutes({ pool, linkSecrets: [] })(app);
    frontPageRoutes({ pool, hasKey: true })(app);
    try {
      const url = `/act/${signed('resolve', '019aabcd-0000-7000-9000-000000000001')}`;
      const page = await app.inject({ method: 'POST', url });
      expect([page.statusCode, page.headers['retry-after']]).toEqual([503, '5']);
      expect(page.body).toContain('Open the link again in a moment');
      for (const url of [`/records/1/${signed('record')}`, `/issues/1/${signed('issue')}`]) {
        const { statusCode, headers, body } = await app.inject({ method: 'GET', url });
        expect([statusCode, headers['content-type']]).toEqual([503, 'text/html; charset=utf-8']);
        expect(body).toContain('Open the link again in a moment.');
      }
      const front = await app.inject({ method: 'GET', url: '/' });
      expect([front.statusCode, front.body.includes('cannot reach its database')]).toEqual([503, true]);
    } finally {
      await app.close();
      await pool.end();
    }
  });
});

describe('a link that is pressed', () => {
  it('mutes for an hour, asks for no key, and the history says who it was', async () => {
    const id = await anIssue();
    const page = await press(linkTo('mute-hour', id));
    expect([page.statusCode, page.body.includes('Muted for an hour')]).toEqual([200, true]);
    const issue = await issueNow(id);
    expect(issue).toMatchObject({ state: 'muted', mute: { by: who, count: 1, until: 'time' } });
    const until = Date.parse(String(issue.muted_until));
    expect(Math.abs(until - Date.now() - 3_600_000)).toBeLessThan(60_000);
    expect(await historyOf(id)).toMatchObject([{ who, what: 'muted' }]);
  });

  it.each([
    ['mute-worse', { state: 'muted', mute: { until: 'worse', limit: expect.any(Number) } }],
    ['mute-deployed', { state: 'muted', mute: { until: 'deployed', images: ['api:1'] } }],
    ['mute-ever', { state: 'muted', muted_until: null, mute: { until: 'ever' } }],
    ['resolve', { state: 'resolved', mute: null }],
    ['open', { state: 'open', mute: null }],
  ] as const)('does as its name says: %s', async (purpose, expected) => {
    const id = await anIssue({ image: 'api:1' });
    const page = await press(linkTo(purpose, id));
    expect(page.statusCode, page.body).toBe(200);
    expect(await issueNow(id)).toMatchObject(expected);
  });

  it('says why it cannot wait for a deployment, and stays unused', async () => {
    const id = await anIssue();
    const link = linkTo('mute-deployed', id);
    const page = await press(link);
    expect([page.statusCode, page.body.includes('names its image')]).toEqual([409, true]);
    expect(await issueNow(id)).toMatchObject({ state: 'open' });
    await anIssue({ image: 'api:1' });
    expect((await press(link)).statusCode).toBe(200);
  });

  it('works once: a replay is refused, says who used it and how the issue stands now', async () => {
    const id = await anIssue();
    const link = linkTo('mute-hour', id);
    await press(link);
    await press(linkTo('open', id));
    const replay = await press(link);
    expect(replay.statusCode).toBe(409);
    expect(replay.body).toContain('This link was used already');
    expect(replay.body).toContain(`${who} used it on`);
    expect(replay.body).toContain('Open: it alerts.');
    expect(await issueNow(id)).toMatchObject({ state: 'open' });
    expect((await get(link)).body).not.toContain('<button>');
  });

  it('works once, though twenty press it at once on two backends', async () => {
    const id = await anIssue();
    const replica = await backend.replica();
    const url = linkTo('resolve', id);
    const apps = [backend.app, replica];
    const pages = await Promise.all(
      Array.from({ length: 20 }, (_, n) => apps[n % 2]!.inject({ method: 'POST', url })),
    );
    const statuses = pages.map(({ statusCode }) => statusCode).sort();
    expect(statuses).toEqual([200, ...Array(19).fill(409)]);
    expect(await historyOf(id)).toHaveLength(1);
  });

  it('is refused when it has expired, was changed, or is for something else', async () => {
    const id = await anIssue();
    const before = await everything();
    const token = signed('resolve', id);
    const refused = async (path: string, status: number) => {
      const page = await press(path);
      expect([page.statusCode, page.body.includes('Nothing was changed')]).toEqual([status, true]);
    };
    await refused(`/act/${signed('resolve', id, { expiresAt: Date.now() - 1000 })}`, 410);
    const other = token[10] === 'A' ? 'B' : 'A';
    await refused(`/act/${token.slice(0, 10)}${other}${token.slice(11)}`, 403);
    await refused(`/act/${signed('unsubscribe')}`, 403);
    await refused(`/unsubscribe/${token}`, 403);
    await refused(
      `/act/${signLink({ purpose: 'resolve', issueId: id, recipient: who, expiresAt: Date.now() + 60_000 }, { ...key, secret: Buffer.alloc(32) }, Buffer.alloc(6))}`,
      403,
    );
    // The purpose is signed: resolve cannot be made into mute-ever.
    const bytes = Buffer.from(token, 'base64url');
    bytes[0] = (bytes[0]! & 0xf0) | 4;
    await refused(`/act/${bytes.toString('base64url')}`, 403);
    expect(await everything()).toBe(before);
  });

  it('can be undone by the button of the page that it leads to', async () => {
    const id = await anIssue();
    const link = linkTo('mute-ever', id);
    const [, undo] = /action="([\w-]+)"/.exec((await press(link)).body)!;
    await press(`/act/${undo}`);
    expect(await issueNow(id)).toMatchObject({ state: 'open' });
  });

  it('takes a form of any type', async () => {
    const id = await anIssue();
    for (const [type, payload] of [
      ['application/x-www-form-urlencoded', 'a=b'],
      [
        'multipart/form-data; boundary=x',
        '--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--',
      ],
      ['text/plain', 'x'],
    ] as const) {
      const answer = await backend.app.inject({
        method: 'POST',
        url: linkTo('open', id),
        payload,
        headers: { 'content-type': type },
      });
      expect(answer.statusCode).toBe(200);
    }
  });

  it('leads to all of them from a mail of many issues', async () => {
    const id = await anIssue({ image: 'api:1' });
    const page = await get(pathOf(links().choose(id).url));
    const tokens = [...page.body.matchAll(/action="([\w-]+)"/g)].map(([, token]) => token);
    expect(tokens).toHaveLength(5);
    await press(`/act/${tokens[3]}`);
    expect(await issueNow(id)).toMatchObject({ state: 'muted', mute: { until: 'ever' } });
  });
});

describe('not an error', () => {
  it('shows what a rule would have held, adds it, and holds what comes then', async () => {
    const id = await anIssue({ message: 'ERROR health check of 10.0.0.1 took 17 ms' });
    await anIssue({ message: 'ERROR health check of 10.0.0.2 took 18 ms' });
    await anIssue({ message: 'ERROR disk full' });
    const link = linkTo('not-an-error', id);
    const page = await get(link);
    expect(page.body).toContain('The newest 2 records of this issue');
    expect(page.body).toContain('health check of 10.0.0.2 took 18 ms');
    expect(page.body).toContain('No other issue of this service would have been held.');
    expect((await backend.database.pool.query('select 1 from rules')).rowCount).toBe(0);

    const done = (await press(link)).body;
    expect(done).toContain('The rule was added');
    expect(done).toContain('Open, but a rule holds its alerts back.');
    expect((await get(link)).body).toContain('Open, but a rule holds its alerts back.');
    const { rows } = await backend.database.pool.query('select id, rule, source from rules');
    expect(done).toContain(`DELETE /api/rules/${rows[0].id}`);
    expect(rows).toMatchObject([{ source: 'mail', rule: { hold: true, match: { service: ['api'] } } }]);
    expect(rows[0].rule.note).toContain(who);
    expect(await historyOf(id)).toMatchObject([{ who, what: 'excluded' }]);
    const again = await press(linkTo('not-an-error', id));
    expect([again.statusCode, again.body.includes('holds back exactly this already')]).toEqual([409, true]);
    await anIssue({ message: 'ERROR health check of 10.0.0.3 took 19 ms' });
    const { rows: latest } = await backend.database.pool.query(
      'select reason from log_records order by id desc limit 1',
    );
    expect(['excluded', 'disabled']).toContain(latest[0].reason);

    const undo = `/act/${/action="([\w-]+)"/.exec(done)![1]}`;
    expect((await get(undo)).body).toContain('Remove this rule?');
    expect((await backend.database.pool.query('select 1 from rules')).rowCount).toBe(1);
    expect((await press(undo)).body).toContain('The rule was removed');
    expect((await backend.database.pool.query('select 1 from rules')).rowCount).toBe(0);
    expect((await get(link)).body).toContain('Open: it alerts.');
    expect(await historyOf(id)).toMatchObject([{ who, what: 'included' }, { what: 'excluded' }]);
    const { statusCode, body } = await press(undo);
    expect([statusCode, body.includes('gone already')]).toEqual([409, true]);
  });

  it('adds no other rule than the one that was shown', async () => {
    const id = await anIssue({ message: 'ERROR health check of 10.0.0.1 took 17 ms' });
    const link = linkTo('not-an-error', id);
    const [, rule] = /name="rule" value="([\w-]+)"/.exec((await get(link)).body)!;
    const send = (value: string) =>
      backend.app.inject({
        method: 'POST',
        url: link,
        payload: `rule=${value}`,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      });
    const refused = await send('another');
    expect([refused.statusCode, refused.body.includes('another one by now')]).toEqual([409, true]);
    expect((await send(rule!)).statusCode).toBe(200);
  });

  it('looks at fewer records where they are long, and lets others have their turn meanwhile', async () => {
    const long = (n: number) =>
      `ERROR import of the nightly table stopped at row ${n}\n${'  at row\n'.repeat(9000)}`;
    const sent = await backend.call<{ items: { issue_id: string }[] }>(
      'POST',
      '/api/logs',
      Array.from({ length: 60 }, (_, n) => ({
        host: 'h',
        container: 'api',
        severity: 'error',
        message: long(n),
      })),
      withKey,
    );
    const issues = new Set(sent.body.items.map(({ issue_id }) => issue_id));
    expect(issues.size).toBe(1);
    let turns = 0;
    const timer = setInterval(() => (turns += 1), 1);
    const page = await get(linkTo('not-an-error', [...issues][0]!));
    clearInterval(timer);
    expect(page.body).toMatch(/The newest 3[2-4] records of this issue/);
    expect(turns).toBeGreaterThan(10);
  });

  it('says that it can make no rule where records have nothing in common', async () => {
    const id = await anIssue({ message: 'E 1' });
    const link = linkTo('not-an-error', id);
    for (const page of [await get(link), await press(link)])
      expect([page.statusCode, /too few words in common/.test(page.body)]).toEqual([409, true]);
    expect((await backend.database.pool.query('select 1 from rules')).rowCount).toBe(0);
  });
});

describe('unsubscribing', () => {
  const oneClick = (url: string) =>
    backend.app.inject({
      method: 'POST',
      url,
      payload: 'List-Unsubscribe=One-Click',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
  const recipients = async () =>
    (await backend.call<{ email: string }[]>('GET', '/api/recipients', undefined, withKey)).body;

  it('takes one click, makes no redirect, and the recipient is inactive', async () => {
    await backend.call('POST', '/api/recipients', { emails: `${who}, b@example.org` }, withKey);
    const url = pathOf(links().unsubscribe);
    const page = await oneClick(url);
    expect([page.statusCode, page.headers.location]).toEqual([200, undefined]);
    expect((await recipients()).map(({ email }) => email)).toEqual(['b@example.org']);
    // A provider may say it again.
    expect((await oneClick(url)).statusCode).toBe(200);
  });

  it('is taken back by the button of its page, or by adding the address again; then the used link does nothing', async () => {
    await backend.call('POST', '/api/recipients', { emails: who }, withKey);
    const url = pathOf(links().unsubscribe);
    const [, again] = /action="([\w-]+)"/.exec((await oneClick(url)).body)!;
    expect((await press(`/unsubscribe/${again}`)).body).toContain('gets mails as before');
    expect(await recipients()).toHaveLength(1);
    expect((await oneClick(url)).statusCode).toBe(409);
    expect(await recipients()).toHaveLength(1);
    await oneClick(pathOf(links().unsubscribe));
    await backend.call('POST', '/api/recipients', { emails: who }, withKey);
    expect((await backend.database.pool.query('select 1 from unsubscriptions')).rowCount).toBe(0);
  });

  it('is told to the address itself, which may be a list, and to another recipient, once', async () => {
    const alerts = { enabled: true, to: [who, 'b@example.org'], from: 'alerts@example.com', baseUrl };
    const mailing = await givenBackend({ alerts });
    const { pool } = mailing.database;
    const own = await signingKey(pool, [], Date.now());
    const url = pathOf(mailLinks(own, { baseUrl }, who, newId(Date.now()), Date.now()).unsubscribe);
    for (let press = 0; press < 2; press += 1) await mailing.app.inject({ method: 'POST', url });
    const { rows } = await pool.query<{ to_address: string; subject: string; body: string }>(
      'select to_address, subject, body from notifications order by subject desc',
    );
    await mailing.close();
    expect(rows.map(({ to_address: to, subject }) => [to, subject])).toEqual([
      [who, `[UNSUBSCRIBED] ${who}`],
      ['b@example.org', `[RECIPIENT DEACTIVATED] ${who}`],
    ]);
    expect(rows[0]!.body).toContain(`${baseUrl}/unsubscribe/`);
    expect(rows[1]!.body).not.toContain('/unsubscribe/');
  });

  it('is remembered for an address that has no row of its own', async () => {
    await oneClick(pathOf(links().unsubscribe));
    const { rows } = await backend.database.pool.query('select address from unsubscriptions');
    expect(rows).toEqual([{ address: who }]);
  });
});

describe('the key', () => {
  it('is made once, though many backends want it at once', async () => {
    const { pool } = backend.database;
    await pool.query('delete from link_keys');
    const keys = await Promise.all(Array.from({ length: 8 }, () => signingKey(pool, [], Date.now())));
    expect(new Set(keys.map(({ secret }) => secret.toString('hex'))).size).toBe(1);
    [key] = keys as [LinkKey];
  });

  it('is replaced without breaking the links that were sent, or by revoking them', async () => {
    const { pool } = backend.database;
    const id = await anIssue();
    const [old, older] = [linkTo('open', id), linkTo('open', id)];
    await rotateLinkKey(pool, false, Date.now());
    const newest = await signingKey(pool, [], Date.now());
    expect(newest.number).not.toBe(key.number);
    expect((await press(old)).statusCode).toBe(200);
    expect((await signingKey(pool, [], Date.now() + 2 * actionLinkMs)).number).toBe(newest.number);
    const rotated = await backend.call('POST', '/api/link-keys', { revoke: true }, withKey);
    expect(rotated).toMatchObject({ status: 200, body: { id: newest.number + 1 } });
    expect((await backend.call('POST', '/api/link-keys', {})).status).toBe(401);
    expect((await press(older)).statusCode).toBe(403);
    key = await signingKey(pool, [], Date.now());
    expect((await press(linkTo('open', id))).statusCode).toBe(200);
  });

  it('may come from LINK_SECRET, of which the first signs and all verify', async () => {
    const { pool } = backend.database;
    const [one, two] = ['1'.repeat(32), '2'.repeat(32)];
    const before = await signingKey(pool, [one], Date.now());
    expect(await signingKey(pool, [one], Date.now())).toEqual(before);
    expect(await signingKey(pool, [two, one], Date.now())).not.toEqual(before);
  });
});
