// ALERT_GROUPING=on: stored records -> one decision for each of their issues, the alerts that follow, and what is to be
// remembered of the issues. Pure but for the ids it is given the maker of.

import type {
  AlertPlan,
  AlertQuestion,
  Decision,
  HeldReason,
  Issue,
  IssueNote,
  MuteChange,
  NewAlert,
  StoredRecord,
} from '../ingest/types.ts';
import { partsByCoalesceId } from './aggregate.ts';
import { type AlertMemory, decide, type IssueDecision } from './decide.ts';
import { factsOf, noteOf } from './issue-facts.ts';
import { muteStateOf } from './mute.ts';
import { heldByMutes, muteNoteOf } from './mute-ends.ts';
import { isFirstNoise, noiseReason, placesOfNoise } from './noise-alerts.ts';
import type { AlertPolicy } from './policy.ts';
import { firstAndOthers, oweRegressions, remembering, routeOf } from './rules/apply.ts';
import { createJudge, placeName } from './rules/judge.ts';
import type { RuleSet } from './rules/rule-set.ts';
import { hasPhase, judgeNoise } from './startup-noise.ts';
import type { AlertChannel, Target } from './targets.ts';

export interface GroupedSettings {
  enabled: boolean;
  /** The default ones, each once. */
  recipients: readonly Target[];
  policy: AlertPolicy;
  /** Whether mails are sent, beside channels; left out: they are. */
  mailsOn?: boolean;
  /** The rules in force; left out: none. */
  rules?: RuleSet | undefined;
  /** Of RULES_FILE. */
  channels?: readonly AlertChannel[] | undefined;
}

/** @param newId makes ids of alerts and episodes. */
export function planGrouped(
  question: AlertQuestion,
  settings: GroupedSettings,
  newId: () => string,
): AlertPlan {
  const { records, now } = question;
  const { enabled, recipients, policy, mailsOn = true, rules, channels = [] } = settings;
  const judge = createJudge(rules, question.ruleCounts, now);
  if (!enabled) return holdAll(records, 'disabled');
  if (recipients.length === 0 && !judge.routes) return holdAll(records, 'no-recipients');

  const speakers = speakerOfEachIssue(records.filter((record) => judge.heldBefore(record) === null));
  const parts = partsByCoalesceId(records);
  const ofIssue = judge.routes ? byIssue(records) : undefined;
  const told = new Map<string, ToldTogether>();
  const decisions = new Map<Issue, IssueDecision | { notify: false; reason: HeldReason }>();
  const telling = new Map<Issue, StoredRecord>();
  const alerts: NewAlert[] = [];
  const notes: IssueNote[] = [];
  const muteChanges: MuteChange[] = [];
  for (const [issue, first] of speakers) {
    const muteState = muteStateOf(issue, issue.mute?.images ? recordsOf(issue, records) : [], now);
    const ended = muteNoteOf(issue, muteState);
    const heldMuted = heldByMutes(issue, muteState);
    const { cooldownMs: ownCooldownMs } = judge.verdictOf(first);
    const facts = factsOf(issue, muteState);
    if (hasPhase(first)) {
      const shared = first.coalesceId === null ? [] : (parts.get(first.coalesceId) ?? []);
      facts.noise = judgeNoise(recordsOf(issue, records), shared, facts.memory?.noise, now);
    }
    const asked = decide(facts, now, policy, newId, ownCooldownMs);
    const about = {
      issue,
      first,
      records: ofIssue?.get(issue) ?? [],
      judge,
      recipients,
      unsubscribed: question.unsubscribed,
      mailsOn,
      now,
    };
    const routed = routeOf({ ...about, asked });
    if (isFirstNoise(asked, issue)) {
      const told = routeOf({ ...about, asked: { notify: true, reason: 'new', memory: asked.memory! } });
      const those = placesOfNoise(told.places, channels);
      if (those.length > 0)
        alerts.push({
          recordId: told.record.id,
          bucket: told.record.bucket,
          partIds: partIdsOf(told.record, parts),
          issueId: issue.id,
          fingerprint: issue.fingerprint,
          service: issue.service,
          reason: noiseReason,
          isFirst: false,
          episode: newId(),
          held: 0,
          count: issue.count - issue.added,
          recipients: those.map(({ channel, toAddress }) => ({ id: newId(), channel, toAddress })),
          severity: told.severity,
        });
    }
    const { decision, record, places, severity } = routed;
    // Another issue's alert shows this record already, because they share a coalesce_id: to those who get that one.
    const together = record.coalesceId === null ? undefined : told.get(record.coalesceId);
    const untold = together ? places.filter((place) => !together.places.has(placeName(place))) : places;
    const isTold = decision.notify && together !== undefined && untold.length === 0;
    if (decision.memory) {
      const before = issue.alertState as AlertMemory | null;
      const memory = judge.routes
        ? remembering(decision.memory, before, routed, ownCooldownMs)
        : decision.memory;
      // For the others its cooldown goes on.
      const note = noteOf(issue, record, routed.isExtra ? asked : decision, memory, now);
      // The other mail shows the record, and says nothing of what was held back before it.
      if (isTold && !routed.isExtra) note.notifiedCount = (issue.notifiedCount ?? 0) + 1;
      notes.push(note);
    }
    if (together && decision.notify) tellAsWorst(together.alerts, severity);
    decisions.set(issue, isTold ? { notify: false, reason: 'coalesced' } : decision);
    telling.set(issue, record);
    const tells = decision.notify && !isTold;
    // Those who hear of it beside the others were sent nothing before.
    const tellsHeld = tells && !routed.isExtra;
    if (ended !== null || (tellsHeld && heldMuted > 0))
      muteChanges.push({ issue, ended, mutedHeld: tellsHeld ? 0 : heldMuted });
    if (!tells) continue;
    const made = firstAndOthers(issue, untold).map(
      ({ isFirst, places: those }): NewAlert => ({
        recordId: record.id,
        bucket: record.bucket,
        partIds: partIdsOf(record, parts),
        issueId: issue.id,
        fingerprint: issue.fingerprint,
        service: issue.service,
        reason: decision.reason,
        isFirst,
        episode: decision.memory.episode,
        held: routed.isExtra ? 0 : heldSince(issue),
        heldMuted: routed.isExtra ? 0 : heldMuted,
        note: ended,
        count: issue.count - issue.added,
        recipients: those.map(({ channel, toAddress }) => ({ id: newId(), channel, toAddress })),
        severity,
      }),
    );
    alerts.push(...made);
    if (record.coalesceId !== null)
      told.set(record.coalesceId, {
        places: new Set([...(together?.places ?? []), ...untold.map(placeName)]),
        alerts: [...(together?.alerts ?? []), ...made],
      });
  }
  if (judge.routes) notes.push(...oweRegressions(question, speakers, judge, policy, newId));
  return {
    decisions: records.map((record) => {
      const held = judge.heldBefore(record);
      if (held !== null) return { notify: false, reason: record.isDuplicate ? 'duplicate' : held };
      const decision = decisions.get(record.issue)!;
      return decisionOf(record, decision, telling.get(record.issue) === record);
    }),
    notifications: [],
    alerts,
    notes,
    muteChanges,
  };
}

