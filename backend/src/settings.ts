// The backend's environment -> checked settings, read once, at start. docs/configuration.md and .env.example list the same.

import { type LogLevel, logLevels, settings } from '@log-detector/settings';
import { type AlertPolicy, defaultPolicy, groupingChoices } from './alerting/policy.ts';
import { readRulesFile } from './alerting/rules/read-file.ts';
import { noRules, type RulesConfig } from './alerting/rules/types.ts';
import type { AlertChannel } from './alerting/targets.ts';
import { readTemplates, type Templates } from './alerting/templates.ts';
import { channelTypes } from './channels/registry.ts';
import { isTopicArn } from './feedback/sns-message.ts';
import { digestOf } from './reload.ts';

export interface BackendSettings {
  host: string;
  port: number;
  /** Undefined: an embedded PostgreSQL under `dataDir`. */
  databaseUrl: string | undefined;
  dataDir: string;
  /** Undefined: no key is asked for, and only loopback is listened on. */
  apiKey: string | undefined;
  /** 0: no record is ever a duplicate. */
  dedupeWindowMs: number;
  /** Whole days that records are kept; 0: for ever. */
  retentionDays: number;
  logLevel: LogLevel;
  alerts: {
    enabled: boolean;
    to: string[];
    from: string;
    baseUrl: string;
    /** `LINK_SECRET`: the first one signs the links in mails, all verify. Empty: keys of the database. */
    linkSecrets?: string[];
    /** `UNSUBSCRIBE_BASE_URL`: where mail providers reach `/unsubscribe`; undefined: `baseUrl`. */
    unsubscribeBaseUrl?: string | undefined;
    /** Left out: as with ALERT_GROUPING=off. */
    policy?: AlertPolicy;
    /** Of `RULES_FILE`, and another one when that changes (reload.ts): read when it is needed. */
    channels?: readonly AlertChannel[];
    /** Of `TEMPLATES_DIR`, as above; left out: the built-in texts. */
    templates?: Templates;
  };
  /** `ALLOW_PRIVATE_WEBHOOKS`: channels and pings may go to private addresses. */
  allowPrivateWebhooks: boolean;
  /** `SES_FEEDBACK_TOPIC_ARN`; undefined: feedback is not taken. */
  sesFeedbackTopicArn: string | undefined;
  /** Of `RULES_FILE`: channels, recipients, rules, maintenance, absence. */
  rules: RulesConfig;
  /** Paths; undefined: there is none. */
  rulesFile: string | undefined;
  templatesDir: string | undefined;
  /** Of both, taken before they were read: another one means that there is something newer. */
  filesDigest: string;
  watch: {
    /** 0: nobody is told of an agent that is missing. */
    missingMs: number;
    /** 0: nobody is told of a stage that lags. */
    lagMs: number;
    /** Undefined: nothing is pinged. */
    pingUrl: string | undefined;
  };
  /** Undefined: mails go out by SES, whose own variables (AWS_REGION, AWS_ACCESS_KEY_ID, …) its client reads. */
  smtpUrl: string | undefined;
  /** Variables that look like a setting and are none, in words. */
  misspelt: readonly string[];
}

/**
 * One address alone. Looser than what the API takes: a server of one's own may know hosts that no domain name system does,
 * such as `root@mailhost`.
 */
const addressForm = /^[^\s<>()[\]:;,"\\@]+@[^\s<>()[\]:;,"\\@]+$/;
/** An address, or any name and an address in angle brackets. */
const senderForm = /^(?:[^<>\r\n]*<[^\s<>@]+@[^\s<>@]+>|[^\s<>,;"@]+@[^\s<>,;"@]+)$/;

type Environment = Readonly<Record<string, string | undefined>>;

