// Silence that is told of: `absence:` of RULES_FILE. What is heard is noted in memory and written now and then, so that ingest
// pays nothing for it; silence is looked for in the table `absences`, whose rows one backend at a time holds, so that any
// number of them may look and each silence is told of once.
//
//   heard of --nothing for `for`--> silent: an own record, and again every while --heard of again--> over: told, heard of

import { inTransaction, type Pool, type PoolClient } from '../../db/pool.ts';
import { byText, upsert } from '../../db/values.ts';
import type { StoredRecord } from '../../ingest/types.ts';
import { Listening } from '../listening.ts';
import type { OwnRecord } from '../own-records.ts';
import { duration } from '../states.ts';
import { forgetUnexpected, noteGoodbyes, readAgents } from './absence-agents.ts';
import { compileMatch, type RecordFacts } from './rule-set.ts';
import type { Absence } from './types.ts';

/** What tells: own records, and word that it is over. */
export interface AbsenceTelling {
  /** @returns `held-back` when nothing was told, and it is to be raised again later. */
  raise(record: OwnRecord): Promise<unknown>;
  over(record: OwnRecord): Promise<unknown>;
}

export interface AbsenceWatch {
  /** Notes whom these records break the silence of. Cheap; called for every batch. */
  heard(records: readonly StoredRecord[], now: number): void;
  /**
   * Writes down what was heard, and tells of what is silent or no longer so.
   * @param now ms since the epoch. @throws what the database or ingest say; the next look goes on where this one stopped.
   */
  look(now: number): Promise<{ raised: number; over: number }>;
  /** RULES_FILE was read anew. */
  replace(absence: readonly Absence[], now: number): void;
}

export interface AbsenceOptions {
  pool: Pool;
  absence: readonly Absence[];
  telling: AbsenceTelling;
  /** When this backend began, in ms since the epoch: what was down a while tells nothing before it could hear. */
  startedAt: number;
}

/** A backend that was away has heard the agents again by then. */
const graceMs = 120_000;
/** Said again while it lasts, so that its issue goes on. */
const leastRepeatMs = 300_000;
const mostRepeatMs = 1_800_000;
/** A container or host that is silent for so long, and for four times its time, is gone for good. */
const forgottenMs = 7 * 86_400_000;
/** Most containers or hosts heard of between two looks. */
const maxHeard = 20_000;
/** Most told of in one look; the rest follows in the next. */
const maxTold = 50;

interface Row {
  name: string;
  source: string;
  since: string;
  seen_at: string | null;
  raised_at: string | null;
}

export function createAbsenceWatch(options: AbsenceOptions): AbsenceWatch {
  const { pool, telling } = options;
  const listening = new Listening(options.startedAt);
  let { absence } = options;
  let byRecords = recordTests(absence);
  /** Of what came later than this backend: it was not listened for before. */
  const addedAt = new Map<string, number>();
  let heardAt = new Map<string, { name: string; source: string; at: number }>();

  const note = (name: string, source: string, at: number) => {
    const key = `${name}\0${source}`;
    const known = heardAt.get(key);
    if (known) known.at = Math.max(known.at, at);
    else if (heardAt.size < maxHeard) heardAt.set(key, { name, source, at });
  };

  return {
    heard(records, now) {
      for (const record of records) {
        // What Log Detector says of a silence does not break it.
        if (record.group !== undefined) continue;
        for (const { name, per, matches } of byRecords)
          if (matches(record)) note(name, sourceOf(per, record), now);
      }
    },
    replace(next, now) {
      const known = new Set(absence.map(({ name }) => name));
      for (const { name } of next) if (!known.has(name)) addedAt.set(name, now);
      absence = next;
      byRecords = recordTests(next);
    },
    async look(now) {
      if (absence.length === 0) return { raised: 0, over: 0 };
      const heardSince = listening.since(now);
      const byName = new Map(absence.map((each) => [each.name, each]));
      const agents = await readAgents(pool, absence);
      for (const { name, host, at, isStopped } of agents) if (!isStopped) note(name, host, at);
      const heard = heardAt;
      heardAt = new Map();
      try {
        await writeHeard(pool, absence, [...heard.values()], now);
      } catch (error) {
        for (const { name, source, at } of heard.values()) note(name, source, at);
        throw error;
      }
      await noteGoodbyes(pool, agents);
      await forget(pool, absence, now);
      const over = await tellOver(pool, byName, telling);
      await forgetUnexpected(pool, absence, agents);
      const known = absence.filter(
        ({ name, forMs }) => now - Math.max(addedAt.get(name) ?? 0, heardSince) >= Math.min(forMs, graceMs),
      );
      const raised = await tellSilent(pool, known, telling, now);
      listening.looked(now);
      return { raised, over };
    },
  };
}

function recordTests(absence: readonly Absence[]) {
  return absence.flatMap((each) =>
    each.match ? [{ name: each.name, per: each.per, matches: compileMatch(each.match) }] : [],
  );
}

function sourceOf(per: Absence['per'], { host, container }: RecordFacts): string {
  if (per === 'rule') return '';
  return per === 'host' ? host : `${host}/${container}`;
}

