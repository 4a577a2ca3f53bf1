import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { someFacts } from '../channels/test-help.ts';
import { applyTemplates, readTemplates } from './templates.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'templates-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const channels = [
  { name: 'ops-slack', type: 'slack' },
  { name: 'dev-slack', type: 'slack' },
];
const mail = { subject: '[NEW] api', text: 'built-in text\n', html: '<p>built in</p>' };
const given = (files: Record<string, string>) => {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
  return readTemplates(dir, channels);
};
const problemsOf = (files: Record<string, string>) =>
  given(files).problems.map((problem) => problem.replace(`${dir}/`, ''));

describe('templates', () => {
  it('give a mail its subject, text and HTML', () => {
    const { templates, problems } = given({
      'email.subject.mustache': '{{state_word}} in {{service}}: {{title}}',
      'email.text.mustache': '{{message}}\n{{#links}}{{label}}: {{url}}\n{{/links}}',
      'email.html.mustache': '<h1>{{title}}</h1>{{#held}}<p>{{held}} held</p>{{/held}}',
    });
    expect(problems).toEqual([]);
    const told = applyTemplates(templates, 'email', mail, someFacts({ message: 'a < b & "c"' }));
    expect(told.subject).toBe('NEW in api: ConnectionRefused <host>:<port>');
    expect(told.text).toBe(
      'a < b & "c"\nAll records of this issue: https://logs.example.com/api/logs?issue_id=1\n',
    );
    expect(told.html).toBe('<h1>ConnectionRefused &lt;host&gt;:&lt;port&gt;</h1><p>2 held</p>');
  });

  it('leave what they do not say as it is, but never two words for one thing', () => {
    const { templates } = given({ 'email.subject.mustache': 'Mine: {{subject}}' });
    const told = applyTemplates(templates, 'email', mail, someFacts());
    expect(told).toMatchObject({ subject: 'Mine: [NEW] api', text: mail.text, html: mail.html });
    const { templates: texts } = given({ 'email.text.mustache': '{{text}}-- \nOur runbook: wiki' });
    const own = applyTemplates(texts, 'email', mail, someFacts());
    expect(own).toMatchObject({ text: 'built-in text\n-- \nOur runbook: wiki', html: null });
  });

  it("of a channel's name go before those of its type", () => {
    const { templates } = given({
      'slack.text.mustache': 'all',
      'dev-slack.text.mustache': 'dev',
    });
    const textFor = (channel: string) => applyTemplates(templates, channel, mail, someFacts()).text;
    expect([textFor('ops-slack'), textFor('dev-slack'), textFor('email')]).toEqual(['all', 'dev', mail.text]);
  });

  it("escape log text for the channel's markup, and leave their own", () => {
    const { templates } = given({ 'slack.text.mustache': '*{{title}}* <!here> {{message}}' });
    const told = applyTemplates(templates, 'ops-slack', mail, someFacts({ message: '<!channel> *x*' }));
    expect(told.text).toBe('*ConnectionRefused &lt;host&gt;:&lt;port&gt;* <!here> &lt;!channel&gt; *x*');
    expect(told.facts.isTemplated).toBe(true);
  });

  it('list the issues of a roll-up', () => {
    const { templates } = given({
      'slack.text.mustache':
        '{{#items}}{{service}}/{{title}};{{/items}}{{^is_roll_up}}{{title}}{{/is_roll_up}}',
    });
    const item = { ...someFacts({ title: 't' }), issueId: 'i', recordId: 'r' };
    expect(applyTemplates(templates, 'ops-slack', mail, someFacts({ items: [item, item] })).text).toBe(
      'api/t;api/t;',
    );
  });

  it('that render to nothing at run time give way to the built-in text, and say so', () => {
    const { templates, problems } = given({ 'email.subject.mustache': '{{title}}' });
    expect(problems).toEqual([]);
    const said: string[] = [];
    templates.onTrouble = (file, error) => said.push(`${file.split('/').at(-1)}: ${error.message}`);
    expect(applyTemplates(templates, 'email', mail, someFacts({ title: '' })).subject).toBe('[NEW] api');
    expect(said).toEqual(['email.subject.mustache: it renders to nothing']);
  });

  it('cannot break a header', () => {
    const { templates } = given({ 'email.subject.mustache': '{{title}}\nBcc: x@example.com' });
    const { subject } = applyTemplates(templates, 'email', mail, someFacts({ title: 'x\r\ny' }));
    expect(subject).toBe('x y Bcc: x@example.com');
  });

  it.each([
    [
      { 'email.text.mustache': 'one\n{{#links}}' },
      'email.text.mustache line 2: Unclosed section "links"; close',
    ],
    [
      { 'email.text.mustache': 'one\ntwo {{mesage}}' },
      'email.text.mustache line 2: there is no {{mesage}}; there are',
    ],
    [
      { 'email.html.mustache': '{{{message}}}' },
      'line 1: {{{message}}} would put log text in unescaped; write {{message}}',
    ],
    [{ 'email.html.mustache': '{{&message}}' }, 'write {{message}}'],
    [{ 'email.text.mustache': '{{>other}}' }, 'line 1: {{>other}}: templates cannot include others'],
    [{ 'email.text.mustache': '{{#items}}{{label}}{{/items}}' }, 'there is no {{label}}'],
    [{ 'slak.text.mustache': 'x' }, 'there is no channel "slak"; name it after one of email, ops-slack'],
    [{ 'email.body.mustache': 'x' }, 'is not named <channel>.<subject|text|html>.mustache'],
    [{ 'email.subject.mustache': ' ' }, 'cannot be rendered: it renders to nothing'],
  ])('that are wrong are told with file, line and remedy: %j', (files, expected) => {
    expect(problemsOf(files).join('\n')).toContain(expected);
  });

  it('of a folder that is not there are a mistake', () => {
    expect(readTemplates(join(dir, 'none'), channels).problems[0]).toContain(
      'give the path of a readable folder',
    );
  });
});
