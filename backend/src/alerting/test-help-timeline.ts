// Words for timelines: records at these times, mails at those, on a clock that is passed in. Ingest, decisions, the
// dispatcher and the database are the real ones; grouping goes by a record's name for its issue, and nothing is sent.

import { createHash } from 'node:crypto';
import type { MessageFacts } from '../channels/channel.ts';
import { channelTypes } from '../channels/registry.ts';
import { makePartitions } from '../db/partitions.ts';
import { inTransaction, type Pool } from '../db/pool.ts';
import { bucketOf, idMaker } from '../db/record-id.ts';
import { acceptBatch } from '../ingest/accept-batch.ts';
import { instantOf } from '../ingest/instant.ts';
import type { Draft } from '../ingest/store.ts';
import type { Grouping } from '../ingest/types.ts';
import { lockBudgets } from '../outbox/budgets.ts';
import { dispatch } from './dispatch.ts';
import { signingKey } from './links/keys.ts';
import { planAlerts } from './plan-alerts.ts';
import { type AlertPolicy, defaultPolicy } from './policy.ts';
import { countForRules } from './rules/count-for-rules.ts';
import { readRulesText } from './rules/read-file.ts';
import { namedRules } from './rules/rule-book.ts';
import { compileRules, emptyRuleSet, type RuleSet } from './rules/rule-set.ts';
import type { AlertChannel } from './targets.ts';
import { windowMs } from './window.ts';

export const seconds = (n: number) => n * 1000;
export const minutes = (n: number) => n * 60_000;
export const hours = (n: number) => n * 3_600_000;
export const days = (n: number) => n * 86_400_000;

export interface TimelineRecord {
  /** Records of the same name, and of the same container, make one issue. */
  issue: string;
  /** How many, in one batch. */
  times?: number;
  host?: string;
  container?: string;
  message?: string;
  coalesceId?: string;
  severity?: string;
  contextBefore?: string[];
  contextAfter?: string[];
  image?: string;
  /** Beside `issue`. */
  fields?: Record<string, unknown>;
  labels?: Record<string, string>;
}

export interface TimelineMail {
  /** Ms since the timeline's start. */
  at: number;
  channel: string;
  to: string;
  subject: string;
  reason: string;
  body: string;
  html: string;
  headers: Record<string, string>;
  facts: MessageFacts;
  /** Names of the issues that it carries. */
  issues: string[];
}

export interface TimelineOptions {
  policy?: Partial<AlertPolicy>;
  recipients?: string[];
  /** Of the dedupe window; none by default. */
  dedupeWindowMs?: number;
  enabled?: boolean;
  /** Ms since the epoch; about an hour ago by default. */
  start?: number;
  /** As in RULES_FILE. */
  rules?: string;
  /** Told like a recipient each. */
  channels?: readonly AlertChannel[];
}

/** The rules of a text as in RULES_FILE, which must be right. */
export function rulesOf(text: string): RuleSet {
  const { config, problems } = readRulesText(text, 'rules.yaml', { channelTypes, variable: () => undefined });
  if (problems.length > 0) throw new Error(problems.join('\n'));
  return compileRules(config, namedRules([], config));
}

const byName: Grouping = {
  async group(records) {
    return records.map(({ fields }) => ({
      fingerprint: String(fields!.issue),
      title: String(fields!.issue),
    }));
  },
};

/** One timeline on a database of its own, or one that was emptied. */
export class Timeline {
  /** Ms since the epoch. */
  readonly start: number;
  readonly mails: TimelineMail[] = [];
  /** What was taken in, in order; `at` in ms since the epoch. */
  readonly batches: { at: number; drafts: readonly Draft[] }[] = [];
  readonly policy: AlertPolicy;
  readonly rules: RuleSet;
  readonly #pool: Pool;
  readonly #options: TimelineOptions;
  readonly #makeId = idMaker();
  readonly #events: { at: number; records: TimelineRecord[]; act?: () => Promise<unknown> }[] = [];
  #records = 0;

  constructor(pool: Pool, options: TimelineOptions = {}) {
    this.#pool = pool;
    this.#options = options;
    // At the beginning of a window, so that what is counted in one does not depend on when the test runs.
    this.start = options.start ?? (Math.floor(Date.now() / windowMs) - 12) * windowMs;
    this.policy = { ...defaultPolicy, grouping: 'on', ...options.policy };
    this.rules = options.rules === undefined ? emptyRuleSet : rulesOf(options.rules);
  }

  /** These records arrive together, so many ms after the start. */
  at(ms: number, ...records: TimelineRecord[]): this {
    this.#events.push({ at: ms, records });
    return this;
  }

  /** This is done, so many ms after the start. */
  do(ms: number, act: () => Promise<unknown>): this {
    this.#events.push({ at: ms, records: [], act });
    return this;
  }

  /** Every `everyMs` from `fromMs` until before `untilMs`. */
  every(everyMs: number, fromMs: number, untilMs: number, ...records: TimelineRecord[]): this {
    for (let ms = fromMs; ms < untilMs; ms += everyMs) this.at(ms, ...records);
    return this;
  }

