// What watching finds amiss, and is so still -> the own issues that tell of it. Nothing is heard of these while it lasts: their
// silence is no sign that they are over.

import type { PoolClient } from '../db/pool.ts';
import { isOwnIssue, ownIssue } from './own-records.ts';

/** @returns their fingerprints. @param asked asks for the incidents only where one of these may be among them. */
export async function lastingIssues(
  client: PoolClient,
  asked: readonly string[],
): Promise<ReadonlySet<string>> {
  if (!asked.some(isOwnIssue)) return new Set();
  const { rows } = await client.query<{ kind: string; subject: string }>(
    'select kind, subject from incidents',
  );
  return new Set(rows.map(ownIssue));
}
