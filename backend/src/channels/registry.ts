// The channels there are, and which one sends the mails. A new channel is a folder beside these and a line here.

import type { Channel } from './channel.ts';
import { sesChannel } from './ses/ses.ts';
import { smtpChannel } from './smtp/smtp.ts';

export interface MailSettings {
  /** `SMTP_URL`. Set: mails go by SMTP; unset: by SES. */
  smtpUrl?: string | undefined;
  /** `ALERT_EMAIL_FROM`. */
  from: string;
}

/** @returns the channel that mails go through. */
export function mailChannel({ smtpUrl, from }: MailSettings): Channel {
  return smtpUrl ? smtpChannel({ url: smtpUrl, from }) : sesChannel({ from });
}
