// What templates may name, and its values in one message. docs/channels.md lists the same names.

import type { MessageFacts } from '../channels/channel.ts';
import type { Mail } from './mail.ts';
import { stateWord } from './states.ts';

export type TemplateView = Readonly<Record<string, unknown>>;

/** The values of one message. Times are ISO 8601; what does not apply is empty. */
export function viewOf(mail: Mail, facts: MessageFacts) {
  return {
    /** The built-in ones, to put something in front of them or after them. */
    subject: mail.subject,
    text: mail.text,
    state: facts.state,
    state_word: stateWord(facts.state),
    is_over: facts.state === 'over',
    is_roll_up: facts.items.length > 0,
    service: facts.service,
    host: facts.host,
    container: facts.container,
    severity: facts.severity,
    title: facts.title,
    message: facts.message,
    count: facts.count,
    held: facts.held === 0 ? '' : facts.held,
    occurred_at: facts.occurredAt ?? '',
    received_at: facts.receivedAt ?? '',
    issue_id: facts.issueId ?? '',
    record_id: facts.recordId ?? '',
    url: facts.url,
    links: facts.links,
    items: facts.items.map(({ issueId, recordId, ...item }) => ({
      ...item,
      state_word: stateWord(item.state),
      issue_id: issueId,
      record_id: recordId,
    })),
  };
}

export const knownNames: ReadonlySet<string> = new Set([
  'subject',
  'text',
  'state',
  'state_word',
  'is_over',
  'is_roll_up',
  'service',
  'host',
  'container',
  'severity',
  'title',
  'message',
  'count',
  'held',
  'occurred_at',
  'received_at',
  'issue_id',
  'record_id',
  'url',
  'links',
  'items',
]);
/** Inside {{#links}}. */
export const linkNames = ['label', 'url'];
/** Inside {{#items}}. */
export const itemNames = [
  'state',
  'state_word',
  'service',
  'host',
  'title',
  'severity',
  'count',
  'held',
  'url',
  'issue_id',
  'record_id',
];
