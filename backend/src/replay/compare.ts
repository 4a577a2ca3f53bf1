// Two replays of the same records, one with the rules in force and one with those proposed -> what each would have sent, and
// what would no longer be told, or be told anew. Pure.

import type { WaitingAlert } from '../alerting/gather.ts';
import type { RuleSet } from '../alerting/rules/rule-set.ts';
import type { RuleState } from '../alerting/rules/types.ts';
import type { Target } from '../alerting/targets.ts';
import type { ReplayedMail } from './memory-outbox.ts';
import type { Replayed, ReplayRecord } from './replay.ts';

export interface ComparedMail {
  /** ISO 8601. */
  at: string;
  to: string;
  subject: string;
  issues: number;
  /** Names of the rules that its first alert went by. */
  rules: readonly string[];
}

export interface ComparedAlert {
  at: string;
  to: string;
  /** `new` and so on, and the issue. */
  state: string;
  issue: string;
  service: string;
  recordId: string;
  /** What the other rules make of its record. */
  because: string;
  rules: readonly string[];
}

export interface Comparison {
  records: number;
  issues: number;
  /** ISO 8601; null: there are no records. */
  from: string | null;
  to: string | null;
  proposed: ComparedMail[];
  inForce: ComparedMail[];
  /** Told by the rules in force, and not by those proposed: an issue and a place, the first time each. */
  noLonger: ComparedAlert[];
  anew: ComparedAlert[];
  /** Records by decision, with the proposed rules. */
  decisions: Record<string, number>;
}

export interface Side {
  replay: Replayed;
  rules: RuleSet;
}

export function compareReplays(records: readonly ReplayRecord[], proposed: Side, inForce: Side): Comparison {
  const byId = new Map(records.map((record) => [record.draft.id, record]));
  const keys = new Set(records.map(({ draft, group }) => `${group.fingerprint}\0${draft.service}`));
  const times = records.map(({ draft }) => draft.receivedAtMs);
  const decisions: Record<string, number> = {};
  for (const { reason } of proposed.replay.decisions.values())
    decisions[reason] = (decisions[reason] ?? 0) + 1;
  return {
    records: records.length,
    issues: keys.size,
    from: times.length > 0 ? new Date(times[0]!).toISOString() : null,
    to: times.length > 0 ? new Date(times.at(-1)!).toISOString() : null,
    proposed: mailsOf(proposed, byId),
    inForce: mailsOf(inForce, byId),
    noLonger: missing(inForce, proposed, byId),
    anew: missing(proposed, inForce, byId),
    decisions,
  };
}

function mailsOf({ replay, rules }: Side, records: ReadonlyMap<string, ReplayRecord>): ComparedMail[] {
  return replay.mails.map(({ at, to, subject, alerts }) => ({
    at: new Date(at).toISOString(),
    to: placeOf(to),
    subject,
    issues: new Set(alerts.map(({ issueId }) => issueId)).size,
    rules: alerts[0] ? rulesOf(alerts[0], rules, records) : [],
  }));
}

/** What one side tells and the other does not: an issue to a place, whenever. */
function missing(told: Side, other: Side, records: ReadonlyMap<string, ReplayRecord>): ComparedAlert[] {
  const known = new Set(
    other.replay.mails.flatMap((mail) => mail.alerts.map((alert) => keyOf(alert, mail, records))),
  );
  const found = new Map<string, ComparedAlert>();
  for (const mail of told.replay.mails)
    for (const alert of mail.alerts) {
      const key = keyOf(alert, mail, records);
      if (known.has(key) || found.has(key)) continue;
      const record = records.get(alert.recordId);
      const decision = other.replay.decisions.get(alert.recordId);
      found.set(key, {
        at: new Date(mail.at).toISOString(),
        to: placeOf(mail.to),
        state: alert.reason,
        issue: record?.group.title ?? alert.fingerprint,
        service: alert.service,
        recordId: alert.recordId,
        because: decision?.notify ? 'told elsewhere' : (decision?.reason ?? 'not told'),
        rules: rulesOf(alert, other.rules, records),
      });
    }
  return [...found.values()];
}

function rulesOf(
  alert: WaitingAlert,
  rules: RuleSet,
  records: ReadonlyMap<string, ReplayRecord>,
): readonly string[] {
  const record = records.get(alert.recordId);
  if (!record) return [];
  return rules.at(record.draft.receivedAtMs).ask(record.draft, alert.reason as RuleState).by;
}

function keyOf(
  { recordId, fingerprint, service }: WaitingAlert,
  { to }: ReplayedMail,
  records: ReadonlyMap<string, ReplayRecord>,
): string {
  // Without grouping each record is told for itself.
  const record = records.get(recordId);
  return [record?.group.fingerprint ?? fingerprint, service, placeOf(to)].join('\0');
}

function placeOf({ channel, toAddress }: Target): string {
  return channel === 'email' ? toAddress : `channel ${toAddress}`;
}
