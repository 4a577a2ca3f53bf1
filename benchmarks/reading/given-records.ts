// Fills a database with records as a fleet of containers would have left them: partitions of thirty days, counts and
// issues that agree with them, made by the server itself, so that ten million take minutes and not hours.

import { createHash } from 'node:crypto';
import { firstIdOf, startOfDay } from '../../backend/src/db/partitions.ts';
import type { Pool } from '../../backend/src/db/pool.ts';
import { bucketOf } from '../../backend/src/db/record-id.ts';

export const days = 30;
const dayMs = 86_400_000;
const hosts = 50;
const containersOfHost = 12;

/** Words that the benchmark looks for. */
export const words = {
  /** In one record, of the oldest day. */
  rare: 'req-7f3c0ffee51deadbeef',
  /** In about one of eight, as `connection` is. */
  common: 'timed out',
  /** In one of some ten thousand. */
  seldom: 'certificate expired',
  none: 'zebra crossing',
};

/** A host whose only record is the oldest of all. */
export const oldHost = 'retired-1';
export const servicesOf = [
  'checkout',
  'ledger',
  'mailer',
  'search',
  'gateway',
  'auth',
  'images',
  'billing',
  'queue',
  'reports',
  'users',
  'cron',
];

/** Messages, most frequent first; `%1` a number, `%2` hexadecimal digits, `%3` a user. */
const messages = [
  'ERROR [req-%2] upstream 10.2.%1.17:8443 timed out after 30%1 ms while reading response header from upstream',
  'ERROR could not obtain a lease on job %1 for %3@example.org, will try again in 20 s; worker-%2 keeps the lock',
  'ERROR [req-%2] payment of order %1 failed: card issuer declined (code 51), customer %3, attempt 2 of 5',
  'ERROR connection to postgres://db-%1.internal:5432/ledger refused: too many clients already (trace %2)',
  'WARN slow statement (%1 ms): select id, state, total from orders where customer = $1 and session = "%2"',
  'ERROR Unhandled exception in request handler [%2]\nTraceback (most recent call last):\n  File "/srv/app/handlers.py", line %1, in dispatch\n    return await handler(request)\n  File "/srv/app/orders/views.py", line 118, in create\n    order = await Orders.create(session, payload)\n  File "/srv/app/orders/store.py", line 66, in create\n    raise StockError(f"only {left} of {sku} left")\norders.store.StockError: only %1 of SKU-%2 left for %3',
  'FATAL out of memory: killed process %1 (node) total-vm:2471232kB, anon-rss:1048532kB, cgroup /docker/%2',
  'ERROR cache shard %1 does not answer, falling back to the database for key session:%2',
  'ERROR {"level":"error","request_id":"%2","user":"%3","latency_ms":%1,"msg":"could not write thumbnail: no space left on device"}',
];

/** Makes `records` of the thirty days before `now`, which is in the last of them; the tables are empty before. */
export async function makeRecords(
  pool: Pool,
  records: number,
  now: number,
  say: (text: string) => void = () => {},
): Promise<void> {
  const client = await pool.connect();
  const run = (text: string) => {
    const query: { text: string; query_timeout: number } = { text, query_timeout: 3_600_000 };
    return client.query(query);
  };
  try {
    await run('set statement_timeout = 0');
    await run(`set maintenance_work_mem = '256MB'`);
    await run(`set work_mem = '256MB'`);
    await makeSources(run);
    const firstDay = startOfDay(now) - (days - 1) * dayMs;
    const share = records / (now - firstDay);
    for (let day = firstDay; day < now; day += dayMs) {
      const spanMs = Math.min(dayMs, now - day);
      await makeDay(run, day, spanMs, Math.round(spanMs * share));
      say(`day ${new Date(day).toISOString().slice(0, 10)}`);
    }
    await oneOldRecord(run, firstDay);
    await run('vacuum (analyze) log_records');
    await countThem(run);
    say('counted');
    await run('vacuum (analyze) log_counts');
    await run('vacuum (analyze) issues');
    await run('drop table bench_sources, bench_kinds');
  } finally {
    client.release(true);
  }
}

type Run = (text: string) => Promise<unknown>;

