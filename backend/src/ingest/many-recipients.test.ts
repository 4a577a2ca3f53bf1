import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GivenBackend, givenBackend } from '../http/test-help.ts';
import { leaseDueNotifications } from '../outbox/queue.ts';

const settings = (recipients: number) => ({
  alerts: {
    enabled: true,
    to: Array.from({ length: recipients }, (_, n) => `r${n}@example.org`),
    from: 'alerts@example.com',
    baseUrl: 'https://logs.example.com',
  },
});

const recordsOf = (count: number) =>
  Array.from({ length: count }, (_, n) => ({
    event_id: randomUUID(),
    host: 'web-1',
    container: 'api',
    message: `ERROR: ${randomUUID()} broke as number ${n}`,
  }));

interface Items {
  items: { id: string }[];
}

describe('ingest with ALERT_GROUPING=off and many recipients', () => {
  for (const [recipients, records] of [
    [50, 2000],
    [200, 300],
  ] as const) {
    describe(`${records} distinct records at once, ${recipients} recipients`, () => {
      let backend: GivenBackend;
      beforeAll(async () => {
        backend = await givenBackend(settings(recipients));
        for (let from = 0; from < recipients; from += 100) {
          const emails = settings(recipients)
            .alerts.to.slice(from, from + 100)
            .join(', ');
          await backend.call('POST', '/api/recipients', { emails });
        }
      }, 60_000);
      afterAll(() => backend.close());

      it('stores them all, owes each recipient a notification of each, and writes each text once', async () => {
        const sent = recordsOf(records);
        const { status, body } = await backend.call<Items>('POST', '/api/logs', sent);
        expect(status).toBe(200);
        expect(new Set(body.items.map(({ id }) => id)).size).toBe(records);
        const { rows } = await backend.database.pool.query(
          `select (select count(*) from notifications) as owed, (select count(*) from notification_texts) as texts,
             (select count(*) from log_records where notify) as told, (select sum(n) from log_counts) as counted`,
        );
        expect(rows[0]).toEqual({
          owed: records * recipients,
          texts: records,
          told: records,
          counted: records,
        });
        // The last one's history, by the API and by hand, and what goes out.
        const last = body.items.at(-1)!.id;
        const { body: history } = await backend.call<{ body: string }[]>('GET', `/api/logs/${last}/emails`);
        expect(history).toHaveLength(recipients);
        for (const { body: text } of history) expect(text).toContain(sent.at(-1)!.message);
        const byHand = await backend.database.pool.query(
          'select count(*) filter (where position($2 in body) > 0) as n from email_notifications where record_id = $1',
          [last, sent.at(-1)!.message],
        );
        expect(byHand.rows[0]!.n).toBe(recipients);
        const [leased] = await leaseDueNotifications(backend.database.pool, {
          channel: 'email',
          limit: 1,
          worker: 'w',
          leaseMs: 1000,
          except: [],
        });
        expect(leased).toMatchObject({
          text: expect.stringContaining('ERROR'),
          html: expect.stringContaining('<'),
        });
        // Sent again, nothing is stored again.
        const again = await backend.call<Items>('POST', '/api/logs', sent);
        expect(again.body.items).toEqual(body.items);
      }, 120_000);
    });
  }
});
