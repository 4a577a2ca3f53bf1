// The rules in force, asked about the records of one batch: what is held whatever their issue does, and where the rest
// goes once it is known why it alerts. Pure; what thresholds have counted comes in.

import type { HeldReason, StoredRecord } from '../../ingest/types.ts';
import { noVerdict, type RuleSet, type Verdict } from './rule-set.ts';
import type { RuleState, Target } from './types.ts';

/** What each threshold has counted within its time, by `countKey`. */
export type RuleCounts = ReadonlyMap<string, number>;

export interface Judge {
  /** There are rules: whoever is told may differ from record to record. */
  readonly routes: boolean;
  /** What is said of the record while its issue's state is not known. */
  verdictOf(record: StoredRecord): Verdict;
  /** Why nothing is told of the record, whatever its issue does. */
  heldBefore(record: StoredRecord): HeldReason | null;
  /** What is said of it when its issue alerts. */
  whenTold(record: StoredRecord, state: RuleState): { held: HeldReason | null; verdict: Verdict };
}

export function countKey(rule: string, issue: string): string {
  return `${rule}\0${issue}`;
}

/** @param counts of `countForRules`, for the same records and rules. */
export function createJudge(rules: RuleSet | undefined, counts: RuleCounts | undefined, now: number): Judge {
  if (!rules || rules.isEmpty) return judgeOfNothing;
  const rulesNow = rules.at(now);
  const verdicts = new Map<StoredRecord, Verdict>();
  const verdictOf = (record: StoredRecord) => {
    const verdict = verdicts.get(record) ?? rulesNow.ask(record, null);
    verdicts.set(record, verdict);
    return verdict;
  };
  const heldBy = (record: StoredRecord, verdict: Verdict): HeldReason | null =>
    verdict.held ?? (isBelow(record, verdict, counts) ? 'below-threshold' : null);
  return {
    routes: true,
    verdictOf,
    heldBefore: (record) => heldBy(record, verdictOf(record)),
    whenTold(record, state) {
      const verdict = rulesNow.ask(record, state);
      return { held: heldBy(record, verdict), verdict };
    },
  };
}

const judgeOfNothing: Judge = {
  routes: false,
  verdictOf: () => noVerdict,
  heldBefore: () => null,
  whenTold: () => ({ held: null, verdict: noVerdict }),
};

/** What was not counted (a rule came this very moment) holds nothing. */
function isBelow(record: StoredRecord, { thresholds }: Verdict, counts: RuleCounts | undefined): boolean {
  return thresholds.some(
    ({ rule, per, count }) =>
      (counts?.get(countKey(rule, per === 'issue' ? record.issue.id : '')) ?? Number.POSITIVE_INFINITY) <
      count,
  );
}

/**
 * Whoever any of these routes to; those that route nowhere go to the default recipients.
 * @param unsubscribed addresses that get nothing more: a rule whose last one bounced must not swallow its alerts.
 */
export function placesOf(
  verdicts: readonly Verdict[],
  defaults: readonly Target[],
  unsubscribed: ReadonlySet<string> = new Set(),
): Target[] {
  const places = new Map<string, Target>();
  for (const { to } of verdicts) {
    const left = to?.filter(({ channel, toAddress }) => channel !== 'email' || !unsubscribed.has(toAddress));
    for (const target of left && left.length > 0 ? left : defaults) places.set(placeName(target), target);
  }
  return [...places.values()];
}

/** As it is remembered. */
export function placeName({ channel, toAddress }: Target): string {
  return channel === 'email' ? toAddress : `${channel}:${toAddress}`;
}
