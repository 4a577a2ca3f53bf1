// Notifications -> mails through Amazon SES (API v2), with the standard AWS variables: AWS_REGION, AWS_ACCESS_KEY_ID and
// the rest, AWS_ENDPOINT_URL_SESV2 for another endpoint. SES writes its own Message-ID and Date, so the notification's
// id also travels in X-Log-Detector-Notification. "Simple" content, because "Raw" asks for a further IAM permission
// (ses:SendRawEmail) that a policy made for the original lacks.

import type { SESv2Client } from '@aws-sdk/client-sesv2';
import type { Channel } from '../channel.ts';
import { addressOf, mailHeaders } from '../mail-headers.ts';
import { sesError } from './ses-error.ts';

type Sdk = typeof import('@aws-sdk/client-sesv2');

export interface SesSettings {
  /** `ALERT_EMAIL_FROM`: an address or domain verified with SES. */
  from: string;
}

/** @returns the channel; the SDK is loaded by the first send. */
export function sesChannel({ from }: SesSettings): Channel {
  const name = 'ses';
  const sender = asciiSender(from);
  let loading: Promise<{ sdk: Sdk; client: SESv2Client }> | undefined;

  // Loaded late: the SDK costs about 100 ms and 30 MB, which a backend that sends no mail should not pay.
  async function load(): Promise<{ sdk: Sdk; client: SESv2Client }> {
    const sdk = await import('@aws-sdk/client-sesv2');
    const client = new sdk.SESv2Client({
      // The JavaScript SDK does not read AWS_DEFAULT_REGION, which Python's does, and so the original.
      ...(process.env.AWS_REGION ? {} : { region: process.env.AWS_DEFAULT_REGION }),
      // The outbox repeats and counts; a second layer of repeats would send twice unseen.
      maxAttempts: 1,
      requestHandler: { connectionTimeout: 10_000, requestTimeout: 30_000, throwOnRequestTimeout: true },
    });
    return { sdk, client };
  }

  return {
    name,
    async send(message, signal) {
      try {
        loading ??= load();
        const { sdk, client } = await loading;
        const command = new sdk.SendEmailCommand({
          FromEmailAddress: sender,
          Destination: { ToAddresses: [addressOf(message.to)] },
          Content: {
            Simple: {
              Subject: { Data: message.subject, Charset: 'UTF-8' },
              Body: {
                Text: { Data: message.text, Charset: 'UTF-8' },
                ...(message.html === null ? {} : { Html: { Data: message.html, Charset: 'UTF-8' } }),
              },
              Headers: Object.entries({ ...mailHeaders(message.id), ...message.headers }).map(
                ([Name, Value]) => ({ Name, Value }),
              ),
            },
          },
        });
        const sent = await client.send(command, { abortSignal: signal });
        if (!sent.MessageId) throw new Error('the answer has no MessageId; is the endpoint SES?');
        return sent.MessageId;
      } catch (error) {
        throw sesError(error, name, from);
      }
    },
    async quota(signal) {
      try {
        loading ??= load();
        const { sdk, client } = await loading;
        const { SendQuota: quota } = await client.send(new sdk.GetAccountCommand({}), {
          abortSignal: signal,
        });
        if (!quota?.MaxSendRate || quota.Max24HourSend === undefined) return undefined;
        return {
          perSecond: quota.MaxSendRate,
          perDay: quota.Max24HourSend < 0 ? null : quota.Max24HourSend, // -1: as many as one likes
          sentLastDay: quota.SentLast24Hours ?? 0,
        };
      } catch (error) {
        throw sesError(error, name, from);
      }
    },
    close() {
      void loading?.then(({ client }) => client.destroy()).catch(() => {});
    },
  };
}

/** SES wants a display name that is not ASCII as an encoded word (RFC 2047), and a domain in its ASCII form. */
function asciiSender(from: string): string {
  const [, name] = /^\s*"?([^"<]*?)"?\s*<[^<>]+>\s*$/.exec(from) ?? [];
  if (name === undefined) return from.includes('<') ? from : addressOf(from);
  if (/^[\x20-\x7e]*$/.test(name)) return from.replace(/<[^<>]+>\s*$/, `<${addressOf(from)}>`);
  return `=?UTF-8?B?${Buffer.from(name).toString('base64')}?= <${addressOf(from)}>`;
}
