// Trigram indexes for text search, made behind ingest's back: an index on all of log_records would cost each record more
// than storing it does. A day that is over gets one index. The day under way gets small ones, of the records of some
// minutes, which do not touch newer records; as they grow in number they are made into larger ones, of doubled size each.

import { setTimeout as sleep } from 'node:timers/promises';
import { advisoryLocks } from '../db/advisory-locks.ts';
import { firstIdOf, startOfDay } from '../db/partitions.ts';
import type { Pool, PoolClient } from '../db/pool.ts';
import { settledMs } from './sum-up.ts';

export interface IndexTextOptions {
  pool: Pool;
  log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
  /** So many settled records that no index covers are worth one. */
  leastRecords?: number;
}

const dayMs = 86_400_000;
const minuteMs = 60_000;
const buildMs = 6 * 3_600_000;
/** Read in less than 100 ms. */
const usualLeastRecords = 40_000;

/** A row of text_indexes. */
interface TextIndex {
  name: string;
  partition: string;
  from_id: string;
  to_id: string;
  records: number;
}

/**
 * Makes the indexes that are missing, newest first, and drops those that a larger one replaces.
 * @param signal ends it, also in the middle of an index.
 * @returns the names of those made; undefined when another backend is at it, or the server has no pg_trgm.
 */
export async function indexText(
  options: IndexTextOptions,
  now: number,
  signal: AbortSignal = new AbortController().signal,
): Promise<string[] | undefined> {
  const client = await options.pool.connect();
  const { rows: self } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  // The server would go on with an index whose client is gone.
  const cancel = () =>
    void options.pool.query('select pg_cancel_backend($1)', [self[0]!.pid]).catch(() => {});
  signal.addEventListener('abort', cancel, { once: true });
  try {
    const { rows } = await client.query<{ locked: boolean }>('select pg_try_advisory_lock($1) as locked', [
      advisoryLocks.textIndexes,
    ]);
    if (!rows[0]!.locked) return undefined;
    await client.query('set statement_timeout = 0');
    await client.query(`set maintenance_work_mem = '128MB'`);
    await client.query('set max_parallel_maintenance_workers = 0'); // the other cores are ingest's
    if (!(await hasTrigrams(client, options))) return undefined;
    await dropLeftovers(client);
    await indexTitles(client);
    return await makeMissing(client, options, now, signal);
  } catch (error) {
    if (signal.aborted) return [];
    throw error;
  } finally {
    signal.removeEventListener('abort', cancel);
    // With it go its settings and its lock.
    client.release(true);
  }
}

const toldOf = new WeakSet<Pool>();

/** Any role that may create in the database may also create this extension; where it cannot, search reads the records. */
async function hasTrigrams(client: PoolClient, { pool, log }: IndexTextOptions): Promise<boolean> {
  try {
    const { rowCount } = await client.query(`select from pg_extension where extname = 'pg_trgm'`);
    if (rowCount === 0) await client.query('create extension if not exists pg_trgm');
    return true;
  } catch (error) {
    if (!toldOf.has(pool))
      log.warn(
        { err: error },
        'text search has no index, and reads the newest records for a second or so: the extension pg_trgm cannot be created; have an administrator of the database install it and run "create extension pg_trgm" (docs/performance.md)',
      );
    toldOf.add(pool);
    return false;
  }
}

/**
 * Of issues, which are few beside records, one index of all titles. New entries gather in a short list first, which costs
 * whoever adds an issue less; it is short so that searching it costs nothing either.
 */
async function indexTitles(client: PoolClient): Promise<void> {
  const { rows } = await client.query<{ isValid: boolean }>(`
    select i.indisvalid as "isValid"
    from pg_index i
    join pg_class c on c.oid = i.indexrelid
    where i.indrelid = 'issues'::regclass and c.relname = 'issues_title_text'`);
  if (rows[0]?.isValid) return;
  if (rows[0]) await client.query('drop index concurrently if exists issues_title_text');
  await build(
    client,
    `create index concurrently issues_title_text on issues
     using gin (title collate "C" gin_trgm_ops) with (gin_pending_list_limit = 256)`,
  );
}

/** What a kill in the middle left: indexes that nothing knows of or that are not valid, and rows without an index. */
async function dropLeftovers(client: PoolClient): Promise<void> {
  await client.query(`
    delete from text_indexes
    where not exists (
      select from pg_class c
      join pg_index i on i.indexrelid = c.oid
      where c.relname = text_indexes.name and i.indisvalid
    )`);
  const { rows } = await client.query<{ name: string }>(`
    select c.relname as name
    from pg_class c
    join pg_index i on i.indexrelid = c.oid
    join pg_inherits h on h.inhrelid = i.indrelid and h.inhparent = 'log_records'::regclass
    where c.relname like '%\\_text\\_%' and c.relname not in (select name from text_indexes)`);
  for (const { name } of rows) await client.query(`drop index concurrently if exists ${name}`);
}

