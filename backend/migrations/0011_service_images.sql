-- Remembers from which images a service ran, and since when; filled from now on. Under a second; nothing that was there changes.

-- One row for each image of a service, written when a backend first hears of it. On Citus it stays a plain table of the
-- coordinator: it is small, and no ingest transaction writes it.
create table service_images (
  service text not null,
  image text not null,                  -- as the container names it
  image_id text not null,               -- first digits of its id; empty where the agent does not say it
  first_seen timestamptz not null,      -- of a record
  primary key (service, image, image_id)
);
-- The latest images of a service.
create index service_images_latest on service_images (service, first_seen desc);
