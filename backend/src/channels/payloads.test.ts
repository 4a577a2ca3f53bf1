// What each service is sent: its own limits, its own markup, and log text that can do nothing in it.

import { describe, expect, it } from 'vitest';
import type { OutgoingMessage } from './channel.ts';
import { discordMessage, escapeDiscord } from './discord/discord.ts';
import { ntfyMessage } from './ntfy/ntfy.ts';
import { opsgenieCalls } from './opsgenie/opsgenie.ts';
import { pagerDutyEvents } from './pagerduty/pagerduty.ts';
import { slackMessage } from './slack/slack.ts';
import { teamsMessage } from './teams/teams.ts';
import { escapeTelegram, telegram, telegramText } from './telegram/telegram.ts';
import { aMessage, someFacts, startHttpServer } from './test-help.ts';

const hostile =
  '<!channel> <!here> @everyone @here <@U123> [click](https://evil.example.com) <b>bold</b> </pre> ``` <https://evil.example.com|ok> & *x* _y_';

function hostileMessage(): OutgoingMessage {
  return aMessage(
    { subject: hostile, text: hostile },
    {
      title: hostile,
      message: hostile,
      host: hostile,
      container: hostile,
      service: hostile,
      severity: hostile,
    },
  );
}

const long = aMessage(
  { subject: 's'.repeat(255) },
  { message: 'm'.repeat(8000), host: 'h'.repeat(255), container: 'c'.repeat(255), service: 's'.repeat(255) },
);

describe('a Slack message', () => {
  interface Block {
    type: string;
    text?: { type: string; text: string };
    fields?: { type: string; text: string }[];
    elements?: { elements: { text: string }[] }[];
  }
  const blocksOf = (message: OutgoingMessage, mention?: string) =>
    slackMessage(message, mention) as { text: string; blocks: Block[] };

  it('has a header, the facts, the log text as it is, and the links', () => {
    const { text, blocks } = blocksOf(aMessage());
    expect(text).toBe('[NEW] api on web-1: ConnectionRefused &lt;host&gt;:&lt;port&gt;');
    expect(blocks.map(({ type }) => type)).toEqual(['header', 'section', 'rich_text', 'section']);
    expect(blocks[0]!.text!.text).toBe('[NEW] api on web-1: ConnectionRefused <host>:<port>');
    expect(blocks[2]!.elements![0]!.elements[0]!.text).toBe(someFacts().message);
    expect(blocks[3]!.text!.text).toContain(`<${someFacts().url}|Open the record>`);
  });

  it('lets log text mention nobody and link nowhere', () => {
    const { text, blocks } = blocksOf(hostileMessage());
    const parsed = [text, ...blocks.flatMap((block) => [block.text, ...(block.fields ?? [])])].map((part) =>
      typeof part === 'string' ? part : part?.type === 'mrkdwn' ? part.text : '',
    );
    const angled = parsed.flatMap((part) => part.match(/<[^>]*>/g) ?? []);
    expect(angled.every((part) => part.startsWith('<https://logs.example.com/'))).toBe(true);
  });

  it('mentions whom the configuration says', () => {
    expect(blocksOf(hostileMessage(), '<!here>').blocks[1]).toMatchObject({
      text: { type: 'mrkdwn', text: '<!here>' },
    });
  });

  it("keeps within the blocks' limits", () => {
    const { blocks } = blocksOf(long);
    expect(blocks[0]!.text!.text.length).toBeLessThanOrEqual(150);
    expect(blocks[1]!.fields!.length).toBeLessThanOrEqual(10);
    expect(blocks[2]!.elements![0]!.elements[0]!.text.length).toBeLessThanOrEqual(3000);
  });
});

