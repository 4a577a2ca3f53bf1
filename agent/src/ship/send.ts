// The spool's oldest batch -> the backend, until it has it; then the next. One request is under way at a time, which keeps
// the order. What a batch goes through:
//
//   to send --taken--> acknowledged            (what is refused in it: set aside)
//      |----too large, or refused as a whole--> halves, each to send; a single one: alone, without array --> set aside
//      \----anything else--> waits, to send    (for ever; a longer pause when a person must act)

import { setTimeout as sleepFor } from 'node:timers/promises';
import { gzip, gzipSync } from 'node:zlib';
import type { WireHole } from '@log-detector/contract';
import type { Hole } from '../types.ts';
import { backoffMs } from './backoff.ts';
import type { Batch, SpooledHole } from './batch-reader.ts';
import { holeId } from './event-id.ts';
import { judgeHoles, judgeRecords, type Verdict } from './judge.ts';
import type { Log } from './log.ts';
import { type Answer, type Connection, connectTo, TooSlow } from './post.ts';
import { addressOf, complaintOf, type Failure, unreachable } from './remedy.ts';
import type { BatchBounds, Spool } from './spool.ts';
import type { SpooledRecords } from './spooled-records.ts';

export interface SenderOptions {
  spool: Spool;
  /** BACKEND_URL. Holes go beside it: `/api/logs` gives `/api/coverage`. */
  url: string;
  apiKey?: string;
  /** The `host` of holes. */
  host: string;
  log: Log;
  connectTimeoutMs?: number;
  readTimeoutMs?: number;
  /** The first wait; each further one is twice as long, up to `mostBackoffMs`, which is about how late the end of a long outage is noticed. */
  baseBackoffMs?: number;
  mostBackoffMs?: number;
  /** Longest `Retry-After` that is heeded. */
  mostRetryAfterMs?: number;
  /** The longest wait when a person must act: no valid key, or not a backend's address. It grows up to this one as others do. */
  longPauseMs?: number;
  /** How long the request under way may take after a stop. */
  settleMs?: number;
  batch?: BatchBounds;
  /** Milliseconds since the epoch. */
  now?: () => number;
  random?: () => number;
  /** Resolves after `ms`; may reject when the signal aborts. */
  sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
}

export type SenderState = 'idle' | 'sending' | 'retrying' | 'unauthorised' | 'misdirected';

export interface SenderStats {
  state: SenderState;
  /** Why the latest try failed, until one succeeds. */
  failure: string | undefined;
  /** Tries in a row that failed. */
  attempts: number;
  /** Milliseconds since the epoch. */
  lastTakenAt: number | undefined;
  /** From here on: since the start. */
  requests: number;
  failedRequests: number;
  /** Of bodies, as they went over the wire. */
  sentBytes: number;
  takenRecords: number;
  refusedRecords: number;
  takenHoles: number;
  /** Holes that the backend has no place for. */
  unwantedHoles: number;
}

export interface Sender {
  /**
   * Sends until the signal aborts. Then the request under way may end, for `settleMs`, and the rest stays in the spool.
   * Never rejects for what the network or the backend do.
   */
  run(signal: AbortSignal): Promise<void>;
  stats(): SenderStats;
}

/** From about here on a body is smaller compressed, with the header. */
const compressFromBytes = 1024;
/** How long a backend that takes no arrays is not asked again. */
const aloneMs = 10 * 60_000;
/** As many records as share a transaction of the backend. Several times as many bytes are in memory while they are sent. */
const defaultBatch: BatchBounds = { maxRecords: 1000, maxBytes: 512 * 1024, lingerMs: 200 };

/** What a backend answers without storing anything; the original one says that it takes no arrays. */
export const noRecords = Buffer.from('[]');

/** Up to here it takes less time than handing it to another thread and back. */
const compressAtOnceBytes = 64 * 1024;

function compress(json: Buffer): Buffer | Promise<Buffer> {
  // A tenth more bytes than at level 3, for three quarters of its time.
  const options = { level: 1 };
  if (json.length <= compressAtOnceBytes) return gzipSync(json, options);
  // Not `promisify`: `util` is not imported (node-http.test.ts).
  return new Promise((resolve, reject) => {
    gzip(json, options, (error, compressed) => (error ? reject(error) : resolve(compressed)));
  });
}