async function makeMissing(
  client: PoolClient,
  options: IndexTextOptions,
  now: number,
  signal: AbortSignal,
): Promise<string[]> {
  const made: string[] = [];
  const settled = Math.floor((now - settledMs) / minuteMs) * minuteMs;
  const { rows: partitions } = await client.query<{ name: string }>(`
    select c.relname as name
    from pg_inherits i
    join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'log_records'::regclass and c.relname ~ '^log_records_\\d{8}$'
    order by 1 desc`);
  const { rows: indexes } = await client.query<TextIndex>(
    'select name, partition, from_id, to_id, records from text_indexes order by from_id',
  );
  for (const { name: partition } of partitions) {
    if (signal.aborted) return made;
    const day = dayOf(partition);
    const there = indexes.filter((index) => index.partition === partition);
    if (day >= settled) continue;
    const name =
      day + dayMs <= settled
        ? await indexDay(client, partition, day, there)
        : await indexMinutes(client, options, partition, day, settled, there);
    if (name === undefined) continue;
    options.log.info({ index: name }, 'made an index for text search');
    made.push(name);
    await sleep(0);
  }
  return made;
}

/** Nothing is written there any more: the plain way, all or nothing. */
async function indexDay(
  client: PoolClient,
  partition: string,
  day: number,
  there: readonly TextIndex[],
): Promise<string | undefined> {
  const [from_id, to_id] = [firstIdOf(day), firstIdOf(day + dayMs)];
  if (there.some((index) => index.from_id === from_id && index.to_id === to_id)) return undefined;
  const { rowCount } = await client.query(`select from ${partition} limit 1`);
  if (rowCount === 0) return undefined;
  const name = `${partition}_text_all`;
  await client.query('begin');
  try {
    // Waits for nobody in front of others: readers and writers of other days do not notice.
    await client.query(`set local lock_timeout = '3s'`);
    await build(client, `create index ${name} on ${partition} ${ofTrigrams}`);
    await client.query(fewStatistics(partition));
    await client.query('delete from text_indexes where partition = $1', [partition]);
    await client.query(
      `insert into text_indexes (name, partition, from_id, to_id, records)
       select $1, $2, $3, $4, coalesce(sum(n), 0) from count_sums where unit = 'minute' and at >= $5 and at < $6`,
      [name, partition, from_id, to_id, new Date(day), new Date(day + dayMs)],
    );
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw error;
  }
  for (const index of there) await client.query(`drop index concurrently if exists ${index.name}`);
  // The planner then knows the day as it will stay, and index-only scans need not look at its rows.
  await build(client, `vacuum (analyze) ${partition}`);
  return name;
}

/** The records settled since the last index, and with them those of indexes that are not much larger: so there are few. */
async function indexMinutes(
  client: PoolClient,
  { leastRecords = usualLeastRecords }: IndexTextOptions,
  partition: string,
  day: number,
  settled: number,
  there: readonly TextIndex[],
): Promise<string | undefined> {
  let from_id = there.at(-1)?.to_id ?? firstIdOf(day);
  const { rows } = await client.query<{ n: number; upto: string | null }>(
    `select
       (select coalesce(sum(n), 0) from count_sums where unit = 'minute' and at >= $1 and at < $2) as n,
       (select upto from sums_upto where name = 'minute') as upto`,
    [new Date(timeOf(from_id)), new Date(settled)],
  );
  const { n, upto } = rows[0]!;
  if (n < leastRecords || upto === null) return undefined;
  let records = n;
  const merged: TextIndex[] = [];
  for (const index of there.toReversed()) {
    if (index.records > 2 * records) break;
    records += index.records;
    from_id = index.from_id;
    merged.push(index);
  }
  const toMs = Math.min(settled, Date.parse(upto));
  const to_id = firstIdOf(toMs);
  const minuteOfDay = (ms: number) => String(Math.floor((ms - day) / minuteMs)).padStart(4, '0');
  const name = `${partition}_text_${minuteOfDay(timeOf(from_id))}_${minuteOfDay(toMs)}`;
  await client.query(fewStatistics(partition));
  await build(client, `analyze ${partition}`);
  // The upper end first: of a new record, no more than that is looked at.
  await build(
    client,
    `create index concurrently ${name} on ${partition} ${ofTrigrams} where id < '${to_id}' and id >= '${from_id}'`,
  );
  await client.query('begin');
  await client.query('delete from text_indexes where name = any($1::text[])', [
    merged.map(({ name }) => name),
  ]);
  await client.query(
    'insert into text_indexes (name, partition, from_id, to_id, records) values ($1, $2, $3, $4, $5)',
    [name, partition, from_id, to_id, records],
  );
  await client.query('commit');
  for (const index of merged) await client.query(`drop index concurrently if exists ${index.name}`);
  return name;
}

/** Collation "C", as the search asks (search/filter.ts). */
const ofTrigrams = 'using gin (message collate "C" gin_trgm_ops) with (fastupdate = off)';

/**
 * The planner tries a text that is looked for on each value that the statistics keep of a partition: with the usual
 * hundred of them, that takes longer than the search (0.6 ms for each partition; 0.1 ms with these).
 */
function fewStatistics(partition: string): string {
  return `alter table ${partition} alter column message set statistics 5`;
}

/** Indexes of a large day take longer than the pool lets a query take. */
function build(client: PoolClient, text: string): Promise<unknown> {
  const query: { text: string; query_timeout: number } = { text, query_timeout: buildMs };
  return client.query(query);
}

function dayOf(partition: string): number {
  const [, year, month, day] = /(\d{4})(\d\d)(\d\d)$/.exec(partition)!.map(Number);
  return startOfDay(Date.UTC(year!, month! - 1, day!));
}

/** The instant that a `firstIdOf` was made of. */
function timeOf(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}