async function writeHeard(
  pool: Pool,
  absence: readonly Absence[],
  heard: readonly { name: string; source: string; at: number }[],
  now: number,
): Promise<void> {
  // What is watched as a whole is watched from now on, though nothing was ever heard.
  const whole = absence
    .filter(({ per, name }) => per === 'rule' && !heard.some((each) => each.name === name))
    .map(({ name }) => [name, '', new Date(now), null]);
  const rows = [
    ...whole,
    ...heard.map(({ name, source, at }) => [name, source, new Date(now), new Date(at)]),
  ].sort((a, b) => byText(`${a[0]}\0${a[1]}`, `${b[0]}\0${b[1]}`));
  if (rows.length === 0) return;
  await inTransaction(pool, (client) =>
    upsert(
      client,
      rows,
      (values) => `
        insert into absences as a (name, source, since, seen_at)
        values ${values}
        on conflict (name, source) do update
        set seen_at = greatest(a.seen_at, excluded.seen_at)`,
    ),
  );
}

async function forget(pool: Pool, absence: readonly Absence[], now: number): Promise<void> {
  const each = absence.filter(({ per }) => per !== 'rule');
  if (each.length === 0) return;
  await pool.query(
    `delete from absences as a
     using unnest($1::text[], $2::timestamptz[]) as d (name, before)
     where a.name = d.name and coalesce(a.seen_at, a.since) < d.before`,
    [each.map(({ name }) => name), each.map(({ forMs }) => new Date(now - Math.max(forgottenMs, 4 * forMs)))],
  );
}

/** One backend holds the rows and tells; what fails is told again, as the same event, which is harmless. */
async function tellSilent(
  pool: Pool,
  absence: readonly Absence[],
  telling: AbsenceTelling,
  now: number,
): Promise<number> {
  if (absence.length === 0) return 0;
  return inTransaction(pool, async (client) => {
    const { rows } = await client.query<Row>(
      `select a.name, a.source, a.since, a.seen_at, a.raised_at
       from absences as a
       join unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) as d (name, silent_since, raised_before)
         on d.name = a.name
       where coalesce(a.seen_at, a.since) <= d.silent_since
         and (a.raised_at is null or a.raised_at <= d.raised_before)
       -- What was not told of yet comes before what is said again.
       order by a.raised_at nulls first, a.name, a.source
       limit ${maxTold}
       for update of a skip locked`,
      [
        absence.map(({ name }) => name),
        absence.map(({ forMs }) => new Date(now - forMs)),
        absence.map(({ forMs }) => new Date(now - repeatMs(forMs))),
      ],
    );
    let raised = 0;
    for (const row of rows) {
      const record = recordOf(absence.find(({ name }) => name === row.name)!, row);
      // Too many at once, such as all containers of a network: it is told when there is room again.
      if ((await telling.raise(record)) === 'held-back') continue;
      await setRaised(client, row, new Date(now));
      raised += 1;
    }
    return raised;
  });
}

async function tellOver(
  pool: Pool,
  byName: ReadonlyMap<string, Absence>,
  telling: AbsenceTelling,
): Promise<number> {
  return inTransaction(pool, async (client) => {
    const { rows } = await client.query<Row>(
      `select name, source, since, seen_at, raised_at
       from absences
       where raised_at is not null and seen_at > raised_at and name = any($1::text[])
       order by name, source
       limit ${maxTold}
       for update skip locked`,
      [[...byName.keys()]],
    );
    for (const row of rows) {
      const record = recordOf(byName.get(row.name)!, row);
      await telling.over({
        ...record,
        message: `Silence is over: "${row.name}" is heard of again${ofSource(row)}`,
      });
      await setRaised(client, row, null);
    }
    return rows.length;
  });
}

async function setRaised(client: PoolClient, { name, source }: Row, at: Date | null): Promise<void> {
  await client.query('update absences set raised_at = $3 where name = $1 and source = $2', [
    name,
    source,
    at,
  ]);
}

function repeatMs(forMs: number): number {
  return Math.min(Math.max(forMs, leastRepeatMs), mostRepeatMs);
}

function ofSource({ source }: Pick<Row, 'source'>): string {
  return source === '' ? '' : ` of ${source}`;
}

/** Its first line is the same each time: the issue's title. */
function recordOf({ name, per, agent, forMs, severity, match }: Absence, row: Row): OwnRecord {
  const { source, since, seen_at, raised_at } = row;
  const slash = source.indexOf('/');
  const place =
    per === 'host'
      ? { host: source }
      : per === 'container'
        ? { host: source.slice(0, slash), container: source.slice(slash + 1) }
        : {};
  const what = agent ? 'No heartbeat of its agent came' : 'No record that matches came';
  const asked = Object.entries(match ?? {}).map(([key, value]) => `${key}: ${JSON.stringify(value)}`);
  return {
    kind: 'absence',
    subject: source === '' ? name : `${name}: ${source}`,
    // The same for whoever tells of this silence, and another one each time that it is said again.
    event: `${seen_at ?? since} ${raised_at ?? 'first'}`,
    message: [
      `Silence: nothing was heard of "${name}"${ofSource(row)}`,
      '',
      `${what} since ${seen_at ?? `${since}, when it was first watched`}; one is expected every ${duration(forMs)}.`,
      ...(asked.length > 0 ? [`Watched: ${asked.join(', ')}`] : []),
      `The watch is "${name}" in the section "absence:" of RULES_FILE.`,
    ].join('\n'),
    severity,
    fields: { absence: name, ...(seen_at === null ? {} : { last_heard: seen_at }) },
    ...place,
  };
}
