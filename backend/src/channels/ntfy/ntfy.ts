// Notifications -> an ntfy topic, at ntfy.sh or a server of one's own, published as JSON. Text is plain, never Markdown.
// Limits: 4,096 bytes of a message (a longer one would become an attachment), three buttons; ntfy.sh refills one message in
// five seconds after a burst of 60.

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
import { clip, clipJsonBytes } from '../clip.ts';
import { meaningless, post } from '../post.ts';
import { type Level, present } from '../present.ts';

export const ntfy = channelType({
  options: optionsOf({
    topic: Type.String({
      pattern: '^[-_A-Za-z0-9]{1,64}$',
      description: 'Who knows it can read along: make it hard to guess.',
    }),
    url: Type.Optional(httpAddress('The server; https://ntfy.sh when left out.')),
    token: Type.Optional(filled('An access token, tk_…')),
    user: Type.Optional(filled('In place of a token, together with a password.')),
    password: Type.Optional(filled('Of the user.')),
    allow_private: allowPrivate,
  }),
  make({ topic, url = 'https://ntfy.sh', token, user, password }, common): Channel {
    const target = new URL(url);
    const basic = user ? Buffer.from(`${user}:${password ?? ''}`).toString('base64') : undefined;
    const authorization = token ? `Bearer ${token}` : basic && `Basic ${basic}`;
    const service = {
      name: channelName(common.name, 'ntfy', target),
      secrets: [topic, token ?? '', password ?? '', basic ?? ''],
      allowPrivate: common.allowPrivate,
    };
    return {
      name: service.name,
      quota: pace(1),
      async send(message, signal) {
        const answer = await post(service, {
          url: target,
          headers: authorization === undefined ? {} : { authorization },
          body: ntfyMessage(message, topic),
          signal,
        });
        const id = idOf(answer.body);
        if (id === undefined) throw meaningless(service, answer);
        return id;
      },
      close() {},
    };
  },
});

function idOf(body: string): string | undefined {
  try {
    const { id } = Object(JSON.parse(body));
    return typeof id === 'string' ? id : undefined;
  } catch {
    return undefined;
  }
}

const priorities: Record<Level, number> = { critical: 5, error: 4, warning: 3, info: 3, good: 2 };
const tags: Record<Level, string> = {
  critical: 'rotating_light',
  error: 'rotating_light',
  warning: 'warning',
  info: 'information_source',
  good: 'white_check_mark',
};
/** The server takes 4,096 of the message, and twice that of the JSON. */
const maxMessageBytes = 4_000;

/** The request's body. */
export function ntfyMessage(message: OutgoingMessage, topic: string): object {
  const { heading, level, rows, body, links } = present(message);
  const facts = rows.map(([name, value]) => `${name}: ${clip(value, 120)}`).join('\n');
  const text = [facts, body].filter((part) => part !== '').join('\n\n');
  const short = links.filter(({ url }) => url.length <= 500);
  return {
    topic,
    title: clip(heading, 250),
    message: clipJsonBytes(text === '' ? heading : text, maxMessageBytes),
    priority: priorities[level],
    tags: [tags[level]],
    ...(short[0] ? { click: short[0].url } : {}),
    // A touch on the message itself opens the first one.
    actions: (short.length > 3 ? short.slice(1, 4) : short).map(({ label, url }) => ({
      action: 'view',
      label: clip(label, 40),
      url,
    })),
  };
}
