// The life of a notification, as pure functions of what happened, `now` and `random`; delivery.ts acts on them.
//
//   pending --lease--> leased --sent--------------------------> sent
//      ^                 |
//      |                 +-- refused for good, or given up ---> failed
//      |                 |
//      +--- after a while, when trying again may help ---------+
//      +--- at once, when the lease ends: its worker was killed, or stopped in the middle
//
// "Leased" is a pending row with `leased_until` ahead. A kill between sending and settling repeats the mail, once per
// kill, under the same Message-ID; nothing loses it.

import type { OutgoingMessage } from '../channels/channel.ts';
import type { NotificationError } from '../channels/notification-error.ts';

/** A notification that this worker alone may send, until the lease ends. */
export interface LeasedNotification extends OutgoingMessage {
  /** How often it was leased, this time included. */
  attempts: number;
  /** ISO 8601. */
  createdAt: string;
}

export type Outcome =
  | { result: 'sent'; providerMessageId: string }
  | { result: 'failed'; error: NotificationError };

export type NextState =
  | { status: 'sent'; providerMessageId: string }
  | { status: 'pending'; delayMs: number; errorMessage: string }
  | { status: 'failed'; errorMessage: string };

export interface RetryPolicy {
  /** The first wait; each further one is twice as long. */
  firstDelayMs: number;
  /** The longest wait. */
  maxDelayMs: number;
  /** Given up when it is this old … */
  giveUpAfterMs: number;
  /** … and was tried this often, so that one that waited out a long standstill gets its tries too. */
  minAttempts: number;
}

/** A second at first, five minutes at most, for a day: a mail server may be away for a night. */
export const retryPolicy: RetryPolicy = {
  firstDelayMs: 1000,
  maxDelayMs: 5 * 60_000,
  giveUpAfterMs: 24 * 3_600_000,
  minAttempts: 10,
};

/**
 * The state after an attempt.
 * @param now milliseconds since the epoch. @param random from 0 to 1, as Math.random gives it.
 */
export function settle(
  notification: LeasedNotification,
  outcome: Outcome,
  now: number,
  random: number,
  policy: RetryPolicy = retryPolicy,
): NextState {
  if (outcome.result === 'sent') return { status: 'sent', providerMessageId: outcome.providerMessageId };
  const { attempts } = notification;
  const { message, retry, retryAfterMs = 0 } = outcome.error;
  if (retry === 'never') return { status: 'failed', errorMessage: message };
  if (isSpent(notification, attempts, now, policy))
    return { status: 'failed', errorMessage: `${message}; given up after ${attempts} attempts` };
  const delayMs = Math.max(retryAfterMs, backOffMs(attempts, random, policy));
  return {
    status: 'pending',
    delayMs,
    errorMessage: `${message}; attempt ${attempts}, retrying in ${Math.ceil(delayMs / 1000)} s`,
  };
}

/**
 * Whether a notification just leased was tried often enough without an outcome ever being written: its attempts ended
 * with their process.
 */
export function wasAbandoned(
  notification: LeasedNotification,
  now: number,
  policy: RetryPolicy = retryPolicy,
): boolean {
  return isSpent(notification, notification.attempts - 1, now, policy);
}

function isSpent(
  notification: LeasedNotification,
  attempts: number,
  now: number,
  policy: RetryPolicy,
): boolean {
  const ageMs = now - Date.parse(notification.createdAt);
  return attempts >= policy.minAttempts && ageMs >= policy.giveUpAfterMs;
}

/**
 * Half of the wait is fixed and half is chance ("equal jitter", from the AWS Architecture Blog's "Exponential Backoff And
 * Jitter"), so that what failed together does not come back together.
 */
export function backOffMs(attempts: number, random: number, policy: RetryPolicy = retryPolicy): number {
  const wait = Math.min(policy.maxDelayMs, policy.firstDelayMs * 2 ** Math.min(attempts - 1, 40));
  return Math.round(wait / 2 + (wait / 2) * random);
}
