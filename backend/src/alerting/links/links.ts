// The links of one mail, or of one message to a channel: each for one purpose, one issue and one recipient.

import { randomBytes } from 'node:crypto';
import { actionLinkMs, pageLinkMs, readingLinkMs, unsubscribeLinkMs } from './lifetimes.ts';
import { type IssuePurpose, labels, type Purpose, type ReadingPurpose } from './purposes.ts';
import { type LinkKey, signLink } from './token.ts';

export interface LinkSettings {
  /** `BASE_URL`. */
  baseUrl: string;
  /** `UNSUBSCRIBE_BASE_URL`: where mail providers can reach `/unsubscribe`; `BASE_URL` when left out. */
  unsubscribeBaseUrl?: string | undefined;
}

export interface ActionLink {
  purpose: IssuePurpose | 'choose';
  label: string;
  url: string;
}

/** Where people read what a message tells of. */
export interface ReadingLinks {
  record(recordId: string): string;
  issue(issueId: string): string;
}

export interface MailLinks extends ReadingLinks {
  /** Those that fit the issue, in the order to be shown. `withImage`: its records name their image. */
  ofIssue(issueId: string, facts: { withImage: boolean; isOver: boolean }): ActionLink[];
  /** One link to a page with all of them, for mails of many issues. */
  choose(issueId: string): ActionLink;
  /** Where this recipient is taken off. */
  unsubscribe: string;
}

/**
 * @param recipient an address, or a channel's name.
 * @param notificationId makes the links of a mail the same, however often it is written.
 * @param now ms since the epoch.
 */
export function mailLinks(
  key: LinkKey,
  settings: LinkSettings,
  recipient: string,
  notificationId: string,
  now: number,
): MailLinks {
  const nonce = Buffer.from(notificationId.replaceAll('-', ''), 'hex').subarray(-6);
  const token = (purpose: Purpose, lifeMs: number, issueId?: string) =>
    signLink({ purpose, issueId, recipient, expiresAt: now + lifeMs }, key, nonce);
  const action = (purpose: ActionLink['purpose'], issueId: string): ActionLink => ({
    purpose,
    label: labels[purpose],
    url: actionUrl(settings.baseUrl, token(purpose, actionLinkMs, issueId)),
  });
  const reading = (purpose: ReadingPurpose) => (id: string) =>
    readingUrl(settings.baseUrl, purpose, id, token(purpose, readingLinkMs, id));
  return {
    record: reading('record'),
    issue: reading('issue'),
    ofIssue: (issueId, facts) => purposesFor(facts).map((purpose) => action(purpose, issueId)),
    choose: (issueId) => action('choose', issueId),
    unsubscribe: unsubscribeUrl(settings, token('unsubscribe', unsubscribeLinkMs)),
  };
}

/** What may be done about an issue of which a mail tells. */
function purposesFor({ withImage, isOver }: { withImage: boolean; isOver: boolean }): IssuePurpose[] {
  if (isOver) return ['resolve', 'mute-ever', 'not-an-error'];
  return [
    'mute-hour',
    'mute-worse',
    ...(withImage ? (['mute-deployed'] as const) : []),
    'mute-ever',
    'resolve',
    'not-an-error',
    'open',
  ];
}

/** A link of a page, which works for an hour. */
export function pageToken(
  purpose: Purpose,
  link: { issueId?: string | undefined; recipient: string },
  key: LinkKey,
  now: number,
): string {
  const { issueId, recipient } = link;
  return signLink({ purpose, issueId, recipient, expiresAt: now + pageLinkMs }, key, randomBytes(6));
}

/** Whom the links of a message are for that all its recipients get alike: they show, and let nobody act. */
export const everyRecipient = '*';

/** The links of a message that all its recipients get alike. @param now ms since the epoch. */
export function sharedLinks(key: LinkKey, baseUrl: string, now: number): ReadingLinks {
  const reading = (purpose: ReadingPurpose) => (id: string) => {
    const link = { purpose, issueId: id, recipient: everyRecipient, expiresAt: now + readingLinkMs };
    return readingUrl(baseUrl, purpose, id, signLink(link, key, noNonce));
  };
  return { record: reading('record'), issue: reading('issue') };
}

/** Of links that may be used any number of times, it does not matter that they are the same. */
export const noNonce = Buffer.alloc(6);

/** The id stands in it for people: who sees two of these knows whether they lead to one record. */
function readingUrl(baseUrl: string, purpose: ReadingPurpose, id: string, token: string): string {
  return `${baseUrl.replace(/\/+$/, '')}/${readingPath(purpose, id, token)}`;
}

export function readingPath(purpose: ReadingPurpose, id: string, token: string): string {
  return `${purpose}s/${id}/${token}`;
}

export function actionUrl(baseUrl: string, token: string): string {
  return `${baseUrl.replace(/\/+$/, '')}/act/${token}`;
}

/** Takes an unsubscription back. @param now ms since the epoch. */
export function subscribeUrl(key: LinkKey, settings: LinkSettings, recipient: string, now: number): string {
  const link = { purpose: 'subscribe' as const, recipient, expiresAt: now + actionLinkMs };
  return unsubscribeUrl(settings, signLink(link, key, randomBytes(6)));
}

function unsubscribeUrl({ baseUrl, unsubscribeBaseUrl }: LinkSettings, token: string): string {
  return `${(unsubscribeBaseUrl || baseUrl).replace(/\/+$/, '')}/unsubscribe/${token}`;
}
