-- What many recipients are told is kept once and not for each; what was written before stays as it is. Under a second.

-- The body of notifications that a record made for several recipients at once. Like `notifications`, a plain table of the
-- coordinator on Citus.
create table notification_texts (
  id uuid primary key,
  record_id uuid not null,
  body text not null,
  html text,
  facts jsonb,
  created_at timestamptz not null
);

alter table notifications
  add column text_id uuid,              -- where body, html and facts are, when they are not in the row
  alter column body drop not null;

-- As before, with the body wherever it is kept.
create or replace view email_notifications as
  select
    n.id, n.record_id, n.bucket, n.to_address, n.subject, coalesce(n.body, t.body) as body, n.status, n.provider_message_id,
    n.error_message, n.sent_at, n.created_at, n.reason, n.channel, n.feedback, n.feedback_at, n.feedback_detail
  from notifications n
  left join notification_texts t on t.id = n.text_id
  where n.channel <> 'canary'           -- what watches the stages goes to nobody
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
