-- Lets people act from a mail: keys of signed links, links that were used, mutes that end by themselves, an issue's history, and unsubscriptions. Under a second.

-- Why, by whom and until when an issue is muted beyond muted_until and muted_until_count, and how many of its records were
-- held back by mutes since its alert before.
alter table issues
  add column mute jsonb,                            -- backend/src/ingest/types.ts: Mute
  add column muted_held bigint not null default 0;
alter table alerts
  add column held_muted bigint not null default 0,  -- of `held`, those held back by a mute
  add column mute_note text;                        -- which mute it ended, in words; null: none

-- Keys that sign the links in mails; the newest signs, and all of these verify. A small plain table, also on Citus.
create table link_keys (
  id int primary key,                   -- 1 and up; its low 8 bits stand in a link
  secret bytea not null,
  created_at timestamptz not null,
  verifies_until timestamptz            -- null: until it is replaced
);

-- Links that were used: each works once, whichever backend is asked. Kept until the link would have expired.
create table used_links (
  signature bytea primary key,          -- of the link
  purpose text not null,
  issue_id uuid,
  used_by text not null,
  used_at timestamptz not null,
  expires_at timestamptz not null
);

-- What people, and mutes that ended, did to issues.
create table issue_history (
  id uuid primary key,                  -- UUIDv7
  issue_id uuid not null,
  at timestamptz not null,
  who text not null,                    -- a recipient; 'api'; 'log-detector' itself
  what text not null,                   -- 'muted', 'mute-over', 'resolved', 'opened', 'excluded'
  detail text not null
);
-- The history of an issue.
create index issue_history_issue on issue_history (issue_id, id);

-- Who wants no more mails. Also holds for addresses of ALERT_EMAIL_TO and of rules, which have no row elsewhere.
create table unsubscriptions (
  address text primary key,
  at timestamptz not null
);

-- Read together with email_recipients, which is a reference table too.
do $$
begin
  if exists (select 1 from pg_extension where extname = 'citus') then
    perform create_reference_table('unsubscriptions');
  end if;
end
$$;
