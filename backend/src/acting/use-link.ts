// A link that is pressed -> used, once, whichever backend is asked: the row that says so is written in the transaction that
// does what the link is for, so that a crash in between leaves it unused and undone.

import type { SignedLink } from '../alerting/links/token.ts';
import type { Pool, PoolClient } from '../db/pool.ts';

export interface Use {
  by: string;
  /** ISO 8601. */
  at: string;
}

/** @returns undefined when the link is ours to use now; else who used it, and when. */
export async function claimLink(client: PoolClient, link: SignedLink, at: string): Promise<Use | undefined> {
  // Waits for whoever is using the same link right now.
  const { rowCount } = await client.query(
    `insert into used_links (signature, purpose, issue_id, used_by, used_at, expires_at)
     values ($1, $2, $3, $4, $5, $6)
     on conflict (signature) do nothing`,
    [link.signature, link.purpose, link.issueId ?? null, link.recipient, at, new Date(link.expiresAt)],
  );
  return rowCount === 1 ? undefined : readUse(client, link);
}

export async function readUse(client: Pool | PoolClient, link: SignedLink): Promise<Use | undefined> {
  const { rows } = await client.query<Use>(
    'select used_by as by, used_at as at from used_links where signature = $1',
    [link.signature],
  );
  return rows[0];
}
