// Notifications -> a Slack channel, through an incoming webhook. Log text stands in blocks that Slack does not parse
// (plain_text, and rich_text for what is preformatted); what is mrkdwn is escaped, so that no <!channel>, <@user> or link
// comes from a log. Limits: 150 characters of a header, 3,000 of a section; one message a second.

import { Type } from 'typebox';
import type { Channel, OutgoingMessage } from '../channel.ts';
import { allowPrivate, channelName, channelType, httpAddress, optionsOf, pace } from '../channel-type.ts';
import { clip, clipMiddle, joinWhole } from '../clip.ts';
import { meaningless, post, secretsOf } from '../post.ts';
import { present } from '../present.ts';

export const slack = channelType({
  options: optionsOf({
    url: httpAddress('The incoming webhook, https://hooks.slack.com/services/…'),
    mention: Type.Optional(
      Type.String({
        pattern: '^(<[!@][^<>\\s]+>\\s*)+$',
        description: 'Put in front of every message, such as <!here> or <@U0123456>.',
      }),
    ),
    allow_private: allowPrivate,
  }),
  escape: escapeSlack,
  make({ url, mention }, common): Channel {
    const target = new URL(url);
    const service = {
      name: channelName(common.name, 'slack', target),
      secrets: secretsOf(target),
      allowPrivate: common.allowPrivate,
    };
    return {
      name: service.name,
      quota: pace(1),
      async send(message, signal) {
        const answer = await post(service, { url: target, body: slackMessage(message, mention), signal });
        if (answer.body.trim() !== 'ok') throw meaningless(service, answer);
        return message.id; // an incoming webhook tells no id of its own
      },
      close() {},
    };
  },
});

/** Slack's three: https://docs.slack.dev/messaging/formatting-message-text#escaping */
export function escapeSlack(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** The request's body. */
export function slackMessage(message: OutgoingMessage, mention?: string): object {
  const { heading, rows, body, isMarkup, links } = present(message);
  const mrkdwn = (text: string) => ({ type: 'section', text: { type: 'mrkdwn', text, verbatim: true } });
  const linkText = joinWhole(
    links.map(({ label, url }) => `<${linkSafe(url)}|${escapeSlack(label)}>`),
    '  ·  ',
    3000,
  );
  const blocks = [
    { type: 'header', text: { type: 'plain_text', text: clip(heading, 150), emoji: false } },
    ...(mention ? [mrkdwn(mention)] : []),
    ...(rows.length > 0
      ? [
          {
            type: 'section',
            fields: rows.map(([name, value]) => ({
              type: 'plain_text',
              text: clip(`${name}: ${value}`, 2000),
              emoji: false,
            })),
          },
        ]
      : []),
    ...(body.trim() === ''
      ? []
      : [isMarkup ? mrkdwn(clip(body, 3000)) : preformatted(clipMiddle(body, 2900))]),
    ...(linkText === '' ? [] : [mrkdwn(linkText)]),
  ];
  return {
    // What notifications on a phone show.
    text: escapeSlack(clip(heading, 500)),
    blocks,
    unfurl_links: false,
    unfurl_media: false,
  };
}

function preformatted(text: string): object {
  return {
    type: 'rich_text',
    elements: [{ type: 'rich_text_preformatted', elements: [{ type: 'text', text }] }],
  };
}

function linkSafe(url: string): string {
  return escapeSlack(url).replaceAll('|', '%7C');
}
