// The channels there are, by the name that `notifications.channel` holds. A new kind is a folder beside these and a line
// here.

import { Type } from 'typebox';
import type { Channel } from './channel.ts';
import { type ChannelCommon, type ChannelType, channelType, filled, optionsOf } from './channel-type.ts';
import { discord } from './discord/discord.ts';
import { ntfy } from './ntfy/ntfy.ts';
import { opsgenie } from './opsgenie/opsgenie.ts';
import { pagerduty } from './pagerduty/pagerduty.ts';
import { sesChannel } from './ses/ses.ts';
import { slack } from './slack/slack.ts';
import { smtpChannel } from './smtp/smtp.ts';
import { teams } from './teams/teams.ts';
import { telegram } from './telegram/telegram.ts';
import { webhook } from './webhook/webhook.ts';

const to = Type.String({
  pattern: '^[^\\s@<>,]+@[^\\s@<>,]+$',
  description: 'The one address that gets its mails.',
});

/** Mail besides the recipients': an address of its own, by another way when the first one fails. */
const smtp = channelType({
  isMail: true,
  options: optionsOf({
    url: Type.String({ pattern: '^smtps?://[^\\s/]+', description: 'As SMTP_URL.' }),
    to,
    from: Type.Optional(filled('In place of ALERT_EMAIL_FROM.')),
  }),
  make: ({ url, to: address, from }, common) =>
    mailTo(smtpChannel({ url, urlSetting: 'its url', from: from ?? common.from }), address, common),
});

const ses = channelType({
  isMail: true,
  options: optionsOf({ to, from: Type.Optional(filled('In place of ALERT_EMAIL_FROM.')) }),
  make: ({ to: address, from }, common) => mailTo(sesChannel({ from: from ?? common.from }), address, common),
});

/** Every kind of channel, by the `type` that the configuration gives. */
export const channelTypes: Readonly<Record<string, ChannelType>> = {
  discord,
  ntfy,
  opsgenie,
  pagerduty,
  ses,
  slack,
  smtp,
  teams,
  telegram,
  webhook,
};

/** One entry of `channels:`, its options checked by the schema of its type. */
export interface ChannelConfig {
  name: string;
  type: string;
  options: Readonly<Record<string, unknown>>;
}

export interface ChannelSettings {
  /** `SMTP_URL`. Set: mails go by SMTP; unset: by SES. */
  smtpUrl?: string | undefined;
  /** `ALERT_EMAIL_FROM`. */
  from: string;
}

/** What mails to recipients go through. */
export function mailChannel({ smtpUrl, from }: ChannelSettings): Channel {
  return smtpUrl ? smtpChannel({ url: smtpUrl, from }) : sesChannel({ from });
}

/**
 * The channels of the configuration, by name. Nothing connects before the first send.
 * @param common `allowPrivate` is ALLOW_PRIVATE_WEBHOOKS, which a channel's own `allow_private` overrules.
 */
export function configuredChannels(
  configs: readonly ChannelConfig[],
  common: Omit<ChannelCommon, 'name'>,
): Record<string, Channel> {
  return Object.fromEntries(
    configs.map(({ name, type, options }) => {
      const kind = channelTypes[type];
      if (!kind)
        throw new Error(`bug: channel ${name} has the unknown type ${type}, which was to be refused`);
      const allowPrivate =
        typeof options.allow_private === 'boolean' ? options.allow_private : common.allowPrivate;
      return [name, kind.make(options, { ...common, name, allowPrivate })];
    }),
  );
}

/** Mails and the configured channels together, by the name that `notifications.channel` holds. */
export function makeChannels(
  settings: ChannelSettings & { allowPrivate?: boolean },
  configs: readonly ChannelConfig[] = [],
) {
  const { from, allowPrivate = false } = settings;
  return { ...configuredChannels(configs, { from, allowPrivate }), email: mailChannel(settings) };
}

/** A mail channel whose every mail goes to one address, whatever the notification says. */
function mailTo(mail: Channel, address: string, { name }: ChannelCommon): Channel {
  return {
    ...mail,
    name: `${name} (${mail.name})`,
    send: (message, signal) => mail.send({ ...message, to: address }, signal),
  };
}
