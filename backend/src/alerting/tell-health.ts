// A channel that fails, or works again -> one message to the others, through the outbox.

import type { PoolClient } from '../db/pool.ts';
import { lockBudgets, readBudgets, writeBudgets } from '../outbox/budgets.ts';
import { take } from '../outbox/token-bucket.ts';
import type { ChannelHealth } from './channel-health.ts';
import { ownFacts } from './facts.ts';
import { addOwnNotification, type OwnSettings } from './own-notification.ts';
import { activeAddresses } from './recipients.ts';
import { counted, readableTime } from './states.ts';
import { channelTarget, mailTo, type Target, type TargetSettings } from './targets.ts';

export type HealthSettings = OwnSettings & TargetSettings;

/** Of many recipients, so many are told that a channel fails. */
const maxMails = 3;

/**
 * Whom to tell: every other channel and the first few recipients; of mail itself, when there is no other channel, a
 * recipient whose mails were not lost.
 * @param recipients who gets mails now.
 */
export function othersThan(
  { channel, lostTo }: Pick<ChannelHealth, 'channel' | 'lostTo'>,
  recipients: readonly string[],
  settings: Pick<TargetSettings, 'enabled' | 'channels'>,
): Target[] {
  const channels = (settings.channels ?? []).filter(({ name }) => name !== channel);
  const addresses = settings.enabled ? recipients : [];
  if (channel !== 'email')
    return [...addresses.slice(0, maxMails).map(mailTo), ...channels.map(({ name }) => channelTarget(name))];
  if (channels.length > 0) return channels.map(({ name }) => channelTarget(name));
  return addresses
    .filter((address) => lostTo.length > 0 && !lostTo.includes(address))
    .slice(0, 1)
    .map(mailTo);
}

/**
 * Puts the messages into the outbox.
 * @param health as it was before it was told. @param now ms since the epoch.
 * @returns how many.
 */
export async function tellHealth(
  client: PoolClient,
  told: 'fails' | 'works',
  health: ChannelHealth,
  settings: HealthSettings,
  now: number,
  newId: () => string,
): Promise<number> {
  const others = othersThan(health, await activeAddresses(client, settings.to), settings);
  const { channel } = health;
  const threadId = `channel:${channel}`;
  const text = told === 'fails' ? failsText(health, now) : `Messages go out by ${channel} again.\n`;
  const state = told === 'fails' ? 'channel-failing' : 'channel-works';
  for (const target of others)
    await addOwnNotification(
      client,
      target,
      {
        id: newId(),
        reason: state,
        subject: `[CHANNEL ${told.toUpperCase()}] ${channel}`,
        text,
        facts: ownFacts(
          {
            state,
            severity: told === 'fails' ? 'error' : 'info',
            title: `Channel ${channel} ${told === 'fails' ? 'fails' : 'works again'}`,
            message: text.trim(),
            threadId: told === 'fails' ? threadId : null,
            ended: told === 'fails' ? [] : [threadId],
          },
          settings.baseUrl,
        ),
      },
      settings,
    );
  return others.length;
}

/** Of one channel, once a day: what waits for it may be given up piece by piece. */
const goneLimits = { capacity: 1, perMs: 1 / 86_400_000, reserve: 0 };

/**
 * Something waited for a day for a channel that is in no settings any more: the others hear that it was given up.
 * @param what as in `12 issues`.
 * @returns how many were told.
 */
export async function tellGivenUp(
  client: PoolClient,
  channel: string,
  what: string,
  settings: HealthSettings,
  now: number,
  newId: () => string,
): Promise<number> {
  await lockBudgets(client);
  const name = `gone:${channel}`;
  const taken = take((await readBudgets(client, [name])).get(name), goneLimits, now, true);
  if (!taken.taken) return 0;
  await writeBudgets(client, [{ name, ...taken.bucket, gatherUntil: null, quota: null }]);
  const others = othersThan({ channel, lostTo: [] }, await activeAddresses(client, settings.to), settings);
  const text = `What waited for a day to be told by ${channel} is given up: ${what}.\nThe settings have no such channel any more. The records are stored, and the issues are listed at ${settings.baseUrl}/api/issues.\n`;
  for (const target of others)
    await addOwnNotification(
      client,
      target,
      {
        id: newId(),
        reason: 'channel-failing',
        subject: `[CHANNEL GONE] ${channel}`,
        text,
        facts: ownFacts(
          {
            state: 'channel-failing',
            severity: 'error',
            title: `Channel ${channel} is gone, and alerts waited for it`,
            message: text.trim(),
          },
          settings.baseUrl,
        ),
      },
      settings,
    );
  return others.length;
}

function failsText(
  { channel, failingSince, attempts, lastError, lost, lostTo }: ChannelHealth,
  now: number,
): string {
  const lines = [
    failingSince !== null
      ? `No message could be sent by ${channel} since ${readableTime(new Date(failingSince).toISOString())}; ${counted(attempts, 'attempt', 'attempts')} failed.`
      : `Messages by ${channel} were refused.`,
    lost > 0
      ? `${counted(lost, 'message was', 'messages were')} given up for good, to ${lostTo.join(', ')}.`
      : 'They are tried again for a day.',
    lastError === null ? '' : `Last error: ${lastError}`,
    `Said at ${readableTime(new Date(now).toISOString())}, and again in an hour at the earliest.`,
  ];
  return `${lines.filter((line) => line !== '').join('\n')}\n`;
}
