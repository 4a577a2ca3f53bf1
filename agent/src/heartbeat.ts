// Every half minute the agent says that it lives, and how it does: `POST /api/agents/heartbeat`, over a connection of its own
// and waited for by nobody, so that it never holds records up. A backend that has no such route is left in peace for an hour.
// It is also how a backend that cannot be reached, a wrong key and a wrong address show at the start, and not with the first
// record, which may be weeks away.

import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Heartbeat } from '@log-detector/contract';
import { everyAligned } from './aligned.ts';
import type { FollowerStatus } from './follow/follow.ts';
import type { PipelineStats } from './pipeline.ts';
import { backoffMs } from './ship/backoff.ts';
import { judgeHoles, judgeRecords, type Verdict } from './ship/judge.ts';
import type { Log } from './ship/log.ts';
import { type Answer, type Connection, connectTo } from './ship/post.ts';
import { complaintOf, type Failure, isFailure, unreachable } from './ship/remedy.ts';
import { noRecords, type SenderStats } from './ship/send.ts';
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
  log: Log;
}

export interface Heart {
  /** What keeps heartbeats from the backend, until one is taken. */
  trouble(): string | undefined;
  /** Says goodbye, within half a second or not at all. */
  stop(): Promise<void>;
}

/** How long a backend without the route is not asked again. */
const leftInPeaceMs = 3_600_000;
/** How often it is looked how far the logs are read. */
const lookEveryMs = 1_000;
const goodbyeMs = 500;
/** After a failure it is soon tried again, so that a backend that was started or mended shows; later as often as ever. */
const firstAgainMs = 2_000;

export function startHeart(options: HeartbeatOptions): Heart {
  if (options.everyMs === 0) return { trouble: () => undefined, stop: async () => {} };
  const { log } = options;
  const agentId = readAgentId(options.spoolDir);
  const startedAt = Date.now();
  const connection = connectTo(heartbeatUrl(options.backendUrl));
  const records = connectTo(new URL(options.backendUrl));
  const stopping = new AbortController();
  const reading = createReadingLag();
  let isUnderWay = false;
  let notBefore = 0;
  let trouble: string | undefined;
  /** In a row. */
  let failures = 0;
  /** Whether the log told of them. */
  let isTold = false;
  let again: ReturnType<typeof setTimeout> | undefined;

  async function post<T>(
    to: Connection,
    body: Buffer,
    judge: (answer: Answer, now: number) => T,
    signal = stopping.signal,
  ): Promise<T> {
    const { connectTimeoutMs, readTimeoutMs, apiKey } = options;
    const headers = { 'content-type': 'application/json', ...(apiKey ? { 'x-api-key': apiKey } : {}) };
    const bounds = { connectTimeoutMs, readTimeoutMs, maxAnswerBytes: 65_536 };
    return judge(await to.post(body, headers, { ...bounds, signal }), Date.now());
  }

  function tell(isStopping: boolean, signal?: AbortSignal): Promise<Verdict> {
    return post(connection, Buffer.from(JSON.stringify(heartbeat(isStopping))), judgeHoles, signal);
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
    clearTimeout(again);
    try {
      const verdict = await tell(false);
      if (verdict.is !== 'unwanted') return heard(verdict);
      // An older backend, or none at all?
      heard(await post(records, noRecords, (answer, now) => judgeRecords(answer, 0, now)));
      if (failures === 0) notBefore = Date.now() + leftInPeaceMs;
    } catch (error) {
      if (!stopping.signal.aborted) heard(unreachable(error));
    } finally {
      isUnderWay = false;
    }
  }

  function heard(verdict: Verdict): void {
    if (isFailure(verdict)) {
      failed(verdict);
      return;
    }
    if (isTold) log.info({ failures }, 'the backend is reached, and takes what it is sent');
    trouble = undefined;
    failures = 0;
    isTold = false;
  }

  function failed(verdict: Failure): void {
    failures++;
    trouble =
      verdict.is === 'later'
        ? `the backend cannot be reached or takes nothing now: ${verdict.reason}${verdict.remedy ? `; ${verdict.remedy}` : ''}`
        : `the backend refuses heartbeats: ${verdict.reason}`;
    const againMs = backoffMs(failures, { baseMs: firstAgainMs, mostMs: options.everyMs }, Math.random());
    again = setTimeout(beat, againMs);
    // The same again is one line at each doubling, and none where the sender says it.
    const { failure } = options.sender.stats();
    const isSaid = verdict.is === 'later' ? failure !== undefined : failure === verdict.reason;
    if (isSaid || (failures & (failures - 1)) !== 0) return;
    const { level, text } = complaintOf(verdict, options.backendUrl);
    log[level]({ failures }, text);
    isTold = true;
  }

  const looking = everyAligned(lookEveryMs, () => reading.note(options.pipeline.takeReadUpTo(), Date.now()));
  const beating = setInterval(beat, options.everyMs);
  // By then Docker has answered, and the backend of a host that is just starting perhaps too.
  const first = setTimeout(beat, Math.min(2_000, options.everyMs));
  return {
    trouble: () => trouble,
    async stop() {
      looking.stop();
      clearInterval(beating);
      clearTimeout(first);
      clearTimeout(again);
      stopping.abort();
      if (Date.now() >= notBefore) await tell(true, AbortSignal.timeout(goodbyeMs)).catch(() => {});
      connection.close();
      records.close();
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
