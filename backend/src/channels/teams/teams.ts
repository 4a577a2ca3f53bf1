// Notifications -> a Microsoft Teams channel or chat, through a Workflows webhook ("Post to a channel when a webhook
// request is received"): one Adaptive Card. Its text stands in RichTextBlocks, which know no Markdown, so that no log makes a
// link. Limits: 28 KB a message; four requests a second.

import type { Channel, OutgoingMessage } from '../channel.ts';
import { allowPrivate, channelName, channelType, httpAddress, optionsOf, pace } from '../channel-type.ts';
import { clip, clipMiddle } from '../clip.ts';
import { meaningless, post, refused, secretsOf } from '../post.ts';
import { type Level, present } from '../present.ts';

export const teams = channelType({
  options: optionsOf({
    url: httpAddress(
      "The workflow's address, https://….logic.azure.com/workflows/… or https://….api.powerplatform.com/…",
    ),
    allow_private: allowPrivate,
  }),
  escape: escapeTeams,
  make({ url }, common): Channel {
    const target = new URL(url);
    const service = {
      name: channelName(common.name, 'teams', target),
      secrets: secretsOf(target),
      allowPrivate: common.allowPrivate,
    };
    return {
      name: service.name,
      quota: pace(1),
      async send(message, signal) {
        const answer = await post(service, { url: target, body: teamsMessage(message), signal });
        // The connectors of old answer 200 with the failure in the text.
        const failure = /HTTP error (\d{3})/.exec(answer.body);
        if (failure) throw refused(service, failure[1] === '413' ? 'never' : 'later', answer.body);
        if (/<html/i.test(answer.body)) throw meaningless(service, answer);
        const runId = answer.headers['x-ms-workflow-run-id'];
        return typeof runId === 'string' ? runId : message.id;
      },
      close() {},
    };
  },
});

const cardColours: Record<Level, string> = {
  critical: 'Attention',
  error: 'Attention',
  warning: 'Warning',
  info: 'Accent',
  good: 'Good',
};

/** Markdown characters with a backslash, for the text of templates, which stands in a TextBlock. */
export function escapeTeams(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replace(/[\\*_~`|>[\]()#!+-]/g, '\\$&');
}

/** 28 KB with everything around the card; some of that is for the workflow's own wrapping. */
const maxBytes = 26_000;
const maxLines = 60;

/** The request's body, made shorter until it fits. */
export function teamsMessage(message: OutgoingMessage): object {
  for (let maxChars = 12_000; ; maxChars = Math.floor(maxChars / 2)) {
    const made = messageOf(message, maxChars);
    if (Buffer.byteLength(JSON.stringify(made)) <= maxBytes || maxChars < 100) return made;
  }
}

function messageOf(message: OutgoingMessage, maxChars: number): object {
  const { heading, level, rows, body, isMarkup, links } = present(message);
  const text = clipMiddle(body, maxChars);
  const run = (words: string, style: object = {}) => ({ type: 'TextRun', text: words, ...style });
  const line = (inlines: object[], style: object = {}) => ({ type: 'RichTextBlock', inlines, ...style });
  return {
    type: 'message',
    attachments: [
      {
        contentType: 'application/vnd.microsoft.card.adaptive',
        contentUrl: null,
        content: {
          $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
          type: 'AdaptiveCard',
          version: '1.4',
          msteams: { width: 'Full' },
          body: [
            line([run(clip(heading, 300), { weight: 'Bolder', size: 'Medium', color: cardColours[level] })]),
            ...rows.map(([name, value], index) =>
              line([run(`${name}: `, { isSubtle: true }), run(clip(value, 200))], {
                spacing: index === 0 ? 'Small' : 'None',
              }),
            ),
            ...(isMarkup ? [{ type: 'TextBlock', wrap: true, text }] : logLines(text, run, line)),
          ],
          actions: links.slice(0, 6).map(({ label, url }) => ({
            type: 'Action.OpenUrl',
            title: clip(label, 60),
            url,
          })),
        },
      },
    ],
  };
}

/** One block a line: a TextRun shows a line break as a space. */
function logLines(
  text: string,
  run: (words: string, style?: object) => object,
  line: (inlines: object[], style?: object) => object,
): object[] {
  if (text === '') return [];
  const lines = text.split('\n');
  const shown =
    lines.length <= maxLines
      ? lines
      : [...lines.slice(0, maxLines / 2), '[…]', ...lines.slice(-maxLines / 2)];
  return shown.map((words, index) =>
    line([run(words === '' ? ' ' : words, { fontType: 'Monospace', size: 'Small' })], {
      spacing: index === 0 ? 'Medium' : 'None',
    }),
  );
}
