-- Adds the tables of watching: agents, what is amiss, and canaries. Under a second; nothing that was there changes.

-- Agents that send heartbeats, one row for each spool folder. Times are the database's own, so that no clock of an agent
-- or a backend matters. On Citus these stay plain tables of the coordinator: they are small.
create table agents (
  id uuid primary key,                  -- made by the agent, kept in its spool folder
  host text not null,
  version text not null,
  first_seen_at timestamptz not null,
  last_seen_at timestamptz not null,
  stopped_at timestamptz,               -- it said goodbye; null since it came back
  facts jsonb not null                  -- the latest heartbeat
);

-- What is amiss now, and since when: one backend tells of it, and tells when it is over.
create table incidents (
  kind text not null,                   -- 'agent-missing', 'stage-lags'
  subject text not null,                -- the agent's id, the stage
  began_at timestamptz not null,
  told_at timestamptz,                  -- null: it was not raised yet
  message text not null,
  primary key (kind, subject)
);

-- The latest canary of each source at each stage: what came, when, and how long after its line was printed.
create table canaries (
  host text not null,
  container text not null,
  stage text not null,                  -- 'stored', 'dispatched', 'delivered'
  canary_id text not null,
  printed_at timestamptz not null,      -- by the clock of whoever printed it
  at timestamptz not null,
  primary key (host, container, stage)
);

-- What canaries leave behind, and is swept away after an hour.
create index notifications_canary on notifications (created_at) where channel = 'canary';
create index alerts_canary on alerts (created_at) where channel = 'canary';
