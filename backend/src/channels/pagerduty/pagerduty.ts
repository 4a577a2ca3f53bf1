// Notifications -> incidents of PagerDuty, through the Events API v2. An episode of an issue is one incident: `trigger` under
// its dedup_key, and `resolve` when it is over. Sending one again is harmless, because the key is the same. Limits: 1,024
// characters of a summary, 255 of a key, 512 KB an event; throttled by 429.

import { Type } from 'typebox';
import type { Channel, MessageFacts, OutgoingMessage } from '../channel.ts';
import {
  allowPrivate,
  channelName,
  channelType,
  filled,
  httpAddress,
  optionsOf,
  pace,
} from '../channel-type.ts';
import { clip, clipMiddle } from '../clip.ts';
import { meaningless, post } from '../post.ts';
import { type Level, present } from '../present.ts';

export const pagerduty = channelType({
  isPager: true,
  options: optionsOf({
    routing_key: filled('The integration key of a service with an "Events API v2" integration.'),
    url: Type.Optional(httpAddress('https://events.eu.pagerduty.com/v2/enqueue for accounts of the EU.')),
    allow_private: allowPrivate,
  }),
  make({ routing_key, url = 'https://events.pagerduty.com/v2/enqueue' }, common): Channel {
    const target = new URL(url);
    const service = {
      name: channelName(common.name, 'pagerduty', target),
      secrets: [routing_key],
      allowPrivate: common.allowPrivate,
    };
    return {
      name: service.name,
      quota: pace(2),
      async send(message, signal) {
        let key = message.id;
        for (const event of pagerDutyEvents(message)) {
          const answer = await post(service, { url: target, body: { routing_key, ...event }, signal });
          if (!/"status"\s*:\s*"success"/.test(answer.body)) throw meaningless(service, answer);
          key = event.dedup_key;
        }
        return key;
      },
      close() {},
    };
  },
});

const severities: Record<Level, string> = {
  critical: 'critical',
  error: 'error',
  warning: 'warning',
  info: 'info',
  good: 'info',
};

export interface PagerDutyEvent {
  event_action: 'trigger' | 'resolve';
  dedup_key: string;
  [field: string]: unknown;
}

/** What the message opens or goes on with, then what it ends. */
export function pagerDutyEvents(message: OutgoingMessage): PagerDutyEvent[] {
  const { facts } = message;
  const events: PagerDutyEvent[] = [];
  const ended = (facts?.ended ?? []).map(
    (thread): PagerDutyEvent => ({ event_action: 'resolve', dedup_key: threadKey(thread) }),
  );
  // A roll-up may both tell of issues and end others; a message that only ends opens nothing.
  if (facts?.threadId != null || ended.length === 0) events.push(trigger(message, facts));
  return [...events, ...ended];
}

/** The name under which a pager keeps an episode. */
export function threadKey(thread: string): string {
  return clip(`log-detector:${thread}`, 255);
}

function trigger(message: OutgoingMessage, facts: MessageFacts | null | undefined): PagerDutyEvent {
  const { heading, level, body, links, rows } = present(message);
  return {
    event_action: 'trigger',
    dedup_key: threadKey(facts?.threadId ?? message.id),
    payload: {
      summary: clip(heading, 1024),
      source: clip(facts?.host || 'log-detector', 255),
      severity: severities[level],
      timestamp: facts?.occurredAt ?? facts?.receivedAt ?? undefined,
      component: clip(facts?.container ?? '', 255) || undefined,
      group: clip(facts?.service ?? '', 255) || undefined,
      class: facts?.state,
      custom_details: {
        ...Object.fromEntries(rows.map(([name, value]) => [name, clip(value, 1000)])),
        message: clipMiddle(body, 20_000),
      },
    },
    client: 'Log Detector',
    ...(facts?.url ? { client_url: facts.url } : {}),
    links: links.map(({ label, url }) => ({ href: url, text: clip(label, 100) })),
  };
}