  /** Lets the clock run, and the dispatcher with it. */
  async run(untilMs: number): Promise<this> {
    await makePartitions(this.#pool, this.start, this.start + untilMs);
    const events = this.#events.toSorted((a, b) => a.at - b.at);
    let wakeAt: number | null = 0;
    for (;;) {
      const next = Math.min(events[0]?.at ?? Number.POSITIVE_INFINITY, wakeAt ?? Number.POSITIVE_INFINITY);
      if (next > untilMs) return this;
      while (events[0] && events[0].at <= next) {
        const { records, act } = events.shift()!;
        if (act) await act();
        else await this.ingest(next, records);
      }
      const { mails, nextAt } = await this.dispatch(next);
      if (mails > 0) await this.#collect();
      wakeAt = nextAt === null ? null : Math.max(nextAt - this.start, next + 1);
    }
  }

  dispatch(ms: number): ReturnType<typeof dispatch> {
    const now = this.start + ms;
    const settings = {
      enabled: this.#options.enabled ?? true,
      channels: this.#options.channels ?? [],
      from: 'Log Detector <alerts@example.com>',
      baseUrl: 'https://logs.example.com',
      policy: this.policy,
      quiet: this.rules,
    };
    return dispatch(this.#pool, settings, now, () => this.#makeId(now));
  }

  /** One batch. @returns the ids of the records. */
  async ingest(ms: number, records: readonly TimelineRecord[]): Promise<string[]> {
    const now = this.start + ms;
    const drafts = records.flatMap((record) =>
      Array.from({ length: record.times ?? 1 }, () => this.#draft(record, now)),
    );
    this.batches.push({ at: now, drafts });
    const answers = await acceptBatch(
      {
        pool: this.#pool,
        grouping: byName,
        dedupeWindowMs: this.#options.dedupeWindowMs ?? 0,
        linkKey: (client, now) => signingKey(client, [], now),
        planAlerts: (question) =>
          planAlerts(
            question,
            {
              enabled: this.#options.enabled ?? true,
              to: this.#recipients,
              channels: this.#options.channels ?? [],
              from: 'alerts@example.com',
              baseUrl: 'https://logs.example.com',
              policy: this.policy,
              rules: this.rules,
            },
            () => this.#makeId(now),
          ),
        countForRules: (client, stored, at) => countForRules(client, this.rules, stored, at),
      },
      drafts,
    );
    return answers.map(({ id }) => id);
  }

  get #recipients(): string[] {
    return this.#options.recipients ?? ['ops@example.org'];
  }

  #draft(record: TimelineRecord, now: number): Draft {
    const { issue, host = 'web-1', container = 'api' } = record;
    const message = record.message ?? `ERROR ${issue} ${++this.#records}`;
    const bucket = bucketOf(host, container);
    return {
      id: this.#makeId(now, bucket),
      bucket,
      host,
      container,
      service: container,
      severity: record.severity ?? 'error',
      message,
      logHash: createHash('sha256').update(message).digest('hex'),
      occurredAt: instantOf(now),
      receivedAt: instantOf(now),
      receivedAtMs: now,
      eventId: null,
      stream: null,
      image: record.image ?? null,
      labels: record.labels ?? null,
      fields: { issue, ...record.fields },
      contextBefore: record.contextBefore ?? ['line before'],
      contextAfter: record.contextAfter ?? null,
      coalesceId: record.coalesceId ?? null,
    };
  }

  async #collect(): Promise<void> {
    const { rows } = await this.#pool.query<
      Omit<TimelineMail, 'at' | 'to'> & { created_at: string; to_address: string }
    >(
      `select n.channel, n.to_address, n.facts, n.subject, n.body, n.html, n.reason, n.headers, n.created_at,
         array(select distinct fingerprint from alerts a where a.notification_id = n.id order by 1) as issues
       from notifications n
       order by n.created_at, n.to_address
       offset $1`,
      [this.mails.length],
    );
    this.mails.push(
      ...rows.map(({ created_at, to_address, ...mail }) => ({
        ...mail,
        at: Date.parse(created_at) - this.start,
        to: to_address,
      })),
    );
  }

  /** What a mail is, in short: seconds since the start, and its subject. */
  get told(): [number, string][] {
    return this.mails.map(({ at, subject }) => [at / 1000, subject]);
  }
}

/** Everything that a timeline leaves behind. A dispatcher may run meanwhile: without its lock the two could deadlock. */
export async function emptyTables(pool: Pool): Promise<void> {
  const empty = () =>
    inTransaction(pool, async (client) => {
      await lockBudgets(client);
      await client.query(`truncate log_records, record_events, latest_messages, log_counts, issues, notifications, alerts, episodes,
      mail_budgets, email_recipients, unsubscriptions, rules, rule_counts, absences, channel_health`);
    });
  // Who watches the channels takes these tables in another order, now and then; the database breaks one of the two off.
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await empty();
    } catch (error) {
      if ((error as { code?: string }).code !== '40P01' || attempt === 5) throw error;
    }
  }
}
