// Counts of minutes that are over -> sums of minutes, hours, days and issues, which totals and histograms read. Each step
// is a transaction that also moves the mark of how far the sums have come, so every count is in them exactly once,
// whoever does it and whenever it is ended.

import { firstIdOf } from '../db/partitions.ts';
import { inTransaction, type Pool, type PoolClient } from '../db/pool.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** A transaction that counts into a minute ends within this after it, also on a backend whose clock is a little behind. */
export const settledMs = 5 * minuteMs;

type Name = 'minute' | 'hour' | 'day' | 'issue';

/**
 * Sums up what is over.
 * @param signal ends the work between two steps.
 * @returns how many steps were made.
 */
export async function sumUp(
  pool: Pool,
  now: number,
  signal: AbortSignal = new AbortController().signal,
): Promise<number> {
  const oldest = await oldestMinute(pool);
  if (oldest === undefined) return 0;
  let upto = await readMarks(pool);
  const settled = floor(now - settledMs, minuteMs);
  if (Math.max(0, ...upto.values()) > now) {
    // An hour to spare, should this come late.
    await stepBack(pool, Math.max(settled - hourMs, floor(oldest, dayMs)));
    upto = await readMarks(pool);
  }
  let steps = 0;
  const sum = async (name: Name, unitMs: number, end: number, longest: number, write: Write) => {
    // The first mark is an end of a day, so that the other units are whole.
    for (let from = upto.get(name) ?? floor(oldest, dayMs); from + unitMs <= end && !signal.aborted; ) {
      const to = Math.min(floor(from, longest) + longest, floor(end, unitMs));
      if (!(await step(pool, name, from, to, write))) return; // another backend is at it
      upto.set(name, to);
      from = to;
      steps += 1;
    }
  };
  const mark = (name: Name) => upto.get(name) ?? 0;
  await sum('minute', minuteMs, settled, hourMs, sumMinutes);
  await sum('hour', hourMs, mark('minute'), hourMs, sumHour);
  await sum('day', dayMs, mark('hour'), dayMs, sumDay);
  // Short steps: also those of a flood end in time.
  await sum('issue', minuteMs, settled, 10 * minuteMs, sumIssues);
  return steps;
}

type Write = (client: PoolClient, from: Date, to: Date) => Promise<unknown>;

const sumMinutes: Write = (client, from, to) =>
  client.query(
    `insert into count_sums (unit, at, severity, n, duplicates, held)
     select 'minute', minute, severity, sum(n), sum(duplicates), sum(held)
     from log_counts
     where minute >= $1 and minute < $2
     group by minute, severity`,
    [from, to],
  );

const sumHour: Write = async (client, from, to) => {
  await client.query(
    `insert into count_sums (unit, at, severity, n, duplicates, held)
     select 'hour', $1::timestamptz, severity, sum(n), sum(duplicates), sum(held)
     from count_sums
     where unit = 'minute' and at >= $1 and at < $2
     group by severity`,
    [from, to],
  );
  await client.query(
    `insert into source_sums (unit, at, host, container, severity, n, duplicates, held)
     select 'hour', $1::timestamptz, host, container, severity, sum(n), sum(duplicates), sum(held)
     from log_counts
     where minute >= $1 and minute < $2
     group by host, container, severity`,
    [from, to],
  );
};

const sumDay: Write = async (client, from, to) => {
  await client.query(
    `insert into count_sums (unit, at, severity, n, duplicates, held)
     select 'day', $1::timestamptz, severity, sum(n), sum(duplicates), sum(held)
     from count_sums
     where unit = 'hour' and at >= $1 and at < $2
     group by severity`,
    [from, to],
  );
  await client.query(
    `insert into source_sums (unit, at, host, container, severity, n, duplicates, held)
     select 'day', $1::timestamptz, host, container, severity, sum(n), sum(duplicates), sum(held)
     from source_sums
     where unit = 'hour' and at >= $1 and at < $2
     group by host, container, severity`,
    [from, to],
  );
};

/** From the records themselves, of one hour, which is what its rows are of. */
const sumIssues: Write = (client, from, to) =>
  client.query(
    `insert into issue_sums as s (issue_id, hour, n)
     select issue_id, $1::timestamptz, count(*)
     from log_records
     where id >= $2 and id < $3 and issue_id is not null
     group by issue_id
     on conflict (issue_id, hour) do update
     set n = s.n + excluded.n`,
    [new Date(floor(from.getTime(), hourMs)), firstIdOf(from.getTime()), firstIdOf(to.getTime())],
  );

/** @returns whether the step was made here; false when another backend moved the mark. */
async function step(pool: Pool, name: Name, from: number, to: number, write: Write): Promise<boolean> {
  return inTransaction(pool, async (client) => {
    const { rowCount } = await client.query(
      `insert into sums_upto as s (name, upto)
       values ($1, $3)
       on conflict (name) do update
       set upto = excluded.upto
       where s.upto = $2`,
      [name, new Date(from), new Date(to)],
    );
    if (rowCount === 0) return false;
    await write(client, new Date(from), new Date(to));
    return true;
  });
}

/** A clock that ran ahead called settled what was not: what came then is in no sum. So the sums from here on are made anew. */
async function stepBack(pool: Pool, to: number): Promise<void> {
  await inTransaction(pool, async (client) => {
    // Marks first, as a step does; issues are summed by the hour.
    await client.query(
      `update sums_upto as s
       set upto = n.upto
       from unnest($1::text[], $2::timestamptz[]) as n (name, upto)
       where s.name = n.name and s.upto > n.upto`,
      [
        ['minute', 'hour', 'day', 'issue'],
        [minuteMs, hourMs, dayMs, hourMs].map((unitMs) => new Date(floor(to, unitMs))),
      ],
    );
    for (const [unit, unitMs] of Object.entries({ minute: minuteMs, hour: hourMs, day: dayMs }))
      for (const table of ['count_sums', 'source_sums'])
        await client.query(`delete from ${table} where unit = $1 and at >= $2`, [
          unit,
          new Date(floor(to, unitMs)),
        ]);
    await client.query('delete from issue_sums where hour >= $1', [new Date(floor(to, hourMs))]);
  });
}

async function readMarks(pool: Pool): Promise<Map<string, number>> {
  const { rows } = await pool.query<{ name: string; upto: string }>('select name, upto from sums_upto');
  return new Map(rows.map(({ name, upto }) => [name, Date.parse(upto)]));
}

async function oldestMinute(pool: Pool): Promise<number | undefined> {
  const { rows } = await pool.query<{ minute: string | null }>(
    'select min(minute) as minute from log_counts',
  );
  return rows[0]?.minute ? Date.parse(rows[0].minute) : undefined;
}

function floor(ms: number, unitMs: number): number {
  return Math.floor(ms / unitMs) * unitMs;
}
