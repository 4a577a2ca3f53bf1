import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GivenBackend, givenBackend } from '../http/test-help.ts';
import { createOwnRecords, type OwnRecord } from './own-records.ts';
import { defaultPolicy } from './policy.ts';

let backend: GivenBackend;

beforeAll(async () => {
  backend = await givenBackend({
    alerts: {
      enabled: true,
      to: ['ops@example.org'],
      from: 'alerts@example.com',
      baseUrl: 'https://logs.example.com',
      policy: { ...defaultPolicy, grouping: 'on' },
    },
  });
});
afterAll(() => backend.close());

const missing = (parts: Partial<OwnRecord> = {}): OwnRecord => ({
  kind: 'agent-missing',
  subject: 'web-1',
  event: '2026-11-22T10:00:00Z',
  message: 'No sign of life from the agent on web-1\nLast heard from at 2026-11-22 10:00:00 UTC.',
  ...parts,
});
const alertsWaiting = async () => {
  const { rows } = await backend.database.pool.query<{ service: string; reason: string }>(
    "select service, reason from alerts where status = 'waiting' order by id",
  );
  return rows;
};

describe('an own record', () => {
  it('is a record like any other: stored, with an issue, a decision and an alert', async () => {
    expect(await backend.app.ownRecords.raise(missing())).toBe('raised');
    const { body } = await backend.call<{ items: Record<string, unknown>[]; total: number }>(
      'GET',
      '/api/logs?host=log-detector',
    );
    expect(body.total).toBe(1);
    expect(body.items[0]).toMatchObject({
      container: 'log-detector',
      severity: 'error',
      fields: { kind: 'agent-missing', subject: 'web-1' },
      issue_id: expect.any(String),
    });
    const decisions = await backend.call('GET', `/api/logs/${body.items[0]!.id}/decisions`);
    expect(JSON.stringify(decisions.body)).toContain('"new"');
    expect(await alertsWaiting()).toEqual([{ service: 'log-detector', reason: 'new' }]);
  });

  it('is stored once, when several backends raise the same event', async () => {
    const event = missing({ event: 'again', subject: 'web-2', message: 'No sign of life from web-2' });
    const other = await backend.replica();
    await Promise.all([
      backend.app.ownRecords.raise(event),
      other.ownRecords.raise(event),
      other.ownRecords.raise(event),
    ]);
    const { body } = await backend.call<{ items: { message: string }[] }>('GET', '/api/logs');
    expect(body.items.filter(({ message }) => message.endsWith('web-2'))).toHaveLength(1);
  });

  it('makes an issue by its kind and subject, however its text reads', async () => {
    await backend.app.ownRecords.raise(missing({ event: '2', message: 'Quite another text' }));
    await backend.app.ownRecords.raise(missing({ event: '3', subject: 'web-3' }));
    const { rows } = await backend.database.pool.query<{ n: number; title: string }>(
      `select count::int as n, title from issues where fingerprint like 'own:agent-missing:%' order by first_seen`,
    );
    expect(rows).toEqual([
      { n: 2, title: 'No sign of life from the agent on web-1' },
      { n: 1, title: 'No sign of life from web-2' },
      { n: 1, title: 'No sign of life from the agent on web-1' },
    ]);
  });

  it('cannot be forged: a sender that says it is of a kind is grouped by its text', async () => {
    const record = await backend.post({
      host: 'log-detector',
      container: 'log-detector',
      message: 'No sign of life from the agent on web-1',
      fields: { kind: 'agent-missing', subject: 'web-1' },
      group: { fingerprint: 'own:agent-missing', title: 'mine' },
    });
    const { rows } = await backend.database.pool.query<{ fingerprint: string }>(
      'select fingerprint from issues where id = $1',
      [record.issue_id],
    );
    expect(rows[0]!.fingerprint).not.toMatch(/^own:/);
  });

  it('raises only a few an hour about one subject, whatever fails', async () => {
    let now = 0;
    let stored = 0;
    const heldBack: string[] = [];
    const own = createOwnRecords({
      submit: async (records) => {
        stored += records.length;
        return records.map(() => ({ record: {} }));
      },
      onHeldBack: ({ event }) => heldBack.push(event),
      now: () => now,
    });
    // A channel that fails to tell of its failures, each of which makes a record.
    for (let n = 0; n < 1000; n += 1) await own.raise(missing({ event: String(n) }));
    expect([stored, heldBack.length]).toEqual([12, 988]);
    now += 3_600_000;
    for (let n = 1000; n < 2000; n += 1) await own.raise(missing({ event: String(n) }));
    expect(stored).toBe(24);
    for (let n = 0; n < 1000; n += 1) await own.raise(missing({ event: String(n), subject: `host-${n}` }));
    expect(stored).toBe(24 + 200 - 12);
  });
});
