// Every half minute the agent says that it lives, and how it does: `POST /api/agents/heartbeat`, over a connection of its own
// and waited for by nobody, so that it never holds records up. A backend that has no such route is left in peace for an hour.
// It is also how a wrong key or address shows at the start, and not with the first record, which may be weeks away.

import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Heartbeat } from '@log-detector/contract';
import { everyAligned } from './aligned.ts';
import type { FollowerStatus } from './follow/follow.ts';
import type { PipelineStats } from './pipeline.ts';
import { judgeFailure } from './ship/judge.ts';
import { type Log, reasonOf } from './ship/log.ts';
import { type Answer, connectTo } from './ship/post.ts';
import { remedyOf } from './ship/remedy.ts';
import type { SenderStats } from './ship/send.ts';
import type { SpoolStats } from './ship/spool.ts';

// Filled in by the build.
declare const LOG_DETECTOR_VERSION: string | undefined;
const version = typeof LOG_DETECTOR_VERSION === 'string' ? LOG_DETECTOR_VERSION : 'development';

export interface HeartbeatOptions {
  /** BACKEND_URL: `…/api/logs`. */
  backendUrl: string;
  apiKey: string | undefined;
  host: string;
  spoolDir: string;
  /** HEARTBEAT_SECONDS, in ms; 0: none is sent. */
  everyMs: number;
  connectTimeoutMs: number;
  readTimeoutMs: number;
  pipeline: { stats: Pick<PipelineStats, 'records' | 'holes'>; takeReadUpTo(): string[] };
  spool: { stats(): Pick<SpoolStats, 'records' | 'bytes' | 'oldestAt'> };
  sender: { stats(): Pick<SenderStats, 'failure'> };
  follower: { status(): Pick<FollowerStatus, 'connected'> & { containers: readonly unknown[] } };
  log: Pick<Log, 'debug' | 'info' | 'error'>;
}

export interface Heart {
  /** Why the backend refuses heartbeats, and will until a person acts. */
  refusal(): string | undefined;
  /** Says goodbye, within half a second or not at all. */
  stop(): Promise<void>;
}

/** How long a backend without the route is not asked again. */
const leftInPeaceMs = 3_600_000;
/** How often it is looked how far the logs are read. */
const lookEveryMs = 1_000;
const goodbyeMs = 500;

export function startHeart(options: HeartbeatOptions): Heart {
  if (options.everyMs === 0) return { refusal: () => undefined, stop: async () => {} };
  const { log } = options;
  const agentId = readAgentId(options.spoolDir);
  const startedAt = Date.now();
  const url = heartbeatUrl(options.backendUrl);
  const connection = connectTo(url);
  const stopping = new AbortController();
  const reading = createReadingLag();
  let isUnderWay = false;
  let notBefore = 0;
  let refusal: string | undefined;
  /** In a row. */
  let refusals = 0;

  function tell(isStopping: boolean, signal: AbortSignal): Promise<Answer> {
    const { connectTimeoutMs, readTimeoutMs, apiKey } = options;
    const body = Buffer.from(JSON.stringify(heartbeat(isStopping)));
    const headers = { 'content-type': 'application/json', ...(apiKey ? { 'x-api-key': apiKey } : {}) };
    return connection.post(body, headers, {
      connectTimeoutMs,
      readTimeoutMs,
      maxAnswerBytes: 65_536,
      signal,
    });
  }

  function heartbeat(isStopping: boolean): Heartbeat {
    const { pipeline, spool, sender, follower, host } = options;
    const { connected, containers } = follower.status();
    const disk = spool.stats();
    const now = Date.now();
    return {
      agent_id: agentId,
      host,
      version,
      ...(isStopping ? { is_stopping: true } : {}),
      is_connected: connected,
      containers: containers.length,
      uptime_seconds: (now - startedAt) / 1000,
      reading_lag_seconds: reading.take(),
      spool_records: disk.records,
      spool_bytes: disk.bytes,
      spool_oldest_seconds:
        disk.records === 0 || disk.oldestAt === undefined
          ? null
          : Math.max(0, now - Date.parse(disk.oldestAt)) / 1000,
      records: pipeline.stats.records,
      holes: pipeline.stats.holes,
      sending_failure: sender.stats().failure?.slice(0, 2000) ?? null,
    };
  }

  async function beat(): Promise<void> {
    if (isUnderWay || Date.now() < notBefore) return;
    isUnderWay = true;
    try {
      heard(await tell(false, stopping.signal));
    } catch (error) {
      // The sender says loudly enough that the backend is away.
      log.debug({ reason: reasonOf(error) }, 'no heartbeat could be sent');
    } finally {
      isUnderWay = false;
    }
  }

  function heard(answer: Answer): void {
    const { status } = answer;
    if (status < 300) {
      if (refusals > 0) log.info({ refusals }, 'the backend takes heartbeats again');
      refusal = undefined;
      refusals = 0;
      return;
    }
    log.debug({ status }, 'the backend did not take the heartbeat');
    if (status === 404 || status === 405) {
      refusal = undefined;
      notBefore = Date.now() + leftInPeaceMs;
      return;
    }
    const verdict = judgeFailure(answer, Date.now());
    const remedy = remedyOf(verdict, url);
    if (!remedy) return;
    refusal = verdict.reason;
    refusals++;
    // The same again is one line at each doubling, and none where the sender has said it.
    const isSaid = (refusals & (refusals - 1)) !== 0 || options.sender.stats().failure === refusal;
    if (!isSaid) log.error({ refusals }, remedy);
  }

  const looking = everyAligned(lookEveryMs, () => reading.note(options.pipeline.takeReadUpTo(), Date.now()));
  const beating = setInterval(beat, options.everyMs);
  // By then Docker has answered, and the backend of a host that is just starting perhaps too.
  const first = setTimeout(beat, Math.min(2_000, options.everyMs));
  return {
    refusal: () => refusal,
    async stop() {
      looking.stop();
      clearInterval(beating);
      clearTimeout(first);
      stopping.abort();
      if (Date.now() >= notBefore) await tell(true, AbortSignal.timeout(goodbyeMs)).catch(() => {});
      connection.close();
    },
  };
}

/** How far the logs are read behind, from looks at where reading stands. */
export function createReadingLag() {
  let longestMs: number | undefined;
  return {
    /** @param readUpTo timestamps of the latest lines of the streams that were read since the last look. */
    note(readUpTo: readonly string[], now: number): void {
      for (const at of readUpTo) longestMs = Math.max(longestMs ?? 0, now - Date.parse(at));
    },
    /** Seconds, the longest since the last call; null: nothing was read. */
    take(): number | null {
      const taken = longestMs;
      longestMs = undefined;
      return taken === undefined ? null : taken / 1000;
    },
  };
}

/** The id in the spool folder, made when there is none. A folder that cannot be written gives one for this run alone. */
export function readAgentId(spoolDir: string): string {
  const file = join(spoolDir, 'agent-id');
  try {
    const id = readFileSync(file, 'utf8').trim();
    if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)) return id;
  } catch {
    // The first start.
  }
  const id = randomUUID();
  try {
    writeFileSync(file, `${id}\n`);
  } catch {
    // The spool will say what is wrong with the folder.
  }
  return id;
}

/** `…/api/logs` -> `…/api/agents/heartbeat`, whatever stands before it. */
export function heartbeatUrl(url: string): URL {
  const heartbeat = new URL(url);
  heartbeat.pathname = heartbeat.pathname.replace(/[^/]*\/?$/, 'agents/heartbeat');
  return heartbeat;
}
