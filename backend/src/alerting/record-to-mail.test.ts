// From a stored record to the mail as a mail program reads it: plan, outbox, delivery and a real SMTP server.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test-kit/src/postgres.ts';
import { type SmtpTestServer, startSmtpServer } from '../../../test-kit/src/smtp.ts';
import { makeChannels } from '../channels/registry.ts';
import { inTransaction } from '../db/pool.ts';
import { newId } from '../db/record-id.ts';
import { addNotifications } from '../outbox/add-notifications.ts';
import { type Delivery, startDelivery } from '../outbox/delivery.ts';
import { alertSettings, aQuestion, aRecord } from './given.ts';
import { planAlerts } from './plan-alerts.ts';

let database: TestDatabase;
let smtp: SmtpTestServer;
let delivery: Delivery;

beforeAll(async () => {
  database = await createTestDatabase();
  smtp = await startSmtpServer();
  delivery = startDelivery({
    pool: database.pool,
    connectionString: database.url,
    channels: makeChannels({ smtpUrl: smtp.url, from: alertSettings().from }),
    log: { info() {}, warn() {}, error() {} },
  });
});
afterAll(async () => {
  await delivery.stop();
  await smtp.close();
  await database.drop();
});

async function alert(record: ReturnType<typeof aRecord>, recipients: string[]) {
  smtp.clear();
  const { notifications } = planAlerts(aQuestion([record], { recipients }), alertSettings(), () =>
    newId(Date.now()),
  );
  await inTransaction(database.pool, (client) => addNotifications(client, notifications, record.receivedAt));
  await smtp.waitForMails(recipients.length);
  return { notifications, mails: smtp.mails };
}

describe('a record that alerts', () => {
  it('becomes one mail for each recipient, whole and readable', async () => {
    const message = `ERROR größer ✓ ${'long '.repeat(1000)}\n.\n.. dots\nFrom here\n\ttab`;
    const record = aRecord({ message });
    const { mails, notifications } = await alert(record, ['a@example.org', 'b@example.org']);
    expect(mails.map(({ to }) => to.join()).sort()).toEqual(['a@example.org', 'b@example.org']);
    for (const { parsed, raw } of mails) {
      expect(parsed.subject).toBe('[Log Alert] ERROR api on web-1');
      expect(parsed.text).toContain(`\n\n${message}\n`);
      expect(parsed.text).toMatch(
        new RegExp(`Record: https://logs.example.com/records/${record.id}/[\\w-]{40,}\n`),
      );
      expect(parsed.html).toContain('ERROR größer ✓');
      expect(notifications.map(({ messageId }) => messageId)).toContain(parsed.messageId);
      expect(Math.max(...raw.split('\r\n').map((line) => line.length))).toBeLessThanOrEqual(998);
    }
  });

  it('keeps its header fields to itself, whatever the names say', async () => {
    const record = aRecord({
      host: 'h\r\nBcc: thief@example.net',
      container: 'c\r\n\r\n<script>alert(1)</script>',
      severity: 'x\nX-Evil: 1',
      message: '</pre><script>alert(2)</script>',
    });
    const { mails } = await alert(record, ['a@example.org']);
    const { parsed, to } = mails[0]!;
    expect(to).toEqual(['a@example.org']);
    expect(parsed.headers.has('bcc')).toBe(false);
    expect(parsed.headers.has('x-evil')).toBe(false);
    expect(parsed.subject).toContain('Bcc: thief@example.net');
    expect(parsed.html).not.toContain('<script');
  });
});
