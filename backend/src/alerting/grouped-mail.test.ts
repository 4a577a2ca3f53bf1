// With ALERT_GROUPING=on, from records to the mails as a mail program reads them: ingest, dispatcher, delivery and a real
// SMTP server, all running.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test-kit/src/postgres.ts';
import { type ReceivedMail, type SmtpTestServer, startSmtpServer } from '../../../test-kit/src/smtp.ts';
import { makeChannels } from '../channels/registry.ts';
import { type Delivery, startDelivery } from '../outbox/delivery.ts';
import { silentLog } from '../outbox/test-help.ts';
import { maxMessageChars } from './mail.ts';
import { defaultPolicy } from './policy.ts';
import { startDispatch } from './start-dispatch.ts';
import { emptyTables, Timeline } from './test-help-timeline.ts';

let database: TestDatabase;
let smtp: SmtpTestServer;
let delivery: Delivery;
let dispatching: ReturnType<typeof startDispatch>;
const from = 'Log Detector <alerts@example.com>';

beforeAll(async () => {
  database = await createTestDatabase();
  smtp = await startSmtpServer();
  const connectionString = database.url;
  const { pool } = database;
  delivery = startDelivery({
    pool,
    connectionString,
    channels: makeChannels({ smtpUrl: smtp.url, from }),
    log: silentLog,
  });
  dispatching = startDispatch({
    pool,
    connectionString,
    settings: {
      from,
      baseUrl: 'https://logs.example.com',
      policy: { ...defaultPolicy, grouping: 'on', digestMs: 1000 },
    },
    log: silentLog,
  });
});
afterAll(async () => {
  await dispatching.stop();
  await delivery.stop();
  await smtp.close();
  await database.drop();
});
beforeEach(async () => {
  await emptyTables(database.pool);
  smtp.clear();
});

/** Real time, an hour after the timeline's start. */
const post = (records: Parameters<Timeline['ingest']>[1], recipients = ['ops@example.org']) => {
  const line = new Timeline(database.pool, { recipients });
  return line.ingest(Date.now() - line.start, records);
};
const header = (mail: ReceivedMail, name: string) => {
  const [, value] =
    new RegExp(`^${name}:((?:.|\\r\\n[ \\t])*)`, 'im').exec(mail.raw.split('\r\n\r\n')[0]!) ?? [];
  return value?.replace(/\r\n[ \t]/g, ' ').trim();
};

