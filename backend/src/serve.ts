// `log-detector serve`: settings > database > migrations > listen > deliver > upkeep, and the same backwards at the end.
// Requests under way finish; everything ends within 5 s.

import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { StartError } from '@log-detector/settings';
import { type Logger, pino } from 'pino';
import { sweepCanaries } from './alerting/canary-channel.ts';
import { tellOwnOver } from './alerting/own-over.ts';
import { activeAddresses, nobodyToSendTo } from './alerting/recipients.ts';
import { createAbsenceWatch } from './alerting/rules/absence.ts';
import { createRuleBook } from './alerting/rules/rule-book.ts';
import { startAbsence } from './alerting/rules/start-absence.ts';
import { defaultTargets } from './alerting/targets.ts';
import { buildApp } from './app.ts';
import { startEmbedded } from './db/embedded.ts';
import { migrate } from './db/migrate.ts';
import { createPool, type Pool } from './db/pool.ts';
import { newId } from './db/record-id.ts';
import { tryOut } from './db/try-out.ts';
import type { App } from './http/http.ts';
import { Metrics } from './http/metrics.ts';
import { deliveryReport } from './outbox/report.ts';
import { type ReloadOptions, watchSettings } from './reload.ts';
import { type BackendSettings, readBackendSettings } from './settings.ts';
import { startTelling } from './start-telling.ts';
import { makePartitionsAhead, startUpkeep } from './upkeep/upkeep.ts';
import { onceDatabaseIsThere } from './wait-for-database.ts';
import { sweepAgents } from './watch/agents.ts';
import type { Telling } from './watch/incidents.ts';
import { deadMansPing } from './watch/ping.ts';
import { startWatching } from './watch/start-watching.ts';
import { Watch } from './watch/watch.ts';
import { keepNewObjectsYoung } from './young-objects.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** What is done at the end: all of one phase at once, phase after phase. */
interface Closing {
  work: (() => Promise<unknown>)[];
  connections: (() => Promise<unknown>)[];
  server: (() => Promise<unknown>)[];
}

/** An ingest statement that takes longer is ended, and its senders come again. */
const ingestStatementMs = 10_000;
const readStatementMs = 30_000;
const sweepMs = 60_000;
const endingSignals = ['SIGTERM', 'SIGINT'] as const;

// Filled in by the build.
declare const LOG_DETECTOR_VERSION: string | undefined;
const version = typeof LOG_DETECTOR_VERSION === 'string' ? LOG_DETECTOR_VERSION : 'development';

/** What is being sent when the channels change ends as ever, however late its answer: broken off, a mail would go twice. */
const lateAnswerMs = 3_600_000;
// How long each phase of the end may take; `log-detector start` kills after 4 s.
const phaseMs = { work: 1_300, connections: 300, server: 2_300 };

/**
 * Runs the backend until `signal` aborts, or the process is asked to end (SIGTERM, SIGINT). Resolves when all is closed.
 * @throws {SettingsError} and errors whose message says what to do.
 */
export async function serve(
  env: Environment = process.env,
  options: { signal?: AbortSignal } = {},
): Promise<void> {
  keepNewObjectsYoung();
  const settings = readBackendSettings(env);
  const logger = makeLogger(settings);
  for (const words of settings.misspelt) logger.warn(words);
  warnOfTemplates(settings, logger);
  const stop = stopSignal(options.signal);
  const closing: Closing = { work: [], connections: [], server: [] };
  try {
    await start(settings, env, logger, closing, stop.signal);
    await aborted(stop.signal);
    logger.info('stopping');
  } catch (error) {
    // Asked to end while it started: what was under way is given up.
    if (!stop.signal.aborted) throw error;
  } finally {
    await closeAll(closing, logger);
    stop.forget();
  }
}

/** Brings the database to the newest schema and ends. */
export async function migrateCommand(env: Environment = process.env): Promise<void> {
  const settings = readBackendSettings({ ...env, HOST: undefined });
  const logger = makeLogger(settings);
  const stop = stopSignal(undefined);
  const closing: Closing = { work: [], connections: [], server: [] };
  try {
    const connectionString = await openDatabase(settings, logger, closing, stop.signal);
    const applied = await migrate(connectionString, undefined, tellOfMigrations);
    process.stdout.write(
      applied.length > 0 ? `applied ${applied.join(', ')}\n` : 'the database is up to date\n',
    );
  } finally {
    await closeAll(closing, logger);
    stop.forget();
  }
}

