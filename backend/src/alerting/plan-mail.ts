// What waits for a recipient, and the budgets -> one mail now, or none until when. Pure. The bound in docs/alerting.md
// follows from here: mails to one recipient are at least the digest window apart, and each takes a token of the
// recipient's bucket, of the whole's, and of the provider's quota.

import { isFarAhead } from '../db/clock.ts';
import { type Bucket, type BucketLimits, take } from '../outbox/token-bucket.ts';

/** A bucket with what bounds it. */
export interface Budget {
  bucket: Bucket | undefined;
  limits: BucketLimits;
}

export interface Budgets {
  recipient: Budget;
  whole: Budget;
  /** Undefined: the provider has no quota, or does not say. */
  quota: Budget | undefined;
}

export type MailPlan =
  | { send: true; recipient: Bucket; whole: Bucket; quota: Bucket | undefined }
  | { send: false; because: 'gathering' | 'rate-limited'; until: number };

/**
 * @param mayUseReserve an issue waits of which nobody was told.
 * @param gatherUntil end of the recipient's digest window; null: none is open.
 * @param digestMs how long a window is: one that ends later was opened by a clock that ran ahead.
 */
export function planMail(
  mayUseReserve: boolean,
  gatherUntil: number | null,
  digestMs: number,
  budgets: Budgets,
  now: number,
): MailPlan {
  if (gatherUntil !== null && now < gatherUntil && !isFarAhead(gatherUntil, now + digestMs))
    return { send: false, because: 'gathering', until: gatherUntil };
  const takeOf = ({ bucket, limits }: Budget) => take(bucket, limits, now, mayUseReserve);
  const recipient = takeOf(budgets.recipient);
  const whole = takeOf(budgets.whole);
  const quota = budgets.quota && takeOf(budgets.quota);
  if (recipient.taken && whole.taken && (!quota || quota.taken))
    return { send: true, recipient: recipient.bucket, whole: whole.bucket, quota: quota?.bucket };
  const untils = [recipient, whole, quota].map((taken) => (taken && !taken.taken ? taken.until : 0));
  return { send: false, because: 'rate-limited', until: Math.max(...untils) };
}
