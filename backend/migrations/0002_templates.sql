-- Adds the templates that group plain messages; issues made before stay as they are, and new records join grouped ones.

-- Templates of plain messages, shared by all backends. A row is changed only under the advisory lock that
-- ingest/template-store.ts takes, in a short transaction of its own; `seq` says which rows changed since a backend last
-- looked. On Citus it stays a plain table of the coordinator: it is small, and read whole at a backend's start.
create table templates (
  id text primary key,                  -- hash of the first message: the fingerprint is 'v1:' and this
  keys text[] not null,                 -- its pieces; '<*>' was masked, '<?>' was found to vary
  born bigint not null,                 -- the older one of a merge keeps its identity
  merged_into text,                     -- the template that took it over
  live boolean not null,                -- still matches messages: always, unless the one that took it over covers it
  pinned boolean not null default false, -- split off by hand: these messages alone, and no merge takes it over
  seq bigint not null,                  -- number of its latest change
  changed_at timestamptz not null
);
-- What changed since a backend last looked.
create index templates_seq on templates (seq);
