// What the AWS SDK throws -> a NotificationError. SES answers 4xx both for a message it will never take and for what
// passes (throttling, a paused account, expired credentials), so the name decides, then the status.

import { NotificationError } from '../notification-error.ts';

interface SdkError {
  name?: string;
  message?: string;
  $metadata?: { httpStatusCode?: number };
  $response?: { statusCode?: number };
}

/** Refusals of this message, its sender or its recipient. */
const never = new Set([
  'MessageRejected',
  'MailFromDomainNotVerifiedException',
  'BadRequestException',
  'NotFoundException',
  'ValidationException',
]);
/** 4xx statuses that pass: credentials (401, 403), time-out, conflict, throttling. Other 4xx mean the request is wrong. */
const passing = new Set([401, 403, 408, 409, 425, 429]);

function canRetry(error: SdkError): boolean {
  if (never.has(error.name ?? '')) return false;
  if (isThrottling(error)) return true;
  const status = error.$metadata?.httpStatusCode ?? error.$response?.statusCode;
  // No status: no answer came, or there are no credentials or region yet. Below 400: an answer without a meaning.
  if (status === undefined || status < 400 || status >= 500 || passing.has(status)) return true;
  // A known exception of SES with a 4xx that is not in `never` is about the account (paused, suspended, over its limit).
  return /(Paused|Suspended|LimitExceeded|Token|Signature|Credential|Access)/.test(error.name ?? '');
}

function isThrottling(error: SdkError): boolean {
  return /throttl|toomanyrequests|slowdown|ratelimit/i.test(error.name ?? '');
}

/** @param error what the SDK threw. @param channel the channel's name, which begins the message. */
export function sesError(error: unknown, channel: string): NotificationError {
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
    canRetry(failure) ? 'later' : 'never',
    error,
  );
}
