import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isLoopback, readBackendSettings } from './settings.ts';

describe('readBackendSettings', () => {
  it('listens on loopback, without a key, on an embedded database, when nothing is set', () => {
    expect(readBackendSettings({})).toMatchObject({
      host: '127.0.0.1',
      port: 8000,
      databaseUrl: undefined,
      dataDir: './data',
      apiKey: undefined,
      dedupeWindowMs: 300_000,
      retentionDays: 90,
      alerts: { enabled: false, to: [], baseUrl: 'http://localhost:8000' },
    });
  });

  it('refuses to listen where others can reach it without a key, and says what to set', () => {
    for (const HOST of ['0.0.0.0', '::', '192.0.2.7', 'logs.example.com'])
      expect(() => readBackendSettings({ HOST }), HOST).toThrow(
        /API_KEY is not set, but HOST is .*set API_KEY to/,
      );
    expect(readBackendSettings({ HOST: '0.0.0.0', API_KEY: 'k' }).apiKey).toBe('k');
    expect(readBackendSettings({ API_KEY: 'schlüssel' }).apiKey).toBe('schlüssel');
    for (const key of ['…', 'one\ntwo'])
      expect(() => readBackendSettings({ API_KEY: key })).toThrow(
        /API_KEY has a character that agents cannot send/,
      );
  });

  it('lists every mistake at once', () => {
    const mistakes = () =>
      readBackendSettings({
        PORT: 'http',
        DATABASE_URL: 'mysql://x',
        ALERT_EMAIL_ENABLED: 'true',
        BASE_URL: 'logs',
      });
    expect(mistakes).toThrow(/^5 settings are wrong:/);
    for (const name of ['PORT', 'DATABASE_URL', 'ALERT_EMAIL_FROM', 'SMTP_URL', 'BASE_URL'])
      expect(mistakes).toThrow(new RegExp(`- ${name} is`));
  });

  it.each([
    ['smtp://', /^one setting is wrong:\n {2}- SMTP_URL names no server/],
    ['mail.example.com', /^one setting is wrong:\n {2}- SMTP_URL is not a URL that starts with smtp/],
  ])('says of the SMTP_URL "%s" what is wrong with it, and not that there is none', (SMTP_URL, message) => {
    const mails = { ALERT_EMAIL_ENABLED: 'true', ALERT_EMAIL_FROM: 'alerts@example.com' };
    expect(() => readBackendSettings({ ...mails, SMTP_URL })).toThrow(message);
  });

  it.each([
    'postgresql://log_detector@db-1,db-2/log_detector',
    'postgresql://log_detector:p%40ss@db-1:5432,db-2:5433/log_detector?target_session_attrs=read-write',
    'postgresql:///log_detector?application_name=x&host=db-1,db-2',
  ])('refuses a DATABASE_URL of several hosts, with what to do: %s', (url) => {
    expect(() => readBackendSettings({ DATABASE_URL: url })).toThrow(
      /DATABASE_URL names several hosts, .* one address that leads to the primary/,
    );
  });

  it('takes a comma in the user, the password and the name of the database', () => {
    const url = 'postgresql://us,er:pass,word@db-1/log,detector?options=-c%20search_path=a,b';
    expect(readBackendSettings({ DATABASE_URL: url }).databaseUrl).toBe(url);
  });

  it('reads a secret from the file that X_FILE names', () => {
    const folder = mkdtempSync(join(tmpdir(), 'settings-'));
    writeFileSync(join(folder, 'key'), 'from the file\n');
    expect(readBackendSettings({ API_KEY_FILE: join(folder, 'key') }).apiKey).toBe('from the file');
    rmSync(folder, { recursive: true });
  });

  it('refuses what mail could not be sent to or from, before an alert is lost by it', () => {
    const given = (to: string, from = 'alerts@example.com') =>
      readBackendSettings({
        ALERT_EMAIL_ENABLED: 'true',
        SMTP_URL: 'smtp://localhost',
        ALERT_EMAIL_TO: to,
        ALERT_EMAIL_FROM: from,
      });
    for (const to of [
      'Ops <ops@example.com>',
      'a@example.com;b@example.com',
      'a@example.com b@example.com',
      'ops',
    ])
      expect(() => given(to)).toThrow(`ALERT_EMAIL_TO has "${to.toLowerCase()}", which is no mail address`);
    for (const from of ['Log Detector', '<>', 'a@example.com, b@example.com'])
      expect(() => given('', from)).toThrow('ALERT_EMAIL_FROM is ');
    expect(
      given('root@mailhost, größe@example.com', 'Log Detector <alerts@example.com>').alerts.to,
    ).toHaveLength(2);
  });

  it('takes recipients in capitals, and a BASE_URL with a slash at its end', () => {
    const { alerts } = readBackendSettings({
      ALERT_EMAIL_TO: 'A@Example.com, b@example.com',
      BASE_URL: 'https://logs.example.com/',
    });
    expect(alerts).toMatchObject({
      to: ['a@example.com', 'b@example.com'],
      baseUrl: 'https://logs.example.com',
    });
  });
});

