// Notifications -> alerts of Opsgenie, through its Alert API. An episode of an issue is one alert: made under its alias, and
// closed when it is over. Sending one again is harmless, because the alias is the same. Limits: 130 characters of a message,
// 512 of an alias, 15,000 of a description.

import { Type } from 'typebox';
import type { Channel, OutgoingMessage } from '../channel.ts';
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

export const opsgenie = channelType({
  isPager: true,
  options: optionsOf({
    api_key: filled('The key of an API integration.'),
    url: Type.Optional(httpAddress('https://api.eu.opsgenie.com for accounts of the EU.')),
    priority: Type.Optional(
      Type.Union(
        ['P1', 'P2', 'P3', 'P4', 'P5'].map((priority) => Type.Literal(priority)),
        {
          description: 'The same for every alert, in place of one by severity.',
        },
      ),
    ),
    allow_private: allowPrivate,
  }),
  make({ api_key, url = 'https://api.opsgenie.com', priority }, common): Channel {
    const base = new URL(url);
    const service = {
      name: channelName(common.name, 'opsgenie', base),
      secrets: [api_key],
      allowPrivate: common.allowPrivate,
    };
    return {
      name: service.name,
      quota: pace(1),
      async send(message, signal) {
        let id = message.id;
        for (const { path, body } of opsgenieCalls(message, priority)) {
          const answer = await post(service, {
            url: new URL(`${base.href.replace(/\/+$/, '')}${path}`),
            headers: { authorization: `GenieKey ${api_key}` },
            body,
            signal,
          });
          id = requestIdOf(answer.body) ?? '';
          if (id === '') throw meaningless(service, answer);
        }
        return id;
      },
      close() {},
    };
  },
});

function requestIdOf(body: string): string | undefined {
  try {
    const { requestId } = Object(JSON.parse(body));
    return typeof requestId === 'string' ? requestId : undefined;
  } catch {
    return undefined;
  }
}

const priorities: Record<Level, string> = {
  critical: 'P1',
  error: 'P2',
  warning: 'P3',
  info: 'P5',
  good: 'P5',
};

/** What the message opens or goes on with, then what it ends. */
export function opsgenieCalls(message: OutgoingMessage, priority?: string): { path: string; body: object }[] {
  const { facts } = message;
  const ended = (facts?.ended ?? []).map((thread) => ({
    path: `/v2/alerts/${encodeURIComponent(aliasOf(thread))}/close?identifierType=alias`,
    body: { source: 'Log Detector', note: 'It is over.' },
  }));
  const opens = facts?.threadId != null || ended.length === 0;
  return [...(opens ? [{ path: '/v2/alerts', body: alertOf(message, priority) }] : []), ...ended];
}

function aliasOf(thread: string): string {
  return clip(`log-detector:${thread}`, 512);
}

function alertOf(message: OutgoingMessage, priority: string | undefined): object {
  const { facts } = message;
  const { heading, level, rows, body, links } = present(message);
  const description = [...links.map(({ label, url }) => `${label}: ${url}`), '', body].join('\n');
  return {
    message: clip(heading, 130),
    alias: aliasOf(facts?.threadId ?? message.id),
    description: clipMiddle(description, 15_000),
    source: 'Log Detector',
    entity: clip(facts?.service ?? '', 512) || undefined,
    tags: facts ? [clip(facts.state, 50)] : [],
    details: Object.fromEntries(rows.map(([name, value]) => [name, clip(value, 1000)])),
    priority: priority ?? priorities[level],
  };
}
