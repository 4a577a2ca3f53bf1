// What nodemailer throws -> a NotificationError: 4xx later, 5xx never, no answer later. An answer that is about us and
// not about the message (greeting, login, TLS, our sender, what we may send and how much) is worth another try whatever its
// number: someone will mend it, or it passes.

import type { NodemailerError } from 'nodemailer';
import { NotificationError } from '../notification-error.ts';

/** Replies that ask for a login or refuse it (RFC 4954). */
const aboutLogin = new Set([530, 534, 535, 538]);
/** The same said at another step, and with a number that has other meanings: the server passes nothing on for who did not log in. */
const aboutRelay =
  /\b(unable to relay|relay(ing)? (access )?(is )?(denied|not permitted|not allowed|prohibited)|for relay|authentication (is )?required|not authenticated)\b/i;
/** Steps at which a 5xx speaks of this message or its recipient. */
const aboutMessage = /^(RCPT|DATA|BDAT)/i;
/** The account's limit, which Gmail (5.4.5), Exchange Online and hosters refuse with for good, though it passes in hours. */
const aboutLimit =
  /\b(5\.4\.5|5\.1\.90|5\.7\.23[23])\b|\b(daily|hourly|sending) (limit|quota)\b|exceeded.*\bper (hour|day)\b/i;

function canRetry(error: NodemailerError): boolean {
  const { responseCode, code, command = '', response = '' } = error;
  if (responseCode !== undefined && responseCode >= 500)
    return (
      aboutLogin.has(responseCode) ||
      aboutRelay.test(response) ||
      aboutLimit.test(response) ||
      !aboutMessage.test(command || (code === 'EENVELOPE' ? 'RCPT' : ''))
    );
  if (responseCode !== undefined) return true;
  // Without an answer from the server: the envelope or the message itself could not be made.
  return code !== 'EENVELOPE' && code !== 'EMESSAGE';
}

/** Whether the server refused for good what the mail says, or its size: it took sender and recipient. */
export function isContentRefused(error: unknown): boolean {
  const failure = error as NodemailerError;
  return (
    (failure.responseCode ?? 0) >= 500 && /^(DATA|BDAT)/i.test(failure.command ?? '') && !canRetry(failure)
  );
}

/**
 * @param error what the transport threw.
 * @param channel the channel's name, which begins the message.
 * @param password of SMTP_URL as written there; struck out should a server repeat it.
 */
export function smtpError(error: unknown, channel: string, password: string): NotificationError {
  const failure = error as NodemailerError;
  const reply = failure.response ?? `${failure.message.trim()}${remedyOf(failure.message)}`;
  const text = withoutSecret(`${channel}: ${oneLine(reply)}`, password);
  // No `cause`: nodemailer's error holds the command, which at a login is the password.
  return new NotificationError(text, canRetry(failure) ? 'later' : 'never');
}

/** What to do, where the words of OpenSSL or nodemailer do not say it. */
const remedies: readonly (readonly [RegExp, string])[] = [
  [/wrong version number/i, 'no TLS from the start at this port; write smtp://, which uses STARTTLS'],
  [/greeting never received/i, 'if this port wants TLS from the start, as 465 does, write smtps://'],
  [
    /certificate|altname/i,
    'mend it, give its CA by NODE_EXTRA_CA_CERTS, or add ?tls.rejectUnauthorized=false to trust it unseen',
  ],
];

function remedyOf(words: string): string {
  const [, remedy] = remedies.find(([pattern]) => pattern.test(words)) ?? [];
  return remedy === undefined ? '' : `; ${remedy}`;
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
