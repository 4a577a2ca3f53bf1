import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test-kit/src/postgres.ts';
import { firstIdOf, makePartitions } from '../db/partitions.ts';
import { createPool, type Pool } from '../db/pool.ts';
import { until } from '../outbox/test-help.ts';
import { createPartitionCover } from './partition-cover.ts';
import { dropOld } from './retention.ts';
import { makePartitionsAhead, startUpkeep } from './upkeep.ts';

const dayMs = 86_400_000;
const now = Date.UTC(2027, 4, 20, 13, 30);
const daysAgo = (days: number) => now - days * dayMs;

let database: TestDatabase;
let pool: Pool;
beforeEach(async () => {
  database = await createTestDatabase();
  pool = database.pool;
});
afterEach(() => database.drop());

async function partitions(): Promise<string[]> {
  const { rows } = await pool.query<{ name: string }>(
    `select inhrelid::regclass::text as name from pg_inherits where inhparent = 'log_records'::regclass order by 1`,
  );
  return rows.map(({ name }) => name);
}

/** A record of that time, its event, count and notification. */
async function aRecordOf(ms: number): Promise<string> {
  const id = firstIdOf(ms).replace(/.{12}$/, randomUUID().slice(-12));
  const at = new Date(ms);
  await pool.query(
    `insert into log_records (id, bucket, host, container, severity, message, log_hash, received_at, is_duplicate, notify, reason)
     values ($1, 1, 'h', 'c', 'error', 'm', '', $2, false, true, 'new')`,
    [id, at],
  );
  await pool.query('insert into record_events (event_id, record_id) values ($1, $2)', [randomUUID(), id]);
  await pool.query(
    `insert into log_counts (bucket, minute, host, container, severity, n, duplicates, held) values (1, $1, 'h', 'c', 'error', 1, 0, 0)`,
    [at],
  );
  await pool.query(
    `insert into notifications (id, record_id, bucket, channel, to_address, subject, body, reason, message_id, status, next_attempt_at, created_at)
     values ($1, $2, 1, 'email', 'a@example.org', '', '', 'new', '', 'sent', $3, $3)`,
    [randomUUID(), id, at],
  );
  return id;
}
const count = async (table: string) =>
  (await pool.query<{ n: number }>(`select count(*) as n from ${table}`)).rows[0]!.n;

describe('makePartitionsAhead', () => {
  it('makes yesterday, today and a week, once, however many backends try', async () => {
    const before = await partitions();
    const made = await Promise.all([1, 2, 3].map(() => makePartitionsAhead(pool, now)));
    const after = (await partitions()).filter((name) => !before.includes(name));
    expect(after).toEqual([19, 20, 21, 22, 23, 24, 25, 26, 27].map((day) => `log_records_202705${day}`));
    expect(Math.max(...made)).toBe(9);
    expect(await makePartitionsAhead(pool, now)).toBe(0);
  });
});

describe('createPartitionCover', () => {
  it('makes the day that upkeep has not made', async () => {
    const cover = createPartitionCover(pool);
    await Promise.all([cover(Date.UTC(2031, 0, 1)), cover(Date.UTC(2031, 0, 1, 23))]);
    expect(await partitions()).toContain('log_records_20310101');
  });
});

describe('dropOld', () => {
  const given = async () => {
    await makePartitions(pool, daysAgo(60), now);
    for (const days of [0, 6, 7, 8, 31, 40]) await aRecordOf(daysAgo(days));
  };

  it('keeps whole days of records, counts and history, and events for thirty days', async () => {
    await given();
    const dropped = await dropOld(pool, { retentionDays: 7, dedupeWindowMs: 0 }, now);
    expect(dropped.partitions).toBeGreaterThan(50);
    expect((await partitions()).filter((name) => name < 'log_records_202705')).toEqual([]);
    expect(await count('log_records')).toBe(3);
    expect(await count('log_counts')).toBe(3);
    expect(await count('notifications')).toBe(3);
    expect(await count('record_events')).toBe(4);
  });

  it('keeps events as long as the records when these are kept for longer', async () => {
    await given();
    await dropOld(pool, { retentionDays: 39, dedupeWindowMs: 0 }, now);
    expect(await count('record_events')).toBe(5);
    expect(await count('log_records')).toBe(5);
  });

  it('keeps everything when RETENTION_DAYS is 0', async () => {
    await given();
    expect(await dropOld(pool, { retentionDays: 0, dedupeWindowMs: 0 }, now)).toEqual({
      partitions: 0,
      rows: 0,
    });
    expect(await count('log_records')).toBe(6);
  });

  it('keeps what is still owed', async () => {
    await given();
    await pool.query(`update notifications set status = 'pending'`);
    await dropOld(pool, { retentionDays: 7, dedupeWindowMs: 0 }, now);
    expect(await count('notifications')).toBe(6);
  });

  it('drops also what takes longer to find than a query may', async () => {
    await given();
    await pool.query(`
      create function take_long() returns trigger language plpgsql as $$ begin perform pg_sleep(6); return null; end $$;
      create trigger take_long before delete on record_events execute function take_long()`);
    const hasty = createPool({ connectionString: database.url, statementTimeoutMs: 5_000 });
    try {
      await dropOld(hasty, { retentionDays: 7, dedupeWindowMs: 0 }, now);
    } finally {
      await hasty.end();
    }
    expect(await count('record_events')).toBe(4);
    expect(await count('notifications')).toBe(3);
  });

  it('forgets what can no longer make a duplicate', async () => {
    for (const days of [0, 3, 9]) {
      const at = new Date(daysAgo(days));
      await pool.query(
        `insert into latest_messages (bucket, message_key, last_id, last_at) values (1, $1, $2, $3)`,
        [randomUUID(), randomUUID(), at],
      );
      await pool.query(
        `insert into dedupe_state (bucket, host, container, log_hash, last_id, last_at) values (1, 'h', $1, '', $2, $3)`,
        [String(days), randomUUID(), at],
      );
    }
    await dropOld(pool, { retentionDays: 0, dedupeWindowMs: 5 * dayMs }, now);
    expect(await count('latest_messages')).toBe(2);
    expect(await count('dedupe_state')).toBe(2);
  });
});

describe('startUpkeep', () => {
  it('works in the background until it is stopped', async () => {
    const log = { info() {}, warn() {} };
    const upkeep = startUpkeep({ pool, log, retentionDays: 7, dedupeWindowMs: 0, now: () => now });
    await until(async () => (await partitions()).includes('log_records_20270527'), 'a partition is made');
    await upkeep.stop();
  });
});
