// Notifications -> a Discord channel, through a webhook: one embed. Nothing is ever mentioned (allowed_mentions), log text
// stands in code, and what stands outside is escaped, so that no log makes a link or formats. Limits: 256 characters of a
// title, 4,096 of a description, 1,024 of a field, 6,000 of an embed; 30 messages a minute to one channel.

import type { Channel, OutgoingMessage } from '../channel.ts';
import { allowPrivate, channelName, channelType, httpAddress, optionsOf, pace } from '../channel-type.ts';
import { clip, clipMiddle, joinWhole } from '../clip.ts';
import { meaningless, post, secretsOf } from '../post.ts';
import { colours, present } from '../present.ts';

export const discord = channelType({
  options: optionsOf({
    url: httpAddress('The webhook, https://discord.com/api/webhooks/…'),
    allow_private: allowPrivate,
  }),
  escape: escapeDiscord,
  make({ url }, common): Channel {
    const target = new URL(url);
    target.searchParams.set('wait', 'true'); // answers the message, with its id
    const service = {
      name: channelName(common.name, 'discord', target),
      secrets: secretsOf(new URL(url)),
      allowPrivate: common.allowPrivate,
      retryAfterOf: (body: string) => secondsToMs(parsed(body).retry_after),
    };
    return {
      name: service.name,
      quota: pace(0.5),
      async send(message, signal) {
        const answer = await post(service, { url: target, body: discordMessage(message), signal });
        const { id } = parsed(answer.body);
        if (typeof id !== 'string') throw meaningless(service, answer);
        return id;
      },
      close() {},
    };
  },
});

function parsed(body: string): { id?: unknown; retry_after?: unknown } {
  try {
    return Object(JSON.parse(body));
  } catch {
    return {};
  }
}

function secondsToMs(seconds: unknown): number | undefined {
  return typeof seconds === 'number' && Number.isFinite(seconds) ? Math.ceil(seconds * 1000) : undefined;
}

/** Markdown characters with a backslash; a mention cannot begin. */
export function escapeDiscord(text: string): string {
  return text.replace(/[\\*_~`|>[\]()#<:-]/g, '\\$&').replaceAll('@', '@\u200b');
}

/** Text between backticks: nothing in it is looked at, but a backtick would end it. */
function inlineCode(text: string): string {
  return `\`${text.replaceAll('`', '\u02cb')}\``;
}

function codeBlock(text: string): string {
  return `\`\`\`\n${text.replaceAll('```', '`\u200b`\u200b`')}\n\`\`\``;
}

/** The request's body. */
export function discordMessage(message: OutgoingMessage): object {
  const { heading, level, rows, body, isMarkup, links } = present(message);
  // An escaped heading may be twice as long.
  const title = clip(escapeDiscord(clip(heading, 120)), 256);
  const fields = rows.map(([name, value]) => ({ name, value: inlineCode(clip(value, 300)), inline: true }));
  const linkText = joinWhole(
    links.map(
      ({ label, url }) => `[${escapeDiscord(label)}](${url.replaceAll(')', '%29').replaceAll(' ', '%20')})`,
    ),
    ' · ',
    1800,
  );
  const used = title.length + fields.reduce((sum, { name, value }) => sum + name.length + value.length, 0);
  const room = Math.min(4096, 5900 - used) - linkText.length - 20;
  const shown = isMarkup ? clip(body, room) : codeOf(body, room);
  const description = [shown, linkText].filter((part) => part !== '').join('\n');
  return {
    username: 'Log Detector',
    embeds: [{ title, color: colours[level], description, fields }],
    allowed_mentions: { parse: [] },
  };
}

function codeOf(body: string, room: number): string {
  if (body === '') return '';
  // Backticks in a row are parted, which makes the text longer.
  let maxChars = room;
  let code = codeBlock(clipMiddle(body, maxChars));
  while (code.length > room && maxChars > 0) {
    maxChars = Math.floor(maxChars * 0.9);
    code = codeBlock(clipMiddle(body, maxChars));
  }
  return code;
}
