-- Adds rules, what they count, and what is watched for silence; the new tables are empty, so it takes under a second.

-- Rules added by hand or from a mail. RULES_FILE holds others, and those here are asked first. Rows are added and removed,
-- never changed, so the ids alone tell a backend whether it knows them all. On Citus a plain table of the coordinator.
create table rules (
  id uuid primary key,                  -- UUIDv7: the order that they are asked in, newest first
  rule jsonb not null,                  -- as RULES_FILE would have it
  source text not null,                 -- who added it: 'api', 'mail'
  created_at timestamptz not null
);

-- What a rule with a threshold has counted, for itself ('') or for each issue, in sixtieths of its time. A row is dropped
-- by upkeep when its time has gone by without a record.
create table rule_counts (
  rule text not null,
  issue text not null,
  slots jsonb not null,                 -- [[number of the sixtieth, records], …]: 61 at most
  until timestamptz not null,           -- nothing of it counts after this
  primary key (rule, issue)
) with (fillfactor = 70);
create index rule_counts_until on rule_counts (until);

-- What is watched for silence, and when it was last heard of.
create table absences (
  name text not null,
  source text not null,                 -- '' for the whole; else the host, or host and container, parted by a slash
  since timestamptz not null,           -- watched from then on
  seen_at timestamptz,                  -- latest record or heartbeat
  raised_at timestamptz,                -- when its silence was last told of; null: it is not silent
  primary key (name, source)
) with (fillfactor = 70);

-- The severity that the mail says: a rule may give another one than the record has. Null: that of the record.
alter table alerts add column severity text;