/** @throws {SettingsError} listing every mistake with its remedy. */
export function readBackendSettings(env: Environment): BackendSettings {
  const reader = settings(env);
  const rulesFile = reader.raw('RULES_FILE')?.trim();
  const templatesDir = reader.raw('TEMPLATES_DIR')?.trim();
  const port = reader.integer('PORT', { default: 8000, min: 0, max: 65535 });
  const read: BackendSettings = {
    host: reader.string('HOST', { default: '127.0.0.1' }).trim(),
    port,
    databaseUrl: databaseUrl(reader),
    dataDir: reader.string('DATA_DIR', { default: './data' }),
    apiKey: reader.raw('API_KEY')?.trim(),
    dedupeWindowMs:
      1000 *
      reader.number('DEDUPE_WINDOW_SECONDS', { default: 300, min: 0, max: 31_536_000, unit: 'seconds' }),
    retentionDays: reader.integer('RETENTION_DAYS', { default: 90, min: 0, max: 36_500, unit: 'days' }),
    logLevel: reader.oneOf('LOG_LEVEL', logLevels, { default: 'info' }),
    alerts: {
      enabled: reader.boolean('ALERT_EMAIL_ENABLED', { default: false }),
      to: reader.list('ALERT_EMAIL_TO').map((address) => address.toLowerCase()),
      from: reader.string('ALERT_EMAIL_FROM', { default: '' }).trim(),
      baseUrl: (
        reader.url('BASE_URL', {
          default: `http://localhost:${port || 8000}`,
          protocols: ['http:', 'https:'],
        }) ?? ''
      ).replace(/\/+$/, ''),
      linkSecrets: reader.list('LINK_SECRET'),
      unsubscribeBaseUrl: reader.url('UNSUBSCRIBE_BASE_URL', { protocols: ['https:'] }),
      policy: {
        grouping: reader.oneOf('ALERT_GROUPING', groupingChoices, { default: defaultPolicy.grouping }),
        cooldownMs:
          1000 *
          reader.number('ALERT_COOLDOWN_SECONDS', {
            default: defaultPolicy.cooldownMs / 1000,
            min: 60,
            max: 604_800,
            unit: 'seconds',
          }),
        whenOver: reader.boolean('ALERT_WHEN_OVER', { default: defaultPolicy.whenOver }),
        digestMs:
          1000 *
          reader.number('ALERT_DIGEST_SECONDS', {
            default: defaultPolicy.digestMs / 1000,
            min: 1,
            max: 86_400,
            unit: 'seconds',
          }),
        maxPerHour: reader.integer('ALERT_MAX_PER_HOUR', {
          default: defaultPolicy.maxPerHour,
          min: 1,
          max: 100_000,
        }),
        maxPerHourTotal: reader.integer('ALERT_MAX_PER_HOUR_TOTAL', {
          default: defaultPolicy.maxPerHourTotal,
          min: 1,
          max: 1_000_000,
        }),
      },
    },
    allowPrivateWebhooks: reader.boolean('ALLOW_PRIVATE_WEBHOOKS', { default: false }),
    sesFeedbackTopicArn: reader.raw('SES_FEEDBACK_TOPIC_ARN')?.trim(),
    rules: noRules,
    rulesFile,
    templatesDir,
    filesDigest: digestOf({ rulesFile, templatesDir }),
    watch: {
      missingMs:
        1000 *
        reader.number('AGENT_MISSING_SECONDS', { default: 300, min: 0, max: 604_800, unit: 'seconds' }),
      lagMs:
        1000 * reader.number('WATCH_LAG_SECONDS', { default: 300, min: 0, max: 604_800, unit: 'seconds' }),
      pingUrl: reader.url('DEAD_MANS_PING_URL', { protocols: ['http:', 'https:'] }),
    },
    smtpUrl: reader.url('SMTP_URL', { protocols: ['smtp:', 'smtps:'] }),
    // Of all above, and before the names that a rules file asks for, which may be anything.
    misspelt: reader.misspelt(),
  };

  if (read.alerts.enabled && read.alerts.from === '')
    reader.problem(
      'ALERT_EMAIL_FROM',
      'is not set, but ALERT_EMAIL_ENABLED is on; give the address that mails come from',
    );
  else if (read.alerts.enabled && !senderForm.test(read.alerts.from))
    reader.problem(
      'ALERT_EMAIL_FROM',
      `is ${JSON.stringify(read.alerts.from)}, which is no mail address; give one, or a name and one: Log Detector <alerts@example.com>`,
    );
  if (read.alerts.enabled)
    for (const address of read.alerts.to.filter((to) => !addressForm.test(to)))
      reader.problem(
        'ALERT_EMAIL_TO',
        `has ${JSON.stringify(address)}, which is no mail address; give addresses alone, without names, and with commas between them`,
      );
  if (
    read.alerts.enabled &&
    !read.smtpUrl &&
    // Told already.
    !reader.problems.some((problem) => problem.startsWith('SMTP_URL')) &&
    !reader.raw('AWS_REGION') &&
    !reader.raw('AWS_DEFAULT_REGION') &&
    !reader.raw('AWS_PROFILE')
  )
    reader.problem(
      'SMTP_URL',
      'is not set, and neither is AWS_REGION, but ALERT_EMAIL_ENABLED is on; set SMTP_URL to send by SMTP, or AWS_REGION to send by SES',
    );
  if (read.smtpUrl && new URL(read.smtpUrl).hostname === '')
    reader.problem('SMTP_URL', 'names no server; write it as smtp://user:password@mail.example.com:587');
  if (read.alerts.linkSecrets?.some((secret) => secret.length < 32))
    reader.problem(
      'LINK_SECRET',
      'is shorter than 32 characters, which could be guessed; make one with openssl rand -hex 32',
    );
  if (!isLoopback(read.host) && !read.apiKey)
    reader.problem(
      'API_KEY',
      `is not set, but HOST is ${read.host}, which others can reach; set API_KEY to a long random text (openssl rand -hex 32), or HOST to 127.0.0.1`,
    );
  // What Node sends as a header.
  if (read.apiKey && !/^[\t\x20-\x7e\x80-\xff]*$/.test(read.apiKey))
    reader.problem(
      'API_KEY',
      'has a character that agents cannot send, as a line break or … is; use letters and digits (openssl rand -hex 32)',
    );
  let channels: readonly AlertChannel[] | null = [];
  if (rulesFile !== undefined) {
    const { config, problems } = readRulesFile(rulesFile, {
      channelTypes,
      variable: (name) => reader.raw(name),
    });
    for (const problem of problems) reader.problem('RULES_FILE', problem);
    read.rules = config;
    read.alerts.channels = config.channels;
    channels = problems.length > 0 ? null : config.channels;
    for (const { name, type, options } of config.channels) {
      if (!canMake(name, type, options))
        reader.problem(
          'RULES_FILE',
          `the channel "${name}" has an address that is none; correct its url (docs/channels.md)`,
        );
      if (channelTypes[type]?.isMail && options.from === undefined && read.alerts.from === '')
        reader.problem(
          'ALERT_EMAIL_FROM',
          `is not set, but the channel "${name}" sends mails; set it, or give the channel "from"`,
        );
    }
  }
  if (templatesDir !== undefined) {
    const { templates, problems } = readTemplates(templatesDir, channels);
    for (const problem of problems) reader.problem('TEMPLATES_DIR', problem);
    read.alerts.templates = templates;
  }
  if (read.sesFeedbackTopicArn !== undefined && !isTopicArn(read.sesFeedbackTopicArn))
    reader.problem(
      'SES_FEEDBACK_TOPIC_ARN',
      `is ${JSON.stringify(read.sesFeedbackTopicArn)}; expected the ARN of an SNS topic, such as arn:aws:sns:eu-west-1:123456789012:ses-feedback`,
    );
  reader.finish();
  return read;
}

/** `pg` would take several hosts for the name of one. */
function databaseUrl(reader: ReturnType<typeof settings>): string | undefined {
  const isOfSeveral =
    /^postgres(ql)?:\/\/(([^/?#]*@)?[^/?#@]*,[^/?#@]*([/?#]|$)|[^?#]*\?([^#]*&)?host=[^&#]*(,|%2c))/i;
  if (!isOfSeveral.test(reader.raw('DATABASE_URL')?.trim() ?? ''))
    return reader.url('DATABASE_URL', { protocols: ['postgresql:', 'postgres:'] });
  reader.problem(
    'DATABASE_URL',
    'names several hosts, and they are not tried in turn; name one address that leads to the primary (docs/operations.md#standby)',
  );
  return undefined;
}

/** What a schema cannot tell: whether an address is one. Nothing connects. */
function canMake(name: string, type: string, options: Readonly<Record<string, unknown>>): boolean {
  try {
    channelTypes[type]?.make(options, { name, from: '', allowPrivate: false }).close();
    return true;
  } catch {
    return false;
  }
}

/** Whether only this machine can reach what listens on `host`. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}
