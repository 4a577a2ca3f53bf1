// Records -> which images each service ran from, and since when: "did it change lately?". Beside the ingest transaction,
// and rare: this process remembers what it has written.

import type { Pool, PoolClient } from '../db/pool.ts';
import { byText, upsert } from '../db/values.ts';
import type { IncomingRecord } from '../ingest/types.ts';

export interface ServiceImage {
  image: string;
  /** First digits of its id; empty when no agent said it. */
  image_id: string;
  /** ISO 8601: of the first record from it. */
  first_seen: string;
}

type Imaged = Pick<IncomingRecord, 'service' | 'image' | 'fields'> & { receivedAt: string };

/** Images remembered as written; above this the process asks the table again. */
const mostKnown = 20_000;

/** Makes what is told of records after they were stored. It waits for nothing; what could not be written is tried again with the next record. */
export function createImageNotes(pool: Pool, onError: (error: Error) => void) {
  const known = new Set<string>();
  let writing: Promise<void> | undefined;

  async function write(rows: ReadonlyMap<string, unknown[]>): Promise<void> {
    await writeImages(pool, rows);
    if (known.size > mostKnown) known.clear();
    for (const key of rows.keys()) known.add(key);
  }

  return function noteImages(records: readonly Imaged[]): void {
    // One write at a time: what comes meanwhile is noted with a later record.
    if (writing) return;
    const rows = new Map<string, unknown[]>();
    for (const { service, image, fields, receivedAt } of records) {
      if (image === null) continue;
      const imageId = typeof fields?.image_id === 'string' ? fields.image_id.slice(0, 64) : '';
      const key = `${service}\0${image}\0${imageId}`;
      if (!known.has(key) && !rows.has(key)) rows.set(key, [service, image, imageId, receivedAt]);
    }
    if (rows.size === 0) return;
    writing = write(rows)
      .catch(onError)
      .finally(() => {
        writing = undefined;
      });
  };
}

async function writeImages(pool: Pool, rows: ReadonlyMap<string, unknown[]>): Promise<void> {
  const client = await pool.connect();
  try {
    await upsert(
      client,
      [...rows].sort(([a], [b]) => byText(a, b)).map(([, row]) => row),
      (values) => `
        insert into service_images as s (service, image, image_id, first_seen)
        values ${values}
        on conflict (service, image, image_id) do nothing`,
    );
  } finally {
    client.release();
  }
}

/** The images that the service ran from, the latest first. */
export async function readServiceImages(
  client: Pool | PoolClient,
  service: string,
  most = 5,
): Promise<ServiceImage[]> {
  const { rows } = await client.query<ServiceImage>(
    `select image, image_id, first_seen
    from service_images
    where service = $1
    order by first_seen desc, image, image_id
    limit $2`,
    [service, most],
  );
  return rows;
}
