// What a message tells, in pieces, for channels that are no mail and for templates: backend/src/channels/channel.ts.

import type { ItemFacts, MessageFacts, MessageLink } from '../channels/channel.ts';
import type { MailedIssue } from './issue-mail.ts';
import type { ReadingLinks } from './links/links.ts';
import type { AlertContent } from './mail.ts';
import { stateWord } from './states.ts';
import { bodySafe, cutMiddle, headerSafe } from './text.ts';

/** Longest message kept, in characters: what a chat shows is shorter still. */
const maxMessageChars = 8_000;

/** Of a message that tells of nothing yet: what a test has, and what others begin with. */
export const noFacts: MessageFacts = {
  state: '',
  issueId: null,
  recordId: null,
  service: '',
  host: '',
  container: '',
  severity: '',
  title: '',
  message: '',
  count: 0,
  held: 0,
  occurredAt: null,
  receivedAt: null,
  url: '',
  links: [],
  threadId: null,
  ended: [],
  items: [],
};

/** Of a message about Log Detector itself. @param baseUrl what it links to. */
export function ownFacts(
  told: Pick<MessageFacts, 'state' | 'severity' | 'title' | 'message'> & Partial<MessageFacts>,
  baseUrl: string,
): MessageFacts {
  return { ...noFacts, service: 'log-detector', url: baseUrl, ...told };
}

export interface RecordFactsParts {
  state: string;
  issue: Pick<MailedIssue, 'id' | 'service' | 'title' | 'count'>;
  held: number;
  threadId: string | null;
  ended?: string[];
  links?: MessageLink[];
}

/** Of a message about one record, or about several that share a coalesce_id. */
export function recordFacts(
  content: AlertContent,
  parts: RecordFactsParts,
  reading: ReadingLinks,
): MessageFacts {
  const { issue } = parts;
  return {
    state: parts.state,
    issueId: issue.id,
    recordId: content.recordId,
    service: headerSafe(issue.service),
    host: headerSafe(content.host),
    container: headerSafe(content.container),
    severity: headerSafe(content.severity),
    title: headerSafe(issue.title),
    message: shortened(content.message),
    count: issue.count,
    held: parts.held,
    occurredAt: content.occurredAt,
    receivedAt: content.receivedAt,
    url: reading.record(content.recordId),
    links: [{ label: 'All records of this issue', url: reading.issue(issue.id) }, ...(parts.links ?? [])],
    threadId: parts.threadId,
    ended: parts.ended ?? [],
    items: [],
  };
}

/** One issue of a roll-up. */
export function itemFacts(
  state: string,
  recordId: string,
  host: string,
  held: number,
  issue: Pick<MailedIssue, 'id' | 'service' | 'title' | 'count' | 'severity'>,
  reading: ReadingLinks,
): ItemFacts {
  return {
    state,
    issueId: issue.id,
    recordId,
    service: headerSafe(issue.service),
    host: headerSafe(host),
    title: headerSafe(issue.title).slice(0, 300),
    severity: headerSafe(issue.severity),
    count: issue.count,
    held,
    url: reading.record(recordId),
  };
}

/** Names of the links to the issues after the first, which is what the message itself leads to. */
const nextIssues = ['second', 'third', 'fourth', 'fifth'];

/** Of a message about several issues. @param title as the mail says it. */
export function rollUpFacts(
  items: ItemFacts[],
  title: string,
  held: number,
  threadId: string | null,
  ended: string[],
): MessageFacts {
  return {
    ...noFacts,
    state: 'roll-up',
    service: [...new Set(items.map(({ service }) => service))].slice(0, 5).join(', '),
    severity: worst(items.map(({ severity }) => severity)),
    title,
    message: items
      .map(({ state, service, title: of }) => `[${stateWord(state)}] ${service}: ${of}`)
      .join('\n'),
    count: items.reduce((sum, { count }) => sum + count, 0),
    held,
    url: items[0]?.url ?? '',
    links: items
      .slice(1, 1 + nextIssues.length)
      .map(({ url }, index) => ({ label: `Open the ${nextIssues[index]} issue`, url })),
    threadId,
    ended,
    items,
  };
}

function worst(severities: readonly string[]): string {
  return severities.find((severity) => /^(fatal|critical)$/i.test(severity)) ?? severities[0] ?? '';
}

function shortened(message: string): string {
  return bodySafe(cutMiddle(message, maxMessageChars, (n) => `\n[... ${n} characters left out ...]\n`));
}
