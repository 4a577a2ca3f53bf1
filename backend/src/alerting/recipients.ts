// Who gets the mails. Rows stay for ever, because history refers to them; `is_active` says who is meant now.

import type { Recipient } from '@log-detector/contract';
import type { Pool, PoolClient } from '../db/pool.ts';

type RecipientRow = Recipient & { deactivated_at: string | null; deactivated_because: string | null };

const columns = 'id, email, is_active, created_at, deactivated_at, deactivated_because';

/** In the order they were added. */
export async function listRecipients(pool: Pool, options: { withInactive: boolean }): Promise<Recipient[]> {
  const { rows } = await pool.query<RecipientRow>(
    `select ${columns}
     from email_recipients
     where is_active or $1
     order by created_at, id`,
    [options.withInactive],
  );
  return rows.map(recipientOf);
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
  const { rows } = await pool.query<RecipientRow>(
    `insert into email_recipients (id, email)
     values ${values}
     on conflict (email) do update set is_active = true, deactivated_at = null, deactivated_because = null
     returning ${columns}`,
    sorted.flatMap((address) => [newId(), address]),
  );
  await pool.query('delete from unsubscriptions where address = any($1::text[])', [sorted]);
  const byAddress = new Map(rows.map((row) => [row.email, row]));
  return addresses.map((address) => recipientOf(byAddress.get(address)!));
}

/** Who gets mails now: active recipients, else those of `ALERT_EMAIL_TO`; without those who want none. */
export async function activeAddresses(client: Pool | PoolClient, to: readonly string[]): Promise<string[]> {
  const { rows } = await client.query<{ email: string }>(
    'select email from email_recipients where is_active order by created_at, email',
  );
  const addresses = rows.length > 0 ? rows.map(({ email }) => email) : [...new Set(to)];
  const { rows: unwanted } = await client.query<{ address: string }>(
    'select address from unsubscriptions where address = any($1::text[])',
    [addresses],
  );
  const gone = new Set(unwanted.map(({ address }) => address));
  return addresses.filter((address) => !gone.has(address));
}

/**
 * SQL that says whether an address is sent no more mails: taken off, or unsubscribed. ALERT_EMAIL_TO applies while nobody else
 * is active, whoever was taken off before.
 * @param address SQL for it. @param to SQL for `ALERT_EMAIL_TO`, an array.
 */
export function sqlIsTakenOff(address: string, to: string): string {
  return `exists (
    select from email_recipients r
    where r.email = ${address} and not r.is_active
      and not (${address} = any(${to}) and not exists (select from email_recipients where is_active))
    union all
    select from unsubscriptions u where u.address = ${address}
  )`;
}

/** What to do where mails are on and nobody gets them. No mistake: recipients may come by the API. */
export const nobodyToSendTo = 'there is nobody to send to: set ALERT_EMAIL_TO or POST /api/recipients';

/** @returns the recipient, now inactive, or undefined when there is none with this id. */
export async function deactivateRecipient(pool: Pool, id: string): Promise<Recipient | undefined> {
  const { rows } = await pool.query<RecipientRow>(
    `update email_recipients
     set is_active = false, deactivated_at = case when is_active then $2 else deactivated_at end
     where id = $1
     returning ${columns}`,
    [id, new Date()],
  );
  return rows[0] && recipientOf(rows[0]);
}

/** That someone asked for it needs no saying. */
function recipientOf({
  deactivated_at: at,
  deactivated_because: because,
  ...recipient
}: RecipientRow): Recipient {
  return because && at && !recipient.is_active
    ? { ...recipient, deactivated_at: at, deactivated_because: because }
    : recipient;
}
