// Agents as they last spoke -> what state each is in. The clock is the database's: it notes when a heartbeat came, and says
// how long ago that was.

import type { Agent, AgentState, Heartbeat } from '@log-detector/contract';
import type { Pool } from '../db/pool.ts';

export interface AgentTimes {
  /** Without a heartbeat for so long an agent is missing (AGENT_MISSING_SECONDS). */
  missingMs: number;
}

/** Two heartbeats of the usual half minute did not come. */
const lateMs = 75_000;
/** An agent that said goodbye is expected back, but not soon: an alert comes after so many times as long. */
export const stoppedFactor = 12;

/** @param silentMs since its latest heartbeat. */
export function stateOf(
  { silentMs, isStopped }: { silentMs: number; isStopped: boolean },
  { missingMs }: AgentTimes,
): AgentState {
  if (isStopped) return 'stopped';
  if (silentMs >= missingMs) return 'missing';
  return silentMs >= Math.min(lateMs, missingMs / 2) ? 'late' : 'fresh';
}

export async function storeHeartbeat(pool: Pool, heartbeat: Heartbeat): Promise<void> {
  const { agent_id, host, version, is_stopping = false, ...facts } = heartbeat;
  await pool.query({
    name: 'store-heartbeat',
    text: `
      insert into agents as a (id, host, version, first_seen_at, last_seen_at, stopped_at, facts)
      values ($1, $2, $3, clock_timestamp(), clock_timestamp(), case when $4 then clock_timestamp() end, $5)
      on conflict (id) do update
      set host = excluded.host,
        version = excluded.version,
        last_seen_at = greatest(a.last_seen_at, excluded.last_seen_at),
        stopped_at = excluded.stopped_at,
        facts = excluded.facts`,
    values: [agent_id, host, version, is_stopping, JSON.stringify(facts)],
  });
}

interface Row {
  id: string;
  host: string;
  version: string;
  first_seen_at: string;
  last_seen_at: string;
  is_stopped: boolean;
  silent_ms: number;
  facts: Omit<Heartbeat, 'agent_id' | 'host' | 'version' | 'is_stopping'>;
}

/** By host. One that another agent of its host came after, once this one was silent, is left out: that one stands for it. */
export async function listAgents(pool: Pool, times: AgentTimes): Promise<Agent[]> {
  const { rows } = await pool.query<Row>(
    `select id, host, version, first_seen_at, last_seen_at, stopped_at is not null as is_stopped, facts,
       greatest(extract(epoch from clock_timestamp() - last_seen_at) * 1000, 0)::float8 as silent_ms
     from agents a
     where not exists (select from agents b where b.host = a.host and b.first_seen_at > a.last_seen_at)
     order by host, id
     limit 10000`,
  );
  return rows.map(({ facts, silent_ms, is_stopped, ...row }) => ({
    ...facts,
    ...row,
    state: stateOf({ silentMs: silent_ms, isStopped: is_stopped }, times),
    silent_seconds: Math.round(silent_ms) / 1000,
  }));
}

/** @returns whether it was known. One that still runs comes back with its next heartbeat. */
export async function forgetAgent(pool: Pool, id: string): Promise<boolean> {
  await pool.query(`delete from incidents where subject = $1`, [id]);
  const { rowCount } = await pool.query('delete from agents where id = $1', [id]);
  return rowCount === 1;
}

/** Those that a new one has long stood for: an agent without a volume has another id at each start. */
export async function sweepAgents(pool: Pool): Promise<void> {
  await pool.query(
    `delete from agents a
     where a.last_seen_at < now() - interval '7 days'
       and exists (select from agents b where b.host = a.host and b.first_seen_at > a.last_seen_at)`,
  );
}
