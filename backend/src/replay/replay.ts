// Records in their order -> the decisions and mails that they would have caused, without a database: the code that decides
// (planAlerts, decide, the rules, planFor, gather, writeMail) is the one that runs live; what it remembers is in memory.

import { type AlertSettings, planAlerts } from '../alerting/plan-alerts.ts';
import { defaultPolicy } from '../alerting/policy.ts';
import { countingsOf } from '../alerting/rules/count-for-rules.ts';
import type { RuleCounts } from '../alerting/rules/judge.ts';
import { emptyRuleSet } from '../alerting/rules/rule-set.ts';
import { addToSlots, type Slots, sumOfSlots } from '../alerting/rules/slots.ts';
import type { MailedRecord } from '../alerting/write-mail.ts';
import { idMaker } from '../db/record-id.ts';
import type { Draft } from '../ingest/store.ts';
import type { AlertPlan, Decision, Group, StoredRecord } from '../ingest/types.ts';
import { type MemoryIssue, MemoryIssues } from './memory-issues.ts';
import { MemoryOutbox, type ReplayedMail, replayKey } from './memory-outbox.ts';

export interface ReplaySettings {
  alerts: AlertSettings;
  /** Active recipients in the database. */
  recipients: readonly string[];
  dedupeWindowMs: number;
}

/** A record with its place in time and its issue. */
export interface ReplayRecord {
  draft: Draft;
  group: Group;
}

export interface Replayed {
  mails: ReplayedMail[];
  /** What was decided of each record. */
  decisions: Map<string, Decision>;
}

/** One run. Records go in in the order of time. */
export class Replay {
  readonly mails: ReplayedMail[] = [];
  readonly decisions = new Map<string, Decision>();
  readonly #settings: ReplaySettings;
  readonly #makeId = idMaker();
  readonly #issues: MemoryIssues;
  readonly #outbox: MemoryOutbox;
  readonly #records = new Map<string, MailedRecord>();
  readonly #latest = new Map<string, { id: string; at: number }>();
  readonly #slots = new Map<string, Slots>();
  readonly #coalesced = new Set<string>();
  #now = 0;

  /** @param known issues that were there before. */
  constructor(settings: ReplaySettings, known: readonly MemoryIssue[] = []) {
    this.#settings = settings;
    const newId = () => this.#makeId(this.#now);
    this.#issues = new MemoryIssues(newId);
    for (const issue of known) this.#issues.preload(issue);
    const { policy = defaultPolicy, rules, ...alerts } = settings.alerts;
    this.#outbox = new MemoryOutbox(
      this.#issues,
      this.#records,
      { ...alerts, policy, ...(rules ? { quiet: rules } : {}) },
      newId,
    );
  }

  /** One batch, as a transaction of ingest takes it. */
  ingest(batch: readonly ReplayRecord[], now: number): AlertPlan {
    this.#now = now;
    const drafts = batch.map(({ draft }) => draft);
    const issues = this.#issues.count(
      drafts,
      batch.map(({ group }) => group),
    );
    const records = drafts.map((draft, index): StoredRecord => {
      const duplicateOfId = this.#duplicateOf(draft);
      const record = { ...draft, isDuplicate: duplicateOfId !== null, duplicateOfId, issue: issues[index]! };
      this.#records.set(record.id, { ...record, issueId: record.issue.id });
      return record;
    });
    const { alerts, recipients } = this.#settings;
    const plan = planAlerts(
      {
        records,
        recipients,
        coalesced: this.#coalesced,
        ruleCounts: this.#count(records, now),
        linkKey: replayKey,
        now,
      },
      alerts,
      () => this.#makeId(now),
    );
    for (const [index, decision] of plan.decisions.entries())
      this.decisions.set(records[index]!.id, decision);
    this.#issues.note(plan.notes ?? []);
    this.#issues.noteMutes(plan.muteChanges ?? []);
    this.#outbox.keep(plan.alerts ?? [], records[0]!.receivedAt);
    this.#sendUngrouped(plan, now);
    return plan;
  }

  /** @returns when to look again, in ms since the epoch; null: not foreseen. */
  dispatch(now: number): number | null {
    this.#now = now;
    const { mails, nextAt } = this.#outbox.dispatch(now);
    this.mails.push(...mails);
    return nextAt;
  }

  /** Everything, and then on until `until`. */
  run(batches: readonly { at: number; records: readonly ReplayRecord[] }[], until: number): this {
    let index = 0;
    let wakeAt = batches[0]?.at ?? until;
    for (;;) {
      const next = Math.min(batches[index]?.at ?? Number.POSITIVE_INFINITY, wakeAt);
      if (next > until) return this;
      for (; batches[index] && batches[index]!.at <= next; index += 1)
        this.ingest(batches[index]!.records, next);
      const nextAt = this.dispatch(next);
      wakeAt = nextAt === null ? Number.POSITIVE_INFINITY : Math.max(nextAt, next + 1);
    }
  }

  /** As `askDuplicates`. */
  #duplicateOf({ id, bucket, logHash, host, container, receivedAtMs }: Draft): string | null {
    const { dedupeWindowMs } = this.#settings;
    if (dedupeWindowMs === 0) return null;
    const key = [bucket, logHash, host, container].join('\0');
    const before = this.#latest.get(key);
    this.#latest.set(key, { id, at: receivedAtMs });
    return before && receivedAtMs - before.at <= dedupeWindowMs ? before.id : null;
  }

  /** As `countForRules`. */
  #count(records: readonly StoredRecord[], now: number): RuleCounts {
    const counts = new Map<string, number>();
    const rules = this.#settings.alerts.rules ?? emptyRuleSet;
    for (const [key, { withinMs, records: added }] of countingsOf(rules, records, now)) {
      const slots = addToSlots(this.#slots.get(key) ?? [], added, withinMs, now);
      this.#slots.set(key, slots);
      counts.set(key, sumOfSlots(slots));
    }
    return counts;
  }

  /** With ALERT_GROUPING=off a mail is written with its record. */
  #sendUngrouped({ notifications }: AlertPlan, now: number): void {
    for (const { coalesceId, channel, toAddress, subject, reason, recordId, issueId } of notifications) {
      if (coalesceId !== null) this.#coalesced.add(coalesceId);
      const issue = this.#issues.get(issueId ?? '');
      this.mails.push({
        at: now,
        to: { channel, toAddress },
        subject,
        reason,
        alerts: [
          {
            id: '',
            recordId,
            bucket: 0,
            partIds: [],
            issueId: issueId ?? '',
            fingerprint: issue?.fingerprint ?? '',
            service: issue?.service ?? '',
            reason,
            isFirst: reason === 'new',
            episode: '',
            held: 0,
            heldMuted: 0,
            note: null,
            count: issue?.count ?? 0,
            createdAt: new Date(now).toISOString(),
          },
        ],
      });
    }
  }
}
