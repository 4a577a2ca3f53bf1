// A user's own words for messages: Mustache files of TEMPLATES_DIR, by channel. All are read, parsed and rendered with a
// sample at start; one that fails later gives way to the built-in text, with a warning. What they put in with {{…}} is
// escaped for where it goes: HTML for a mail's HTML part, the channel's markup for its text.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Mustache from 'mustache';
import type { MessageFacts } from '../channels/channel.ts';
import { channelTypes } from '../channels/registry.ts';
import { noFacts } from './facts.ts';
import { type Mail, maxSubjectChars, shorten } from './mail.ts';
import { stateWord } from './states.ts';
import type { AlertChannel } from './targets.ts';
import { itemNames, knownNames, linkNames, type TemplateView, viewOf } from './template-view.ts';
import { escapeHtml, headerSafe } from './text.ts';

export const templateParts = ['subject', 'text', 'html'] as const;
export type TemplatePart = (typeof templateParts)[number];

/** The templates in force. */
export interface Templates {
  /** Of the channel's own name, else of its type; undefined: there is none. */
  find(channel: string, part: TemplatePart): Template | undefined;
  /** Told when one fails at run time. */
  onTrouble(file: string, error: Error): void;
}

export interface Template {
  /** For messages. */
  file: string;
  source: string;
  escape(text: string): string;
}

/** What goes out. */
export interface ToldMail {
  subject: string;
  text: string;
  html: string | null;
  facts: MessageFacts;
}

const fileName = /^(.+)\.(subject|text|html)\.mustache$/;
/** Longest text that a template may make, in characters. */
const maxChars = 100_000;

/** The message in the user's words where there are some, else as it is. Never throws. */
export function applyTemplates(
  templates: Templates | undefined,
  channel: string,
  mail: Mail,
  facts: MessageFacts,
): ToldMail {
  const told: ToldMail = { ...mail, facts };
  if (!templates) return told;
  const view = viewOf(mail, facts);
  const rendered = (part: TemplatePart) => {
    const template = templates.find(channel, part);
    if (!template) return undefined;
    try {
      return render(template, view, part);
    } catch (error) {
      templates.onTrouble(template.file, error as Error);
      return undefined;
    }
  };
  told.subject = rendered('subject') ?? mail.subject;
  const text = rendered('text');
  const html = rendered('html');
  if (text !== undefined) {
    told.text = text;
    told.facts = { ...facts, isTemplated: true };
    // The built-in HTML would show the built-in words.
    told.html = null;
  }
  if (html !== undefined) told.html = html;
  return told;
}

function render({ source, escape: escapeValue }: Template, view: TemplateView, part: TemplatePart): string {
  const made = Mustache.render(source, view, undefined, {
    escape: (value: unknown) => escapeValue(String(value)),
  });
  if (made.trim() === '') throw new Error('it renders to nothing');
  if (part !== 'subject') return made.slice(0, maxChars);
  return shorten(headerSafe(made).trim(), maxSubjectChars);
}

/**
 * Reads the folder. A file is `<channel's name or type>.<subject|text|html>.mustache`; mails are `email`.
 * @param dir TEMPLATES_DIR. @param channels of RULES_FILE; null: it has mistakes, so that they are not known.
 * @returns the templates, and what is wrong with them: file, line, remedy.
 */
export function readTemplates(
  dir: string,
  channels: readonly AlertChannel[] | null,
  onTrouble: Templates['onTrouble'] = () => {},
): { templates: Templates; problems: string[] } {
  const found = new Map<string, Template>();
  const problems: string[] = [];
  let names: string[] = [];
  try {
    names = readdirSync(dir).sort();
  } catch (error) {
    problems.push(`${dir}: ${(error as Error).message}; give the path of a readable folder`);
  }
  const types = new Map((channels ?? []).map(({ name, type }) => [name, type]));
  const known = new Set(['email', ...types.keys(), ...Object.keys(channelTypes)]);
  for (const name of names) {
    if (!name.endsWith('.mustache')) continue;
    const file = join(dir, name);
    const [, owner, part] = fileName.exec(name) ?? [];
    if (owner === undefined || part === undefined) {
      problems.push(`${file}: is not named <channel>.<subject|text|html>.mustache; rename it`);
      continue;
    }
    if (channels !== null && !known.has(owner)) {
      problems.push(`${file}: there is no channel "${owner}"; name it after one of ${[...known].join(', ')}`);
      continue;
    }
    const template = { file, source: readFileSync(file, 'utf8'), escape: escapeFor(owner, part, types) };
    const wrong = faultsOf(template, part as TemplatePart);
    problems.push(...wrong);
    if (wrong.length === 0) found.set(`${owner}.${part}`, template);
  }
  const find: Templates['find'] = (channel, part) =>
    found.get(`${channel}.${part}`) ?? found.get(`${types.get(channel)}.${part}`);
  return { templates: { find, onTrouble }, problems };
}

