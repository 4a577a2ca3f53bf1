// Who gets the mails. Rows stay for ever, because history refers to them; `is_active` says who is meant now.

import type { Recipient } from '@log-detector/contract';
import type { Pool } from '../db/pool.ts';

const columns = 'id, email, is_active, created_at';

/** In the order they were added. */
export async function listRecipients(pool: Pool, options: { withInactive: boolean }): Promise<Recipient[]> {
  const { rows } = await pool.query<Recipient>(
    `select ${columns}
     from email_recipients
     where is_active or $1
     order by created_at, id`,
    [options.withInactive],
  );
  return rows;
}

/**
 * Adds what is missing and makes the others active again, also who unsubscribed.
 * @param addresses checked ones, each once. @param newId makes the ids of new rows.
 * @returns one recipient per address, in their order.
 */
export async function addRecipients(
  pool: Pool,
  addresses: readonly string[],
  newId: () => string,
): Promise<Recipient[]> {
  if (addresses.length === 0) return [];
  // Sorted, so that two requests with the same addresses lock them in the same order and cannot deadlock.
  const sorted = [...addresses].sort();
  const values = sorted.map((_, n) => `($${2 * n + 1}::uuid, $${2 * n + 2})`).join(', ');
  const { rows } = await pool.query<Recipient>(
    `insert into email_recipients (id, email)
     values ${values}
     on conflict (email) do update set is_active = true
     returning ${columns}`,
    sorted.flatMap((address) => [newId(), address]),
  );
  await pool.query('delete from unsubscriptions where address = any($1::text[])', [sorted]);
  const byAddress = new Map(rows.map((row) => [row.email, row]));
  return addresses.map((address) => byAddress.get(address)!);
}

/** @returns the recipient, now inactive, or undefined when there is none with this id. */
export async function deactivateRecipient(pool: Pool, id: string): Promise<Recipient | undefined> {
  const { rows } = await pool.query<Recipient>(
    `update email_recipients set is_active = false where id = $1 returning ${columns}`,
    [id],
  );
  return rows[0];
}
