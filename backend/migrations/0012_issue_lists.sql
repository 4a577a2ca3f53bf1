-- Lists of issues by index, however many there are: rewrites the table of issues once, a second or so for each 100,000 of them.

-- What lists sort by, only coarser. `last_seen` and `count` change with every batch, and an index on them would cost each
-- as much again as the change itself; these change once in five minutes and when the count has doubled, so that all other
-- changes touch no index (heap-only tuples). Within one value a list sorts what it reads.
alter table issues
  add column seen_from timestamp generated always as    -- UTC; the five minutes that last_seen is in
    (date_bin('5 minutes', last_seen at time zone 'UTC', timestamp '2000-01-01')) stored,
  add column count_size int generated always as         -- floor of the count's binary logarithm, or about: it never falls as the count grows
    (floor(ln(greatest(count, 1)::float8) * 1.4427)::int) stored;

-- The latest issues.
create index issues_seen on issues (seen_from);
-- The same of one state, of one service.
create index issues_state_seen on issues (state, seen_from);
create index issues_service_seen on issues (service, seen_from);
-- Sorted by first_seen, by count.
create index issues_first_seen on issues (first_seen, id);
create index issues_count_size on issues (count_size);
-- An index of the titles' trigrams is made by upkeep, once pg_trgm is there.