function escapeFor(owner: string, part: string, types: ReadonlyMap<string, string>): Template['escape'] {
  if (part === 'html') return escapeHtml;
  // A subject is text everywhere: the channel escapes it.
  if (part === 'subject') return (text) => text;
  const type = types.get(owner) ?? owner;
  return channelTypes[type]?.escape ?? ((text) => text);
}

/** What is wrong with it, found by parsing and by rendering samples. */
function faultsOf(template: Template, part: TemplatePart): string[] {
  const { file, source } = template;
  const at = (position: number) => `${file} line ${source.slice(0, position).split('\n').length}`;
  let tokens: Token[];
  try {
    tokens = Mustache.parse(source) as unknown as Token[];
  } catch (error) {
    const { message } = error as Error;
    const position = Number(/ at (\d+)$/.exec(message)?.[1] ?? source.length);
    return [
      `${at(position)}: ${message.replace(/ at \d+$/, '')}; close every {{tag}} and every {{#section}}`,
    ];
  }
  const faults = faultsOfTokens(tokens, knownNames).map(({ position, text }) => `${at(position)}: ${text}`);
  if (faults.length > 0) return faults;
  for (const { mail, facts } of samples()) {
    try {
      render(template, viewOf(mail, facts), part);
    } catch (error) {
      return [
        `${file}: a sample (${facts.state}) cannot be rendered: ${(error as Error).message}; give it text of its own`,
      ];
    }
  }
  return [];
}

/** Kind, name, start, end, and of a section what is in it. */
type Token = [kind: string, name: string, start: number, end: number, inside?: Token[]];

function faultsOfTokens(
  tokens: readonly Token[],
  names: ReadonlySet<string>,
): { position: number; text: string }[] {
  return tokens.flatMap(([kind, name, start, , inside]) => {
    if (kind === 'text' || kind === '!' || kind === '=') return [];
    if (kind === '&')
      return [{ position: start, text: `{{{${name}}}} would put log text in unescaped; write {{${name}}}` }];
    if (kind === '>')
      return [
        { position: start, text: `{{>${name}}}: templates cannot include others; write its text here` },
      ];
    if (!names.has(name))
      return [{ position: start, text: `there is no {{${name}}}; there are ${[...names].join(', ')}` }];
    if (!inside) return [];
    const within = name === 'links' ? linkNames : name === 'items' ? itemNames : [];
    return faultsOfTokens(inside, new Set([...names, ...within, '.']));
  });
}

/** One message about an issue, and a roll-up. */
function samples(): { mail: Mail; facts: MessageFacts }[] {
  const issue: MessageFacts = {
    ...noFacts,
    state: 'new',
    issueId: '019aabcd-0000-7000-8000-000000000001',
    recordId: '019aabcd-0000-7000-8000-000000000002',
    service: 'api',
    host: 'web-1',
    container: 'api-1',
    severity: 'error',
    title: 'ConnectionRefused <host>:<port>',
    message: 'ERROR ConnectionRefused db:5432',
    count: 1,
    occurredAt: '2026-01-01T00:00:00.000000Z',
    receivedAt: '2026-01-01T00:00:00.000000Z',
    url: 'https://logs.example.com/records/019aabcd-0000-7000-8000-000000000002/token',
    links: [{ label: 'All records of this issue', url: 'https://logs.example.com/' }],
  };
  const item = { ...issue, issueId: issue.issueId!, recordId: issue.recordId! };
  const mail = { subject: `[${stateWord('new')}] api on web-1`, text: 'text', html: '<p>text</p>' };
  return [
    { mail, facts: issue },
    { mail, facts: { ...issue, state: 'roll-up', title: '2 issues', items: [item, item] } },
  ];
}
