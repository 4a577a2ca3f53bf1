-- Adds sums of the counts and an index for text search, which the background fills; under a second, nothing is rewritten.

-- Sums of log_counts, made by upkeep once a minute is over, so that totals and histograms read few rows however many
-- records there are. On Citus these are plain tables of the coordinator.

-- Of all sources together: every minute, hour and day of receipt.
create table count_sums (
  unit text not null check (unit in ('minute', 'hour', 'day')),
  at timestamptz not null,              -- when the minute, hour or day began, UTC
  severity text not null,
  n bigint not null,                    -- as in log_counts
  duplicates bigint not null,
  held bigint not null,
  primary key (unit, at, severity)
);

-- Of each source: every hour and day.
create table source_sums (
  unit text not null check (unit in ('hour', 'day')),
  at timestamptz not null,
  host text not null,
  container text not null,
  severity text not null,
  n bigint not null,
  duplicates bigint not null,
  held bigint not null,
  primary key (unit, at, host, container, severity)
);
-- Totals and histograms of a host, of a container.
create index source_sums_host on source_sums (host, unit, at);
create index source_sums_container on source_sums (container, unit, at);

-- Records of each issue: every hour.
create table issue_sums (
  issue_id uuid not null,
  hour timestamptz not null,
  n bigint not null,
  primary key (issue_id, hour)
) with (fillfactor = 80);
-- Retention.
create index issue_sums_hour on issue_sums (hour);

-- How far each of them has come: everything received before `upto` is in it, and nothing else.
create table sums_upto (
  name text primary key,                -- 'minute', 'hour', 'day', 'issue'
  upto timestamptz not null
);

-- Which records the text indexes cover: ids from `from_id` to before `to_id`, of one partition of log_records. What none
-- covers is searched by reading it.
create table text_indexes (
  name text primary key,                -- of the index
  partition text not null,
  from_id uuid not null,
  to_id uuid not null,
  records bigint not null,
  made_at timestamptz not null default now()
);
