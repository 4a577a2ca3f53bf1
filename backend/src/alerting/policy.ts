// How alerts are held within bounds: the settings, and the buckets that they mean. docs/alerting.md gives the formula.

import type { BucketLimits } from '../outbox/token-bucket.ts';

export const groupingChoices = ['on', 'off'] as const;
/** `ALERT_GROUPING`: on decides by issue; off alerts each record that is not a duplicate, as the original did. */
export type AlertGrouping = (typeof groupingChoices)[number];
/** The default, in its one place. */
export const defaultGrouping: AlertGrouping = 'on';

export interface AlertPolicy {
  grouping: AlertGrouping;
  /** `ALERT_COOLDOWN_SECONDS`: a still failing issue is told again after this at the earliest. */
  cooldownMs: number;
  /** `ALERT_WHEN_OVER`: tell too when an issue has gone quiet. */
  whenOver: boolean;
  /** `ALERT_DIGEST_SECONDS`: after a mail, a recipient's alerts are gathered for so long. */
  digestMs: number;
  /** `ALERT_MAX_PER_HOUR`: mails to one recipient, on the long run. */
  maxPerHour: number;
  /** `ALERT_MAX_PER_HOUR_TOTAL`: mails to all recipients together, on the long run. */
  maxPerHourTotal: number;
}

export const defaultPolicy: AlertPolicy = {
  grouping: defaultGrouping,
  cooldownMs: 3_600_000,
  whenOver: false,
  digestMs: 60_000,
  maxPerHour: 20,
  maxPerHourTotal: 200,
};

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** Alerts of one issue: five at once, then one in six hours; and one that is kept for when it comes back. */
export const issueLimits: BucketLimits = { capacity: 6, perMs: 1 / (6 * hourMs), reserve: 1 };

/** An hour's mails at once, of which a third is kept for issues never told of. */
export function mailLimits(perHour: number): BucketLimits {
  return { capacity: perHour, perMs: perHour / hourMs, reserve: Math.floor(perHour / 3) };
}

/** Longest pause that an issue is waited for. */
const maxQuietMs = 7 * dayMs;

/**
 * After so long without a record an issue is over, and a record after it a regression: longer than a cooldown, and three
 * times the longest pause that is usual for it.
 */
export function quietMs(usualPauseMs: number, cooldownMs: number): number {
  return Math.max(cooldownMs, Math.min(3 * usualPauseMs, maxQuietMs));
}
