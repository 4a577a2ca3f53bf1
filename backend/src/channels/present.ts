// A message -> what a chat or a pager shows of it, before it is put into that service's markup.

import type { MessageFacts, MessageLink, OutgoingMessage } from './channel.ts';

export type Level = 'critical' | 'error' | 'warning' | 'info' | 'good';

export interface Presented {
  /** One line. */
  heading: string;
  level: Level;
  /** Name and value, in the order shown. */
  rows: [string, string][];
  /** Log text, or the list of a roll-up's issues. */
  body: string;
  /** A user's template wrote the body: it is markup already. */
  isMarkup: boolean;
  /** To open, the first one being the record. */
  links: MessageLink[];
}

export function present({ subject, text, facts }: OutgoingMessage): Presented {
  if (!facts) return { heading: subject, level: 'error', rows: [], body: text, isMarkup: false, links: [] };
  const links = [...(facts.url === '' ? [] : [{ label: labelOf(facts), url: facts.url }]), ...facts.links];
  if (facts.isTemplated)
    return { heading: subject, level: levelOf(facts), rows: [], body: text, isMarkup: true, links };
  return {
    heading: subject,
    level: levelOf(facts),
    rows: rowsOf(facts),
    body: facts.items.length > 0 ? itemsOf(facts) : facts.message,
    isMarkup: false,
    links,
  };
}

function labelOf({ issueId, recordId, items }: MessageFacts): string {
  if (items.length > 0) return 'Open the first issue';
  return recordId === null && issueId === null ? 'Open Log Detector' : 'Open the record';
}

export function levelOf({ state, severity }: Pick<MessageFacts, 'state' | 'severity'>): Level {
  if (state === 'over' || state === 'channel-works') return 'good';
  if (state === 'test') return 'info';
  const word = severity.toLowerCase();
  if (/^(fatal|critical|crit|alert|emerg|emergency|panic)$/.test(word)) return 'critical';
  if (/^(warn|warning)$/.test(word)) return 'warning';
  if (/^(info|notice|debug|trace)$/.test(word)) return 'info';
  return 'error';
}

function rowsOf(facts: MessageFacts): [string, string][] {
  const rows: [string, string | null][] = [
    ['Service', facts.service],
    ['Host', facts.host],
    ['Container', facts.container],
    ['Severity', facts.severity],
    ['Occurred at', facts.occurredAt ?? facts.receivedAt],
    ['Records', facts.count > 1 ? facts.count.toLocaleString('en-US') : ''],
    ['Held back', facts.held > 0 ? facts.held.toLocaleString('en-US') : ''],
  ];
  return rows.filter((row): row is [string, string] => row[1] !== null && row[1] !== '');
}

/** Most issues of a roll-up that a chat lists. */
const maxItems = 20;

function itemsOf({ items }: MessageFacts): string {
  const lines = items
    .slice(0, maxItems)
    .map(
      ({ state, service, host, title, count }) =>
        `[${state.toUpperCase().replaceAll('-', ' ')}] ${service}${host === '' ? '' : ` on ${host}`}: ${title} (${count.toLocaleString('en-US')})`,
    );
  const more = items.length - lines.length;
  return [...lines, ...(more > 0 ? [`… and ${more} more`] : [])].join('\n');
}

/** For services that know colours: the same as in mails. */
export const colours: Record<Level, number> = {
  critical: 0x8c1d18,
  error: 0xb3261e,
  warning: 0x9a3b00,
  info: 0x3c4f76,
  good: 0x1a6b3c,
};
