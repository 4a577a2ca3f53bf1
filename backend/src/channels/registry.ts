// The channels there are, by the name that `notifications.channel` holds. A new one is a folder beside these and a line
// here.

import type { Channel } from './channel.ts';
import { sesChannel } from './ses/ses.ts';
import { smtpChannel } from './smtp/smtp.ts';

export interface ChannelSettings {
  /** `SMTP_URL`. Set: mails go by SMTP; unset: by SES. */
  smtpUrl?: string | undefined;
  /** `ALERT_EMAIL_FROM`. */
  from: string;
}

/** All channels. Nothing connects before the first send. */
export function makeChannels(settings: ChannelSettings) {
  return {
    email: mailChannel(settings),
  } satisfies Record<string, Channel>;
}

/** What mails go through. */
export function mailChannel({ smtpUrl, from }: ChannelSettings): Channel {
  return smtpUrl ? smtpChannel({ url: smtpUrl, from }) : sesChannel({ from });
}