/** A template that fails at run time gives way to the built-in text; said once an hour for each. */
function warnOfTemplates({ alerts }: BackendSettings, logger: Logger): void {
  const saidAt = new Map<string, number>();
  if (!alerts.templates) return;
  alerts.templates.onTrouble = (file, error) => {
    if (Date.now() - (saidAt.get(file) ?? 0) < 3_600_000) return;
    saidAt.set(file, Date.now());
    logger.warn({ err: error }, `${file} cannot be rendered; the built-in text goes out`);
  };
}

/** To standard error, so that what is meant for people stands alone on standard output. */
function makeLogger({ logLevel }: BackendSettings): Logger {
  return pino({ level: logLevel, base: undefined }, pino.destination(2));
}

async function closeAll(closing: Closing, logger: Logger): Promise<void> {
  for (const phase of ['work', 'connections', 'server'] as const) {
    const all = closing[phase].map((close) =>
      close().catch((error: Error) => logger.warn({ err: error }, `closing failed: ${phase}`)),
    );
    await Promise.race([Promise.all(all), sleep(phaseMs[phase], undefined, { ref: false })]);
  }
}

async function start(
  settings: BackendSettings,
  env: Environment,
  logger: Logger,
  closing: Closing,
  signal: AbortSignal,
): Promise<void> {
  const connectionString = await openDatabase(settings, logger, closing, signal);
  const prepare = <Result>(step: () => Promise<Result>) =>
    onceDatabaseIsThere(step, {
      signal,
      onAway: ({ message }) =>
        logger.warn(`the database went away while it was made ready (${message}); waiting for it`),
    });
  for (const name of (await prepare(() => migrate(connectionString, undefined, tellOfMigrations))) ?? [])
    logger.info(`applied migration ${name}`);

  const onIdleError = (error: Error) =>
    logger.debug({ err: error }, 'an idle connection to the database broke');
  const connect = (max: number, statementTimeoutMs: number) => {
    const made = createPool({ connectionString, max, statementTimeoutMs, onIdleError });
    closing.connections.push(() => made.end());
    return made;
  };
  // Apart, so that no number of readers keeps mails, or the watch over all this, waiting; nor records.
  const pool = connect(6, readStatementMs);
  const readPool = connect(8, readStatementMs);
  const ingestPool = connect(4, ingestStatementMs);
  await prepare(() => makePartitionsAhead(pool, Date.now()));

  const rules = createRuleBook({ pool, config: settings.rules, log: logger });
  await prepare(() => rules.refresh());
  const tellsNobody = await prepare(() => hasNobody(settings, pool));
  if (tellsNobody) logger.warn(`mails are on, but ${nobodyToSendTo}`);
  if (signal.aborted) return;
  const metrics = new Metrics();
  const watch = new Watch({ pool, bounds: settings.watch, metrics });
  // Own records go the way of all others, which begins in the app.
  const telling: Telling = {
    raise: (record) => app.ownRecords.raise(record),
    over: (record) =>
      tellOwnOver(
        { pool, ownRecords: app.ownRecords, settings: settings.alerts, newId: () => newId(Date.now()) },
        record,
        Date.now(),
      ),
  };
  const absence = createAbsenceWatch({
    pool,
    absence: settings.rules.absence,
    telling,
    startedAt: Date.now(),
  });
  const app = await buildApp({
    settings,
    pool: readPool,
    ingestPool,
    logger,
    version,
    metrics,
    watch,
    rules,
    absence,
  });
  if (signal.aborted) return;
  await listen(app, settings);
  closing.work.push(() => app.close());

  const readingRules = rules.start();
  closing.work.push(() => readingRules.stop());
  const upkeep = startUpkeep({
    pool,
    log: logger,
    retentionDays: settings.retentionDays,
    dedupeWindowMs: settings.dedupeWindowMs,
  });
  closing.work.push(() => upkeep.stop());
  const listening = startAbsence({ watch: absence, log: logger });
  closing.work.push(() => listening.stop());
  const { pingUrl } = settings.watch;
  const watching = startWatching({
    pool,
    watch,
    telling,
    log: logger,
    ...(pingUrl ? { ping: deadMansPing(pingUrl, settings.allowPrivateWebhooks) } : {}),
  });
  closing.work.push(() => watching.stop());
  const sweep = () => sweepCanaries(pool, Date.now()).then(() => sweepAgents(pool));
  const sweeping = setInterval(() => sweep().catch(() => {}), sweepMs);
  closing.work.push(async () => clearInterval(sweeping));
  const report = deliveryReport(logger, metrics);
  const startTellingAnew = () =>
    startTelling({ settings, pool, connectionString, rules, report, watch, logger });
  let messages = startTellingAnew();
  /** Those before it, which still wait for an answer. */
  const leaving = new Set<typeof messages>();
  closing.work.push(async () => {
    await Promise.all([messages, ...leaving].map((each) => each.stop(phaseMs.work - 200)));
  });
  const reloading = watchSettings({
    rulesFile: settings.rulesFile,
    templatesDir: settings.templatesDir,
    digest: settings.filesDigest,
    read: () => readBackendSettings(env),
    async apply(next) {
      warnOfTemplates(next, logger);
      takeOver(settings, next);
      rules.replace(next.rules);
      absence.replace(next.rules.absence, Date.now());
      const before = messages;
      messages = startTellingAnew();
      leaving.add(before);
      before
        .stop(lateAnswerMs)
        .catch((error: Error) => logger.warn({ err: error }, 'closing the channels of before failed'))
        .finally(() => leaving.delete(before));
      logger.info(
        { rules: next.rules.rules.length, channels: next.rules.channels.length },
        'RULES_FILE and TEMPLATES_DIR were read anew',
      );
    },
    ...refusals(telling, logger),
  });
  closing.work.push(() => reloading.stop());
  metrics.gauge(
    'log_detector_settings_refused',
    '1 while RULES_FILE or TEMPLATES_DIR has mistakes, and what was read before stays in force.',
    () => (reloading.isRefused() ? 1 : 0),
  );
  closing.work.push(onHangUp(() => reloading.reload()));
  const { ways } = messages;
  announce(
    settings,
    app.server.address(),
    ways.length > 0
      ? `by ${ways.join(', ')}${tellsNobody ? `, but ${nobodyToSendTo}` : ''}`
      : 'off (set ALERT_EMAIL_ENABLED=true, or channels in RULES_FILE)',
  );
}

