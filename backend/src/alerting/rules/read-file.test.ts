import { describe, expect, it } from 'vitest';
import { channelTypes } from '../../channels/registry.ts';
import { readRulesText } from './read-file.ts';

const read = (text: string, env: Record<string, string> = {}) =>
  readRulesText(text, 'rules.yaml', { channelTypes, variable: (name) => env[name] });
const problemsOf = (text: string, env: Record<string, string> = {}) => read(text, env).problems;

describe('RULES_FILE', () => {
  it('is read: every section, with the default zone where none is given', () => {
    const { config, problems } = read(
      `
zone: Europe/Berlin
channels:
  ops-slack:
    type: slack
    url: \${SLACK_URL}
recipients:
  night: { email: [night@example.org, DAY@example.org], quiet: { from: "22:00", to: "07:00", days: mon-fri } }
  ops: ops@example.org
rules:
  - name: payments
    match: { service: "pay*", severity: [error, fatal], labels: { team: payments }, pattern: 'card \\d+' }
    to: [night, ops-slack, dev@example.org]
    threshold: { count: 5, within: 1m, per: rule }
    cooldown: 1h30m
    severity: fatal
    continue: true
maintenance:
  - { name: upgrade, match: { host: "db-*" }, from: 2026-11-22 22:00, to: 2026-11-23T02:00Z }
absence:
  - { name: backup, match: { pattern: backup done }, for: 26h }
  - { name: agents, agent: "web-*", for: 300 }
`,
      { SLACK_URL: 'https://hooks.slack.com/services/T0/B0/xyz' },
    );
    expect(problems).toEqual([]);
    expect(config.channels).toMatchObject([
      { name: 'ops-slack', type: 'slack', options: { url: 'https://hooks.slack.com/services/T0/B0/xyz' } },
    ]);
    expect(config.recipients[0]).toEqual({
      name: 'night',
      targets: [
        { channel: 'email', toAddress: 'night@example.org' },
        { channel: 'email', toAddress: 'day@example.org' },
      ],
      quiet: [{ days: [1, 2, 3, 4, 5], from: 1320, to: 420, zone: 'Europe/Berlin' }],
      quietExcept: [],
    });
    expect(config.rules[0]).toMatchObject({
      name: 'payments',
      match: {
        service: ['pay*'],
        severity: ['error', 'fatal'],
        labels: { team: ['payments'] },
        pattern: 'card \\d+',
      },
      to: ['night', 'ops-slack', 'dev@example.org'],
      threshold: { count: 5, withinMs: 60_000, per: 'rule' },
      cooldownMs: 5_400_000,
      severity: 'fatal',
      goesOn: true,
    });
    expect(config.maintenance[0]!.once).toEqual({
      from: Date.parse('2026-11-22T21:00Z'),
      to: Date.parse('2026-11-23T02:00Z'),
    });
    expect(config.absence).toMatchObject([
      { name: 'backup', forMs: 93_600_000, per: 'rule' },
      { name: 'agents', agent: ['web-*'], forMs: 300_000, per: 'host' },
    ]);
  });

  it('may be empty', () => {
    expect(read('').problems).toEqual([]);
    expect(read('# nothing yet\nrules:\n').problems).toEqual([]);
  });

  it('has every mistake told at once, with its line and what to do', () => {
    expect(
      problemsOf(`rulez: []
rules:
  - name: oom
    match:
      contaner: api
      pattern: '(?=x)y'
      state: [new, regresed]
    to: pay
  - match: { host: a }
    hold: true
    severity: x
  - name: all
    hold: true
recipients:
  pays: not an address
`),
    ).toEqual([
      'rules.yaml:1: "rulez" is not known here; did you mean "rules"?',
      'rules.yaml:5: "contaner" is not known here; did you mean "container"?',
      'rules.yaml:6: the pattern "(?=x)y" uses a lookahead "(?=", which rules cannot have; match the whole phrase and drop the "(?="',
      'rules.yaml:7: "state" is "regresed"; did you mean "regressed"?',
      'rules.yaml:8: "pay" is no recipient, channel or address; did you mean "pays"?',
      'rules.yaml:9: has no "name"; give it one, which the messages about it use',
      'rules.yaml:11: "severity" means nothing beside "hold: true"; drop one of the two',
      'rules.yaml:12: this rule would hold everything; say in "match" what it is about',
      'rules.yaml:15: "not an address" is no mail address; give one such as ops@example.org',
    ]);
  });

  it.each([
    ['days', 'when: { days: funday }', '"funday" is no day'],
    ['a time', 'when: { from: "25:00" }', '"25:00" is no time of day'],
    ['a zone', 'when: { zone: Europe/Berln }', 'did you mean "Europe/Berlin"?'],
    ['a duration', 'cooldown: soon', 'give a time such as 90s, 15m, 4h or 2d, from 1m to 30d'],
    ['a threshold', 'threshold: { count: 1, within: 1m }', 'give a whole number from 2 to 1000000'],
    [
      'a cooldown by state',
      'match: { state: new }\n    cooldown: 1h',
      '"cooldown" cannot stand beside "state"',
    ],
    ['a pattern', "match: { pattern: 'a(b' }", 'cannot be read'],
    ['a back reference', "match: { pattern: '(a)\\1' }", 'uses a back reference'],
  ])('refuses %s that cannot be', (_what, keys, message) => {
    expect(problemsOf(`rules:\n  - name: x\n    ${keys}\n`).join('\n')).toContain(message);
  });

  it('names the line of what is no YAML at all', () => {
    expect(problemsOf('rules:\n  - name: "open\n')[0]).toMatch(
      /^rules\.yaml:\d+: Missing closing "quote; correct the YAML$/,
    );
    expect(problemsOf('rules: []\nrules: []\n')[0]).toContain('rules.yaml:2: Map keys must be unique');
  });

  it('tells of a variable that is not set, and never repeats a value that came from one', () => {
    const text = `channels:\n  hook:\n    type: webhook\n    url: \${HOOK}\n    colour: \${HOOK}\n`;
    expect(problemsOf(text)[0]).toBe(
      `rules.yaml:4: the environment has no HOOK; set it, or HOOK_FILE, or write "$\${HOOK}" if the text itself is meant`,
    );
    expect(problemsOf(text)).toHaveLength(2);
    const told = problemsOf(text, { HOOK: 'a secret' }).join('\n');
    expect(told).toContain('rules.yaml:5: "colour" is not known here');
    expect(told).not.toContain('a secret');
  });

  it('tells of a name that is given twice at its own line, beside other mistakes', () => {
    const rule = (keys: string) => `  - name: x\n    ${keys}\n`;
    expect(problemsOf(`rules:\n${rule('severty: fatal')}${rule('severity: fatal')}`)).toEqual([
      'rules.yaml:3: "severty" is not known here; did you mean "severity"?',
      'rules.yaml:4: two of "rules" are named "x"; what they count and watch is kept by name, so give one another',
    ]);
  });

  it('tells of a key that a channel does not know once, with the one that was meant', () => {
    expect(problemsOf('channels:\n  a: { type: webhook, url: "https://x.example", secrt: y }\n')).toEqual([
      'rules.yaml:2: "secrt" is not known here; did you mean "secret"?',
    ]);
  });

  it('tells of a channel that lacks what it needs', () => {
    expect(problemsOf('channels:\n  a: { type: slak, url: x }\n  b: { type: slack }\n')).toEqual([
      'rules.yaml:2: "type" is "slak"; did you mean "slack"?',
      'rules.yaml:3: the channel "b" (slack) lacks "url"; give it',
    ]);
  });
});
