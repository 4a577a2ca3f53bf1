// What an alert tells -> the mail: subject, text part, HTML part. The subject is the contract's, to the letter.

import type { ReadingLinks } from './links/links.ts';
import { htmlPage } from './mail-html.ts';
import { bodySafe, cutMiddle, headerSafe } from './text.ts';

/** What one alert tells: of one record, or of several that were coalesced. */
export interface AlertContent {
  recordId: string;
  host: string;
  container: string;
  severity: string;
  message: string;
  /** ISO 8601; null when the sender gave none. */
  occurredAt: string | null;
  receivedAt: string;
}

export interface Mail {
  subject: string;
  text: string;
  html: string;
}

/** Longest message shown in a mail, in characters. With the rest it stays under the 102 KB at which Gmail clips. */
export const maxMessageChars = 40_000;
/** Longest subject, in characters. */
export const maxSubjectChars = 255;

/** Writes the mail. */
export function renderMail(alert: AlertContent, links: ReadingLinks): Mail {
  const url = links.record(alert.recordId);
  const subject = subjectOf(alert);
  const facts: [string, string][] = [
    ['Host', headerSafe(alert.host)],
    ['Container', headerSafe(alert.container)],
    ['Severity', headerSafe(alert.severity)],
    ['Occurred at', alert.occurredAt ?? 'not given'],
    ['Received at', alert.receivedAt],
  ];
  const message = shownMessage(alert.message, url);
  const text = `${[...facts, ['Record', url]].map(([name, value]) => `${name}: ${value}`).join('\n')}\n\n${message}\n`;
  return { subject, text, html: htmlPage({ subject, facts, url, message }) };
}

/** Log text for a mail: cut in the middle where it is long, with a link to the whole. */
export function shownMessage(message: string, url: string): string {
  const marker = (leftOut: number) =>
    `\n\n[... ${leftOut} characters left out, the whole record: ${url} ...]\n\n`;
  return bodySafe(cutMiddle(message, maxMessageChars, marker));
}

/** `[Log Alert] ERROR <container> on <host>`; names too long for 255 characters are cut in their middle. */
export function subjectOf(alert: Pick<AlertContent, 'severity' | 'container' | 'host'>): string {
  const [severity, container, host] = [alert.severity.toUpperCase(), alert.container, alert.host].map(
    headerSafe,
  );
  const room = maxSubjectChars - `[Log Alert] ${severity}  on `.length;
  // Each name may take half, and what the other one leaves.
  const hostRoom = Math.max(room >> 1, room - container!.length);
  const containerRoom = room - Math.min(host!.length, hostRoom);
  return `[Log Alert] ${severity} ${shorten(container!, containerRoom)} on ${shorten(host!, hostRoom)}`;
}

export function shorten(name: string, maxChars: number): string {
  return name.length <= maxChars ? name : cutMiddle(name, maxChars - 1, () => '…');
}