function holdAll(records: readonly StoredRecord[], reason: 'no-recipients' | 'disabled'): AlertPlan {
  const decisions = records.map(
    ({ isDuplicate }): Decision => ({ notify: false, reason: isDuplicate ? 'duplicate' : reason }),
  );
  return { decisions, notifications: [] };
}

/** The record that an alert of its issue would tell of: its first one that is no duplicate, or else its first. */
function speakerOfEachIssue(records: readonly StoredRecord[]): Map<Issue, StoredRecord> {
  const speakers = new Map<Issue, StoredRecord>();
  for (const record of records) {
    const known = speakers.get(record.issue);
    if (!known || (known.isDuplicate && !record.isDuplicate)) speakers.set(record.issue, record);
  }
  return speakers;
}

function byIssue(records: readonly StoredRecord[]): Map<Issue, StoredRecord[]> {
  const found = new Map<Issue, StoredRecord[]>();
  for (const record of records) {
    const others = found.get(record.issue);
    if (others) others.push(record);
    else found.set(record.issue, [record]);
  }
  return found;
}

function recordsOf(issue: Issue, records: readonly StoredRecord[]): StoredRecord[] {
  return records.filter((record) => record.issue === issue);
}

function decisionOf(record: StoredRecord, decision: Decision, isSpeaker: boolean): Decision {
  if (isSpeaker && decision.notify) return { notify: true, reason: decision.reason };
  if (record.isDuplicate) return { notify: false, reason: 'duplicate' };
  return { notify: false, reason: decision.notify ? 'in-cooldown' : decision.reason };
}

/** Of the issue, the records between the one told of last and the one told of now. */
function heldSince(issue: Issue): number {
  return Math.max(0, issue.count - issue.added - (issue.notifiedCount ?? 0));
}

/** What was made of records that share a coalesce_id. */
interface ToldTogether {
  /** Names of the places that are told. */
  places: ReadonlySet<string>;
  alerts: readonly NewAlert[];
}

const worst = /^(fatal|critical)$/i;

/** One mail is as bad as the worst of its records: quiet hours and filters go by that. */
function tellAsWorst(alerts: readonly NewAlert[], severity: string): void {
  if (!worst.test(severity)) return;
  for (const alert of alerts) if (!worst.test(alert.severity ?? '')) alert.severity = severity;
}

/** Most records that one mail puts together. */
const maxParts = 200;

function partIdsOf(record: StoredRecord, parts: ReadonlyMap<string | null, StoredRecord[]>): string[] {
  const sharing = record.coalesceId === null ? [] : (parts.get(record.coalesceId) ?? []);
  return sharing.length > 1 ? sharing.slice(0, maxParts).map(({ id }) => id) : [];
}
