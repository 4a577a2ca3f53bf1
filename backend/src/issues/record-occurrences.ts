// Records with their groups -> the issues they belong to, made or counted up, as they stand after this batch.

import { windowMs } from '../alerting/window.ts';
import { type Ask, askTogether, type Parameter, pipeline, type Step } from '../db/pipeline.ts';
import type { PoolClient } from '../db/pool.ts';
import { newId } from '../db/record-id.ts';
import { byText, textArray, upsertSteps } from '../db/values.ts';
import type { Group, Issue, IssueState, Mute } from '../ingest/types.ts';

/** How many hosts and containers an issue names. */
const maxPlaces = 50;

export interface Occurrence {
  id: string;
  host: string;
  container: string;
  service: string;
  severity: string;
  receivedAt: string;
  receivedAtMs: number;
}

interface Addition {
  group: Group;
  service: string;
  severity: string;
  firstAt: string;
  firstAtMs: number;
  lastAt: string;
  lastAtMs: number;
  lastId: string;
  count: number;
  hosts: Set<string>;
  containers: Set<string>;
}

interface Row {
  fingerprint: string;
  service: string;
  id: string;
  title: string;
  state: IssueState;
  muted_until: string | null;
  muted_until_count: number | null;
  first_seen: string;
  last_seen: string;
  previous_seen: string | null;
  count: number;
  regressed_record_id: string | null;
  notified_at: string | null;
  notified_count: number | null;
  hosts: string[];
  containers: string[];
  window_count: number;
  window_peak: number;
  rhythm: number;
  alert_state: unknown;
  mute: Mute | null;
  muted_held: number;
  merged_into: string | null;
  inserted: boolean;
}

/** What an upsert counted, before `settleOccurrences` looks at what is rare. */
export interface Occurred {
  additions: ReadonlyMap<string, Addition>;
  /** The key of each occurrence's issue, in order. */
  keys: readonly string[];
  rows: readonly Row[];
}

/** @returns the issue of each occurrence, in order. @param groups of the occurrences, in order. */
export async function recordOccurrences(
  client: PoolClient,
  occurrences: readonly Occurrence[],
  groups: readonly Group[],
): Promise<Issue[]> {
  const [occurred] = await askTogether(client, [askOccurrences(occurrences, groups)]);
  return settleOccurrences(client, occurred);
}

/** Counts the occurrences on their issues, together with other statements; `settleOccurrences` comes after. */
export function askOccurrences(occurrences: readonly Occurrence[], groups: readonly Group[]): Ask<Occurred> {
  const additions = new Map<string, Addition>();
  const keys = occurrences.map((occurrence, index) => addTo(additions, occurrence, groups[index]!));
  return {
    steps: stepsOf(additions),
    read: (results) => ({
      additions,
      keys,
      rows: results.flatMap(({ rows }) => rows as unknown as Row[]),
    }),
  };
}

/** Without a query, unless an issue shows up in a new place or was merged into another. @returns as `recordOccurrences`. */
export async function settleOccurrences(
  client: PoolClient,
  { additions, keys, rows }: Occurred,
): Promise<Issue[]> {
  const { issues, merged } = await settle(client, rows, additions);
  if (merged.length > 0) await countOnLeaders(client, merged, additions, issues);
  return keys.map((key) => issues.get(key)!);
}

interface Counted {
  issues: Map<string, Issue>;
  /** Rows of issues that were merged into another. */
  merged: (Row & { merged_into: string })[];
}

function stepsOf(additions: ReadonlyMap<string, Addition>): Step[] {
  const sorted = [...additions].sort(([a], [b]) => byText(a, b));
  return upsertSteps(sorted.map(toRow), upsertIssues, 'record-occurrences');
}

async function settle(
  client: PoolClient,
  rows: readonly Row[],
  additions: ReadonlyMap<string, Addition>,
): Promise<Counted> {
  const counted: Counted = { issues: new Map(), merged: [] };
  const inNewPlaces: Step[] = [];
  for (const row of rows) {
    const key = keyOf(row.fingerprint, row.service);
    const addition = additions.get(key)!;
    if (!row.inserted) inNewPlaces.push(...notePlaces(row, addition));
    counted.issues.set(key, toIssue(row, addition));
    const { merged_into } = row;
    if (merged_into !== null) counted.merged.push({ ...row, merged_into });
  }
  if (inNewPlaces.length > 0) await pipeline(client, inNewPlaces);
  return counted;
}

