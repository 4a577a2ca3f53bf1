// What was decided -> rows, in the ingest transaction: the alerts that wait to be mailed, and what is remembered of their
// issues. Two statements and a NOTIFY for a batch that alerts, and none for one that does not.

import type { PoolClient } from '../db/pool.ts';
import { byText, upsert } from '../db/values.ts';
import type { AlertPlan, IssueNote, MuteChange, NewAlert } from '../ingest/types.ts';
import { addHistory } from './issue-history.ts';

/** PostgreSQL's NOTIFY channel on which ingest tells that alerts wait. */
export const alertsChannel = 'log_detector_alerts';

/** @param createdAt ISO 8601: when the records were received. */
export async function keepAlerts(client: PoolClient, plan: AlertPlan, createdAt: string): Promise<void> {
  if (plan.notes && plan.notes.length > 0) await noteIssues(client, plan.notes);
  for (const change of plan.muteChanges ?? []) await noteMute(client, change, createdAt);
  if (!plan.alerts || plan.alerts.length === 0) return;
  await insertAlerts(client, plan.alerts, createdAt);
  await client.query(`select pg_notify($1, '')`, [alertsChannel]);
}

/** The rows exist, and this transaction has locked them; an upsert, because it is what Citus takes for many rows at once. */
async function noteIssues(client: PoolClient, notes: readonly IssueNote[]): Promise<void> {
  const rows = notes
    .toSorted((a, b) => byText(keyOf(a), keyOf(b)))
    .map(({ issue, recordId, notifiedAt, notifiedCount, alertState }) => [
      issue.fingerprint,
      issue.service,
      issue.id,
      issue.title,
      '',
      issue.firstSeen,
      issue.lastSeen,
      0,
      [],
      [],
      recordId,
      notifiedAt,
      notifiedCount,
      JSON.stringify(alertState),
    ]);
  await upsert(
    client,
    rows,
    (values) => `
      insert into issues as i (
        fingerprint, service, id, title, severity, first_seen, last_seen, count, hosts, containers, last_record_id,
        notified_at, notified_count, alert_state)
      values ${values}
      on conflict (fingerprint, service) do update
      set notified_at = excluded.notified_at,
        notified_count = excluded.notified_count,
        alert_state = excluded.alert_state`,
  );
}

/** Rare: a mute ends once. The row is locked by this transaction. */
async function noteMute(client: PoolClient, change: MuteChange, at: string): Promise<void> {
  const { issue, ended, mutedHeld } = change;
  await client.query(
    `update issues
     set muted_held = $3,
       state = case when $4 then 'open' else state end,
       mute = case when $4 then null else mute end,
       muted_until = case when $4 then null else muted_until end,
       muted_until_count = case when $4 then null else muted_until_count end
     where fingerprint = $1 and service = $2`,
    [issue.fingerprint, issue.service, mutedHeld, ended !== null],
  );
  if (ended !== null)
    await addHistory(client, {
      issueId: issue.id,
      at,
      who: 'log-detector',
      what: 'mute-over',
      detail: ended,
    });
}

function keyOf({ issue }: IssueNote): string {
  return `${issue.fingerprint}\0${issue.service}`;
}

/** Also used for the alerts that no record makes. */
export async function insertAlerts(
  client: PoolClient,
  alerts: readonly NewAlert[],
  createdAt: string,
): Promise<void> {
  const rows = alerts.flatMap((alert) =>
    alert.recipients.map(({ id, channel, toAddress }) => ({ alert, id, channel, toAddress })),
  );
  await client.query(
    `insert into alerts
       (id, to_address, record_id, bucket, part_ids, issue_id, fingerprint, service, reason, is_first, episode, held, count,
        held_muted, mute_note, channel, severity, created_at)
     select a.id, a.to_address, a.record_id, a.bucket, string_to_array(a.part_ids, ',')::uuid[], a.issue_id, a.fingerprint,
       a.service, a.reason, a.is_first, a.episode, a.held, a.count,
       a.held_muted, a.mute_note, a.channel, a.severity, $14::timestamptz
     from unnest($1::uuid[], $2::text[], $3::uuid[], $4::int[], $5::text[], $6::uuid[], $7::text[], $8::text[], $9::text[],
       $10::boolean[], $11::uuid[], $12::bigint[], $13::bigint[], $15::bigint[], $16::text[],
       $17::text[], $18::text[])
       as a (id, to_address, record_id, bucket, part_ids, issue_id, fingerprint, service, reason, is_first, episode, held,
         count, held_muted, mute_note, channel, severity)`,
    [
      rows.map(({ id }) => id),
      rows.map(({ toAddress }) => toAddress),
      rows.map(({ alert }) => alert.recordId),
      rows.map(({ alert }) => alert.bucket),
      rows.map(({ alert }) => alert.partIds.join(',')),
      rows.map(({ alert }) => alert.issueId),
      rows.map(({ alert }) => alert.fingerprint),
      rows.map(({ alert }) => alert.service),
      rows.map(({ alert }) => alert.reason),
      rows.map(({ alert }) => alert.isFirst),
      rows.map(({ alert }) => alert.episode),
      rows.map(({ alert }) => alert.held),
      rows.map(({ alert }) => alert.count),
      createdAt,
      rows.map(({ alert }) => alert.heldMuted ?? 0),
      rows.map(({ alert }) => alert.note ?? null),
      rows.map(({ channel }) => channel),
      rows.map(({ alert }) => alert.severity ?? null),
    ],
  );
}
