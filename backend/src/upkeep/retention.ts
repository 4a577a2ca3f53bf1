// What is kept for how long, and the statements that drop the rest, in small steps that hold up nobody.

import { dropPartitions, firstIdOf, startOfDay } from '../db/partitions.ts';
import { inTransaction, type Pool } from '../db/pool.ts';
import { forgetTemplates } from '../ingest/forget-templates.ts';

const dayMs = 86_400_000;
const rowsAtATime = 10_000;
/** To find what is old, some tables are read whole: a hundred million events take longer than the pool lets a query take. */
const stepMs = 3_600_000;

/**
 * Events are remembered as long as the records, and never for less than this. An agent sends a batch until it is
 * acknowledged, so a repeat comes when the acknowledgement was lost: at once when the agent lives, or when it is started
 * again, be it after a month's holiday. An agent that lost its own state reads its containers' logs again from the
 * start; what it then repeats is known for as long as the record itself is kept.
 */
export const eventsKeptDays = 30;

export interface Kept {
  /** Whole days; 0: for ever. */
  retentionDays: number;
  dedupeWindowMs: number;
}

/** @returns how many partitions and rows were dropped. */
export async function dropOld(
  pool: Pool,
  kept: Kept,
  now: number,
): Promise<{ partitions: number; rows: number }> {
  const equalsBefore = [new Date(now - Math.max(kept.dedupeWindowMs, dayMs))];
  let rows = await deleteInSteps(
    pool,
    'latest_messages',
    'bucket, message_key',
    'last_at < $1',
    equalsBefore,
  );
  // Of versions before `latest_messages`, which may still run.
  rows += await deleteInSteps(
    pool,
    'dedupe_state',
    'bucket, host, container, log_hash',
    'last_at < $1',
    equalsBefore,
  );
  rows += await forgetTemplates(pool, now);
  rows += await deleteInSteps(pool, 'rule_counts', 'rule, issue', 'until < $1', [new Date(now)]);
  // A link that has expired is refused whether it was used or not.
  rows += await deleteInSteps(pool, 'used_links', 'signature', 'expires_at < $1', [new Date(now)]);
  rows += await deleteInSteps(pool, 'link_keys', 'id', 'verifies_until < $1', [new Date(now)]);
  if (kept.retentionDays === 0) return { partitions: 0, rows };
  // Whole days, so that records, counts and history end at the same instant.
  const before = startOfDay(now) - kept.retentionDays * dayMs;
  const eventsBefore = Math.min(before, startOfDay(now) - eventsKeptDays * dayMs);
  const partitions = await dropPartitions(pool, before);
  rows += await deleteInSteps(
    pool,
    'log_counts',
    'bucket, minute, host, container, severity',
    'minute < $1',
    [new Date(before)],
  );
  rows += await deleteInSteps(pool, 'count_sums', 'unit, at, severity', 'at < $1', [new Date(before)]);
  rows += await deleteInSteps(
    pool,
    'source_sums',
    'unit, at, host, container, severity',
    `unit in ('hour', 'day') and at < $1`,
    [new Date(before)],
  );
  rows += await deleteInSteps(pool, 'issue_sums', 'issue_id, hour', 'hour < $1', [new Date(before)]);
  rows += await deleteInSteps(pool, 'record_events', 'event_id', 'record_id < $1', [firstIdOf(eventsBefore)]);
  rows += await deleteInSteps(pool, 'notifications', 'id', `created_at < $1 and status <> 'pending'`, [
    new Date(before),
  ]);
  rows += await deleteInSteps(
    pool,
    'notification_texts',
    'id',
    `created_at < $1
     and not exists (select from notifications n where n.record_id = notification_texts.record_id and n.text_id is not null)`,
    [new Date(before)],
  );
  rows += await deleteInSteps(pool, 'alerts', 'id', `created_at < $1 and status <> 'waiting'`, [
    new Date(before),
  ]);
  rows += await deleteInSteps(pool, 'episodes', 'id', 'ended_at < $1', [new Date(before)]);
  rows += await deleteInSteps(pool, 'issue_history', 'id', 'at < $1', [new Date(before)]);
  // A bucket that nobody drew on for so long is full again.
  rows += await deleteInSteps(pool, 'mail_budgets', 'name', 'at < $1', [new Date(before)]);
  rows += await deleteInSteps(pool, 'coverage_holes', 'event_id', 'received_at < $1', [new Date(before)]);
  return { partitions: partitions.length, rows };
}

async function deleteInSteps(
  pool: Pool,
  table: string,
  key: string,
  where: string,
  values: unknown[],
): Promise<number> {
  for (let deleted = 0; ; ) {
    const rowCount = await inTransaction(pool, async (client) => {
      await client.query(`set local statement_timeout = ${stepMs}`);
      const step: { text: string; values: unknown[]; query_timeout: number } = {
        text: `delete from ${table} where (${key}) in (select ${key} from ${table} where ${where} limit ${rowsAtATime})`,
        values,
        query_timeout: stepMs,
      };
      return (await client.query(step)).rowCount ?? 0;
    });
    deleted += rowCount;
    if (rowCount < rowsAtATime) return deleted;
  }
}
