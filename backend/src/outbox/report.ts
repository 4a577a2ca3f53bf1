// What became of notifications -> log lines and counts, in one place, so that the two agree. A failure that keeps coming
// is one line a minute with a count, however many notifications meet it.

import type { LeasedNotification, NextState } from './notification.ts';

/** What is needed of pino. */
export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface DeliveryCounts {
  sent: number;
  /** Attempts that will be repeated. */
  retried: number;
  failed: number;
}

export interface DeliveryReport {
  readonly counts: Readonly<DeliveryCounts>;
  /** An attempt was settled. @param ms how long the send took. */
  notificationSettled(channel: string, notification: LeasedNotification, next: NextState, ms: number): void;
  /** Something beside a single notification went wrong, and is tried again. @param what a short word for it. */
  troubled(what: string, error: Error): void;
}

const quietMs = 60_000;

/** @param now milliseconds since the epoch. */
export function deliveryReport(log: Log, now: () => number = Date.now): DeliveryReport {
  const counts: DeliveryCounts = { sent: 0, retried: 0, failed: 0 };
  const seen = new Map<string, { until: number; again: number }>();

  /** How often this was kept quiet since its last line; undefined while it is to be kept quiet. */
  const timesSinceLastLine = (kind: string): number | undefined => {
    const last = seen.get(kind);
    if (last && now() < last.until) {
      last.again += 1;
      return undefined;
    }
    seen.set(kind, { until: now() + quietMs, again: 0 });
    return last?.again ?? 0;
  };
  const warn = (kind: string, fields: object, message: string) => {
    const again = timesSinceLastLine(kind);
    if (again === undefined) return;
    log.warn(fields, again === 0 ? message : `${message} (and ${again} more since the last line)`);
  };

  return {
    counts,
    notificationSettled(channel, notification, next, ms) {
      const fields = { notification: notification.id, channel, attempts: notification.attempts, ms };
      if (next.status === 'sent') {
        counts.sent += 1;
        log.info(fields, 'notification sent');
      } else if (next.status === 'failed') {
        counts.failed += 1;
        log.error(fields, `notification failed for good: ${next.errorMessage}`);
      } else {
        counts.retried += 1;
        warn(`retry ${channel}`, fields, `notification not sent: ${next.errorMessage}`);
      }
    },
    troubled(what, error) {
      warn(what, {}, `${what}: ${error.message}; trying again`);
    },
  };
}
