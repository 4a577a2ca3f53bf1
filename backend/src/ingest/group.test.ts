import { createHash } from 'node:crypto';
import { createTestDatabase, type TestDatabase } from '@log-detector/test-kit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inTransaction } from '../db/pool.ts';
import { recordOccurrences } from '../issues/record-occurrences.ts';
import { versioned } from './fingerprint.ts';
import { forgetTemplates } from './forget-templates.ts';
import { createGrouping } from './group.ts';
import type { Grouping, IncomingRecord } from './types.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(async () => database.drop());

function aRecord(message: string): IncomingRecord {
  return {
    host: 'web-1',
    container: 'api',
    service: 'api',
    severity: 'error',
    message,
    logHash: createHash('sha256').update(message).digest('hex'),
    occurredAt: null,
    eventId: null,
    stream: null,
    image: null,
    labels: null,
    fields: null,
    contextBefore: null,
    contextAfter: null,
    coalesceId: null,
  };
}

/** Groups the message and counts it as an issue, as ingest does. */
async function take(grouping: Grouping, message: string): Promise<string> {
  const record = aRecord(message);
  const groups = await grouping.group([record]);
  const at = Date.now();
  const occurrence = {
    ...record,
    id: crypto.randomUUID(),
    receivedAt: new Date(at).toISOString(),
    receivedAtMs: at,
  };
  const [issue] = await inTransaction(database.pool, (client) =>
    recordOccurrences(client, [occurrence], groups),
  );
  return issue!.id;
}

async function living(title: string): Promise<{ id: string; title: string; count: number }[]> {
  const { rows } = await database.pool.query<{ id: string; title: string; count: number }>(
    'select id, title, count from issues where merged_into is null and title like $1',
    [title],
  );
  return rows;
}

describe('grouping', () => {
  it('comes to the same issues in two backends that are fed by turns', async () => {
    let now = 0;
    const backends = [createGrouping(database.pool, () => now), createGrouping(database.pool, () => now)];
    const users = ['ann', 'ben', 'cleo', 'dan', 'eve', 'fred', 'gus', 'hal'];
    const issues: string[] = [];
    for (const [turn, user] of users.entries()) {
      now += 1000;
      issues.push(await take(backends[turn % 2]!, `session closed for user ${user}`));
    }
    expect(new Set(issues.slice(3)).size).toBe(1);
    expect(issues[7]).toBe(issues[0]);
    expect(await living('session closed%')).toEqual([
      { id: issues[0], title: 'session closed for user <…>', count: users.length },
    ]);
  });

  it('takes back an issue that a backend made before it heard of the merge', async () => {
    let now = 0;
    const [early, late] = [
      createGrouping(database.pool, () => now),
      createGrouping(database.pool, () => now),
    ];
    const first = await take(early, 'mailbox of ann is gone');
    await take(late, 'mailbox of ben is gone');
    await take(early, 'mailbox of cleo is gone');
    await take(late, 'mailbox of ben is gone');
    for (const at of [2000, 9000]) {
      now = at;
      await late.group([aRecord('mailbox of ben is gone')]);
    }
    expect(await living('mailbox of%')).toMatchObject([{ id: first, count: 4 }]);
  });

  it('lets several backends learn the same messages at once', async () => {
    const backends = Array.from({ length: 4 }, () => createGrouping(database.pool));
    const messages = Array.from(
      { length: 20 },
      (_, i) => `widget ${'abcdefghij'[i % 10]}${'xyz'[i % 3]}le lost its frame`,
    );
    const answers = await Promise.all(backends.map((backend) => backend.group(messages.map(aRecord))));
    for (const answer of answers) expect(answer).toEqual(answers[0]);
  });

  it('finds the same issues after a restart', async () => {
    const before = await createGrouping(database.pool).group([aRecord('session closed for user ida')]);
    const after = await createGrouping(database.pool).group([aRecord('session closed for user joe')]);
    expect(after).toEqual(before);
  });

  it('asks the database nothing when the messages are known', async () => {
    const grouping = createGrouping(database.pool, () => 0);
    await grouping.group([aRecord('disk 1 is full')]);
    const { pool } = database;
    const query = pool.query;
    try {
      pool.query = (() => {
        throw new Error('asked');
      }) as typeof pool.query;
      await expect(grouping.group([aRecord('disk 2 is full')])).resolves.toHaveLength(1);
    } finally {
      pool.query = query;
    }
  });

  it('forgets a template that was unused for long, in every backend, and learns it again', async () => {
    let now = Date.now();
    const backends = [createGrouping(database.pool, () => now), createGrouping(database.pool, () => now)];
    const one = aRecord('the last unicorn left');
    const [before] = await backends[0]!.group([one]);
    await backends[1]!.group([one]);
    expect(await forgetTemplates(database.pool, now + 40 * 86_400_000, 0)).toBeGreaterThan(0);
    now += 2000;
    for (const backend of backends) expect(await backend.group([one])).toEqual([before]);
  });

  it('does without a database', async () => {
    const grouping = createGrouping();
    const [one, two] = await grouping.group([aRecord('took 5 ms'), aRecord('took 7 ms')]);
    expect(one).toEqual(two);
  });

  it('learns again after the database was away', async () => {
    const grouping = createGrouping(database.pool, () => 0);
    await grouping.group([aRecord('all is well')]);
    const connect = database.pool.connect.bind(database.pool);
    database.pool.connect = (() => Promise.reject(new Error('away'))) as typeof database.pool.connect;
    await expect(grouping.group([aRecord('nothing like it before')])).rejects.toThrow('away');
    database.pool.connect = connect;
    const [group] = await grouping.group([aRecord('nothing like it before')]);
    const { rows } = await database.pool.query('select id from templates where $1 like $2 || id', [
      group!.fingerprint,
      versioned(''),
    ]);
    expect(rows).toHaveLength(1);
  });
});
