// How many mails a flood makes, how soon a new fault in its middle is told of, and what deciding costs ingest: 600,000
// records of a simulated minute through the real ingest, dispatcher and database, on the flood's own clock.

import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dispatch } from '../backend/src/alerting/dispatch.ts';
import { planAlerts } from '../backend/src/alerting/plan-alerts.ts';
import { type AlertPolicy, defaultPolicy } from '../backend/src/alerting/policy.ts';
import { startEmbedded } from '../backend/src/db/embedded.ts';
import { migrate, readMigrations } from '../backend/src/db/migrate.ts';
import { makePartitions } from '../backend/src/db/partitions.ts';
import { createPool, type Pool } from '../backend/src/db/pool.ts';
import { bucketOf, idMaker } from '../backend/src/db/record-id.ts';
import { acceptBatch } from '../backend/src/ingest/accept-batch.ts';
import { createGrouping } from '../backend/src/ingest/group.ts';
import { instantOf } from '../backend/src/ingest/instant.ts';
import type { Draft } from '../backend/src/ingest/store.ts';

const records = 600_000;
const perBatch = 1000;
const batches = records / perBatch;
const batchMs = 60_000 / batches;
/** Batches whose speed is taken. */
const rated = 12;
const recipients = ['a@example.org', 'b@example.org'];
const newFault = 'ERROR certificate of payments expired, refusing to start';
const kinds: ((n: number) => string)[] = [
  (n) => `ERROR cache miss storm on shard ${n}, falling back`,
  (n) => `ERROR could not lease job ${n} from the queue: timed out`,
  (n) => `ERROR socket to 10.0.0.${n % 250} closed by peer`,
  (n) => `ERROR index rebuild stopped after ${n} rows`,
  (n) => `ERROR session ${n} expired while the cart was open`,
  (n) => `ERROR ledger entry ${n} does not balance`,
  (n) => `ERROR upload of part ${n} refused with status 503`,
  (n) => `ERROR token of user ${n} has a wrong signature`,
  (n) => `ERROR worker ${n} ran out of file handles`,
  (n) => `ERROR no route for tenant ${n} in this region`,
];

const makeId = idMaker();