async function count(client: PoolClient, additions: ReadonlyMap<string, Addition>): Promise<Counted> {
  const results = await pipeline(client, stepsOf(additions));
  return settle(
    client,
    results.flatMap(({ rows }) => rows as unknown as Row[]),
    additions,
  );
}

/** What was counted on issues that were merged counts on those that took them over; rare, so it may cost more statements. */
async function countOnLeaders(
  client: PoolClient,
  merged: Counted['merged'],
  additions: ReadonlyMap<string, Addition>,
  issues: Map<string, Issue>,
): Promise<void> {
  const { rows } = await client.query<{ id: string; fingerprint: string; service: string; title: string }>(
    'select id, fingerprint, service, title from issues where id = any($1::uuid[]) order by fingerprint, service',
    [merged.map(({ merged_into }) => merged_into)],
  );
  const led = rows.map(({ id, fingerprint, service, title }) => {
    const keys = merged
      .filter((row) => row.merged_into === id)
      .map((row) => keyOf(row.fingerprint, row.service));
    const sum = sumOf(keys.map((key) => additions.get(key)!));
    return {
      keys,
      key: keyOf(fingerprint, service),
      addition: { ...sum, group: { fingerprint, title }, service },
    };
  });
  const leaders = await count(client, new Map(led.map(({ key, addition }) => [key, addition])));
  for (const { keys, key } of led) {
    const leader = leaders.issues.get(key);
    if (!leader) continue;
    // Counted in this batch under its own key too: one issue, as it stands now, after what it was before the batch.
    const own = issues.get(key);
    const issue = own
      ? {
          ...leader,
          added: leader.added + own.added,
          isNew: own.isNew,
          isRegressed: own.isRegressed,
          previousSeen: own.previousSeen,
          usualPauseMs: own.usualPauseMs,
        }
      : leader;
    for (const each of own ? [key, ...keys] : keys) issues.set(each, issue);
  }
  for (const { fingerprint, service } of merged) {
    await client.query('update issues set count = 0 where fingerprint = $1 and service = $2', [
      fingerprint,
      service,
    ]);
  }
}

function sumOf(additions: readonly Addition[]): Addition {
  const [first, ...others] = additions;
  const sum = { ...first!, hosts: new Set(first!.hosts), containers: new Set(first!.containers) };
  for (const { count, lastAt, lastAtMs, lastId, severity, hosts, containers } of others) {
    sum.count += count;
    if (lastAtMs >= sum.lastAtMs) Object.assign(sum, { lastAt, lastAtMs, lastId, severity });
    for (const host of hosts) sum.hosts.add(host);
    for (const container of containers) sum.containers.add(container);
  }
  return sum;
}

/** A clock ran ahead when it noted the latest record; it is no measure for what comes now. */
const wasAhead = `i.last_seen - excluded.last_seen > interval '${windowMs} milliseconds'`;

// The issue's own past, in the same statement: 2016 windows and 604800 s are a week, in which a peak and a pause lose half
// their weight; a pause counts for 56 h at most. `rhythm` leaves the latest pause out, against which it is held.
const upsertIssues = (values: string) => `
  insert into issues as i (
    fingerprint, service, id, title, severity, first_seen, last_seen, count, hosts, containers, last_record_id,
    window_no, window_count)
  values ${values}
  on conflict (fingerprint, service) do update
  set severity = excluded.severity,
    previous_seen = case when ${wasAhead} then i.previous_seen else i.last_seen end,
    last_seen = case when ${wasAhead} then excluded.last_seen else greatest(i.last_seen, excluded.last_seen) end,
    count = i.count + excluded.count,
    last_record_id = excluded.last_record_id,
    regressed_at = case when i.state = 'resolved' then excluded.last_seen else i.regressed_at end,
    regressed_record_id = case when i.state = 'resolved' then excluded.last_record_id else i.regressed_record_id end,
    state = case when i.state = 'resolved' then 'open' else i.state end,
    window_no = case when ${wasAhead} then excluded.window_no else greatest(i.window_no, excluded.window_no) end,
    window_count = case when excluded.window_no > i.window_no or ${wasAhead} then 0 else i.window_count end
      + excluded.window_count,
    window_peak = case
      when excluded.window_no > i.window_no
      then greatest(i.window_peak, i.window_count) * power(0.5::float8, (excluded.window_no - i.window_no) / 2016.0::float8)
      else i.window_peak
    end,
    rhythm = greatest(i.rhythm, case
        when ${wasAhead} then 0
        else least(coalesce(extract(epoch from i.last_seen - i.previous_seen), 0), 201600)
      end::float8)
      * power(0.5::float8, greatest(extract(epoch from excluded.last_seen - i.last_seen), 0)::float8 / 604800)
  returning fingerprint, service, id, title, state, muted_until, muted_until_count, first_seen, last_seen, previous_seen,
    count, regressed_record_id, notified_at, notified_count, to_json(hosts) as hosts, to_json(containers) as containers, window_count, window_peak, rhythm,
    alert_state, mute, muted_held, merged_into, xmax = 0 as inserted`;