/** Sources, of which some are busier than others; kinds of messages of each service are issues. */
async function makeSources(run: Run): Promise<void> {
  const rows: string[] = [];
  for (let n = 0; n < hosts * containersOfHost; n += 1) {
    const host = `web-${Math.floor(n / containersOfHost)}`;
    const container = `${servicesOf[n % containersOfHost]}-${1 + (Math.floor(n / containersOfHost) % 4)}`;
    rows.push(
      `(${n}, '${host}', '${container}', '${servicesOf[n % containersOfHost]}', ${bucketOf(host, container)})`,
    );
  }
  await run(
    `create table bench_sources as select * from (values ${rows.join(',')}) as v (n, host, container, service, bucket)`,
  );
  const kinds = servicesOf.flatMap((service, s) =>
    messages.map((message, m) => {
      const fingerprint = createHash('sha256').update(`${service}/${m}`).digest('hex');
      const id = `019a0000-0000-7000-8000-${fingerprint.slice(0, 12)}`;
      return `(${s * messages.length + m}, '${service}', ${m}, '${id}'::uuid, 'v1:${fingerprint}', E'${message.replaceAll('\n', '\\n')}')`;
    }),
  );
  await run(
    `create table bench_kinds as select * from (values ${kinds.join(',')}) as v (n, service, m, issue_id, fingerprint, message)`,
  );
  await run('create index on bench_sources (n)');
  await run('create index on bench_kinds (service, m)');
  await run('analyze bench_sources');
  await run('analyze bench_kinds');
}

/** Filled before it is attached: attaching builds the indexes, faster than rows would one by one. */
async function makeDay(run: Run, day: number, spanMs: number, count: number): Promise<void> {
  const name = `log_records_${new Date(day).toISOString().slice(0, 10).replaceAll('-', '')}`;
  const step = spanMs / count;
  await run(`drop table if exists ${name}`);
  await run(`create table ${name} (like log_records including defaults)`);
  // `a` and `b` are spread evenly over [0, 1); squared they make few sources and kinds busy and many quiet.
  await run(`
    insert into ${name} (id, bucket, host, container, severity, message, log_hash, occurred_at, received_at, is_duplicate,
      issue_id, event_id, stream, image, labels, notify, reason)
    select
      (lpad(to_hex(ms), 12, '0') || '7' || lpad(to_hex(i & 4095), 3, '0') || '8' || substr(noise, 1, 12) || lpad(to_hex(s.bucket), 3, '0'))::uuid,
      s.bucket, s.host, s.container,
      case when k.m = 6 then 'fatal' when k.m = 4 then 'warning' else 'error' end,
      replace(replace(replace(k.message, '%1', (ms % 997)::text), '%2', substr(noise, 5, 16)), '%3', 'user' || (i::bigint * 7919 % 50021))
        || case when i % 9973 = 5 then ' (certificate expired)' else '' end,
      noise || noise,
      to_timestamp(ms / 1000.0), to_timestamp(ms / 1000.0), false,
      k.issue_id, gen_random_uuid(), 'stderr', 'registry.example.com/' || s.service || ':2.4.1', null, i % 50 = 0, 'new'
    from (
      select i, ${day}::bigint + floor(i * ${step})::bigint as ms, md5(i::text || '${name}') as noise, random() as a, random() as b
      from generate_series(0, ${count - 1}) as i
      offset 0
    ) as g
    join bench_sources s on s.n = floor(a * a * ${hosts * containersOfHost})::int
    join bench_kinds k on k.service = s.service and k.m = floor(b * b * b * ${messages.length})::int`);
  await run(
    `alter table log_records attach partition ${name} for values from ('${firstIdOf(day)}') to ('${firstIdOf(day + dayMs)}')`,
  );
}

async function oneOldRecord(run: Run, firstDay: number): Promise<void> {
  const bucket = bucketOf(oldHost, 'cron-1');
  const at = firstDay + 60_000;
  const id = firstIdOf(at).replace(/.{17}$/, `8000-000000000${bucket.toString(16).padStart(3, '0')}`);
  await run(`
    insert into log_records (id, bucket, host, container, severity, message, log_hash, received_at, is_duplicate, notify, reason)
    values ('${id}', ${bucket}, '${oldHost}', 'cron-1', 'error', 'ERROR [${words.rare}] could not rotate logs', '', to_timestamp(${at} / 1000.0), false, true, 'new')`);
}

async function countThem(run: Run): Promise<void> {
  await run(`
    insert into log_counts (bucket, minute, host, container, severity, n, duplicates, held)
    select bucket, date_trunc('minute', received_at), host, container, severity, count(*), 0, count(*) filter (where not notify)
    from log_records
    group by 1, 2, 3, 4, 5
    order by 2`);
  await run(`
    insert into issues (fingerprint, service, id, title, severity, first_seen, last_seen, count, hosts, containers, last_record_id)
    select k.fingerprint, k.service, k.issue_id, left(k.message, 200), 'error', r.first_seen, r.last_seen, r.n, '{web-1}', '{api}', r.last_id
    from (
      select issue_id, min(received_at) as first_seen, max(received_at) as last_seen, count(*) as n, max(id::text)::uuid as last_id
      from log_records
      where issue_id is not null
      group by issue_id
    ) as r
    join bench_kinds k using (issue_id)`);
}
