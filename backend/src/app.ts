// The backend's parts put together into one app, which never listens: serve.ts does that, and tests use inject().

import type { Logger } from 'pino';
import { Type } from 'typebox';
import { apiKeyGuard } from './access/api-key.ts';
import { frontPageRoutes } from './acting/front-page.ts';
import { actingRoutes } from './acting/routes.ts';
import { canariesStored, groupCanaries, planWithCanaries } from './alerting/canary.ts';
import { signingKey } from './alerting/links/keys.ts';
import { createOwnRecords, groupOwn, type OwnRecords } from './alerting/own-records.ts';
import { planAlerts } from './alerting/plan-alerts.ts';
import { nobodyToSendTo } from './alerting/recipients.ts';
import { alertingRoutes } from './alerting/routes.ts';
import type { AbsenceWatch } from './alerting/rules/absence.ts';
import { countForRules } from './alerting/rules/count-for-rules.ts';
import { rulesRoutes } from './alerting/rules/routes.ts';
import { createRuleBook, type RuleBook } from './alerting/rules/rule-book.ts';
import { canTell } from './alerting/targets.ts';
import type { Pool, PoolClient } from './db/pool.ts';
import { newId, timeOfId } from './db/record-id.ts';
import type { FetchText } from './feedback/certificates.ts';
import { feedbackRoutes } from './feedback/routes.ts';
import { ErrorAnswer } from './http/errors.ts';
import { type App, buildHttp } from './http/http.ts';
import { Metrics } from './http/metrics.ts';
import { acceptBatch } from './ingest/accept-batch.ts';
import { Budget } from './ingest/budget.ts';
import { coverageRoutes } from './ingest/coverage-routes.ts';
import { createGrouping } from './ingest/group.ts';
import { GroupCommit } from './ingest/group-commit.ts';
import { groupSafely } from './ingest/group-safely.ts';
import { ingestRoutes } from './ingest/routes.ts';
import type { AlertQuestion, Decision, StoredRecord } from './ingest/types.ts';
import { createImageNotes } from './issues/service-images.ts';
import { searchRoutes } from './search/routes.ts';
import type { BackendSettings } from './settings.ts';
import { issueRoutes } from './triage/routes.ts';
import { createPartitionCover } from './upkeep/partition-cover.ts';
import { watchRoutes } from './watch/routes.ts';
import { Watch } from './watch/watch.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** Raises records about Log Detector itself: `app.ownRecords.raise(…)`. */
    ownRecords: OwnRecords;
  }
}

export interface AppOptions {
  settings: Pick<BackendSettings, 'apiKey' | 'dedupeWindowMs' | 'alerts'> &
    Partial<Pick<BackendSettings, 'sesFeedbackTopicArn'>>;
  /** For whoever asks, people above all. */
  pool: Pool;
  /** For ingest alone, so that readers cannot keep records waiting; `pool` when left out. */
  ingestPool?: Pool;
  logger: Logger;
  version: string;
  metrics?: Metrics;
  /** Hears every record that is stored, to notice silence. */
  absence?: Pick<AbsenceWatch, 'heard'>;
  /** The rules in force; when left out, those of the database as its routes change them. */
  rules?: RuleBook;
  /** When left out, one of its own that nobody acts on. */
  watch?: Watch;
  /** Of all requests with records or holes under way together. */
  maxHeldBytes?: number;
  /** Fetches certificates of SNS; the real one when left out. */
  fetchText?: FetchText;
}

const maxHeldBytes = 96 * 1024 * 1024;

