// Why a record did, or didn't, make a mail: its decision, and what became of the alert for each recipient.

import type { RecordDecisions } from '@log-detector/contract';
import type { Pool } from '../db/pool.ts';
import { bucketOfId } from '../db/record-id.ts';
import { explain } from './explain.ts';
import { droppedBecause } from './history.ts';
import { readFacts } from './rules/read-facts.ts';
import { emptyRuleSet, type RuleSet } from './rules/rule-set.ts';
import type { RuleState } from './rules/types.ts';

interface RecordRow {
  notify: boolean;
  reason: string;
  issue_id: string | null;
  received_at: string;
}

type AlertRow = RecordDecisions['alerts'][number];

/** @param rules those in force. @returns undefined when there is no such record. */
export async function decisionsOfRecord(
  pool: Pool,
  recordId: string,
  rules: RuleSet = emptyRuleSet,
): Promise<RecordDecisions | undefined> {
  const { rows } = await pool.query<RecordRow>(
    'select notify, reason, issue_id, received_at from log_records where id = $1 and bucket = $2',
    [recordId, bucketOfId(recordId)],
  );
  const record = rows[0];
  if (!record) return undefined;
  const { rows: alerts } = await pool.query<Omit<AlertRow, 'explanation'> & { channel: string }>(
    `select a.channel, a.to_address, a.reason, a.status as state, a.held, a.created_at, a.notification_id,
       n.reason as mail, n.status as mail_status, n.error_message
     from alerts a
     left join notifications n on n.id = a.notification_id
     where a.record_id = $1
     union all
     select n.channel, n.to_address, n.reason, 'mailed', 0, n.created_at, n.id, n.reason, n.status, n.error_message
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
    rules: await rulesOf(pool, recordId, record, rules),
    alerts: alerts.map(({ channel, ...alert }) => ({
      ...alert,
      ...(alert.state === 'dropped' ? { error_message: droppedBecause(channel) } : {}),
      explanation: explain(alert.reason),
    })),
  };
}

/** Names of the rules that match the record; of those that ask for a state, the ones that its alert met. */
async function rulesOf(
  pool: Pool,
  recordId: string,
  { issue_id, notify, reason, received_at }: RecordRow,
  rules: RuleSet,
): Promise<string[]> {
  if (rules.isEmpty) return [];
  const { rows: issues } = await pool.query<{ service: string }>('select service from issues where id = $1', [
    issue_id,
  ]);
  const facts = await readFacts(pool, recordId, issues[0]?.service);
  if (!facts) return [];
  const state = notify ? (reason as RuleState) : null;
  return [...rules.at(Date.parse(received_at)).ask(facts, state).by];
}
