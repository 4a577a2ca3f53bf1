// Header fields of a grouped mail: its thread, the list that it belongs to, and what a filter may ask for. Values are
// printable ASCII and short, because SES takes no others; what else stands in a name becomes a question mark.

import { addressOf, domainOf } from '../channels/mail-headers.ts';
import { headerSafe } from './text.ts';

export interface HeaderFacts {
  /** `ALERT_EMAIL_FROM`. */
  from: string;
  state: string;
  issueId?: string;
  episode?: string;
  service?: string;
  host?: string;
  container?: string;
  severity?: string;
  /** Where this recipient is taken off. */
  unsubscribe?: string | undefined;
}

const maxValueChars = 200;
/** SES takes 870 characters. */
const maxLinkChars = 600;

/**
 * Every mail of an episode refers to the same root, which was never sent: SES writes its own Message-ID, so that a mail
 * cannot refer to the one before.
 */
export function alertHeaders(facts: HeaderFacts): Record<string, string> {
  const { from, episode } = facts;
  const root = episode && `<${episode}@${domainOf(from)}>`;
  const fields: Record<string, string | undefined> = {
    References: root,
    'In-Reply-To': root,
    'List-Id': `Log Detector alerts <alerts.log-detector.${domainOf(from)}>`,
    ...unsubscribeFields(from, facts.unsubscribe),
    'X-Log-Detector-State': facts.state,
    'X-Log-Detector-Issue': facts.issueId,
    'X-Log-Detector-Service': facts.service,
    'X-Log-Detector-Host': facts.host,
    'X-Log-Detector-Container': facts.container,
    'X-Log-Detector-Severity': facts.severity,
  };
  return Object.fromEntries(
    Object.entries(fields).flatMap(([name, value]) =>
      value === undefined || value === '' ? [] : [[name, name === 'List-Unsubscribe' ? value : ascii(value)]],
    ),
  );
}

/**
 * One click takes a recipient off (RFC 8058): the provider posts to the address, which must be https. Where it is not, only
 * a mail to whoever runs Log Detector is offered, because a provider that only fetches the address changes nothing.
 */
function unsubscribeFields(from: string, url: string | undefined): Record<string, string> {
  const mailto = `<mailto:${encodeURI(addressOf(from))}?subject=unsubscribe>`;
  if (url === undefined || !url.startsWith('https:') || url.length > maxLinkChars)
    return { 'List-Unsubscribe': mailto };
  return { 'List-Unsubscribe': `<${url}>, ${mailto}`, 'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click' };
}

function ascii(value: string): string {
  return headerSafe(value)
    .slice(0, maxValueChars)
    .replace(/[^\x20-\x7e]/gu, '?');
}
