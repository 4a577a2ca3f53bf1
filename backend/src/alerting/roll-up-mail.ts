// Several alerts -> one mail: exact counts, then the issues, those never told of first and then the busiest.

import type { MailedIssue } from './issue-mail.ts';
import type { ActionLink, ReadingLinks } from './links/links.ts';
import { type Mail, maxSubjectChars, shorten } from './mail.ts';
import { anchor, badge, foot, heading, log, page, paragraph, quiet } from './mail-html.ts';
import { counted, fewOf, footText, readableTime, stateWord, stopHint, type Unsubscribe } from './states.ts';
import { bodySafe, cutMiddle, escapeHtml, headerSafe } from './text.ts';

export interface RollUpItem {
  reason: string;
  recordId: string;
  issue: MailedIssue;
  /** Records held back since the mail before. */
  held: number;
  /** What the record says. */
  message: string;
  /** Leads to a page with what can be done about it. */
  act?: ActionLink;
}

export interface RollUp {
  /** In the order to be shown. */
  items: readonly RollUpItem[];
  /** Issues that it tells of, shown or not, by reason. */
  issuesByReason: ReadonlyMap<string, number>;
  /** Records of those issues held back since their mails before. */
  held: number;
  /** Issues never told of that a next mail will show. */
  more: number;
  /** Where this recipient is taken off. */
  unsubscribe?: Unsubscribe;
}

/** Most issues shown: with these a mail stays under the 102 KB at which Gmail clips. */
export const maxShown = 80;
const maxTitleChars = 130;
const maxNameChars = 45;
/** With so few issues, each is shown with its message, cut to so many characters. */
const fewEnough = 5;
const maxExtractChars = 4000;

/** Writes the mail. */
export function renderRollUp(rollUp: RollUp, reading: ReadingLinks): Mail {
  const { items } = rollUp;
  const total = [...rollUp.issuesByReason.values()].reduce((sum, n) => sum + n, 0);
  const services = [...new Set(items.map(({ issue }) => shorten(headerSafe(issue.service), maxNameChars)))];
  const subject = shorten(`[${total} ISSUES] ${fewOf(services, 3)}`, maxSubjectChars);
  const title = `${counted(total, 'issue', 'issues')} since the mail before`;
  const sums = [...rollUp.issuesByReason].map(([reason, n]) => `${n} ${stateWord(reason).toLowerCase()}`);
  const heldBack =
    rollUp.held > 0 ? ` ${counted(rollUp.held, 'record was', 'records were')} held back before.` : '';
  const summary = `${sums.join(', ')}.${heldBack}`;
  const shown = items.slice(0, maxShown);
  const rest = restOf(total - shown.length, rollUp.more);
  const text = [
    title,
    summary,
    ...shown.map((item) => itemText(item, reading, shown.length <= fewEnough)),
    rest,
    footText(rollUp.unsubscribe),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
  const html = page(subject, [
    heading(title),
    paragraph(summary),
    ...shown.map((item) => itemHtml(item, reading, shown.length <= fewEnough)),
    ...(rest ? [quiet(rest)] : []),
    foot(rollUp.unsubscribe, stopHint),
  ]);
  return { subject, text: `${text}\n`, html };
}

function restOf(unshown: number, more: number): string {
  return [
    unshown > 0 ? `${counted(unshown, 'further issue is', 'further issues are')} not listed.` : '',
    more > 0
      ? `${counted(more, 'more issue', 'more issues')}, never told of before, will follow in the next mail.`
      : '',
  ]
    .filter((part) => part !== '')
    .join(' ');
}

function lineOf({ issue, held }: RollUpItem): string {
  const heldBack = held > 0 ? `, ${held.toLocaleString('en-US')} held back` : '';
  const [service, ...hosts] = [issue.service, ...issue.hosts].map((name) => shorten(name, maxNameChars));
  return `${service} on ${fewOf(hosts, 3)}; ${counted(issue.count, 'record', 'records')}${heldBack}; ${timesOf(issue)}`;
}

function timesOf({ firstSeen, lastSeen }: RollUpItem['issue']): string {
  const [first, last] = [readableTime(firstSeen), readableTime(lastSeen)];
  return first === last ? first : `first ${first}, last ${last}`;
}

function extractOf({ message, recordId }: RollUpItem, reading: ReadingLinks): string {
  const marker = (leftOut: number) =>
    `\n[... ${leftOut} characters left out: ${reading.record(recordId)} ...]\n`;
  return bodySafe(cutMiddle(message, maxExtractChars, marker));
}

function itemText(item: RollUpItem, reading: ReadingLinks, withMessage: boolean): string {
  const title = shorten(headerSafe(item.issue.title), maxTitleChars);
  const head = `[${stateWord(item.reason)}] ${title}\n  ${headerSafe(lineOf(item))}\n  ${reading.record(item.recordId)}`;
  const act = item.act ? `\n  ${item.act.label} ${item.act.url}` : '';
  return withMessage ? `${head}${act}\n\n${extractOf(item, reading)}` : `${head}${act}`;
}

function itemHtml(item: RollUpItem, reading: ReadingLinks, withMessage: boolean): string {
  const title = escapeHtml(shorten(headerSafe(item.issue.title), maxTitleChars));
  const state = stateWord(item.reason);
  const line = `<span class="quiet" style="color:#5f6672;font-size:13px">${escapeHtml(headerSafe(lineOf(item)))}</span>`;
  const links = [
    anchor(reading.record(item.recordId), 'record'),
    // A long list has to do with less, to stay under the size at which Gmail clips.
    ...(withMessage || !item.act ? [anchor(reading.issue(item.issue.id), 'all records')] : []),
    ...(item.act ? [anchor(item.act.url, item.act.label)] : []),
  ].join(' &middot; ');
  const head = `${withMessage ? badge(state) : `<b>[${escapeHtml(state)}]</b>`} <b>${title}</b>`;
  return `<div style="margin:0 0 12px;overflow-wrap:anywhere">${head}<br>
${line}<br>
${links}</div>${withMessage ? log(extractOf(item, reading)) : ''}`;
}
