-- Prepares ALERT_GROUPING=on: alerts wait here to be gathered into mails. Nothing changes while it is off; under a second.

-- What an issue's own past says, counted by the same statement that counts the records.
alter table issues
  add column window_no bigint not null default 0,            -- which five minutes `window_count` counts
  add column window_count bigint not null default 0,
  add column window_peak double precision not null default 0, -- most of any five minutes before, halved each week
  add column rhythm double precision not null default 0,     -- longest pause before the latest one, in seconds, halved each week
  add column alert_state jsonb;                              -- what alerting remembers: backend/src/alerting/decide.ts

-- Header fields beside those that every mail has.
alter table notifications add column headers jsonb;

-- Alerts owed to a recipient, one row for each, until a mail carries them: alone, or gathered with others.
create table alerts (
  id uuid primary key,                  -- UUIDv7
  to_address text not null,
  record_id uuid not null,
  bucket int not null,                  -- of the record
  part_ids uuid[] not null,             -- records that share its coalesce_id, itself among them; empty: it is alone
  issue_id uuid not null,
  fingerprint text not null,
  service text not null,
  reason text not null,                 -- 'new', 'regressed', 'spike', 'still-failing', 'over'
  is_first boolean not null,            -- no alert of the issue was made before: may draw on the reserve
  episode uuid not null,                -- its mails form one thread
  held bigint not null,                 -- records of the issue that were held back since its alert before
  count bigint not null,                -- of the issue, before the batch that made it
  status text not null default 'waiting' check (status in ('waiting', 'mailed', 'dropped')),
  notification_id uuid,                 -- the mail that carries it
  created_at timestamptz not null
);
-- What waits, for each recipient.
create index alerts_waiting on alerts (to_address, id) where status = 'waiting';
-- The alerts of a record.
create index alerts_record on alerts (record_id);

-- From an issue's first alert, or its coming back, until it is quiet again. The id is the root of the thread of its mails.
create table episodes (
  id uuid primary key,
  issue_id uuid not null,
  fingerprint text not null,
  service text not null,
  subject text not null,                -- without the state; the same for all mails of the issue
  began_at timestamptz not null,
  began_count bigint not null,          -- of the issue, before its first record
  check_at timestamptz not null,        -- when to look whether it is over
  ended_at timestamptz
);
create index episodes_issue on episodes (issue_id, began_at);
-- Which may be over.
create index episodes_open on episodes (check_at) where ended_at is null;

-- Token buckets and digest windows: of each recipient, of the whole, of the mail provider.
create table mail_budgets (
  name text primary key,                -- 'to:<address>', 'whole', 'quota:<channel>', 'rate:<channel>'
  tokens double precision not null,
  at timestamptz not null,              -- when `tokens` were as many
  gather_until timestamptz,             -- alerts before this wait for one mail
  quota jsonb                           -- what the provider last said of the account
) with (fillfactor = 50);
