import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test-kit/src/postgres.ts';
import { inTransaction } from '../db/pool.ts';
import type { NewNotification } from '../ingest/types.ts';
import { addNotifications } from './add-notifications.ts';
import { leaseDueNotifications } from './queue.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

function aNotification(parts: Partial<NewNotification> = {}): NewNotification {
  const id = randomUUID();
  return {
    id,
    recordId: randomUUID(),
    bucket: 7,
    issueId: null,
    channel: 'email',
    toAddress: 'ops@example.org',
    subject: 's',
    body: 'b',
    html: null,
    reason: 'new',
    messageId: `<${id}@example.com>`,
    coalesceId: null,
    ...parts,
  };
}

const add = (notifications: NewNotification[]) =>
  inTransaction(database.pool, (client) =>
    addNotifications(client, notifications, '2026-11-22T10:00:01.000000Z'),
  );

describe('addNotifications', () => {
  it('makes them due at once', async () => {
    const notifications = [aNotification(), aNotification()];
    expect(await add(notifications)).toEqual(new Set());
    const lease = { channel: 'email', limit: 10, worker: 'w', leaseMs: 1000, except: [] };
    const leased = await leaseDueNotifications(database.pool, lease);
    expect(leased.map(({ id, messageId }) => [id, messageId]).sort()).toEqual(
      notifications.map(({ id, messageId }) => [id, messageId]).sort(),
    );
  });

  it('keeps facts that end with half a character, as cut texts may', async () => {
    const facts = { title: 'disk \u{1f525}'.slice(0, -1), links: [{ label: '\udd25', url: '' }] };
    await add([aNotification({ facts: facts as never, channel: 'half' })]);
    const { rows } = await database.pool.query(`select facts from notifications where channel = 'half'`);
    expect(rows[0].facts).toEqual({ title: 'disk \ufffd', links: [{ label: '\ufffd', url: '' }] });
  });

  it('lets one of many transactions alert for a coalesce_id, and tells the others that they lost', async () => {
    const coalesceId = randomUUID();
    const others = [randomUUID(), randomUUID()].sort();
    const outcomes = await Promise.all(
      Array.from({ length: 12 }, async (_, n) => {
        const part = aNotification({ coalesceId });
        // In different orders, which must not deadlock.
        const rest = others.map((id) => aNotification({ coalesceId: id }));
        const lost = await add(n % 2 ? [part, ...rest] : [...rest.reverse(), part]);
        return lost.has(part.recordId);
      }),
    );
    expect(outcomes.filter((isLost) => !isLost)).toHaveLength(1);
  });

  it('keeps a record alerting when a recipient is new to its coalesce_id', async () => {
    const coalesceId = randomUUID();
    await add([aNotification({ coalesceId })]);
    const recordId = randomUUID();
    const lost = await add([
      aNotification({ coalesceId, recordId }),
      aNotification({ coalesceId, recordId, toAddress: 'new@example.org' }),
    ]);
    expect(lost).toEqual(new Set());
  });

  it('writes what several are told alike once, and gives it out to each', async () => {
    const recordId = randomUUID();
    const alike = { recordId, body: 'alike', html: '<p>alike</p>' };
    const told = ['a@example.org', 'b@example.org'].map((toAddress) =>
      aNotification({ ...alike, toAddress }),
    );
    const other = aNotification({ recordId, body: 'other', toAddress: 'c@example.org' });
    await add([...told, other]);
    const { rows } = await database.pool.query('select body from notification_texts where record_id = $1', [
      recordId,
    ]);
    expect(rows).toEqual([{ body: 'alike' }]);
    const lease = { channel: 'email', limit: 1000, worker: 'w', leaseMs: 1000, except: [] };
    const leased = (await leaseDueNotifications(database.pool, lease)).filter(({ id }) =>
      [...told, other].some((notification) => notification.id === id),
    );
    expect(leased.map(({ to, text, html }) => [to, text, html]).sort()).toEqual([
      ['a@example.org', 'alike', '<p>alike</p>'],
      ['b@example.org', 'alike', '<p>alike</p>'],
      ['c@example.org', 'other', null],
    ]);
  });
});
