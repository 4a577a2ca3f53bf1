// What nodemailer throws -> a NotificationError: 4xx later, 5xx never, no answer later. An answer that is about us and
// not about the message (greeting, login, TLS) is worth another try whatever its number: someone will mend it.

import type { NodemailerError } from 'nodemailer';
import { NotificationError } from '../notification-error.ts';

/** Replies that ask for a login or refuse it (RFC 4954). */
const aboutLogin = new Set([530, 534, 535, 538]);
/** Steps at which a 5xx speaks of this message, its sender or its recipient. */
const aboutMessage = /^(MAIL|RCPT|DATA|BDAT)/i;

function canRetry(error: NodemailerError): boolean {
  const { responseCode, code, command = '' } = error;
  if (responseCode !== undefined && responseCode >= 500)
    return (
      aboutLogin.has(responseCode) || !aboutMessage.test(command || (code === 'EENVELOPE' ? 'RCPT' : ''))
    );
  if (responseCode !== undefined) return true;
  // Without an answer from the server: the envelope or the message itself could not be made.
  return code !== 'EENVELOPE' && code !== 'EMESSAGE';
}

/**
 * @param error what the transport threw.
 * @param channel the channel's name, which begins the message.
 * @param password of SMTP_URL as written there; struck out should a server repeat it.
 */
export function smtpError(error: unknown, channel: string, password: string): NotificationError {
  const failure = error as NodemailerError;
  const reply = failure.response ?? failure.message;
  const text = withoutSecret(`${channel}: ${oneLine(reply)}`, password);
  // No `cause`: nodemailer's error holds the command, which at a login is the password.
  return new NotificationError(text, canRetry(failure) ? 'later' : 'never');
}

function oneLine(text: string): string {
  return text.replace(/[\x00-\x1f\x7f]+/g, ' ').slice(0, 500);
}

function withoutSecret(text: string, password: string): string {
  if (password === '') return text;
  const plain = decoded(password);
  const forms = [password, plain, Buffer.from(plain).toString('base64')];
  return forms.reduce((rest, form) => rest.replaceAll(form, '***'), text);
}

function decoded(password: string): string {
  try {
    return decodeURIComponent(password);
  } catch {
    return password; // a % that encodes nothing stands for itself
  }
}
