// What the AWS SDK throws -> a NotificationError. SES answers 4xx both for a message it will never take and for what
// passes (throttling, a paused account, expired credentials) or someone will mend (a sender that is not verified), so the name
// decides, then the status.

import { addressOf } from '../mail-headers.ts';
import { NotificationError } from '../notification-error.ts';

interface SdkError {
  name?: string;
  message?: string;
  $metadata?: { httpStatusCode?: number };
  $response?: { statusCode?: number };
}

/** Refusals of this message or its recipient. */
const never = new Set(['MessageRejected', 'BadRequestException', 'NotFoundException', 'ValidationException']);
/** 4xx statuses that pass: credentials (401, 403), time-out, conflict, throttling. Other 4xx mean the request is wrong. */
const passing = new Set([401, 403, 408, 409, 425, 429]);

function canRetry(error: SdkError, from: string): boolean {
  if (error.name === 'MailFromDomainNotVerifiedException' || isSenderUnknown(error, from)) return true;
  if (never.has(error.name ?? '')) return false;
  if (isThrottling(error)) return true;
  const status = error.$metadata?.httpStatusCode ?? error.$response?.statusCode;
  // No status: no answer came, or there are no credentials or region yet. Below 400: an answer without a meaning.
  if (status === undefined || status < 400 || status >= 500 || passing.has(status)) return true;
  // A known exception of SES with a 4xx that is not in `never` is about the account (paused, suspended, over its limit).
  return /(Paused|Suspended|LimitExceeded|Token|Signature|Credential|Access)/.test(error.name ?? '');
}

/** In the sandbox a recipient may be what is not verified: SES names it. */
function isSenderUnknown({ message = '' }: SdkError, from: string): boolean {
  return /is not verified/i.test(message) && message.toLowerCase().includes(addressOf(from).toLowerCase());
}

function isThrottling(error: SdkError): boolean {
  return /throttl|toomanyrequests|slowdown|ratelimit/i.test(error.name ?? '');
}

/** @param error what the SDK threw. @param channel the channel's name, which begins the message. @param from the sender. */
export function sesError(error: unknown, channel: string, from: string): NotificationError {
  const failure = error as SdkError;
  const status = failure.$metadata?.httpStatusCode ?? failure.$response?.statusCode;
  const text = [
    failure.name ?? 'Error',
    failure.message ?? '',
    status === undefined ? '' : `(HTTP ${status})`,
  ];
  const line = text.filter((part) => part !== '').join(' ');
  return new NotificationError(
    `${channel}: ${line.replace(/[\x00-\x1f\x7f]+/g, ' ').slice(0, 500)}`,
    canRetry(failure, from) ? 'later' : 'never',
    error,
  );
}