function draft(message: string, container: string, now: number): Draft {
  const host = 'web-1';
  const bucket = bucketOf(host, container);
  return {
    id: makeId(now, bucket),
    bucket,
    host,
    container,
    service: container,
    severity: 'error',
    message,
    logHash: createHash('sha256').update(message).digest('hex'),
    occurredAt: instantOf(now),
    receivedAt: instantOf(now),
    receivedAtMs: now,
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

/** Ten kinds of message in twenty containers: 200 issues. */
function batchOf(n: number, now: number): Draft[] {
  return Array.from({ length: perBatch }, (_, k) => {
    const message = kinds[k % kinds.length]!(n * perBatch + k);
    return draft(message, `c-${Math.floor(k / kinds.length) % 20}`, now);
  });
}

function acceptor(pool: Pool, policy: AlertPolicy, enabled: boolean) {
  const grouping = createGrouping(pool);
  const settings = {
    enabled,
    to: recipients,
    from: 'alerts@example.com',
    baseUrl: 'https://logs.example.com',
    policy,
  };
  return {
    settings,
    accept: (drafts: Draft[], now: number) =>
      acceptBatch(
        {
          pool,
          grouping,
          dedupeWindowMs: 300_000,
          planAlerts: (question) => planAlerts(question, settings, () => makeId(now)),
        },
        drafts,
      ),
  };
}

/** Records a second without a dispatcher. */
async function speed(pool: Pool, enabled: boolean, from: number): Promise<number> {
  const { accept } = acceptor(pool, { ...defaultPolicy, grouping: 'on' }, enabled);
  await accept(batchOf(0, from), from);
  const started = performance.now();
  for (let n = 1; n <= rated; n += 1) await accept(batchOf(n, from + n * batchMs), from + n * batchMs);
  return Math.round((rated * perBatch * 1000) / (performance.now() - started));
}

async function flood(pool: Pool, start: number) {
  const { accept, settings } = acceptor(pool, { ...defaultPolicy, grouping: 'on' }, true);
  const newAt = start + (batches / 2) * batchMs;
  const tell = (now: number) => dispatch(pool, settings, now, () => makeId(now));
  for (let n = 0; n < batches; n += 1) {
    const now = start + n * batchMs;
    const drafts = batchOf(n, now);
    if (now === newAt) drafts[500] = draft(newFault, 'payments', now);
    await accept(drafts, now);
    await tell(now);
  }
  // The rest of the hour, in which the dispatcher is woken by the clock alone.
  const end = start + 3_600_000;
  for (let now = start + 60_000; now <= end; ) {
    const { nextAt } = await tell(now);
    now = nextAt === null ? end + 1 : Math.max(nextAt, now + 100);
  }
  const { rows: mails } = await pool.query<{ to_address: string; n: number }>(
    'select to_address, count(*)::int as n from notifications group by 1 order by 1',
  );
  const { rows: told } = await pool.query<{ ms: number }>(
    `select max(extract(epoch from n.created_at - $1::timestamptz) * 1000)::float8 as ms
     from notifications n join alerts a on a.notification_id = n.id
     where a.service = 'payments'`,
    [new Date(newAt)],
  );
  const { rows: issues } = await pool.query<{ n: number; told: number }>(
    `select count(*)::int as n, count(*) filter (where id in (select issue_id from alerts where status = 'mailed'))::int as told
     from issues`,
  );
  return { mails, newToldAfterMs: told[0]!.ms, issues: issues[0]! };
}

export async function run() {
  const folder = mkdtempSync(join(tmpdir(), 'log-detector-bench-'));
  const server = await startEmbedded({ dataDir: folder, settings: { synchronous_commit: 'off' } });
  const pool = createPool({ connectionString: server.connectionString });
  try {
    await migrate(server.connectionString, readMigrations('backend/migrations'));
    const start = Math.floor(Date.now() / 1000) * 1000;
    await makePartitions(pool, start, start + 4 * 3_600_000);
    const empty = () =>
      pool.query(
        'truncate log_records, latest_messages, log_counts, issues, alerts, episodes, notifications, mail_budgets',
      );
    const rates = { off: [] as number[], on: [] as number[] };
    // The first pair warms up.
    for (let pair = 0; pair < 3; pair += 1) {
      for (const each of ['off', 'on'] as const) {
        const rate = await speed(pool, each === 'on', start);
        if (pair > 0) rates[each].push(rate);
        await empty();
      }
    }
    const [on, off] = [Math.max(...rates.on), Math.max(...rates.off)];
    const started = performance.now();
    const { mails, newToldAfterMs, issues } = await flood(pool, start);
    const seconds = (performance.now() - started) / 1000;
    const { maxPerHour, digestMs } = defaultPolicy;
    return {
      title: 'A flood: 600,000 records in a minute, one new issue in its middle',
      rows: mails.map(({ to_address, n }) => ({ recipient: to_address, 'mails in the hour': n })),
      notes: [
        `${issues.n} issues, ${issues.told} of them told of; the new one in a mail to all ${Math.round(newToldAfterMs / 1000)} s after its record (docs/alerting.md).`,
        `The bound for that hour is ${Math.min(1 + 3_600_000 / digestMs, 2 * maxPerHour)} mails to each; one for each record would have been ${records.toLocaleString('en-US')}.`,
        `Ingest of 1,000 records at a time, one client: ${on.toLocaleString('en-US')} records/s deciding by issue, ${off.toLocaleString('en-US')} with alerts disabled (best of two); the flood itself took ${seconds.toFixed(0)} s of real time.`,
      ],
    };
  } finally {
    await pool.end();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
