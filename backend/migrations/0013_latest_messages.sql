-- What tells duplicates, by a key of 20 bytes in place of two names and a hash: each record looks for its place there, and
-- more of it stays in memory. Copies what is remembered, of a day at least: a few seconds for each 100,000 messages.

-- Latest record of each (host, container, message), and the one before it: says whether the next is a duplicate.
create table latest_messages (
  bucket int not null,
  message_key uuid not null,            -- the first 128 bits of sha256(host NUL container) xor those of sha256(message)
  last_id uuid not null,
  last_at timestamptz not null,
  previous_id uuid,
  previous_at timestamptz,
  primary key (bucket, message_key)
) with (fillfactor = 85);

do $$
begin
  if exists (select 1 from pg_extension where extname = 'citus') then
    perform create_distributed_table('latest_messages', 'bucket', colocate_with => 'log_records');
  end if;
end
$$;

insert into latest_messages (bucket, message_key, last_id, last_at, previous_id, previous_at)
select
  bucket,
  (lpad(to_hex(substring(bits from 1 for 64)::bigint), 16, '0') || lpad(to_hex(substring(bits from 65)::bigint), 16, '0'))::uuid,
  last_id, last_at, previous_id, previous_at
from (
  select
    d.*,
    ('x' || encode(sha256(convert_to(host, 'UTF8') || '\x00'::bytea || convert_to(container, 'UTF8')), 'hex'))::bit(128)
      # ('x' || encode(log_hash, 'hex'))::bit(128) as bits
  from dedupe_state d
) keyed;

-- `dedupe_state` stays for backends of the version before that still run beside this one; retention empties it.
comment on table dedupe_state is 'of versions before latest_messages; nothing reads it any more';