function keyOf(fingerprint: string, service: string): string {
  return `${fingerprint}\0${service}`;
}

function addTo(additions: Map<string, Addition>, occurrence: Occurrence, group: Group): string {
  const { id, host, container, service, severity, receivedAt, receivedAtMs } = occurrence;
  const key = keyOf(group.fingerprint, service);
  let addition = additions.get(key);
  if (!addition) {
    addition = {
      group,
      service,
      severity,
      firstAt: receivedAt,
      firstAtMs: receivedAtMs,
      lastAt: receivedAt,
      lastAtMs: receivedAtMs,
      lastId: id,
      count: 0,
      hosts: new Set(),
      containers: new Set(),
    };
    additions.set(key, addition);
  }
  addition.severity = severity;
  addition.lastAt = receivedAt;
  addition.lastAtMs = receivedAtMs;
  addition.lastId = id;
  addition.count += 1;
  if (addition.hosts.size < maxPlaces) addition.hosts.add(host);
  if (addition.containers.size < maxPlaces) addition.containers.add(container);
  return key;
}

function toRow([, addition]: [string, Addition]): Parameter[] {
  const { group, service, severity, firstAt, firstAtMs, lastAt, lastAtMs, lastId, count, hosts, containers } =
    addition;
  return [
    group.fingerprint,
    service,
    newId(firstAtMs),
    group.title,
    severity,
    firstAt,
    lastAt,
    count,
    textArray([...hosts]),
    textArray([...containers]),
    lastId,
    Math.floor(lastAtMs / windowMs),
    count,
  ];
}

/** A host or container that an issue does not name yet is rare; the row is locked by the upsert, so nobody else adds one. */
function notePlaces(row: Row, addition: Addition): Step[] {
  const hosts = withNew(row.hosts, addition.hosts);
  const containers = withNew(row.containers, addition.containers);
  if (hosts === row.hosts && containers === row.containers) return [];
  const text = 'update issues set hosts = $3, containers = $4 where fingerprint = $1 and service = $2';
  const values = [row.fingerprint, row.service, textArray(hosts), textArray(containers)];
  return [{ name: 'note-places', text, values }];
}

function withNew(known: string[], seen: ReadonlySet<string>): string[] {
  if (known.length >= maxPlaces) return known;
  const fresh = [...seen].filter((place) => !known.includes(place));
  return fresh.length > 0 ? [...known, ...fresh].slice(0, maxPlaces) : known;
}

function toIssue(row: Row, addition: Addition): Issue {
  return {
    id: row.id,
    fingerprint: row.fingerprint,
    service: row.service,
    title: row.title,
    state: row.state,
    mutedUntil: row.muted_until,
    mutedUntilCount: row.muted_until_count,
    firstSeen: row.first_seen,
    lastSeen: row.last_seen,
    previousSeen: row.previous_seen,
    count: row.count,
    added: addition.count,
    isNew: row.inserted,
    isRegressed: !row.inserted && row.regressed_record_id === addition.lastId,
    notifiedAt: row.notified_at,
    notifiedCount: row.notified_count,
    windowCount: row.window_count,
    windowPeak: row.window_peak,
    usualPauseMs: row.rhythm * 1000,
    alertState: row.alert_state,
    mute: row.mute,
    mutedHeld: row.muted_held,
  };
}
