// Notifications -> mails through an SMTP server (SMTP_URL), over a pool of kept connections. A server that has the whole
// message may take minutes to say that it keeps it (a content filter); giving up before that would repeat the mail. One that
// a filter refuses goes out once more without log text.

import { PassThrough } from 'node:stream';
import { createTransport, type NodemailerError } from 'nodemailer';
import type { Channel, OutgoingMessage } from '../channel.ts';
import { mailHeaders } from '../mail-headers.ts';
import { bareMail } from './bare-mail.ts';
import { isContentRefused, smtpError } from './smtp-error.ts';

export interface SmtpSettings {
  /**
   * `smtp://user:password@host:port`, or `smtps://` for TLS from the start. STARTTLS is used whenever the server
   * offers it; `?requireTLS=true` insists, `?tls.rejectUnauthorized=false` takes a self-signed certificate.
   */
  url: string;
  /** Where the URL was given, for what an error says to do: `SMTP_URL` when left out. */
  urlSetting?: string;
  /** `ALERT_EMAIL_FROM`, with or without a display name. */
  from: string;
  /** Connections kept open at most. */
  connections?: number;
  /** For all that comes before the server has the message. */
  handOverMs?: number;
  /** For its answer to that; RFC 5321, 4.5.3.2.6 asks for ten minutes. */
  answerMs?: number;
}

/** @returns the channel; nothing is connected to until the first send. */
export function smtpChannel(settings: SmtpSettings): Channel {
  const { url, urlSetting, from, connections = 10, handOverMs = 30_000, answerMs = 600_000 } = settings;
  const { hostname, port, password } = new URL(url);
  const name = `smtp (${hostname}${port === '' ? '' : `:${port}`})`;
  const transport = createTransport({
    pool: true,
    url,
    maxConnections: connections,
    // A mail whose connection closed may have been taken: repeating it is the outbox's business, which counts attempts.
    maxRequeues: 0,
    connectionTimeout: 10_000,
    greetingTimeout: 10_000,
    dnsTimeout: 10_000,
    socketTimeout: answerMs,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  transport.use('stream', (mail, done) => {
    const { onHandedOver } = mail.data as HandedOver;
    mail.message.transform(new PassThrough().once('end', onHandedOver));
    done();
  });

  async function hand(message: OutgoingMessage, signal: AbortSignal): Promise<string> {
    const late = new AbortController();
    const handOver = setTimeout(() => late.abort(), handOverMs);
    try {
      const mail: Parameters<typeof transport.sendMail>[0] & HandedOver = {
        from,
        to: { name: '', address: message.to },
        subject: message.subject,
        text: message.text,
        html: message.html ?? undefined,
        messageId: message.messageId,
        headers: { ...mailHeaders(message.id), ...message.headers },
        signal: AbortSignal.any([signal, late.signal]),
        onHandedOver: () => clearTimeout(handOver),
      };
      return (await transport.sendMail(mail)).messageId;
    } finally {
      clearTimeout(handOver);
    }
  }

  return {
    name,
    // Twice: a filter may take as long to refuse a mail, and as long again to take it without log text.
    maxSendMs: 2 * (handOverMs + answerMs),
    async send(message, signal) {
      try {
        return await hand(message, signal).catch((error: NodemailerError) => {
          if (!isContentRefused(error)) throw error;
          return hand(bareMail(message, error.response ?? ''), signal);
        });
      } catch (error) {
        throw smtpError(error, name, password, urlSetting);
      }
    },
    close() {
      transport.close();
    },
  };
}

interface HandedOver {
  /** The whole message is on its way. */
  onHandedOver: () => void;
}
