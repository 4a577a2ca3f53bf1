// `log-detector agent`: settings > spool > pipeline > follower and sender, until SIGINT or SIGTERM. Readers stop first, what
// is complete goes to disk, the batch under way is settled, and the rest stays on disk for the next start.

import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { StartError } from '@log-detector/settings';
import { everyAligned } from './aligned.ts';
import { usefulLabels } from './detect/match.ts';
import { type Detection, readAgent, stagesFor } from './detection.ts';
import { type Engine, EngineError } from './follow/engine.ts';
import { createEngineApi } from './follow/engine-api.ts';
import { createEngineCommand } from './follow/engine-command.ts';
import { createFileEngine } from './follow/file/file-engine.ts';
import { createFollower } from './follow/follow.ts';
import { ownContainerId } from './follow/select.ts';
import { checkHealth, type Health, serveHealth, writeHealth } from './health.ts';
import { type Heart, startHeart } from './heartbeat.ts';
import { createLife } from './life/life.ts';
import { metricsOf } from './metrics.ts';
import { createOptimiser } from './optimiser.ts';
import { createPipeline, tickMs } from './pipeline.ts';
import { punctual } from './punctual.ts';
import { type AgentSettings, type DockerSettings, readAgentSettings } from './settings.ts';
import { lifeId } from './ship/event-id.ts';
import { createSender } from './ship/send.ts';
import { openSpool } from './ship/spool.ts';
import { createTidy } from './tidy.ts';
import { createWatched } from './watched.ts';
import { createLog } from './write-log.ts';

/** How often, in ms, the health file is written. */
const healthEveryMs = 5000;
/** How long, in ms, the readers may take to stop and to get what they read onto the disk. */
const readersStopMs = 1500;

/** The verb. `--check` tells whether the running agent is healthy: exit code 0 or 1. */
export async function agentCommand(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  if (args.includes('--check')) {
    const settings = readAgentSettings(env);
    const { healthy, state } = checkHealth(settings.spoolDir, Date.now());
    process.stdout.write(`${state}\n`);
    return healthy ? 0 : 1;
  }
  const { settings, detection } = await readAgent(env);
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());
  await runAgent(settings, detection, stop.signal);
  return 0;
}

