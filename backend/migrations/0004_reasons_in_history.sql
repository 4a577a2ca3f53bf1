-- Adds the column `reason` to the view email_notifications; what it said before stays as it was.

create or replace view email_notifications as
  select
    id, record_id, bucket, to_address, subject, body, status, provider_message_id, error_message, sent_at, created_at, reason
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
    received_at as created_at,
    reason
  from log_records
  where not notify;
