-- Alerts go to other channels than mail too: new columns, and the state of each channel; some seconds per million notifications.

-- A configured channel is told under its own name: channel 'ops-slack', to_address 'ops-slack'.
alter table alerts add column channel text not null default 'email';
-- What waits, for each recipient of each channel.
drop index alerts_waiting;
create index alerts_waiting on alerts (channel, to_address, id) where status = 'waiting';
-- Who was told of an episode, and which messages carried it: who is told that it is over, and what a pager is to close.
create index alerts_episode on alerts (episode);
create index alerts_notification on alerts (notification_id) where notification_id is not null;

alter table notifications
  add column facts jsonb,               -- what the message tells, for channels that are no mail: backend/src/channels/channel.ts
  add column feedback text check (feedback in ('delivered', 'bounced', 'complained')), -- what SES said after it took the mail
  add column feedback_at timestamptz,
  add column feedback_detail text;
-- The notification that SES's feedback speaks of.
create index notifications_provider_message on notifications (provider_message_id) where provider_message_id is not null;

alter table email_recipients
  add column deactivated_at timestamptz,     -- null while active, and when it was before this column came
  add column deactivated_because text;       -- in words: asked for, a bounce, a complaint

-- Whether a channel works, as all backends together see it.
create table channel_health (
  channel text primary key,
  failing_since timestamptz,            -- first failure after the last success; null: it works
  attempts bigint not null default 0,   -- that failed since then
  last_error text,
  lost bigint not null default 0,       -- notifications that failed for good and of which nobody was told yet
  lost_to text[] not null default '{}', -- the first few recipients of those
  told_at timestamptz,                  -- when others were last told
  is_told boolean not null default false -- others know that it fails, and not yet that it works again
) with (fillfactor = 70);

-- The history that people read by hand: every channel's, with its name; what the columns said before stays as it was.
create or replace view email_notifications as
  select
    id, record_id, bucket, to_address, subject, body, status, provider_message_id, error_message, sent_at, created_at, reason,
    channel, feedback, feedback_at, feedback_detail
  from notifications
  where channel <> 'canary'             -- what watches the stages goes to nobody
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
    received_at as created_at,
    reason,
    null::text as channel,
    null::text as feedback,
    null::timestamptz as feedback_at,
    null::text as feedback_detail
  from log_records
  where not notify;
