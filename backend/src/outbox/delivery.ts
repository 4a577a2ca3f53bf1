// The worker: one lane for each channel, woken by NOTIFY, with a poll as the safety net. Any number of them, on any number
// of backends, share one database.

import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Channel } from '../channels/channel.ts';
import type { Pool } from '../db/pool.ts';
import type { Metrics } from '../http/metrics.ts';
import { Lane, type OnSettled } from './lane.ts';
import { listen } from './listen.ts';
import { type RetryPolicy, retryPolicy } from './notification.ts';
import { wakeChannel } from './queue.ts';
import { watchQuota } from './quota.ts';
import { type DeliveryCounts, type DeliveryReport, deliveryReport, type Log } from './report.ts';

export interface DeliveryOptions {
  pool: Pool;
  /** For the listening connection, which is not of the pool. */
  connectionString: string;
  /** By the name that `notifications.channel` holds. Notifications of other channels are left to other workers. */
  channels: Readonly<Record<string, Channel>>;
  /** In place of one of its own, made of `log` and `metrics`: for workers that follow one another. */
  report?: DeliveryReport;
  log?: Log;
  metrics?: Metrics;
  /** Told after each look at the queue without an error. */
  onTurn?: () => void;
  onSettled?: OnSettled;
  /** Sends at a time, for each channel. */
  concurrency?: number;
  sendTimeoutMs?: number;
  /** After a kill, its notifications are sent again when this is over. */
  leaseMs?: number;
  pollMs?: number;
  policy?: RetryPolicy;
}

export interface Delivery {
  readonly counts: Readonly<DeliveryCounts>;
  /** Looks for what is due at once, as a NOTIFY would. */
  wake(): void;
  /**
   * Ends: what is under way is given `graceMs` to finish and settled, then broken off and due again at once. Channels
   * are closed.
   */
  stop(graceMs?: number): Promise<void>;
}

const silent: Log = { info() {}, warn() {}, error() {} };

/** Starts delivering in the background. Nothing that the world does makes it throw or stop. */
export function startDelivery(options: DeliveryOptions): Delivery {
  const { pool, channels } = options;
  const report = options.report ?? deliveryReport(options.log ?? silent, options.metrics);
  const worker = `${hostname()}:${process.pid}:${randomUUID().slice(0, 8)}`;
  const quotas = new Map(
    Object.entries(channels).map(([channelName, channel]) => {
      const onTrouble = (error: Error) =>
        report.troubled(`cannot ask for the quota of ${channel.name}`, error);
      return [channelName, watchQuota({ pool, channelName, channel, onTrouble })];
    }),
  );
  const lanes = Object.entries(channels).map(
    ([channelName, channel]) =>
      new Lane({
        waitForTurn: quotas.get(channelName)?.waitForTurn,
        pool,
        channelName,
        channel,
        worker,
        report,
        onTurn: options.onTurn,
        onSettled: options.onSettled,
        policy: options.policy ?? retryPolicy,
        concurrency: options.concurrency ?? 5,
        sendTimeoutMs: options.sendTimeoutMs ?? 30_000,
        leaseMs: options.leaseMs ?? 90_000,
        pollMs: options.pollMs ?? 2_000,
      }),
  );
  const wake = () => {
    for (const lane of lanes) lane.wake();
  };
  const listener = listen({
    connectionString: options.connectionString,
    channel: wakeChannel,
    onWake: wake,
    onTrouble: (error) => report.troubled('cannot listen for new notifications', error),
  });
  return {
    counts: report.counts,
    wake,
    async stop(graceMs = 3_000) {
      await Promise.all([
        listener.close(),
        ...[...quotas.values()].map((quota) => quota.stop()),
        ...lanes.map((lane) => lane.stop(graceMs)),
      ]);
      for (const channel of Object.values(channels)) channel.close();
    },
  };
}