describe('a Discord message', () => {
  interface Embed {
    title: string;
    description: string;
    fields: { name: string; value: string }[];
  }
  const sent = (message: OutgoingMessage) =>
    discordMessage(message) as { embeds: [Embed]; allowed_mentions: object };

  it('mentions nobody, whatever it says', () => {
    expect(sent(hostileMessage()).allowed_mentions).toEqual({ parse: [] });
  });

  it('keeps log text in code, which it cannot leave', () => {
    const { description, fields, title } = sent(hostileMessage()).embeds[0];
    expect(description.match(/```/g)).toHaveLength(2);
    expect(fields.every(({ value }) => /^`[^`]*`$/.test(value))).toBe(true);
    expect(title).not.toMatch(/(^|[^\\])[[\]<>`*_]/);
  });

  it('keeps within 256, 4,096, 1,024 and 6,000 characters', () => {
    for (const message of [long, hostileMessage(), aMessage({}, { message: '`'.repeat(8000) })]) {
      const { title, description, fields } = sent(message).embeds[0];
      expect(title.length).toBeLessThanOrEqual(256);
      expect(description.length).toBeLessThanOrEqual(4096);
      expect(fields.every(({ value }) => value.length <= 1024)).toBe(true);
      const total = fields.reduce((sum, { name, value }) => sum + name.length + value.length, 0);
      expect(title.length + description.length + total).toBeLessThanOrEqual(6000);
    }
  });

  it('escapes what templates put in', () => {
    expect(escapeDiscord('[x](y) @everyone')).toBe('\\[x\\]\\(y\\) @\u200beveryone');
  });
});

describe('a Teams card', () => {
  it('holds log text in runs, which know no Markdown, and nothing that mentions', () => {
    const json = JSON.stringify(teamsMessage(hostileMessage()));
    expect(json).not.toContain('"TextBlock"');
    expect(json).not.toContain('"entities"');
    expect(json).toContain('application/vnd.microsoft.card.adaptive');
  });

  it('is under 28 KB however long the log', () => {
    const lines = aMessage({}, { message: 'ü\n'.repeat(4000) });
    for (const message of [long, lines])
      expect(Buffer.byteLength(JSON.stringify(teamsMessage(message)))).toBeLessThan(28_000);
  });
});

describe('a Telegram text', () => {
  it('has log text in <pre> and <code> alone, with all of its tags escaped', () => {
    const text = telegramText(hostileMessage());
    const tags = text.match(/<[^>]*>/g)!;
    expect(
      tags.every((tag) => /^<(\/?(b|pre|code)|a href="https:\/\/logs\.example\.com\/[^"]*"|\/a)>$/.test(tag)),
    ).toBe(true);
    const outside = text.replace(/<(pre|code)>[\s\S]*?<\/\1>/g, '');
    expect(outside).not.toContain('@everyone');
  });

  it('shows at most 4,096 characters', () => {
    for (const message of [long, hostileMessage()]) {
      const shown = telegramText(message)
        .replace(/<[^>]*>/g, '')
        .replace(/&\w+;/g, 'x');
      expect(shown.length).toBeLessThanOrEqual(4096);
    }
  });

  it('goes out in the built-in words when it cannot read the tags of a template', async () => {
    const server = await startHttpServer();
    server.answer((response, { body }) =>
      JSON.parse(body).text.includes('<b>open')
        ? response.writeHead(400).end(`{"ok":false,"description":"Bad Request: can't parse entities"}`)
        : response.end('{"ok":true,"result":{"message_id":8}}'),
    );
    const channel = telegram.make(
      { token: '1:token', chat_id: 1, url: server.url },
      { name: 'ops', from: '', allowPrivate: true },
    );
    const templated = aMessage({ text: '<b>open' }, { isTemplated: true });
    expect(await channel.send(templated, AbortSignal.timeout(60_000))).toBe('8');
    expect(JSON.parse(server.received[1]!.body).text).toContain('<pre>ERROR ConnectionRefused');
    await server.close();
  });

  it('escapes what templates put in', () => {
    expect(escapeTelegram('<b>@all</b>')).toBe('&lt;b&gt;@\u2060all&lt;/b&gt;');
  });
});

describe('an ntfy message', () => {
  it('has a priority by severity, the record to open, and three buttons at most', () => {
    const links = Array.from({ length: 5 }, (_, n) => ({
      label: `L${n}`,
      url: `https://logs.example.com/${n}`,
    }));
    expect(ntfyMessage(aMessage({}, { severity: 'FATAL', links }), 'ops')).toMatchObject({
      topic: 'ops',
      priority: 5,
      click: someFacts().url,
      actions: [{ action: 'view' }, { action: 'view' }, { action: 'view' }],
    });
  });

  it('is plain text of 4,096 bytes at most', () => {
    const sent = ntfyMessage(aMessage({}, { message: '字'.repeat(8000) }), 'ops') as { message: string };
    expect(Buffer.byteLength(sent.message)).toBeLessThanOrEqual(4096);
    expect(sent).not.toHaveProperty('markdown');
  });
});

describe.each(['pagerduty', 'opsgenie'] as const)('%s', (type) => {
  const callsOf = (message: OutgoingMessage): string[] =>
    type === 'pagerduty'
      ? pagerDutyEvents(message).map(({ event_action, dedup_key }) => `${event_action} ${dedup_key}`)
      : opsgenieCalls(message).map(({ path, body }) =>
          path === '/v2/alerts'
            ? `trigger ${(body as { alias: string }).alias}`
            : `resolve ${decodeURIComponent(path.split('/')[3]!)}`,
        );
  const thread = `log-detector:${someFacts().threadId}`;

  it('opens under the episode, and goes on under the same', () => {
    expect(callsOf(aMessage())).toEqual([`trigger ${thread}`]);
    expect(callsOf(aMessage({ id: 'another' }, { state: 'still-failing' }))).toEqual([`trigger ${thread}`]);
  });

  it('closes what is over, and opens nothing then', () => {
    const over = aMessage({}, { state: 'over', threadId: null, ended: ['episode', 'roll-up'] });
    expect(callsOf(over)).toEqual(['resolve log-detector:episode', 'resolve log-detector:roll-up']);
  });

  it('of a roll-up makes one page, and closes those of its issues that are over', () => {
    const rollUp = aMessage({}, { state: 'roll-up', threadId: 'n-1', ended: ['episode'] });
    expect(callsOf(rollUp)).toEqual(['trigger log-detector:n-1', 'resolve log-detector:episode']);
  });

  it('opens under its own id what belongs to no episode', () => {
    expect(callsOf(aMessage({ facts: null }))).toEqual([`trigger log-detector:${aMessage().id}`]);
  });
});