describe('the bounds of alerting', () => {
  it('are those of docs/alerting.md when nothing is set, with grouping on', () => {
    expect(readBackendSettings({}).alerts.policy).toEqual({
      grouping: 'on',
      cooldownMs: 3_600_000,
      whenOver: false,
      digestMs: 60_000,
      maxPerHour: 20,
      maxPerHourTotal: 200,
    });
  });

  it('refuse what would bound nothing', () => {
    const mistakes = () =>
      readBackendSettings({ ALERT_GROUPING: 'yes', ALERT_COOLDOWN_SECONDS: '5', ALERT_MAX_PER_HOUR: '0' });
    for (const name of ['ALERT_GROUPING', 'ALERT_COOLDOWN_SECONDS', 'ALERT_MAX_PER_HOUR'])
      expect(mistakes).toThrow(new RegExp(`- ${name} is`));
  });
});

describe('channels', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'settings-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const given = (rules: string, env: Record<string, string> = {}) => {
    writeFileSync(join(folder, 'rules.yaml'), rules);
    return readBackendSettings({ RULES_FILE: join(folder, 'rules.yaml'), ...env });
  };
  const slack = `channels:\n  ops-slack:\n    type: slack\n    url: \${SLACK_URL}\n`;

  it('are read with their secrets from the environment', () => {
    const { rules, alerts } = given(slack, { SLACK_URL: 'https://hooks.slack.com/services/x' });
    expect(rules.channels).toEqual([
      { name: 'ops-slack', type: 'slack', options: { url: 'https://hooks.slack.com/services/x' } },
    ]);
    expect(alerts.channels).toMatchObject([{ name: 'ops-slack', type: 'slack' }]);
  });

  it.each([
    ['channels:\n  a:\n    type: slak\n', 'rules.yaml:3'],
    ['channels:\n  a:\n    type: slack\n', 'lacks "url"'],
    ['channels:\n  a:\n    type: slack\n    url: ftp://x\n', 'rules.yaml:4'],
    ['channels:\n  a:\n    type: webhook\n    url: "https://[x/secret"\n', 'has an address that is none'],
    ['channels:\n  a:\n    type: ntfy\n    topic: x\n    tocken: y\n', 'rules.yaml:5'],
    ['channels:\n  a:\n    type: smtp\n    url: smtp://x\n    to: a@example.com\n', 'ALERT_EMAIL_FROM'],
  ])('that are wrong are told at start, never with a secret: %j', (rules, expected) => {
    expect(() => given(rules)).toThrow(expected);
    expect(() => given(rules)).not.toThrow('secret');
  });

  it('have templates, which are checked at start', () => {
    writeFileSync(join(folder, 'slack.text.mustache'), 'one\n{{nope}}');
    expect(() => given(slack, { SLACK_URL: 'https://hooks.slack.com/x', TEMPLATES_DIR: folder })).toThrow(
      'slack.text.mustache line 2: there is no {{nope}}',
    );
  });

  it.each([
    ['rules: [', 'rules.yaml:'],
    ['channels:\n  ops-slack: { type: slack, ulr: x }\n', 'did you mean "url"'],
  ])(
    'have templates, which are told to be of no channel only when the rules are right: %j',
    (rules, expected) => {
      writeFileSync(join(folder, 'ops-slack.text.mustache'), '{{nope}}');
      const wrong = () => given(rules, { TEMPLATES_DIR: folder });
      expect(wrong).toThrow(expected);
      expect(wrong).toThrow('ops-slack.text.mustache line 1: there is no {{nope}}');
      expect(wrong).not.toThrow('there is no channel');
    },
  );

  it('and feedback: the topic must be one of SNS', () => {
    const arn = 'arn:aws:sns:eu-west-1:123456789012:ses-feedback';
    expect(readBackendSettings({ SES_FEEDBACK_TOPIC_ARN: arn }).sesFeedbackTopicArn).toBe(arn);
    expect(() => readBackendSettings({ SES_FEEDBACK_TOPIC_ARN: 'ses-feedback' })).toThrow('expected the ARN');
  });
});

describe('isLoopback', () => {
  it('knows the addresses that only this machine reaches', () => {
    expect(['127.0.0.1', '127.8.8.8', '::1', 'localhost'].every(isLoopback)).toBe(true);
    expect(['0.0.0.0', '::', '10.0.0.1', '127.0.0.1.example.com'].some(isLoopback)).toBe(false);
  });
});
