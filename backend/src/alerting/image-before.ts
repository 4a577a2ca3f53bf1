// The image that a container had before, when it was another one lately: a deployment explains many a new error.

import { firstIdOf } from '../db/partitions.ts';
import type { PoolClient } from '../db/pool.ts';
import { bucketOfId, timeOfId } from '../db/record-id.ts';

/** So long a change is told of, and so many of the container's records are looked at for it. */
const lookBackMs = 86_400_000;
const maxRecords = 200;

export interface ImageBefore {
  image: string | null;
  imageId: string | null;
  /** ISO 8601: of the latest record from it. */
  lastAt: string;
}

interface Imaged {
  image: string | null;
  imageId: string | null;
}

/** @returns undefined when it was the same, or when that is not known. */
export async function readImageBefore(
  client: PoolClient,
  record: { id: string; host: string; container: string } & Imaged,
): Promise<ImageBefore | undefined> {
  if (record.image === null && record.imageId === null) return undefined;
  const { rows } = await client.query<ImageBefore>(
    `select image, fields->>'image_id' as "imageId", received_at as "lastAt"
     from log_records
     where bucket = $1 and id < $2 and id >= $3 and host = $4 and container = $5
     order by id desc
     limit ${maxRecords}`,
    [
      bucketOfId(record.id),
      record.id,
      firstIdOf(timeOfId(record.id) - lookBackMs),
      record.host,
      record.container,
    ],
  );
  return rows.find((earlier) => isAnother(earlier, record));
}

function isAnother(a: Imaged, b: Imaged): boolean {
  if (a.imageId !== null && b.imageId !== null) return a.imageId !== b.imageId;
  return a.image !== null && b.image !== null && a.image !== b.image;
}