/** Whether mails are on and alerts go nowhere, unless rules of the API name who is told. */
async function hasNobody({ alerts, rules }: BackendSettings, pool: Pool): Promise<boolean> {
  if (!alerts.enabled || rules.rules.some(({ to }) => to !== undefined)) return false;
  const addresses = await activeAddresses(pool, alerts.to);
  return defaultTargets(addresses, { ...alerts, to: [] }).length === 0;
}

/** All who use settings read them from here when they need them. */
function takeOver(settings: BackendSettings, { alerts, rules, smtpUrl }: BackendSettings): void {
  Object.assign(settings.alerts, { channels: alerts.channels, templates: alerts.templates });
  Object.assign(settings, { rules, smtpUrl });
}

/** Said in the log, and told as everything else that goes wrong here. */
function refusals(
  telling: Telling,
  logger: Logger,
): Pick<ReloadOptions<BackendSettings>, 'onRefused' | 'onMended' | 'onTrouble'> {
  const about = { kind: 'settings-refused', subject: 'RULES_FILE and TEMPLATES_DIR' };
  const tell = (told: Promise<unknown>) =>
    told.catch((error: Error) => logger.warn({ err: error }, 'cannot tell of the settings'));
  return {
    onRefused(error) {
      const [, ...mistakes] = error.message.split('\n');
      const message = `RULES_FILE or TEMPLATES_DIR was changed and has mistakes\nWhat was read before stays in force until they are corrected:\n${mistakes.join('\n')}`;
      logger.error(message);
      // Several backends that read the same tell once.
      const event = `${Math.floor(Date.now() / 3_600_000)} ${mistakes.join('\n')}`;
      tell(telling.raise({ ...about, event, message }));
    },
    onMended() {
      logger.info('RULES_FILE and TEMPLATES_DIR have no mistakes any more');
      const message = 'RULES_FILE and TEMPLATES_DIR have no mistakes any more';
      tell(telling.over({ ...about, event: `over ${Math.floor(Date.now() / 60_000)}`, message }));
    },
    onTrouble: (error) =>
      logger.error({ err: error }, 'the new RULES_FILE could not be put in force; trying again'),
  };
}

/** In a terminal SIGHUP means that it was closed, and ends the backend as ever. */
function onHangUp(work: () => void): () => Promise<void> {
  if (process.stdin.isTTY) return async () => {};
  process.on('SIGHUP', work);
  return async () => {
    process.off('SIGHUP', work);
  };
}

