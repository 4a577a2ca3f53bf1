// One look at everything there is to watch: agents, what waits to be sent, canaries. Ages are by the database's clock.

import type { Agent } from '@log-detector/contract';
import { canaryChannel } from '../alerting/canary.ts';
import { noiseReason } from '../alerting/noise-alerts.ts';
import type { Pool } from '../db/pool.ts';
import { type AgentTimes, listAgents } from './agents.ts';
import { type Incident, listIncidents } from './incidents.ts';

export interface Look {
  /** Ms since the epoch. */
  at: number;
  agents: Agent[];
  /** Of each channel with notifications that are not sent yet. */
  pending: { channel: string; count: number; oldest_seconds: number; error_message: string | null }[];
  alerts: { count: number; oldest_seconds: number };
  canaries: CanaryTimes[];
  incidents: Incident[];
}

/** The latest canary of a source at a stage. */
export interface CanaryTimes {
  host: string;
  container: string;
  stage: string;
  printed_at: string;
  at: string;
  /** From the line's timestamp to this stage. */
  latency_seconds: number;
  /** Since it came here. */
  age_seconds: number;
}

/** A canary that did not come for so long was taken away on purpose. */
const canaryForgottenAfter = '1 day';
export async function look(pool: Pool, times: AgentTimes, now: number): Promise<Look> {
  const [agents, pending, alerts, canaries, incidents] = await Promise.all([
    listAgents(pool, times),
    pool.query<Look['pending'][number]>(
      `select channel, count(*) as count,
         greatest(extract(epoch from clock_timestamp() - min(created_at)), 0)::float8 as oldest_seconds,
         (array_agg(error_message order by created_at) filter (where error_message is not null))[1] as error_message
       from notifications
       where status = 'pending'
       group by channel
       order by channel`,
    ),
    pool.query<Look['alerts']>(
      `select count(*) as count,
         greatest(coalesce(extract(epoch from clock_timestamp() - min(created_at)), 0), 0)::float8 as oldest_seconds
       from alerts
       where status = 'waiting' and channel <> $1 and reason <> $2`,
      [canaryChannel, noiseReason],
    ),
    pool.query<CanaryTimes>(
      `select host, container, stage, printed_at, at,
         extract(epoch from at - printed_at)::float8 as latency_seconds,
         greatest(extract(epoch from clock_timestamp() - at), 0)::float8 as age_seconds
       from canaries
       where at > clock_timestamp() - interval '${canaryForgottenAfter}'
       order by host, container, stage
       limit 10000`,
    ),
    listIncidents(pool),
  ]);
  return {
    at: now,
    agents,
    pending: pending.rows,
    alerts: alerts.rows[0]!,
    canaries: canaries.rows,
    incidents,
  };
}