export function createSender(options: SenderOptions): Sender {
  return new HttpSender(options);
}

/** Records to post in one request. */
interface Parcel {
  records: SpooledRecords;
  /** As an object, not in an array: what the original backend takes. */
  alone: boolean;
}

class HttpSender implements Sender {
  readonly #options: Required<Omit<SenderOptions, 'apiKey'>> & { apiKey?: string };
  readonly #records: Connection;
  readonly #coverage: Connection;
  /** The backend takes no arrays; until then it is not asked again. */
  #aloneUntil = 0;
  #toldOfCoverage = false;
  readonly #stats: SenderStats = {
    state: 'idle',
    failure: undefined,
    attempts: 0,
    lastTakenAt: undefined,
    requests: 0,
    failedRequests: 0,
    sentBytes: 0,
    takenRecords: 0,
    refusedRecords: 0,
    takenHoles: 0,
    unwantedHoles: 0,
  };

  constructor(options: SenderOptions) {
    const { batch, now, random, sleep } = options;
    this.#options = {
      ...options,
      connectTimeoutMs: options.connectTimeoutMs ?? 2000,
      readTimeoutMs: options.readTimeoutMs ?? 5000,
      baseBackoffMs: options.baseBackoffMs ?? 1500,
      mostBackoffMs: options.mostBackoffMs ?? 15_000,
      mostRetryAfterMs: options.mostRetryAfterMs ?? 5 * 60_000,
      longPauseMs: options.longPauseMs ?? 30_000,
      settleMs: options.settleMs ?? 3000,
      batch: batch ?? defaultBatch,
      now: now ?? Date.now,
      random: random ?? Math.random,
      sleep: sleep ?? ((ms, signal) => sleepFor(ms, undefined, { signal })),
    };
    this.#records = connectTo(new URL(options.url));
    this.#coverage = connectTo(coverageUrl(options.url));
  }

  stats(): SenderStats {
    return { ...this.#stats };
  }

  async run(signal: AbortSignal): Promise<void> {
    const { spool, batch: bounds, settleMs } = this.#options;
    const cut = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const stop = () => {
      timer = setTimeout(() => cut.abort(), settleMs);
    };
    signal.addEventListener('abort', stop, { once: true });
    try {
      while (!signal.aborted) {
        this.#stats.state = 'idle';
        // One by one, so that each is acknowledged: the original backend would store it twice after a crash.
        const batch = await spool.next(this.#isAlone() ? { ...bounds, maxRecords: 1 } : bounds, signal);
        if (batch && (await this.#settle(batch, { stop: signal, cut: cut.signal }))) spool.acknowledge(batch);
      }
    } finally {
      signal.removeEventListener('abort', stop);
      clearTimeout(timer);
      this.#records.close();
      this.#coverage.close();
    }
  }

  /** @returns whether all of it is settled; false when it was told to stop first. */
  async #settle(batch: Batch, signals: Signals): Promise<boolean> {
    const parcels: Parcel[] = batch.records.length > 0 ? [{ records: batch.records, alone: false }] : [];
    for (let parcel = parcels.shift(); parcel; parcel = parcels.shift()) {
      const rest = await this.#sendParcel(parcel, signals);
      if (!rest) return false;
      parcels.unshift(...rest);
    }
    const parts: SpooledHole[][] = batch.holes.length > 0 ? [batch.holes] : [];
    for (let part = parts.shift(); part; part = parts.shift()) {
      const rest = await this.#sendHoles(part, signals);
      if (!rest) return false;
      parts.unshift(...rest);
    }
    return true;
  }

  /** @returns the parcels that it became, none when it is settled, undefined when it was told to stop. */
  async #sendParcel(parcel: Parcel, signals: Signals): Promise<Parcel[] | undefined> {
    if (this.#isAlone() && !(parcel.alone && parcel.records.length === 1))
      return each(parcel.records).map((records) => ({ records, alone: true }));
    const { records, alone } = parcel;
    const { spool, now } = this.#options;
    const count = alone ? 'one' : records.length;
    const json = alone ? records.json(0) : records.array;
    const verdict = await this.#post(
      {
        to: this.#records,
        json,
        // The original backend knows no compression.
        mayCompress: !alone,
        canShrink: records.length > 1,
        judge: (answer) => judgeRecords(answer, count, now()),
      },
      signals,
    );
    if (!verdict) return undefined;
    if (verdict.is === 'taken') {
      if (alone && !this.#isAlone()) this.#rememberAlone();
      for (const { index, reason } of verdict.refused)
        if (index < records.length) await spool.setAside({ json: records.json(index) }, reason);
      this.#stats.refusedRecords += verdict.refused.length;
      this.#stats.takenRecords += records.length - verdict.refused.length;
      return [];
    }
    if (records.length > 1) return halvesOf(records).map((half) => ({ records: half, alone }));
    if (!alone && verdict.is === 'refused') return [{ records, alone: true }];
    this.#stats.refusedRecords += records.length;
    for (const json of records) await spool.setAside({ json }, verdict.reason);
    return [];
  }

  /** @param isBackend it was seen that the address is that of a backend. */
  async #sendHoles(
    holes: SpooledHole[],
    signals: Signals,
    isBackend = false,
  ): Promise<SpooledHole[][] | undefined> {
    const { spool, host, log, now } = this.#options;
    const json = Buffer.from(JSON.stringify(holes.map(({ hole }) => wireHoleOf(hole, host))));
    const verdict = await this.#post(
      {
        to: this.#coverage,
        json,
        mayCompress: true,
        canShrink: holes.length > 1,
        judge: (answer) => judgeHoles(answer, now()),
      },
      signals,
    );
    // A wrong address, or a proxy whose backend is away, has no place for anything.
    if (verdict?.is === 'unwanted' && !isBackend)
      return (await this.#takesRecords(signals)) ? this.#sendHoles(holes, signals, true) : undefined;
    if (!verdict) return undefined;
    if (verdict.is === 'taken') {
      for (const { index, reason } of verdict.refused) {
        const hole = holes[index];
        if (hole) await spool.setAside(hole, reason);
      }
      this.#stats.takenHoles += holes.length - verdict.refused.length;
    } else if (verdict.is !== 'unwanted') {
      if (holes.length > 1) return halvesOf(holes);
      for (const hole of holes) await spool.setAside(hole, verdict.reason);
    } else {
      this.#stats.unwantedHoles += holes.length;
      if (!this.#toldOfCoverage)
        log.warn(
          { holes: holes.length },
          'the backend has no place for holes (what could not be read); they are dropped; upgrade the backend to see them',
        );
      this.#toldOfCoverage = true;
    }
    return [];
  }

  /** Resolves when there is a backend at the address. @returns false when it was told to stop first. */
  async #takesRecords(signals: Signals): Promise<boolean> {
    const judge = (answer: Answer) => judgeRecords(answer, 0, this.#options.now());
    const request = { to: this.#records, json: noRecords, mayCompress: false, canShrink: false, judge };
    return (await this.#post(request, signals)) !== undefined;
  }

  /**
   * Posts, and posts again, until the verdict is about what was sent.
   * @returns undefined when it was told to stop before that.
   */
  async #post(request: Request, { stop, cut }: Signals): Promise<Settling | undefined> {
    const { connectTimeoutMs, readTimeoutMs, apiKey, sleep } = this.#options;
    const compressed = request.mayCompress && request.json.length > compressFromBytes;
    const body = compressed ? await compress(request.json) : request.json;
    const headers: Record<string, string> = {
      'content-type': 'application/json',
      accept: 'application/json',
      // An answer of ids alone; a backend that does not know it gives the records back.
      prefer: 'return=minimal',
      'user-agent': 'log-detector-agent',
      ...(compressed ? { 'content-encoding': 'gzip' } : {}),
      ...(apiKey ? { 'x-api-key': apiKey } : {}),
    };
    // An answer that gives every record back adds to it.
    const maxAnswerBytes = 4 * request.json.length + 4 * 1024 * 1024;
    for (let slow = 0; !stop.aborted; ) {
      let verdict: Verdict;
      try {
        if (this.#stats.failure === undefined) this.#stats.state = 'sending';
        this.#stats.requests++;
        this.#stats.sentBytes += body.length;
        const answer = await request.to.post(body, headers, {
          connectTimeoutMs,
          readTimeoutMs,
          maxAnswerBytes,
          signal: cut,
        });
        verdict = request.judge(answer);
      } catch (error) {
        if (cut.aborted) return undefined;
        verdict = unreachable(error);
        // A backend under load may get less done in time. Once may be chance.
        if (error instanceof TooSlow && ++slow === 2 && request.canShrink) {
          this.#failed(verdict);
          return { is: 'too-large', reason: verdict.reason };
        }
      }
      switch (verdict.is) {
        case 'taken':
          this.#succeeded();
          return verdict;
        case 'too-large':
        case 'refused':
        case 'unwanted':
          return verdict;
      }
      const pauseMs = this.#failed(verdict);
      await sleep(pauseMs, stop).catch(() => {});
    }
    return undefined;
  }

  #succeeded(): void {
    const stats = this.#stats;
    if (stats.failure !== undefined)
      this.#options.log.info({ attempts: stats.attempts }, 'the backend takes records again');
    stats.failure = undefined;
    stats.attempts = 0;
    stats.state = 'sending';
    stats.lastTakenAt = this.#options.now();
  }

  /** Counts and tells of it. @returns how long to wait, in ms. */
  #failed(verdict: Failure): number {
    const { log, baseBackoffMs, mostBackoffMs, mostRetryAfterMs, longPauseMs, random } = this.#options;
    const stats = this.#stats;
    stats.failedRequests++;
    stats.attempts++;
    stats.failure = verdict.reason;
    const before = stats.state;
    stats.state = verdict.is === 'later' ? 'retrying' : verdict.is;
    const asked = verdict.is === 'later' ? verdict.waitMs : undefined;
    // Perhaps a key is being changed just now: at first it is asked again as soon as after any other failure.
    const mostMs = verdict.is === 'later' ? mostBackoffMs : longPauseMs;
    let pauseMs = backoffMs(stats.attempts, { baseMs: baseBackoffMs, mostMs }, random());
    // A tenth on top, so that the agents it told the same do not all come at once.
    if (asked !== undefined) pauseMs = Math.max(100, Math.min(asked, mostRetryAfterMs)) * (1 + random() / 10);
    // The same again is one line at each doubling.
    if (stats.state === before && (stats.attempts & (stats.attempts - 1)) !== 0) return pauseMs;
    const fields = { attempts: stats.attempts, retryInSeconds: Math.round(pauseMs / 100) / 10 };
    const { level, text } = complaintOf(verdict, this.#options.url);
    log[level](fields, text);
    return pauseMs;
  }

  #isAlone(): boolean {
    return this.#options.now() < this.#aloneUntil;
  }

  #rememberAlone(): void {
    if (this.#aloneUntil === 0)
      this.#options.log.info(
        {},
        `${addressOf(this.#options.url)} takes no arrays of records (an older backend): sends one at a time`,
      );
    this.#aloneUntil = this.#options.now() + aloneMs;
  }
}

/** `stop`: begin nothing new. `cut`: break off what is under way. */
interface Signals {
  stop: AbortSignal;
  cut: AbortSignal;
}

interface Request {
  to: Connection;
  json: Buffer;
  mayCompress: boolean;
  /** It can be sent in parts, when that helps. */
  canShrink: boolean;
  judge(answer: Answer): Verdict;
}

type Settling = Extract<Verdict, { is: 'taken' | 'too-large' | 'refused' | 'unwanted' }>;

function each(records: SpooledRecords): SpooledRecords[] {
  return Array.from({ length: records.length }, (_, index) => records.slice(index, index + 1));
}

function halvesOf<T extends { length: number; slice(from: number, to: number): T }>(items: T): T[] {
  const middle = Math.ceil(items.length / 2);
  return [items.slice(0, middle), items.slice(middle, items.length)];
}

/** A hole as it goes over the wire. */
export function wireHoleOf(hole: Hole, host: string): WireHole {
  return {
    event_id: holeId(hole),
    host,
    container: (hole.container || hole.containerId || 'unknown').slice(0, 255),
    container_id: hole.containerId ? hole.containerId.slice(0, 128) : null,
    stream: hole.stream ?? null,
    from: hole.from,
    to: hole.to,
    reason: hole.reason,
    detail: hole.detail?.slice(0, 2000) ?? null,
    records: hole.records ?? null,
  };
}

/** `…/api/logs` -> `…/api/coverage`, whatever stands before it. */
export function coverageUrl(url: string): URL {
  const coverage = new URL(url);
  coverage.pathname = coverage.pathname.replace(/[^/]*\/?$/, 'coverage');
  return coverage;
}
