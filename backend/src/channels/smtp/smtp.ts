// Notifications -> mails through an SMTP server (SMTP_URL), over a pool of kept connections.

import { createTransport } from 'nodemailer';
import type { Channel } from '../channel.ts';
import { mailHeaders } from '../mail-headers.ts';
import { smtpError } from './smtp-error.ts';

export interface SmtpSettings {
  /**
   * `smtp://user:password@host:port`, or `smtps://` for TLS from the start. STARTTLS is used whenever the server
   * offers it; `?requireTLS=true` insists, `?tls.rejectUnauthorized=false` takes a self-signed certificate.
   */
  url: string;
  /** `ALERT_EMAIL_FROM`, with or without a display name. */
  from: string;
  /** Connections kept open at most. */
  connections?: number;
}

/** @returns the channel; nothing is connected to until the first send. */
export function smtpChannel({ url, from, connections = 5 }: SmtpSettings): Channel {
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
    socketTimeout: 30_000,
    disableFileAccess: true,
    disableUrlAccess: true,
  });

  return {
    name,
    async send(message, signal) {
      try {
        const sent = await transport.sendMail({
          from,
          to: { name: '', address: message.to },
          subject: message.subject,
          text: message.text,
          html: message.html ?? undefined,
          messageId: message.messageId,
          headers: { ...mailHeaders(message.id), ...message.headers },
          signal,
        });
        return sent.messageId;
      } catch (error) {
        throw smtpError(error, name, password);
      }
    },
    close() {
      transport.close();
    },
  };
}
