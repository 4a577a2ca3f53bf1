-- Creates all tables of the first version; on an empty database this takes under a second.

-- The layout, the keys and the form of the statements that meet them follow docs/scale-out.md: the same schema runs on
-- plain PostgreSQL (15 and up) and, where the extension is present, on Citus. `bucket` is the low 12 bits of
-- sha256(host NUL container), and the same bits end every record's id; the application computes it.

-- Every record received. Partitions of a UTC day are made by the backend's upkeep, never by a request, and dropped whole
-- by retention. Rows are written once and never updated.
create table log_records (
  id uuid not null,                     -- UUIDv7 made by the backend: sorts by time of receipt
  bucket int not null,
  host text not null,
  container text not null,
  severity text not null,
  message text not null,
  log_hash text not null,               -- hex SHA-256 of the message as sent
  occurred_at timestamptz,
  received_at timestamptz not null,
  is_duplicate boolean not null,
  duplicate_of_id uuid,
  issue_id uuid,
  event_id uuid,
  stream text,
  image text,
  labels jsonb,
  fields jsonb,
  context_before jsonb,                 -- arrays of lines around the match
  context_after jsonb,
  coalesce_id text,
  notify boolean not null,              -- the decision: false means held back, and no notification has a row
  reason text not null,                 -- why: 'new', 'duplicate', 'disabled', …
  primary key (id, bucket)
) partition by range (id);

-- Newest of one source, or of the few sources that log_counts names for a host or a container.
create index log_records_bucket_id on log_records (bucket, id);
-- Newest records of an issue.
create index log_records_issue_id on log_records (issue_id, id);

-- Events already stored: what makes sending again harmless. First statement of every ingest transaction.
create table record_events (
  event_id uuid not null,
  record_id uuid not null,              -- ends in the record's bucket; tells the time for retention too
  primary key (event_id)
);

-- Latest record of each (host, container, message), and the one before it: says whether the next is a duplicate.
create table dedupe_state (
  bucket int not null,
  host text not null,
  container text not null,
  log_hash bytea not null,
  last_id uuid not null,
  last_at timestamptz not null,
  previous_id uuid,
  previous_at timestamptz,
  primary key (bucket, host, container, log_hash)
) with (fillfactor = 85);

-- Records per minute of receipt and source: totals, histograms, and where in time a source has records at all.
create table log_counts (
  bucket int not null,
  minute timestamptz not null,
  host text not null,
  container text not null,
  severity text not null,
  n bigint not null,                    -- records
  duplicates bigint not null,           -- of these, duplicates
  held bigint not null,                 -- of these, without a notification row of their own
  primary key (bucket, minute, host, container, severity)
) with (fillfactor = 70);
-- Totals and time windows of everything, of a host, of a container, of a severity.
create index log_counts_minute on log_counts (minute);
create index log_counts_host on log_counts (host, minute);
create index log_counts_container on log_counts (container, minute);
create index log_counts_severity on log_counts (severity, minute);

-- Groups of like records. The key is (fingerprint, service): the same error of two services is two issues.
create table issues (
  fingerprint text not null,
  service text not null,
  id uuid not null,                     -- made by the backend; stays the same whatever the title becomes
  title text not null,
  severity text not null,               -- of the latest record
  state text not null default 'open' check (state in ('open', 'muted', 'resolved')),
  muted_until timestamptz,              -- muted until then …
  muted_until_count bigint,             -- … or until count reaches this; both null: until someone unmutes
  first_seen timestamptz not null,
  last_seen timestamptz not null,
  previous_seen timestamptz,            -- last_seen before the latest batch
  count bigint not null,
  resolved_at timestamptz,
  regressed_at timestamptz,             -- when a record last opened it again after it was resolved, and which
  regressed_record_id uuid,
  notified_at timestamptz,              -- when a record of it last made an alert, and count at that moment
  notified_count bigint,
  merged_into uuid,                     -- id of the issue that took this one over
  hosts text[] not null,                -- the first ones seen, bounded
  containers text[] not null,
  last_record_id uuid not null,
  primary key (fingerprint, service)
) with (fillfactor = 70);
-- An issue by id; not unique, because Citus cannot hold a unique key without the distribution column.
create index issues_id on issues (id);
-- The issues that were merged into one.
create index issues_merged_into on issues (merged_into) where merged_into is not null;

-- Messages owed to a recipient or channel: the queue and its history. Held-back records have no row here.
create table notifications (
  id uuid primary key,                  -- UUIDv7
  record_id uuid not null,
  bucket int not null,
  issue_id uuid,
  channel text not null,
  to_address text not null,
  subject text not null,
  body text not null,
  html text,
  status text not null default 'pending' check (status in ('pending', 'sent', 'failed', 'skipped')),
  reason text not null,
  attempts int not null default 0,
  next_attempt_at timestamptz not null,
  leased_until timestamptz,
  leased_by text,
  message_id text not null,             -- Message-ID, the same at every attempt
  provider_message_id text,
  error_message text,
  coalesce_id text,
  sent_at timestamptz,
  created_at timestamptz not null
) with (fillfactor = 80);
-- What is due next.
create index notifications_due on notifications (next_attempt_at) where status = 'pending';
-- The notifications of a record.
create index notifications_record on notifications (record_id);
-- Records that share a coalesce_id make one alert for each recipient, whichever backend took them.
create unique index notifications_coalesce on notifications (coalesce_id, channel, to_address)
  where coalesce_id is not null;

create table email_recipients (
  id uuid primary key,
  email text not null unique,
  is_active boolean not null default true,
  created_at timestamptz not null default now()
);

-- What agents could not read: declared, never silent.
create table coverage_holes (
  event_id uuid primary key,
  id uuid not null unique,              -- UUIDv7, for paging
  host text not null,
  container text not null,
  container_id text,
  stream text,
  from_at timestamptz not null,
  to_at timestamptz not null,
  reason text not null,
  detail text,
  records bigint,
  received_at timestamptz not null
);

-- The history that the API and people read: a row for each notification, and one `skipped` for each record held back,
-- answered from the record itself (its id is the record's), so that a flood does not write twice.
create view email_notifications as
  select
    id, record_id, bucket, to_address, subject, body, status, provider_message_id, error_message, sent_at, created_at
  from notifications
  where channel = 'email'
  union all
  select
    id,
    id as record_id,
    bucket,
    ''::text as to_address,
    '[Log Alert] ' || upper(severity) || ' ' || container || ' on ' || host as subject,
    message as body,
    'skipped'::text as status,
    null::text as provider_message_id,
    case
      when reason = 'duplicate' then 'duplicate suppressed'
      when reason in ('disabled', 'no-recipients') then 'alerts disabled or missing recipients'
      else reason
    end as error_message,
    null::timestamptz as sent_at,
    received_at as created_at
  from log_records
  where not notify;

-- On Citus the big tables are distributed; on plain PostgreSQL these function names are never resolved.
do $$
begin
  if exists (select 1 from pg_extension where extname = 'citus') then
    perform create_distributed_table('log_records', 'bucket');
    perform create_distributed_table('dedupe_state', 'bucket', colocate_with => 'log_records');
    perform create_distributed_table('log_counts', 'bucket', colocate_with => 'log_records');
    perform create_distributed_table('record_events', 'event_id', colocate_with => 'none');
    perform create_distributed_table('issues', 'fingerprint', colocate_with => 'none');
    perform create_reference_table('email_recipients');
  end if;
end
$$;
