// Partitions of log_records: one for each UTC day, named log_records_20261122, its bounds the UUIDv7 ids of that day.

import { inTransaction, type Pool } from './pool.ts';

const dayMs = 86_400_000;
const advisoryLock = 7_320_615_002;

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
    await client.query('select pg_advisory_xact_lock($1)', [advisoryLock]);
    for (const day of missing) {
      await client.query(
        `create table if not exists ${partitionName(day)} partition of log_records
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
  for (const name of old) await pool.query(`drop table if exists ${name}`);
  return old;
}

const partitionsQuery = `
  select c.relname as name
  from pg_inherits i
  join pg_class c on c.oid = i.inhrelid
  where i.inhparent = 'log_records'::regclass
  order by c.relname`;