/** Every route, ready to listen or to be injected. Close it with `app.close()`, which waits for requests under way. */
export async function buildApp(options: AppOptions): Promise<App> {
  const { settings, pool, logger, version, metrics = new Metrics() } = options;
  const ingestPool = options.ingestPool ?? pool;
  const rules = options.rules ?? createRuleBook({ pool, log: logger });
  const watch = options.watch ?? new Watch({ pool, bounds: { missingMs: 300_000, lagMs: 300_000 } });
  const app = await buildHttp({ logger, metrics, version, guard: apiKeyGuard(settings.apiKey) });
  const faults = metrics.counter(
    'log_detector_ingest_faults_total',
    'Faults of our own that records met: worth a bug report, with the log line.',
  );
  const decided = metrics.counter(
    'log_detector_decisions_total',
    'Decisions on records, by reason, and whether they notify.',
  );
  const sayTrouble = sayOnce((error: Error, message) => logger.warn({ err: error }, message));
  const sayFault = sayOnce((error: Error, message) => logger.error({ err: error }, message));
  const sayNobody = sayOnce((_: undefined, message) => logger.warn(message), 3_600_000);
  const onFault = (error: Error) => {
    faults.add();
    sayFault(error, 'bug: a record met a fault');
  };
  const grouping = groupCanaries(groupOwn(groupSafely(createGrouping(ingestPool), onFault)));
  const delivers = () => canTell(settings.alerts);
  const isUngrouped = settings.alerts.policy?.grouping !== 'on';
  const linkSecrets = settings.alerts.linkSecrets ?? [];
  const parts = {
    pool: ingestPool,
    grouping,
    dedupeWindowMs: settings.dedupeWindowMs,
    isUngrouped,
    linkKey: isUngrouped
      ? (client: PoolClient, now: number) => signingKey(client, linkSecrets, now)
      : undefined,
    planAlerts: (question: AlertQuestion) =>
      planWithCanaries(
        question,
        delivers(),
        (others) =>
          planAlerts(others, { ...settings.alerts, rules: rules.current() }, () => newId(question.now)),
        () => newId(question.now),
      ),
    countForRules: (client: PoolClient, records: readonly StoredRecord[], now: number) =>
      countForRules(client, rules.current(), records, now),
  };
  const cover = createPartitionCover(ingestPool);
  const noteImages = createImageNotes(ingestPool, (error) =>
    logger.debug({ err: error }, 'cannot note an image'),
  );
  const commits = new GroupCommit({
    store: async (drafts, mayBeStored) => {
      await cover(timeOfId(drafts.at(-1)!.id));
      let decisions: readonly Decision[] = [];
      let asked: AlertQuestion['records'] = [];
      let stored: AlertQuestion | undefined;
      const planAlerts = (question: AlertQuestion) => {
        const plan = parts.planAlerts(question);
        decisions = plan.decisions;
        asked = question.records;
        stored = question;
        return plan;
      };
      const records = await acceptBatch({ ...parts, planAlerts }, drafts, mayBeStored);
      watch.pulse.ingestCommitted();
      noteImages(drafts);
      canariesStored(ingestPool, asked, delivers()).catch((error: Error) =>
        logger.debug({ err: error }, 'cannot note a canary'),
      );
      if (stored) options.absence?.heard(stored.records, stored.now);
      countDecisions(decisions, (n, labels) => decided.add(n, labels));
      if (decisions.some(({ reason }) => reason === 'no-recipients'))
        sayNobody(undefined, `records alerted nobody, because ${nobodyToSendTo}`);
      return records;
    },
    onFault,
    onTrouble: (error, isGivenUp) => {
      if (isGivenUp) watch.pulse.ingestRefused();
      sayTrouble(
        error,
        isGivenUp
          ? 'the database cannot store records; senders are told to come again'
          : 'storing records failed; trying again',
      );
    },
  });

  app.decorate(
    'ownRecords',
    createOwnRecords({
      submit: (records) => commits.submit(records),
      onHeldBack: ({ kind, subject }) =>
        sayTrouble(new Error(`${kind}: ${subject}`), 'an own record was held back: too many within the hour'),
    }),
  );
  metrics.gauge(
    'log_detector_ingest_waiting_requests',
    'Requests that wait for a transaction.',
    () => commits.waiting,
  );
  const budget = new Budget(options.maxHeldBytes ?? maxHeldBytes);
  ingestRoutes({ commits, metrics, budget })(app);
  coverageRoutes({ pool, budget })(app);
  searchRoutes({ pool })(app);
  issueRoutes({ pool })(app);
  watchRoutes({ pool, watch })(app);
  alertingRoutes(pool, settings.alerts, rules)(app);
  rulesRoutes(pool, rules)(app);
  const takenOff = { settings: settings.alerts, newId: () => newId(Date.now()), log: logger };
  feedbackRoutes({
    ...takenOff,
    pool,
    topicArn: settings.sesFeedbackTopicArn,
    ...(options.fetchText ? { fetchText: options.fetchText } : {}),
  })(app);
  frontPageRoutes({ pool, hasKey: settings.apiKey !== undefined })(app);
  actingRoutes({ pool, linkSecrets, to: settings.alerts.to, rules, takenOff, log: logger })(app);
  app.get(
    '/health',
    {
      config: { scope: 'none' },
      schema: {
        tags: ['operation'],
        summary: 'Say that the backend is there',
        security: [],
        response: { 200: Type.Object({ status: Type.Literal('ok') }) },
      },
    },
    () => ({ status: 'ok' as const }),
  );
  app.get(
    '/metrics',
    {
      schema: {
        tags: ['operation'],
        summary: 'Numbers for Prometheus',
        response: {
          200: { description: 'Text format 0.0.4', content: { 'text/plain': { schema: Type.String() } } },
          401: ErrorAnswer,
        },
      },
    },
    async (_request, reply) => {
      reply.type('text/plain; version=0.0.4; charset=utf-8').serializer(String);
      return metrics.toString();
    },
  );
  return app;
}

/** Adds up those that are alike first: a batch is mostly of one kind. */
function countDecisions(
  decisions: readonly Decision[],
  add: (n: number, labels: { notify: string; reason: string }) => void,
): void {
  for (let from = 0, to = 0; from < decisions.length; from = to) {
    const { notify, reason } = decisions[from]!;
    while (to < decisions.length && decisions[to]!.reason === reason && decisions[to]!.notify === notify)
      to += 1;
    add(to - from, { notify: String(notify), reason });
  }
}

/** The same again within a minute, or `forMs`, is one line with a count. */
function sayOnce<Cause>(say: (cause: Cause, message: string) => void, forMs = 60_000): typeof say {
  const said = new Map<string, { until: number; again: number }>();
  return (cause, message) => {
    const last = said.get(message);
    if (last && Date.now() < last.until) {
      last.again += 1;
      return;
    }
    const again = last && last.again > 0 ? ` (${last.again} more before this)` : '';
    said.set(message, { until: Date.now() + forMs, again: 0 });
    say(cause, `${message}${again}`);
  };
}