describe('the mail of one issue', () => {
  it('is one message for each recipient, with its thread, its list and fields to filter by', async () => {
    const [recordId] = await post(
      [{ issue: 'ConnectionRefused db:5432', host: 'web-3', message: 'ERROR größer\n  at db' }],
      ['a@example.org', 'b@example.org'],
    );
    const mails = await smtp.waitForMails(2);
    expect(mails.map(({ to }) => to).sort()).toEqual([['a@example.org'], ['b@example.org']]);
    const [mail] = mails;
    const { rows } = await database.pool.query('select id, issue_id from episodes');
    const root = `<${rows[0].id}@example.com>`;
    expect(mail!.parsed.subject).toBe('[NEW] api on web-3: ConnectionRefused db:5432');
    expect(header(mail!, 'References')).toBe(root);
    expect(header(mail!, 'In-Reply-To')).toBe(root);
    expect(header(mail!, 'List-Id')).toBe('Log Detector alerts <alerts.log-detector.example.com>');
    expect(header(mail!, 'List-Unsubscribe')).toMatch(
      /^<https:\/\/logs\.example\.com\/unsubscribe\/[\w-]+>, <mailto:alerts@example\.com\?subject=unsubscribe>$/,
    );
    expect(header(mail!, 'List-Unsubscribe-Post')).toBe('List-Unsubscribe=One-Click');
    expect(header(mail!, 'Auto-Submitted')).toBe('auto-generated');
    expect(header(mail!, 'X-Log-Detector-State')).toBe('new');
    expect(header(mail!, 'X-Log-Detector-Issue')).toBe(rows[0].issue_id);
    expect(header(mail!, 'X-Log-Detector-Service')).toBe('api');
    expect(header(mail!, 'X-Log-Detector-Host')).toBe('web-3');
    expect(header(mail!, 'X-Log-Detector-Container')).toBe('api');
    expect(header(mail!, 'X-Log-Detector-Severity')).toBe('error');
    for (const part of [mail!.parsed.text, String(mail!.parsed.html)]) {
      expect(part).toContain('This was never seen before.');
      expect(part).toContain('ERROR größer\n  at db');
      expect(part).toContain('line before');
      expect(part).toMatch(new RegExp(`https://logs.example.com/records/${recordId}/[\\w-]{60,}`));
      expect(part).toMatch(new RegExp(`https://logs.example.com/issues/${rows[0].issue_id}/[\\w-]{60,}`));
    }
    expect(mail!.parsed.html).toContain('prefers-color-scheme: dark');
    expect(mail!.parsed.html).not.toMatch(/<img|src=|@import/);
  });

  it('keeps its header fields to itself, whatever the names say', async () => {
    const evil = 'x\r\nBcc: thief@example.net\r\n\r\n<script>ü';
    await post([{ issue: evil, host: evil, container: evil, message: '</pre><script>alert(1)</script>' }]);
    const [mail] = await smtp.waitForMails(1);
    expect(mail!.to).toEqual(['ops@example.org']);
    expect(mail!.parsed.headers.has('bcc')).toBe(false);
    expect(mail!.parsed.subject).toMatch(/^\[NEW\] x Bcc: thief@example\.net/);
    expect(header(mail!, 'X-Log-Detector-Host')).toBe('x Bcc: thief@example.net <script>?');
    expect(mail!.parsed.html).not.toContain('<script');
  });

  it('cuts a long trace in its middle, and says where it is whole', async () => {
    const [recordId] = await post([
      { issue: 'long', message: `Traceback ${'x'.repeat(200_000)} ValueError` },
    ]);
    const [mail] = await smtp.waitForMails(1);
    const leftOut = 200_021 - maxMessageChars;
    expect(mail!.parsed.text).toMatch(
      new RegExp(
        `\\[\\.\\.\\. ${leftOut} characters left out, the whole record: https://logs.example.com/records/${recordId}/[\\w-]{60,} \\.\\.\\.\\]`,
      ),
    );
    expect(mail!.parsed.text).toContain('x ValueError');
    expect(String(mail!.parsed.html).length).toBeLessThan(102_000);
  });
});

describe('a roll-up', () => {
  it('has exact counts, the new ones first, and stays under the size at which Gmail clips', async () => {
    const issues = Array.from({ length: 95 }, (_, n) => ({
      issue: `fault <${n}> ${'y'.repeat(200)}`,
      times: 2,
    }));
    await post(issues);
    const mails = await smtp.waitForMails(2);
    expect(mails.map(({ parsed }) => parsed.subject)).toEqual(['[80 ISSUES] api', '[15 ISSUES] api']);
    const [first, second] = mails;
    expect(first!.parsed.text).toContain(
      '15 more issues, never told of before, will follow in the next mail.',
    );
    expect(first!.parsed.text).toContain('80 new.');
    expect(header(first!, 'X-Log-Detector-State')).toBe('roll-up');
    expect(header(first!, 'References')).toBeUndefined();
    for (const mail of mails) expect(Buffer.byteLength(String(mail.parsed.html))).toBeLessThan(102_000);
    const both = `${first!.parsed.text}${second!.parsed.text}`;
    for (let n = 0; n < 95; n += 1) expect(both).toContain(`fault <${n}> `);
  });

  it('of a few issues shows what each says', async () => {
    await post([
      { issue: 'a', message: 'ERROR first\n  trace' },
      { issue: 'b', message: 'ERROR <second>' },
    ]);
    const [mail] = await smtp.waitForMails(1);
    expect(mail!.parsed.subject).toBe('[2 ISSUES] api');
    expect(mail!.parsed.text).toContain('ERROR first\n  trace');
    expect(mail!.parsed.html).toContain('ERROR &lt;second&gt;');
  });
});
