// Why a record did, or didn't, make a mail: its decision, and what became of the alert for each recipient.

import type { RecordDecisions } from '@log-detector/contract';
import type { Pool } from '../db/pool.ts';
import { bucketOfId } from '../db/record-id.ts';
import { explain } from './explain.ts';

interface RecordRow {
  notify: boolean;
  reason: string;
  issue_id: string | null;
  received_at: string;
}

type AlertRow = RecordDecisions['alerts'][number];

/** @returns undefined when there is no such record. */
export async function decisionsOfRecord(pool: Pool, recordId: string): Promise<RecordDecisions | undefined> {
  const { rows } = await pool.query<RecordRow>(
    'select notify, reason, issue_id, received_at from log_records where id = $1 and bucket = $2',
    [recordId, bucketOfId(recordId)],
  );
  const record = rows[0];
  if (!record) return undefined;
  const { rows: alerts } = await pool.query<Omit<AlertRow, 'explanation'>>(
    `select a.to_address, a.reason, a.status as state, a.held, a.created_at, a.notification_id,
       n.reason as mail, n.status as mail_status, n.error_message
     from alerts a
     left join notifications n on n.id = a.notification_id
     where a.record_id = $1
     union all
     select n.to_address, n.reason, 'mailed', 0, n.created_at, n.id, n.reason, n.status, n.error_message
     from notifications n
     where n.record_id = $1 and not exists (select from alerts a where a.notification_id = n.id)
     order by created_at, to_address`,
    [recordId],
  );
  return {
    record_id: recordId,
    issue_id: record.issue_id,
    decided_at: record.received_at,
    notify: record.notify,
    reason: record.reason,
    explanation: explain(record.reason),
    alerts: alerts.map((alert) => ({ ...alert, explanation: explain(alert.reason) })),
  };
}
