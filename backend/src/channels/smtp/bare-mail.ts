// A mail whose content its server refused (a filter, a limit of size) -> the same without anything that a log wrote: no log
// line may keep a team from being told of it, and in a roll-up of everything else.

import type { ItemFacts, OutgoingMessage } from '../channel.ts';
import { present } from '../present.ts';

/** The state that a subject begins with. */
const stateInSubject = /^\[[\w ]{1,30}\]/;
/** Of an answer, without its words: they may repeat what the filter looks for. */
const codesOf = /^\d{3}([ -]\d\.\d{1,3}\.\d{1,3})?/;

/** @param reply what the server said. */
export function bareMail(message: OutgoingMessage, reply: string): OutgoingMessage {
  const { subject, facts } = message;
  const state = stateInSubject.exec(subject)?.[0] ?? '[ALERT]';
  const { rows, links } = present({ ...message, facts: facts ? { ...facts, isTemplated: false } : null });
  const parts = [
    `The mail server refused to take this mail as it was (${codesOf.exec(reply)?.[0] ?? 'without a code'}), so it comes without what the log says.`,
    rows.map(([name, value]) => `${name}: ${value}`).join('\n'),
    links.map(({ label, url }) => `${label}:\n${url}`).join('\n'),
    (facts?.items ?? []).map(itemOf).join('\n'),
  ];
  return {
    ...message,
    subject: `${state} ${placeOf(facts)}: its text was refused`,
    text: `${parts.filter((part) => part !== '').join('\n\n')}\n`,
    html: null,
  };
}

function placeOf(facts: OutgoingMessage['facts']): string {
  if (!facts?.service) return 'an alert';
  return facts.host === '' ? facts.service : `${facts.service} on ${facts.host}`;
}

function itemOf({ service, host, url }: ItemFacts): string {
  return `${service} on ${host}:\n${url}`;
}
