// Notifications -> a Telegram chat, through a bot. The text is HTML of which only <b>, <a>, <code> and <pre> are used and all
// else is escaped; log text stands in <pre> and <code>, where @names, commands and addresses are not made into links. Limits:
// 4,096 characters; one message a second to a chat, 20 a minute to a group.

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
import { present } from '../present.ts';

export const telegram = channelType({
  options: optionsOf({
    token: filled("The bot's token, from @BotFather."),
    chat_id: Type.Union([Type.String({ minLength: 1 }), Type.Integer()], {
      description: 'A number (negative for groups), or @name of a public channel.',
    }),
    thread_id: Type.Optional(Type.Integer({ description: 'The topic, in a group that has topics.' })),
    url: Type.Optional(httpAddress('Another Bot API server than https://api.telegram.org.')),
    allow_private: allowPrivate,
  }),
  escape: escapeTelegram,
  make({ token, chat_id, thread_id, url = 'https://api.telegram.org' }, common): Channel {
    const target = new URL(`${url.replace(/\/+$/, '')}/bot${token}/sendMessage`);
    const service = {
      name: channelName(common.name, 'telegram', target),
      secrets: [token, encodeURIComponent(token)],
      allowPrivate: common.allowPrivate,
      retryAfterOf: (body: string) => {
        const seconds = parsed(body).parameters?.retry_after;
        return typeof seconds === 'number' ? seconds * 1000 : undefined;
      },
    };
    async function sendText(text: string, signal: AbortSignal): Promise<string> {
      const body = {
        chat_id,
        ...(thread_id === undefined ? {} : { message_thread_id: thread_id }),
        text,
        parse_mode: 'HTML',
        link_preview_options: { is_disabled: true },
      };
      const answer = await post(service, { url: target, body, signal });
      const { ok, result } = parsed(answer.body);
      if (ok !== true || result?.message_id === undefined) throw meaningless(service, answer);
      return String(result.message_id);
    }
    return {
      name: service.name,
      quota: pace(1 / 3), // 20 a minute, as groups have it
      async send(message, signal) {
        try {
          return await sendText(telegramText(message), signal);
        } catch (error) {
          // A template's tags that Telegram cannot read: the built-in words go out instead.
          const { facts } = message;
          if (!facts?.isTemplated || !/can't parse entities/i.test((error as Error).message)) throw error;
          return sendText(telegramText({ ...message, facts: { ...facts, isTemplated: false } }), signal);
        }
      },
      close() {},
    };
  },
});

interface TelegramAnswer {
  ok?: unknown;
  result?: { message_id?: unknown };
  parameters?: { retry_after?: unknown };
}

function parsed(body: string): TelegramAnswer {
  try {
    return Object(JSON.parse(body));
  } catch {
    return {};
  }
}

/** For HTML text outside of code; an @name in it stays a word. */
export function escapeTelegram(text: string): string {
  return escapeCode(text).replaceAll('@', '@\u2060');
}

function escapeCode(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/** The limit counts what is shown, not the escapes; with these the whole stays below it. */
const maxHeading = 300;
const maxValue = 120;
const maxBody = 2600;

export function telegramText(message: OutgoingMessage): string {
  const { heading, rows, body, isMarkup, links } = present(message);
  const shownLinks = links
    .slice(0, 8)
    .map(({ label, url }) => `<a href="${escapeCode(url)}">${escapeTelegram(clip(label, 40))}</a>`)
    .join(' · ');
  return [
    `<b>${escapeTelegram(clip(heading, maxHeading))}</b>`,
    rows.map(([name, value]) => `${name}: <code>${escapeCode(clip(value, maxValue))}</code>`).join('\n'),
    // A template's text is cut only as a whole: a tag that loses its end is refused.
    isMarkup
      ? body.length <= 3600
        ? body
        : `<pre>${escapeCode(clipMiddle(withoutTags(body), maxBody))}</pre>`
      : pre(body),
    shownLinks,
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function pre(body: string): string {
  return body === '' ? '' : `<pre>${escapeCode(clipMiddle(body, maxBody))}</pre>`;
}

function withoutTags(markup: string): string {
  return markup
    .replace(/<[^<>]*>/g, '')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&');
}
