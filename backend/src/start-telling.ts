// What waits to be told -> messages written and sent, in the background: the dispatcher, a lane for each channel, and who
// watches whether the channels work. Stopped and started anew when RULES_FILE brings other channels. Without any channel it
// still gives up what waits for one that is gone.

import type { Logger } from 'pino';
import { canaryNoteTaker } from './alerting/canary-channel.ts';
import { defaultPolicy } from './alerting/policy.ts';
import type { RuleBook } from './alerting/rules/rule-book.ts';
import { startDispatch } from './alerting/start-dispatch.ts';
import { watchChannels } from './alerting/watch-channels.ts';
import { makeChannels } from './channels/registry.ts';
import type { Pool } from './db/pool.ts';
import { newId } from './db/record-id.ts';
import { startDelivery } from './outbox/delivery.ts';
import type { DeliveryReport } from './outbox/report.ts';
import type { BackendSettings } from './settings.ts';
import type { Watch } from './watch/watch.ts';

export interface TellingParts {
  settings: Pick<BackendSettings, 'alerts' | 'rules' | 'smtpUrl' | 'allowPrivateWebhooks'>;
  pool: Pool;
  /** For the listening connections, which are not of the pool. */
  connectionString: string;
  rules: Pick<RuleBook, 'current'>;
  report: DeliveryReport;
  watch: Pick<Watch, 'pulse'>;
  logger: Logger;
}

export interface Telling {
  /** Names of the ways that messages go out by; empty: nothing is sent. */
  readonly ways: readonly string[];
  /** What is under way is given so long to finish. */
  stop(graceMs: number): Promise<void>;
}

export function startTelling(parts: TellingParts): Telling {
  const { settings, pool, connectionString, rules, report, watch, logger } = parts;
  const { policy = defaultPolicy, ...alerts } = settings.alerts;
  const { email, ...others } = makeChannels(
    { smtpUrl: settings.smtpUrl, from: alerts.from, allowPrivate: settings.allowPrivateWebhooks },
    settings.rules.channels,
  );
  const channels = { ...others, ...(alerts.enabled ? { email } : {}) };
  // Reads the settings when it tells: one that still waits for a late answer knows the channels that came since.
  const channelWatch = watchChannels({
    pool,
    settings: settings.alerts,
    newId: () => newId(Date.now()),
    log: logger,
  });
  const delivery = startDelivery({
    pool,
    connectionString,
    channels: { ...channels, canary: canaryNoteTaker(pool) },
    report,
    onTurn: () => watch.pulse.turned('delivery'),
    onSettled: (channel, { to }, next) =>
      channelWatch.settled(
        channel,
        to,
        next.status === 'sent' ? undefined : next.errorMessage,
        next.status === 'failed',
      ),
  });
  // Without grouping too: what waited when it was switched off still goes out.
  const dispatching = startDispatch({
    pool,
    connectionString,
    settings: {
      ...alerts,
      policy,
      quiet: {
        quietUntil: (target, now) => rules.current().quietUntil(target, now),
        quietExcept: (target) => rules.current().quietExcept(target),
      },
      onGivenUp: ({ channel, toAddress }) =>
        logger.error(
          { channel, to: toAddress },
          'alerts that waited for a channel which has left the settings for a day are given up; the records are there',
        ),
      onFault: (error, { channel, toAddress }) =>
        logger.error(
          { err: error, channel, to: toAddress },
          'a mail could not be written; a plain one names its records. Please report this',
        ),
    },
    log: logger,
    onTurn: () => watch.pulse.turned('dispatch'),
  });
  return {
    ways: Object.values(channels).map(({ name }) => name),
    async stop(graceMs) {
      await Promise.all([delivery.stop(graceMs), dispatching.stop()]);
      await channelWatch.stop();
    },
  };
}
