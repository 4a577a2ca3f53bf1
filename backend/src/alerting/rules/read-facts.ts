// A stored record -> what rules look at.

import type { Pool } from '../../db/pool.ts';
import { bucketOfId } from '../../db/record-id.ts';
import { patternSees } from './pattern.ts';
import type { RecordFacts } from './rule-set.ts';

/** @param service of its issue. @returns undefined when there is no such record. */
export async function readFacts(
  pool: Pool,
  recordId: string,
  service: string | undefined,
): Promise<RecordFacts | undefined> {
  const { rows } = await pool.query<Omit<RecordFacts, 'service'>>(
    `select host, container, severity, image, labels, left(message, ${patternSees}) as message
     from log_records
     where id = $1 and bucket = $2`,
    [recordId, bucketOfId(recordId)],
  );
  return rows[0] && { ...rows[0], service: service ?? rows[0].container };
}
