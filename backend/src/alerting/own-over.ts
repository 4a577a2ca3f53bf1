// An own record's cause is gone -> those who were told of it are told that it is over, in the same thread of mails. Without
// grouping there are no episodes, and a further record says it.

import { inTransaction, type Pool } from '../db/pool.ts';
import { lockBudgets } from '../outbox/budgets.ts';
import { endEpisodeOf } from './episodes.ts';
import { alertsChannel } from './keep-alerts.ts';
import { type OwnRecord, type OwnRecords, ownIssue } from './own-records.ts';
import type { AlertSettings } from './plan-alerts.ts';

export interface OwnOverOptions {
  pool: Pool;
  ownRecords: OwnRecords;
  settings: Pick<AlertSettings, 'enabled' | 'to' | 'channels' | 'policy'>;
  /** Makes ids. */
  newId: () => string;
}

/**
 * Ends the issue of the record's kind and subject. Said again, it does nothing.
 * @param record says that it is over, in place of what was amiss; stored only without grouping, where its event makes it one.
 */
export async function tellOwnOver(options: OwnOverOptions, record: OwnRecord, now: number): Promise<void> {
  const { pool, ownRecords, settings, newId } = options;
  if (settings.policy?.grouping !== 'on') {
    await ownRecords.raise({ severity: 'info', ...record });
    return;
  }
  await inTransaction(pool, async (client) => {
    await lockBudgets(client);
    const isEnded = await endEpisodeOf(client, ownIssue(record), record.message, settings, now, newId);
    if (isEnded) await client.query(`select pg_notify($1, '')`, [alertsChannel]);
  });
}
