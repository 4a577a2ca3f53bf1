// Where alerts go: mail addresses, and the channels of RULES_FILE under their own names.

import { channelTypes } from '../channels/registry.ts';

/** A place that messages go to, as `notifications` name it: `email` and an address, or a channel's name twice. */
export interface Target {
  channel: string;
  toAddress: string;
}

/** A configured channel, without its options. */
export interface AlertChannel {
  name: string;
  /** Of `channelTypes`. */
  type: string;
}

export interface TargetSettings {
  /** Whether mails are sent: `ALERT_EMAIL_ENABLED`. */
  enabled: boolean;
  /** `ALERT_EMAIL_TO`: used while no recipient in the database is active. */
  to: readonly string[];
  /** Of RULES_FILE. */
  channels?: readonly AlertChannel[];
}

/**
 * Who is told when no rule says otherwise: every recipient, while mails are on, and every channel.
 * @param recipients active ones in the database.
 */
export function defaultTargets(recipients: readonly string[], settings: TargetSettings): Target[] {
  const addresses = recipients.length > 0 ? recipients : settings.to;
  const mails = settings.enabled ? [...new Set(addresses)].map(mailTo) : [];
  return [...mails, ...(settings.channels ?? []).map(({ name }) => channelTarget(name))];
}

/** Whether anything may be sent at all. */
export function canTell({ enabled, channels = [] }: TargetSettings): boolean {
  return enabled || channels.length > 0;
}

export function mailTo(toAddress: string): Target {
  return { channel: 'email', toAddress };
}

export function channelTarget(name: string): Target {
  return { channel: name, toAddress: name };
}

/** Whether it keeps something open until it is told that it is over. */
export function isPager(channel: string, channels: readonly AlertChannel[] = []): boolean {
  return kindOf(channel, channels)?.isPager ?? false;
}

/** Whether it shows the HTML part. */
export function isMail(channel: string, channels: readonly AlertChannel[] = []): boolean {
  return channel === 'email' || (kindOf(channel, channels)?.isMail ?? false);
}

function kindOf(channel: string, channels: readonly AlertChannel[]) {
  const type = channels.find(({ name }) => name === channel)?.type;
  return type === undefined ? undefined : channelTypes[type];
}
