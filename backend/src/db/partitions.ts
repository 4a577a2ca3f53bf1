// Partitions of log_records: one for each UTC day, named log_records_20261122, its bounds the UUIDv7 ids of that day.

import { advisoryLocks } from './advisory-locks.ts';
import { inTransaction, type Pool } from './pool.ts';

const dayMs = 86_400_000;

/** The smallest UUIDv7 of an instant, in milliseconds since the epoch. */
export function firstIdOf(ms: number): string {
  const hex = Math.max(0, Math.floor(ms)).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}

/** Start of the UTC day that `ms` is in. */
export function startOfDay(ms: number): number {
  return Math.floor(ms / dayMs) * dayMs;
}

function partitionName(dayStart: number): string {
  return `log_records_${new Date(dayStart).toISOString().slice(0, 10).replaceAll('-', '')}`;
}

/** Makes the partitions from the day of `fromMs` to the day of `toMs`, those that are missing. @returns how many were made. */
export async function makePartitions(pool: Pool, fromMs: number, toMs: number): Promise<number> {
  const days: number[] = [];
  for (let day = startOfDay(fromMs); day <= toMs; day += dayMs) days.push(day);
  const { rows } = await pool.query<{ name: string }>(partitionsQuery);
  const existing = new Set(rows.map(({ name }) => name));
  const missing = days.filter((day) => !existing.has(partitionName(day)));
  if (missing.length === 0) return 0;
  return inTransaction(pool, async (client) => {
    await client.query('select pg_advisory_xact_lock($1)', [advisoryLocks.partitions]);
    const { rows: made } = await client.query<{ name: string }>(partitionsQuery);
    for (const day of missing) {
      const name = partitionName(day);
      if (made.some((partition) => partition.name === name)) continue; // another backend was first
      // Made aside and attached: `partition of` would lock out every reader and writer for that moment.
      await client.query(`create table ${name} (like log_records including all)`);
      await client.query(
        `alter table log_records attach partition ${name}
         for values from ('${firstIdOf(day)}') to ('${firstIdOf(day + dayMs)}')`,
      );
    }
    return missing.length;
  });
}

/** Drops the partitions whose every record was received before `beforeMs`. @returns their names. */
export async function dropPartitions(pool: Pool, beforeMs: number): Promise<string[]> {
  const { rows } = await pool.query<{ name: string }>(partitionsQuery);
  const newestKept = partitionName(startOfDay(beforeMs));
  const old = rows.map(({ name }) => name).filter((name) => name < newestKept);
  for (const name of old) {
    await inTransaction(pool, async (client) => {
      // Dropping waits for readers, and whoever comes after waits behind it: better to try again an hour later.
      await client.query(`set local lock_timeout = '3s'`);
      await client.query(`drop table if exists ${name}`);
    });
  }
  return old;
}

const partitionsQuery = `
  select c.relname as name
  from pg_inherits i
  join pg_class c on c.oid = i.inhrelid
  where i.inhparent = 'log_records'::regclass
  order by c.relname`;
