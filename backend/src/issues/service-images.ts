// Records -> which images each service ran from, and since when: "did it change lately?". Beside the ingest transaction,
// and rare: this process remembers what it has written.

import { onConnection, type Pool, type PoolClient } from '../db/pool.ts';
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
/** Of a service, an image and its id together. The table's key takes 2,704, and references have some hundreds. */
const mostBytes = 2_500;
/** Images that wait for the write under way. */
const mostWaiting = 1_000;

/**
 * Makes what is told of records after they were stored. It waits for nothing: what comes while a write is under way is kept,
 * up to a bound, and written after it. What could not be written is tried again with the next record.
 */
export function createImageNotes(pool: Pool, onError: (error: Error) => void) {
  const known = new Set<string>();
  let waiting = new Map<string, unknown[]>();
  let isWriting = false;

  async function write(): Promise<void> {
    isWriting = true;
    while (waiting.size > 0) {
      const rows = waiting;
      waiting = new Map();
      try {
        await writeImages(pool, rows);
        if (known.size > mostKnown) known.clear();
        for (const key of rows.keys()) known.add(key);
      } catch (error) {
        onError(error as Error);
      }
    }
    isWriting = false;
  }

  return function noteImages(records: readonly Imaged[]): void {
    let before: Imaged | undefined;
    for (const record of records) {
      const { service, image, fields, receivedAt } = record;
      if (image === null || (before && isSameImage(record, before))) continue;
      before = record;
      const imageId = typeof fields?.image_id === 'string' ? fields.image_id.slice(0, 64) : '';
      const key = `${service}\0${image}\0${imageId}`;
      // Above the bound it is noted with a later record.
      if (known.has(key) || waiting.has(key) || waiting.size >= mostWaiting) continue;
      // In one statement with the others it would keep them from being written.
      if (Buffer.byteLength(key) > mostBytes) continue;
      waiting.set(key, [service, image, imageId, receivedAt]);
    }
    if (waiting.size > 0 && !isWriting) void write();
  };
}

/** Most records come after one of the same; `fields` are each record's own, so they are the same only where there are none. */
function isSameImage(a: Imaged, b: Imaged): boolean {
  return a.service === b.service && a.image === b.image && a.fields === b.fields;
}

async function writeImages(pool: Pool, rows: ReadonlyMap<string, unknown[]>): Promise<void> {
  await onConnection(pool, (client) =>
    upsert(
      client,
      [...rows].sort(([a], [b]) => byText(a, b)).map(([, row]) => row),
      (values) => `
        insert into service_images as s (service, image, image_id, first_seen)
        values ${values}
        on conflict (service, image, image_id) do nothing`,
    ),
  );
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