/** Runs until the signal. @throws when the spool's folder or the metrics port cannot be used, or the folder is lost later. */
export async function runAgent(
  settings: AgentSettings,
  detection: Detection,
  signal: AbortSignal,
): Promise<void> {
  const log = createLog(settings.logLevel);
  for (const words of settings.misspelt) log.warn(words);
  for (const name of settings.ignored) {
    log.info(
      { setting: name },
      'has no meaning here: nothing is given up, what waits is on disk (SPOOL_MAX_BYTES)',
    );
  }
  const lost = new AbortController();
  const spool = await openSpool({
    dir: settings.spoolDir,
    maxBytes: settings.spoolMaxBytes,
    whenFull: settings.spoolWhenFull,
    log,
    onLost: (error) => lost.abort(error),
  });
  const { finding } = detection;
  if (!finding.find)
    log.info({ why: finding.why }, 'every line is looked at, which costs several times as much');
  const watched = createWatched(spool);
  const life = createLife({
    host: settings.host,
    enabled: settings.containerEvents,
    eventId: lifeId,
    inspect: (id) => engine.inspect(id, AbortSignal.any([signal, AbortSignal.timeout(5000)])),
    redact: detection.redact,
    labelsOf: usefulLabels,
    since: watched.since,
  });
  const pipeline = createPipeline({
    stages: stagesFor(settings, detection),
    disk: spool,
    life,
    note: watched.note,
  });
  const { logSource } = settings.docker;
  const asked = connectTo(settings.docker, settings);
  const files =
    logSource === 'api'
      ? undefined
      : createFileEngine({ engine: asked, choice: logSource, log, room: finding.find?.room });
  const optimiser = createOptimiser();
  const engine = optimiser.watch(files ?? asked);
  const follower = createFollower({
    engine,
    selection: { containers: settings.containers, ownId: ownId() },
    cursor: (containerId, stream) => spool.cursor(containerId, stream),
    known: () =>
      spool.containers().map((id) => ({ containerId: id, container: spool.note(id) ?? id.slice(0, 12) })),
    forget: (containerId) => spool.forget(containerId),
    knownSince: watched.since,
    open: (container) => pipeline.open(container),
    hole: (hole) => pipeline.hole(hole),
    event: life.event,
    inspected: life.inspected,
    log,
    maxLineBytes: settings.maxLineBytes,
    retryMs: settings.restartDelayMs,
  });
  // What waits to be told is asked for again after a crash.
  watched.follow(() => {
    const until = follower.status().watchedUntil;
    const held = life.heldSince();
    return until !== undefined && held !== undefined && held < until ? held : until;
  });
  const sender = createSender({
    spool,
    url: settings.backendUrl,
    apiKey: settings.backendApiKey,
    host: settings.host,
    log,
    connectTimeoutMs: settings.connectTimeoutMs,
    readTimeoutMs: settings.readTimeoutMs,
    baseBackoffMs: settings.sendBaseBackoffMs,
    settleMs: 2000,
  });

  const startedAt = Date.now();
  let heart: Heart | undefined;
  const health = (): Health => {
    const { connected, containers } = follower.status();
    const { records, failure, blocked } = spool.stats();
    const sending = sender.stats();
    const trouble = heart?.trouble();
    const parts = [
      connected
        ? `following ${containers.length} containers${files ? `, ${files.sources().file} from their files` : ''}`
        : `waiting for Docker at ${engine.label}`,
      `${records} records wait for the backend`,
      ...(sending.failure ? [`sending fails: ${sending.failure}`] : trouble ? [trouble] : []),
      ...(failure ? [`the spool cannot be written: ${failure}`] : blocked ? ['the spool is full'] : []),
    ];
    return { healthy: failure === undefined, state: parts.join('; ') };
  };
  const metrics = () => metricsOf({ pipeline, spool, sender, follower, files, finding, startedAt });
  const server = settings.metricsPort
    ? await serveHealth({ host: settings.metricsHost, port: settings.metricsPort }, health, metrics)
    : undefined;

  const ticking = everyAligned(
    tickMs,
    punctual(() => pipeline.tick(), { everyMs: tickMs }),
  );
  const tidy = createTidy();
  const tellHealth = () => {
    writeHealth(settings.spoolDir, health(), Date.now());
    life.tick();
    const { user, system } = process.cpuUsage();
    optimiser.look((user + system) / 1000, Date.now());
    tidy.look((user + system) / 1000, Date.now());
  };
  tellHealth();
  const telling = everyAligned(healthEveryMs, tellHealth);
  log.info(
    { engine: engine.label, backend: settings.backendUrl, host: settings.host, spool: settings.spoolDir },
    'agent started',
  );

  heart = startHeart({
    ...settings,
    everyMs: settings.heartbeatMs,
    apiKey: settings.backendApiKey,
    pipeline,
    spool,
    sender,
    follower,
    log,
  });

  // The sender goes on until the readers have stopped and what they read is on disk. With a full spool that could take
  // for ever: what waits for room is given up, and read again at the next start, because no cursor has moved.
  const sending = new AbortController();
  const sent = sender.run(sending.signal);
  const ending = AbortSignal.any([signal, lost.signal]);
  const read = follower.run(ending).then(() => pipeline.close());
  try {
    await Promise.race([read, afterStop(ending)]);
  } finally {
    ticking.stop();
    telling.stop();
    sending.abort();
    await Promise.all([sent, heart.stop()]);
    server?.close();
    server?.closeAllConnections();
    await spool.close();
    await read.catch((error) => log.debug({ reason: String(error) }, 'what waited for room was given up'));
    log.info('agent stopped');
  }
  // Whoever started it starts it again, and what was not written is read again.
  lost.signal.throwIfAborted();
}

/** Resolves when the stop was asked for and the readers have had their time. */
async function afterStop(signal: AbortSignal): Promise<void> {
  if (!signal.aborted)
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  await sleep(readersStopMs, undefined, { ref: false });
}

/** Whether a Docker engine answers where the environment says it is: undefined, or what to do about it. @throws {SettingsError} */
export async function pingEngine(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const settings = readAgentSettings(env);
  try {
    await connectTo(settings.docker, settings).connect(AbortSignal.timeout(settings.connectTimeoutMs + 3000));
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** @throws {StartError} when the settings name no engine that there can be. */
function connectTo(
  { command, host, certPath, tlsVerify }: DockerSettings,
  { connectTimeoutMs }: AgentSettings,
): Engine {
  try {
    if (command !== undefined) return createEngineCommand({ command });
    return createEngineApi({ host, certPath, tlsVerify, connectTimeoutMs });
  } catch (error) {
    throw error instanceof EngineError ? new StartError(error.message, { cause: error }) : error;
  }
}

/** The container that this process runs in, if any: its own output is never followed. */
function ownId(): string | undefined {
  const read = (file: string) => {
    try {
      return readFileSync(file, 'utf8');
    } catch {
      return undefined; // Not Linux.
    }
  };
  return ownContainerId({ mountinfo: read('/proc/self/mountinfo'), cgroup: read('/proc/self/cgroup') });
}
