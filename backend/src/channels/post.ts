// A channel's call to its service -> the answer, or a NotificationError that says whether trying again may help and never
// shows a secret. The rules by status are the same for all channels.
//
//   2xx                          sent, if the channel knows its service in the body
//   3xx                          later: a login page in between, or an address to be mended; never followed
//   401, 403, 407                later: a new token or permission may come
//   408, 425, 429, 5xx           later, and not before what Retry-After says
//   other 4xx (404, 410, 413 …)  never: the service will not take this message here
//   no answer, or half of one    later

import type { IncomingHttpHeaders } from 'node:http';
import { callHttp, type EdgeAnswer } from './http-edge.ts';
import { NotificationError } from './notification-error.ts';

export interface Service {
  /** The channel's name, which begins every error. */
  name: string;
  /** Struck out of whatever is said about the call. */
  secrets: readonly string[];
  allowPrivate: boolean;
  /** How long the service's body asks to be left alone, in ms, where it says so there. */
  retryAfterOf?: (body: string) => number | undefined;
}

export interface Post {
  url: URL;
  headers?: Readonly<Record<string, string>>;
  /** Sent as JSON; a string is sent as it is. */
  body: unknown;
  signal: AbortSignal;
}

/** What is shorter keeps nothing secret, and striking it out would leave no word whole. */
const minSecretChars = 4;
/** Longest that a service may ask for: what it holds up may be urgent by then. */
const maxRetryAfterMs = 3_600_000;
const passing = new Set([401, 403, 407, 408, 425, 429]);

/** @returns the answer, whose status is 2xx. @throws {NotificationError} */
export async function post(service: Service, { url, headers, body, signal }: Post): Promise<EdgeAnswer> {
  let answer: EdgeAnswer;
  try {
    answer = await callHttp({
      url,
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
      allowPrivate: service.allowPrivate,
      signal,
    });
  } catch (error) {
    throw networkError(service, error);
  }
  if (answer.status >= 200 && answer.status < 300) return answer;
  throw statusError(service, answer);
}

/** A 2xx whose body is not the service's: something in between answered. */
export function meaningless(service: Service, answer: EdgeAnswer): NotificationError {
  return new NotificationError(
    `${service.name}: HTTP ${answer.status}, but not as the service answers${quoted(service, answer.body)}; is a proxy or a login page in between?`,
    'later',
  );
}

/** The service's own words for a failure, at whatever status. */
export function refused(
  service: Service,
  retry: 'later' | 'never',
  words: string,
  retryAfterMs?: number,
): NotificationError {
  return new NotificationError(
    `${service.name}: ${oneSafeLine(words, service)}`,
    retry,
    undefined,
    retryAfterMs,
  );
}

function statusError(service: Service, { status, headers, body }: EdgeAnswer): NotificationError {
  const canRetry = status < 400 || status >= 500 || passing.has(status);
  const hint = status >= 300 && status < 400 ? ' (a redirect, which is not followed)' : '';
  const asked = service.retryAfterOf?.(body) ?? retryAfterMs(headers, Date.now());
  return new NotificationError(
    `${service.name}: HTTP ${status}${hint}${quoted(service, body)}`,
    canRetry ? 'later' : 'never',
    undefined,
    canRetry && asked !== undefined ? Math.min(asked, maxRetryAfterMs) : undefined,
  );
}

/** `Retry-After` in either form (RFC 9110, 10.2.3): seconds, or a date. @param now ms since the epoch. @returns ms. */
export function retryAfterMs(headers: IncomingHttpHeaders, now: number): number | undefined {
  const value = headers['retry-after']?.trim();
  if (!value) return undefined;
  if (/^\d+(\.\d+)?$/.test(value)) return Math.ceil(Number(value) * 1000);
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}

function networkError(service: Service, error: unknown): NotificationError {
  const { name, message, code } = error as NodeJS.ErrnoException;
  const isAborted = name === 'AbortError' || name === 'TimeoutError' || code === 'ABORT_ERR';
  const words = isAborted
    ? 'no answer in time'
    : message || (error as AggregateError).errors?.map((each: Error) => each.message).join(', ') || code;
  // No `cause`: it may hold the address, which for a webhook is the secret.
  return refused(service, 'later', words ?? 'the connection failed');
}

function quoted(service: Service, body: string): string {
  const text = oneSafeLine(body, service);
  return text === '' ? '' : `: ${text}`;
}

/** Secrets go before the text is cut, so that none is cut in two and half of it shown. */
function oneSafeLine(text: string, { secrets }: Service): string {
  return secrets
    .toSorted((a, b) => b.length - a.length)
    .reduce((rest, secret) => (secret.length < minSecretChars ? rest : rest.replaceAll(secret, '***')), text)
    .replace(/[\x00-\x20\x7f]+/g, ' ')
    .trim()
    .slice(0, 300);
}

/** What of a webhook's address is secret: the whole, its path, and each long piece of it. */
export function secretsOf(url: URL): string[] {
  const pieces = [...url.pathname.split('/'), ...url.searchParams.values()];
  return [
    url.href,
    ...[`${url.pathname}${url.search}`, ...pieces].filter((piece) => piece.length >= 8),
    ...(url.password === '' ? [] : [url.password, decodeURIComponent(url.password), basicOf(url)]),
  ];
}

/** As it travels in the header. */
function basicOf({ username, password }: URL): string {
  return Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64');
}
