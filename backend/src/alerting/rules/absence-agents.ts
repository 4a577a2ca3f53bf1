// Hosts whose agents are watched for silence -> when each was last heard from, and whether it is expected to be. One whose
// agent said goodbye is not, nor is one whose agent was forgotten.

import type { Pool } from '../../db/pool.ts';
import { compileGlobs } from './glob.ts';
import type { Absence } from './types.ts';

export interface WatchedAgent {
  /** Of the absence. */
  name: string;
  host: string;
  /** Its latest heartbeat, in ms since the epoch. */
  at: number;
  /** Every agent of the host said goodbye. */
  isStopped: boolean;
}

export async function readAgents(pool: Pool, absence: readonly Absence[]): Promise<WatchedAgent[]> {
  const watched = absence.flatMap(({ name, agent }) => (agent ? [{ name, fits: compileGlobs(agent) }] : []));
  if (watched.length === 0) return [];
  // An agent that another one of its host came after is left out: that one stands for it.
  const { rows } = await pool.query<{ host: string; running_at: string | null; at: string }>(
    `select host, max(last_seen_at) filter (where stopped_at is null) as running_at, max(last_seen_at) as at
     from agents a
     where not exists (select from agents b where b.host = a.host and b.first_seen_at > a.last_seen_at)
     group by host`,
  );
  return watched.flatMap(({ name, fits }) =>
    rows
      .filter(({ host }) => fits(host))
      .map(({ host, running_at, at }) => ({
        name,
        host,
        at: Date.parse(running_at ?? at),
        isStopped: running_at === null,
      })),
  );
}

/** A goodbye ends a silence that was told. */
export async function noteGoodbyes(pool: Pool, agents: readonly WatchedAgent[]): Promise<void> {
  const stopped = agents.filter(({ isStopped }) => isStopped);
  if (stopped.length === 0) return;
  await pool.query(
    `update absences as a
     set seen_at = g.at
     from unnest($1::text[], $2::text[], $3::timestamptz[]) as g (name, host, at)
     where a.name = g.name and a.source = g.host and a.raised_at < g.at and a.seen_at < g.at`,
    [stopped.map(({ name }) => name), stopped.map(({ host }) => host), stopped.map(({ at }) => new Date(at))],
  );
}

/** Watches those no more that are not expected to be heard from; but for those of which it is still to be told that it is over. */
export async function forgetUnexpected(
  pool: Pool,
  absence: readonly Absence[],
  agents: readonly WatchedAgent[],
): Promise<void> {
  const names = absence.flatMap(({ name, agent }) => (agent ? [name] : []));
  if (names.length === 0) return;
  const expected = agents.filter(({ isStopped }) => !isStopped);
  await pool.query(
    `delete from absences as a
     where a.name = any($1::text[])
       and (a.raised_at is null or a.seen_at <= a.raised_at)
       and not exists (
         select from unnest($2::text[], $3::text[]) as e (name, host)
         where e.name = a.name and e.host = a.source
       )`,
    [names, expected.map(({ name }) => name), expected.map(({ host }) => host)],
  );
}
