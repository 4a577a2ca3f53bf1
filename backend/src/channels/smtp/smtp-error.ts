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
 * @param setting where the URL was given.
 */
export function smtpError(
  error: unknown,
  channel: string,
  password: string,
  setting = 'SMTP_URL',
): NotificationError {
  const failure = error as NodemailerError;
  const reply = withoutSecret(oneLine(failure.response ?? failure.message).trimEnd(), password);
  const remedy = remedyOf(failure, setting);
  const text = `${channel}: ${reply}${remedy ? `; ${remedy}` : ''}`;
  // No `cause`: nodemailer's error holds the command, which at a login is the password.
  return new NotificationError(text, canRetry(failure) ? 'later' : 'never');
}

/** For the mistakes that a new SMTP_URL has; what else a server says, it says itself. Nodemailer's codes do not part them. */
function remedyOf({ responseCode, code, message }: NodemailerError, setting: string): string | undefined {
  if (responseCode !== undefined ? aboutLogin.has(responseCode) : code === 'EAUTH')
    return `check user and password in ${setting}`;
  if (responseCode !== undefined) return undefined;
  if (/wrong version number|packet length too long/.test(message))
    return `the server begins without TLS; check whether ${setting} is to begin with smtp:// (port 587) in place of smtps:// (465)`;
  if (/Greeting never received/.test(message))
    return `check whether ${setting} is to begin with smtps:// (port 465), for a server that begins with TLS`;
  if (/ECONNREFUSED/.test(message))
    return `nobody listens there; check host and port in ${setting} (in a container, localhost is the container itself)`;
  if (/ENOTFOUND|EAI_/.test(message))
    return `no such host is known here; check the host in ${setting}, and DNS`;
  if (/self-signed|unable to (verify|get)/.test(message))
    return `its certificate is signed by nobody who is trusted here; name the file of its CA in NODE_EXTRA_CA_CERTS, or add ?tls.rejectUnauthorized=false to ${setting}`;
  if (/altnames/.test(message)) return `its certificate is for another name; check the host in ${setting}`;
  if (/certificate has expired/.test(message))
    return `have its certificate renewed, or add ?tls.rejectUnauthorized=false to ${setting}`;
  if (code === 'ETIMEDOUT' || /E(HOST|NET)UNREACH/.test(message))
    return `check host and port in ${setting}, and whether a firewall is in between`;
  return undefined;
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
