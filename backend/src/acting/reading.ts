// What the pages of a record and of an issue have in common: the link that opens them, and the links that lead on from there.
// A page leads to nothing that its own link's recipient could not open or do from the mail that the link came with.

import { actionLinkMs, readingLinkMs } from '../alerting/links/lifetimes.ts';
import { everyRecipient, noNonce, readingPath } from '../alerting/links/links.ts';
import { labels, type ReadingPurpose } from '../alerting/links/purposes.ts';
import { signLink } from '../alerting/links/token.ts';
import { readableTime } from '../alerting/states.ts';
import { cutMiddle, headerSafe } from '../alerting/text.ts';
import type { RecordLine } from '../search/read-records.ts';
import { faultPage } from './fault-pages.ts';
import { linkList, pageLink, quiet } from './page.ts';
import { type Answer, readSigned, type Signed } from './read-signed.ts';
import type { ActingParts } from './routes.ts';

/** @param id as it stands in the address, where it must be the link's own. */
export async function openReading(
  parts: ActingParts,
  purpose: ReadingPurpose,
  id: string,
  token: string,
): Promise<Signed | Answer> {
  const signed = await readSigned(parts, token);
  if ('html' in signed) return signed;
  const { link } = signed;
  return link.purpose === purpose && link.issueId === id ? signed : faultPage('forged');
}

/** From a page to another one, which works as long as the page's own link. */
export function pathTo(purpose: ReadingPurpose, id: string, { link, key }: Signed): string {
  const { recipient, expiresAt } = link;
  const token = signLink({ purpose, issueId: id, recipient, expiresAt }, key, noNonce);
  return `../../${readingPath(purpose, id, token)}`;
}

/** What can be done about the issue, for as long as by the other links of the mail. */
export function actingParts(issueId: string, { link, key, now }: Signed): string[] {
  const { recipient, expiresAt } = link;
  const actsUntil = expiresAt - readingLinkMs + actionLinkMs;
  if (recipient === everyRecipient || now >= actsUntil) return [];
  const token = signLink({ purpose: 'choose', issueId, recipient, expiresAt: actsUntil }, key, noNonce);
  return [
    pageLink(labels.choose, `../../act/${token}`),
    quiet(`A page asks what to do. You act as ${recipient}, and the issue's history will say so.`),
  ];
}

/** Of the beginning and of the end of a message, in a list. */
export const lineChars = 200;

export function recordList(records: readonly RecordLine[], signed: Signed): string {
  return linkList(
    records.map(({ id, host, container, severity, received_at, beginning, end }) => {
      const place = [severity.toUpperCase(), container, 'on', host]
        .map((word) => oneLine(word, 60))
        .join(' ');
      return {
        label: `${readableTime(received_at)} · ${place}`,
        href: pathTo('record', id, signed),
        note: firstAndLastLine(beginning, end) || '(no text)',
      };
    }),
  );
}

/** What went wrong stands in the one or in the other. */
function firstAndLastLine(beginning: string, end: string): string {
  const first = beginning.trim().split('\n', 1)[0]!;
  const last = end.trim().split('\n').at(-1)!;
  return oneLine(first.includes(last) ? first : `${first} … ${last}`, 2 * lineChars);
}

/** Log text on one line, short enough for a heading or a list. */
export function oneLine(text: string, maxChars: number): string {
  return cutMiddle(headerSafe(text), maxChars, () => ' … ');
}
