// Heartbeats: what an agent says of itself every half minute, and how the backend answers about agents.

import { type Static, Type } from 'typebox';

const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const Seconds = Type.Number({ minimum: 0, maximum: 1e12 });

/** The body of `POST /api/agents/heartbeat`. Ages are told in seconds, so that no clock has to be right. */
export const Heartbeat = Type.Object({
  agent_id: Type.String({
    format: 'uuid',
    description: 'Kept in its spool folder: the same after a restart.',
  }),
  host: Type.String({ minLength: 1, maxLength: 255 }),
  version: Type.String({ maxLength: 100 }),
  is_stopping: Type.Optional(Type.Boolean({ description: 'Its last heartbeat: it is being stopped.' })),
  is_connected: Type.Boolean({ description: 'The Docker engine answers.' }),
  containers: Count,
  uptime_seconds: Seconds,
  reading_lag_seconds: Type.Union([Seconds, Type.Null()], {
    description:
      'Of the containers that print: how old the latest line read is, at most. Null: none printed.',
  }),
  spool_records: Count,
  spool_bytes: Count,
  spool_oldest_seconds: Type.Union([Seconds, Type.Null()], {
    description: 'Age of the oldest record that waits; null when none does.',
  }),
  records: Type.Integer({ minimum: 0, description: 'Entries that matched since its start.' }),
  holes: Type.Integer({ minimum: 0, description: 'Holes declared since its start.' }),
  sending_failure: Type.Optional(
    Type.Union([Type.String({ maxLength: 2000 }), Type.Null()], {
      description: 'Why the latest try to send failed.',
    }),
  ),
});
export type Heartbeat = Static<typeof Heartbeat>;

export const AgentState = Type.Union(
  [Type.Literal('fresh'), Type.Literal('late'), Type.Literal('missing'), Type.Literal('stopped')],
  {
    description:
      'late: a heartbeat or two did not come. missing: none for AGENT_MISSING_SECONDS. stopped: it said goodbye.',
  },
);
export type AgentState = Static<typeof AgentState>;

/** An agent as it is answered: its latest heartbeat, and what the backend makes of it. */
export const Agent = Type.Intersect([
  Type.Omit(Heartbeat, ['agent_id', 'is_stopping']),
  Type.Object({
    id: Type.String({ format: 'uuid' }),
    state: AgentState,
    first_seen_at: Type.String(),
    last_seen_at: Type.String(),
    silent_seconds: Type.Number({ description: 'Since its latest heartbeat.' }),
  }),
]);
export type Agent = Static<typeof Agent>;
