// What became of notifications -> log lines and counts, in one place, so that the two agree. A failure that keeps coming
// is one line a minute with a count, however many notifications meet it.

import type { Metrics } from '../http/metrics.ts';
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

/** @param metrics counts go there too, when given. @param now milliseconds since the epoch. */
export function deliveryReport(log: Log, metrics?: Metrics, now: () => number = Date.now): DeliveryReport {
  const counts: DeliveryCounts = { sent: 0, retried: 0, failed: 0 };
  const attempts = metrics?.counter(
    'log_detector_notification_attempts_total',
    'Attempts to send a notification, by channel and result: sent, retried (it is tried again), failed (for good).',
  );
  const seconds = metrics?.histogram(
    'log_detector_notification_send_seconds',
    'Time that an attempt took.',
    [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
  );
  const count = (channel: string, result: keyof DeliveryCounts, ms: number) => {
    counts[result] += 1;
    attempts?.add(1, { channel, result });
    seconds?.observe(ms / 1000);
  };
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
        count(channel, 'sent', ms);
        // One a minute, to nobody.
        if (channel !== 'canary') log.info(fields, 'notification sent');
      } else if (next.status === 'failed') {
        count(channel, 'failed', ms);
        log.error(fields, `notification failed for good: ${next.errorMessage}`);
      } else {
        count(channel, 'retried', ms);
        warn(`retry ${channel}`, fields, `notification not sent: ${next.errorMessage}`);
      }
    },
    troubled(what, error) {
      warn(what, {}, `${what}: ${error.message}; trying again`);
    },
  };
}