/** @returns how to connect; the embedded server is started when DATABASE_URL is unset. */
async function openDatabase(
  settings: BackendSettings,
  logger: Logger,
  closing: Closing,
  signal: AbortSignal,
): Promise<string> {
  if (settings.databaseUrl !== undefined) return waitForDatabase(settings.databaseUrl, logger, signal);
  const server = await startEmbedded({
    dataDir: settings.dataDir,
    tell,
    signal,
    log: {
      debug: (message) => logger.debug(message),
      info: (message) => logger.info(message),
      warn: (message) => logger.warn(message),
    },
  });
  closing.server.push(() => server.stop());
  return server.connectionString;
}

/** In a compose file both start at once: the database of DATABASE_URL is given a while to come up. */
async function waitForDatabase(
  connectionString: string,
  logger: Logger,
  signal: AbortSignal,
): Promise<string> {
  const place = placeOf(connectionString);
  try {
    await onceDatabaseIsThere(() => tryOut(connectionString, place), {
      signal,
      // At this level `npm start` shows it too.
      onAway: (error) =>
        logger.warn(
          `cannot use the database at ${place} (${reasonOf(error)}); trying again for about a minute`,
        ),
    });
    return connectionString;
  } catch (error) {
    if (error instanceof StartError) throw error;
    throw new StartError(
      `cannot use the database at ${place}: ${reasonOf(error)}; check DATABASE_URL, and that the server runs and lets this user in`,
      { cause: error },
    );
  }
}

/** Of several addresses that were tried, Node says only a code. */
function reasonOf(error: unknown): string {
  const { code, message } = error as { code?: string; message: string };
  return message || code || 'no reason given';
}

/** Host and database, without the password. */
function placeOf(connectionString: string): string {
  const { host, pathname, searchParams } = new URL(
    connectionString.replace(/\/\/([^/@]*@)?\//, '//$1localhost/'),
  );
  return `${searchParams.get('host') ?? host}${pathname}`;
}

async function listen(app: App, { host, port }: BackendSettings): Promise<void> {
  try {
    await app.listen({ host, port });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const remedy =
      code === 'EADDRINUSE' ? 'stop what listens there, or set PORT to another one' : 'check HOST and PORT';
    throw new StartError(`cannot listen on ${host}:${port}: ${message}; ${remedy}`, { cause });
  }
}

/** To the person who starts it, beside the log and whatever LOG_LEVEL is. */
function tell(words: string): void {
  process.stdout.write(`${words}\n`);
}

function tellOfMigrations([first, ...others]: readonly string[]): void {
  const more = others.length > 0 ? ` and ${others.length} more` : '';
  tell(`Bringing the database up to date (${first}${more}; with many records it takes a while)…`);
}

/** A few plain lines for a person, beside the log. */
function announce(settings: BackendSettings, address: string | AddressInfo | null, alerts: string): void {
  const port = typeof address === 'object' && address ? address.port : settings.port;
  const host = settings.host.includes(':') ? `[${settings.host}]` : settings.host;
  // Where it listens at every address, that is none to open.
  const docsAt = ['0.0.0.0', '::'].includes(settings.host)
    ? settings.alerts.baseUrl
    : `http://${host}:${port}`;
  const database = settings.databaseUrl
    ? placeOf(settings.databaseUrl)
    : `embedded PostgreSQL in ${resolve(settings.dataDir)}`;
  tell(
    [
      `Log Detector ${version} is listening on http://${host}:${port}`,
      `  API docs   ${docsAt}/docs`,
      `  database   ${database}`,
      `  alerts     ${alerts}`,
    ].join('\n'),
  );
}

/** Aborts when the caller's signal does, or the process is asked to end. */
function stopSignal(given: AbortSignal | undefined): { signal: AbortSignal; forget: () => void } {
  const stopping = new AbortController();
  // Asked twice is asked once: Ctrl-C reaches us directly, and again through whoever started us.
  const stop = () => stopping.abort();
  // Whoever gives a signal hears the process's own.
  if (given) given.addEventListener('abort', stop, { once: true });
  else for (const name of endingSignals) process.on(name, stop);
  if (given?.aborted) stopping.abort();
  return {
    signal: stopping.signal,
    forget: () => {
      for (const name of endingSignals) process.off(name, stop);
    },
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((done) => signal.addEventListener('abort', () => done(), { once: true }));
}
