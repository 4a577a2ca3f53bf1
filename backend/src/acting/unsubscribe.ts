// A recipient who wants no more mails. Kept apart from the recipients, so that it also holds for addresses of ALERT_EMAIL_TO
// and of rules, which stand in a file that we cannot change; whoever adds the address again has the last word.

import type { Pool, PoolClient } from '../db/pool.ts';

/** @param at ISO 8601. @returns whether anything changed. */
export async function unsubscribe(client: PoolClient, address: string, at: string): Promise<boolean> {
  const { rowCount } = await client.query(
    'insert into unsubscriptions (address, at) values ($1, $2) on conflict (address) do nothing',
    [address, at],
  );
  await client.query(
    `update email_recipients
     set is_active = false, deactivated_at = $2, deactivated_because = 'unsubscribed'
     where email = $1 and is_active`,
    [address, at],
  );
  return rowCount === 1;
}

/** Takes it back. One who has a row among the recipients is active again. */
export async function subscribe(client: PoolClient, address: string): Promise<void> {
  await client.query('delete from unsubscriptions where address = $1', [address]);
  await client.query(
    `update email_recipients
     set is_active = true, deactivated_at = null, deactivated_because = null
     where email = $1 and deactivated_because = 'unsubscribed'`,
    [address],
  );
}

/**
 * Whether an address was a recipient and is none any more: unsubscribed, or taken off.
 * @param to `ALERT_EMAIL_TO`, which applies while nobody else is active, whoever was taken off before.
 */
export async function isTakenOff(pool: Pool, address: string, to: readonly string[]): Promise<boolean> {
  const { rows } = await pool.query(
    `select 1 from unsubscriptions where address = $1
     union all
     select 1 from email_recipients
     where email = $1 and not is_active
       and not ($2 and not exists (select from email_recipients where is_active))`,
    [address, to.includes(address)],
  );
  return rows.length > 0;
}

export async function isUnsubscribed(client: Pool | PoolClient, address: string): Promise<boolean> {
  const { rows } = await client.query('select 1 from unsubscriptions where address = $1', [address]);
  return rows.length > 0;
}
