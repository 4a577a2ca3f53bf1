// An answer -> what it means for what was sent. Only what says so plainly counts as taken: a proxy's or a captive portal's
// page with status 200 does not.

import { retryAfterMs } from './backoff.ts';
import type { Answer } from './post.ts';
import { finalAddress } from './remedy.ts';

export type Verdict =
  /** The backend has it all but what it refused, by its index. */
  | { is: 'taken'; refused: { index: number; reason: string }[] }
  /** 413: less at once may do. */
  | { is: 'too-large'; reason: string }
  /** The backend understood and will not have it: what is wrong is in the body. */
  | { is: 'refused'; reason: string }
  /** 401, 403: nothing is wrong with the records, so they stay. */
  | { is: 'unauthorised'; reason: string }
  /** This address does not do what a backend does. A person must act. */
  | { is: 'misdirected'; reason: string }
  /** For holes alone: an older backend, without a place for them. */
  | { is: 'unwanted'; reason: string }
  /** `remedy`: what to do, in case it does not pass by itself. */
  | { is: 'later'; reason: string; waitMs?: number; remedy?: string };

/** @param count how many records were sent as an array, or `one` for a record sent alone. */
export function judgeRecords(answer: Answer, count: number | 'one', now: number): Verdict {
  if (answer.status < 200 || answer.status > 299) return judgeFailure(answer, now);
  const body = parse(answer.body);
  if (count === 'one') {
    if (isRecord(body)) return { is: 'taken', refused: [] };
  } else if (isObject(body) && Array.isArray(body.items) && body.items.length === count) {
    const items: unknown[] = body.items;
    const refused = refusedOf(items);
    if (items.filter(isRecord).length + refused.length === count) return { is: 'taken', refused };
  }
  return notTheBackend(answer);
}

/** Those that were refused by their index. */
function refusedOf(items: readonly unknown[]): { index: number; reason: string }[] {
  return items.flatMap((item, index) =>
    isObject(item) && Array.isArray(item.error) ? { index, reason: inWords(item.error) } : [],
  );
}

/** For holes any JSON will do. */
export function judgeHoles(answer: Answer, now: number): Verdict {
  if ([404, 405, 501].includes(answer.status)) return { is: 'unwanted', reason: `status ${answer.status}` };
  if (answer.status < 200 || answer.status > 299) return judgeFailure(answer, now);
  if (answer.status === 204) return { is: 'taken', refused: [] };
  const body = parse(answer.body);
  if (typeof body !== 'object') return notTheBackend(answer);
  return { is: 'taken', refused: isObject(body) && Array.isArray(body.items) ? refusedOf(body.items) : [] };
}

/** Of an answer whose status is none of success. */
export function judgeFailure(answer: Answer, now: number): Exclude<Verdict, { is: 'taken' }> {
  const { status, headers } = answer;
  const detail = detailOf(answer.body);
  const reason = `status ${status}${detail ? `: ${detail}` : ''}`;
  if (status === 401 || status === 403) return { is: 'unauthorised', reason };
  if (status === 413) return { is: 'too-large', reason };
  if (status >= 300 && status < 400)
    return { is: 'misdirected', reason: `${reason}, a redirect to ${headers.location ?? 'nowhere'}` };
  // Without the detail it is not the backend that refuses: a proxy in front of it, say.
  if ((status === 400 || status === 415 || status === 422) && detail) return { is: 'refused', reason };
  if ((status >= 500 && status !== 501) || status === 429 || status === 408 || status === 425)
    return { is: 'later', reason, waitMs: retryAfterMs(headers['retry-after'], now) };
  return { is: 'misdirected', reason };
}

function notTheBackend({ status, body }: Answer): Verdict {
  const start = JSON.stringify(body.slice(0, 80));
  return {
    is: 'later',
    reason: `status ${status}, but the answer is not a Log Detector's: ${start}`,
    remedy: finalAddress,
  };
}

function isRecord(item: unknown): boolean {
  return isObject(item) && typeof item.id === 'string';
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/** The `detail` of an error body, in words. */
function detailOf(body: string): string | undefined {
  const parsed = parse(body);
  if (!isObject(parsed)) return undefined;
  const { detail } = parsed;
  if (typeof detail === 'string') return detail.slice(0, 500);
  return Array.isArray(detail) ? inWords(detail) : undefined;
}

function inWords(misfits: unknown[]): string {
  const words = misfits.slice(0, 5).map((misfit) => {
    if (!isObject(misfit)) return String(misfit);
    const place = Array.isArray(misfit.loc) ? `${misfit.loc.join('.')}: ` : '';
    return `${place}${typeof misfit.msg === 'string' ? misfit.msg : JSON.stringify(misfit)}`;
  });
  return words.join('; ').slice(0, 500) || 'no reason given';
}
