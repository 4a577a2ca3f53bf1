// The keys that sign links: of LINK_SECRET, or kept in the database, where the first backend that needs one makes it. A new
// key signs from then on; the ones before it verify until the last link that they signed has expired, or are revoked at once.

import { createHash, randomBytes } from 'node:crypto';
import { inTransaction, type Pool, type PoolClient } from '../../db/pool.ts';
import { longestLinkMs } from './lifetimes.ts';
import type { LinkKey } from './token.ts';

const secretBytes = 32;

/**
 * The key that signs: the first of LINK_SECRET, or the newest of the database, which is made when there is none.
 * @param linkSecrets `LINK_SECRET`. @param now ms since the epoch.
 */
export async function signingKey(
  client: Pool | PoolClient,
  linkSecrets: readonly string[],
  now: number,
): Promise<LinkKey> {
  const [known] = await verifyingKeys(client, linkSecrets, now);
  if (known) return known;
  // Of several backends that find none, one makes it, and the others wait for its commit.
  await client.query(
    'insert into link_keys (id, secret, created_at) values (1, $1, $2) on conflict (id) do nothing',
    [randomBytes(secretBytes), new Date(now)],
  );
  const [made] = await verifyingKeys(client, linkSecrets, now);
  if (!made) throw new Error('bug: no key signs links');
  return made;
}

/** The keys whose links are taken; the first one signs. Every backend with the same LINK_SECRET gives the same answer. */
export async function verifyingKeys(
  client: Pool | PoolClient,
  linkSecrets: readonly string[],
  now: number,
): Promise<LinkKey[]> {
  return linkSecrets.length > 0 ? linkSecrets.map(keyOfSecret) : readKept(client, now);
}

async function readKept(client: Pool | PoolClient, now: number): Promise<LinkKey[]> {
  const { rows } = await client.query<{ id: number; secret: Buffer }>(
    `select id, secret
     from link_keys
     where verifies_until is null or verifies_until > $1
     order by id desc`,
    [new Date(now)],
  );
  return rows.map(({ id, secret }) => ({ number: id & 255, secret }));
}

function keyOfSecret(text: string): LinkKey {
  const secret = createHash('sha256').update('log-detector LINK_SECRET\0').update(text).digest();
  return { number: createHash('sha256').update(secret).digest()[0]!, secret };
}

/**
 * Makes a new key that signs from now on.
 * @param revoke links that were sent before stop working at once; else they work until they expire.
 * @returns the number of the new key.
 */
export function rotateLinkKey(pool: Pool, revoke: boolean, now: number): Promise<number> {
  return inTransaction(pool, async (client) => {
    await client.query('lock table link_keys in share row exclusive mode');
    const { rows } = await client.query<{ id: number }>(
      'select coalesce(max(id), 0) + 1 as id from link_keys',
    );
    const { id } = rows[0]!;
    const until = new Date(revoke ? now : now + longestLinkMs);
    await client.query('update link_keys set verifies_until = least(coalesce(verifies_until, $1), $1)', [
      until,
    ]);
    await client.query('insert into link_keys (id, secret, created_at) values ($1, $2, $3)', [
      id,
      randomBytes(secretBytes),
      new Date(now),
    ]);
    return id;
  });
}
