// Requests -> transactions. Requests that arrive while transactions are under way share the next one, so that one commit
// to disk serves many; each gets its own answers after the commit. What cannot be stored is found by halving the batch
// and refused alone; what the database cannot do now is tried again a few times, then the senders are told to come again.
// So they are when a fault of ours may be everybody's (faults.ts).
//
//   waiting --(a transaction is free)--> under way --commit--> answered
//      ^                                    |  data refused: halve, until it stands alone: refused
//      +--------(try again, bounded)--------+  database away, a fault that others meet too: 503, Retry-After

import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { LogRecord } from '@log-detector/contract';
import { canaryOf } from '../alerting/canary.ts';
import { isFarAhead, steady } from '../db/clock.ts';
import { bucketOf, idMaker } from '../db/record-id.ts';
import { comeAgain, HttpError, isDatabaseAway } from '../http/errors.ts';
import { OutOfOrder } from './accept-batch.ts';
import { Faults } from './faults.ts';
import { instantOf } from './instant.ts';
import type { Draft } from './store.ts';
import type { IncomingRecord } from './types.ts';

/** The answer to a record: as stored, or why it never can be. */
export type Outcome = { record: LogRecord } | { refusedBecause: string };

/** What became of a draft. */
type Attempted = Outcome | { fault: Error };

export interface GroupCommitOptions {
  /** Stores all drafts or none: acceptBatch. */
  store: (drafts: readonly Draft[], mayBeStored: boolean) => Promise<LogRecord[]>;
  now?: () => number;
  /**
   * Transactions at a time. Another one is begun only when it would be full, or when those under way take long: nearly all
   * meet in the rows of the same issues, where the second waits for the first, and smaller ones cost more for each record.
   */
  transactions?: number;
  /** Most records of a transaction that several requests share. */
  maxRecords?: number;
  /** A transaction that takes longer no longer keeps others from beginning, in ms. */
  slowMs?: number;
  /** Waits before each further attempt, in ms. */
  retryAfterMs?: readonly number[];
  /** Told of each attempt that failed and is tried again, or given up. */
  onTrouble?: (error: Error, isGivenUp: boolean) => void;
  /** Told of each record that a fault of ours keeps from being stored: refused, or kept by its sender. */
  onFault?: (error: Error) => void;
}

interface Waiting {
  records: readonly IncomingRecord[];
  answer: (outcomes: Outcome[]) => void;
  fail: (error: unknown) => void;
}

interface Answer {
  records: number;
  give: () => void;
}

/** Records whose answers are written in one turn. */
const mostWritten = 100;

/** A fault does not go away soon, and each attempt costs as much as many batches. */
const faultRetrySeconds = 15;

export class GroupCommit {
  readonly #options: Required<Omit<GroupCommitOptions, 'onTrouble' | 'onFault'>> &
    Pick<GroupCommitOptions, 'onTrouble' | 'onFault'>;
  readonly #makeId = idMaker();
  readonly #faults = new Faults();
  #waiting: Waiting[] = [];
  #waitingRecords = 0;
  #underWay = 0;
  /** Of those under way. */
  #slow = 0;
  /** Transactions that ended, whose requests are being answered. */
  #answering = 0;
  #idle: (() => void)[] = [];
  /** Later than the latest equal record that was ahead of a draft, perhaps by another backend's clock. */
  #notBeforeMs = 0;
  #receivedAtMs = 0;

  constructor(options: GroupCommitOptions) {
    this.#options = {
      now: Date.now,
      transactions: 2,
      maxRecords: 1000,
      slowMs: 100,
      retryAfterMs: [50, 250, 1000],
      ...options,
    };
  }

  /** Requests waiting for a transaction. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * Stores the records of one request, in order.
   * @throws {HttpError} 503 when the database cannot take them now; they may be sent again.
   */
  submit(records: readonly IncomingRecord[]): Promise<Outcome[]> {
    if (records.length === 0) return Promise.resolve([]);
    return new Promise((answer, fail) => {
      this.#waiting.push({ records, answer, fail });
      this.#waitingRecords += records.length;
      this.#startNext();
    });
  }

  /** Resolves when nothing waits and nothing is under way. */
  async drained(): Promise<void> {
    while (this.#underWay > 0 || this.#waiting.length > 0 || this.#answering > 0)
      await new Promise<void>((done) => this.#idle.push(done));
  }

  #startNext(): void {
    while (this.#waiting.length > 0 && this.#mayStart()) {
      this.#underWay += 1;
      let isSlow = false;
      const clock = setTimeout(() => {
        isSlow = true;
        this.#slow += 1;
        this.#startNext();
      }, this.#options.slowMs);
      void this.#run(this.#takeTogether()).then((answers) => {
        clearTimeout(clock);
        if (isSlow) this.#slow -= 1;
        this.#underWay -= 1;
        this.#startNext();
        void this.#give(answers);
      });
    }
  }

  #mayStart(): boolean {
    const { transactions, maxRecords } = this.#options;
    if (this.#underWay >= transactions) return false;
    return this.#underWay === this.#slow || this.#waitingRecords >= maxRecords;
  }

  /** As many requests as share the next transaction: at least one, in the order they came. */
  #takeTogether(): Waiting[] {
    let records = this.#waiting[0]!.records.length;
    let count = 1;
    while (count < this.#waiting.length) {
      records += this.#waiting[count]!.records.length;
      if (records > this.#options.maxRecords) break;
      count += 1;
    }
    const together = this.#waiting.splice(0, count);
    for (const { records } of together) this.#waitingRecords -= records.length;
    return together;
  }

  /** @returns what gives each request its answers. Never throws. */
  async #run(together: readonly Waiting[]): Promise<Answer[]> {
    try {
      const drafts = this.#draft(together.flatMap(({ records }) => records));
      const outcomes = this.#settleFaults(drafts, await this.#store(drafts));
      let from = 0;
      return together.map(({ records, answer }) => {
        const own = outcomes.slice(from, from + records.length);
        from += records.length;
        return { records: records.length, give: () => answer(own) };
      });
    } catch (error) {
      return together.map(({ records, fail }) => ({ records: records.length, give: () => fail(error) }));
    }
  }

  /**
   * Where the next transaction has begun, it goes to the database first, and large answers are written one by one between
   * what the database says: so neither waits while this process writes answers.
   */
  async #give(answers: readonly Answer[]): Promise<void> {
    this.#answering += 1;
    let written = mostWritten;
    for (const { records, give } of answers) {
      if (written >= mostWritten && this.#underWay > 0) {
        await nextTurn();
        written = 0;
      }
      give();
      written += records;
    }
    this.#answering -= 1;
    if (this.#underWay === 0 && this.#answering === 0) for (const done of this.#idle.splice(0)) done();
  }

  /** Ids and times are given once, so that a further attempt stores the same records. */
  #draft(records: readonly IncomingRecord[]): Draft[] {
    const now = this.#options.now();
    // As the ids go, so that an id and `received_at` name the same minute.
    this.#receivedAtMs = steady(steady(now, this.#notBeforeMs), this.#receivedAtMs);
    const receivedAtMs = this.#receivedAtMs;
    const receivedAt = instantOf(receivedAtMs);
    return records.map((record) => draftOf(record, this.#makeId, receivedAt, receivedAtMs));
  }

  async #store(drafts: readonly Draft[]): Promise<Attempted[]> {
    try {
      const records = await this.#storePersistently(drafts);
      return records.map((record) => ({ record }));
    } catch (error) {
      if (error instanceof HttpError) throw error;
      // What PostgreSQL says of the data is the sender's to know.
      if (drafts.length === 1)
        return [isRefusal(error) ? { refusedBecause: (error as Error).message } : { fault: error as Error }];
      const half = drafts.length >> 1;
      return [...(await this.#store(drafts.slice(0, half))), ...(await this.#store(drafts.slice(half)))];
    }
  }

  /** @throws {HttpError} 503 when a fault of ours may be everybody's. */
  #settleFaults(drafts: readonly Draft[], attempted: readonly Attempted[]): Outcome[] {
    const now = this.#options.now();
    if (!this.#faults.isAny(now) && !attempted.some((each) => 'fault' in each)) return attempted as Outcome[];
    const met = drafts.filter((_, index) => 'fault' in attempted[index]!);
    const stored = drafts.filter((draft, index) => isNewlyStored(draft, attempted[index]!));
    const areOwn = this.#faults.areOwn(met, stored, now);
    const outcomes = attempted.map((each): Outcome => {
      if (!('fault' in each)) return each;
      this.#options.onFault?.(each.fault);
      return { refusedBecause: 'it meets a fault of Log Detector, which is in its log' };
    });
    if (areOwn) return outcomes;
    throw comeAgain(
      'nothing can be stored for a fault of Log Detector, which is in its log',
      faultRetrySeconds,
    );
  }

  async #storePersistently(drafts: readonly Draft[]): Promise<LogRecord[]> {
    const { retryAfterMs, onTrouble, store } = this.#options;
    let ordered = drafts;
    let reordered = 0;
    for (let attempt = 0; ; attempt += 1) {
      try {
        // Where others are ahead again and again, it is stored out of order in the end.
        return await store(ordered, attempt > 0 || reordered === mostReorders);
      } catch (error) {
        if (error instanceof OutOfOrder) {
          attempt -= 1;
          if (isFarAhead(error.afterMs, this.#options.now())) reordered = mostReorders;
          else {
            this.#notBeforeMs = Math.max(this.#notBeforeMs, error.afterMs + 1);
            ordered = this.#draft(ordered);
            reordered += 1;
          }
          continue;
        }
        if (!isWorthTryingAgain(error)) throw error;
        const waitMs = retryAfterMs[attempt];
        onTrouble?.(error as Error, waitMs === undefined);
        if (waitMs === undefined) throw comeAgain('the database cannot store records now; try again', 1);
        await sleep(waitMs);
      }
    }
  }
}

/** A canary and a record of our own go another way than users' records, and prove nothing for those. */
function isNewlyStored({ id, group, message }: Draft, attempted: Attempted): boolean {
  if (!('record' in attempted) || attempted.record.id !== id) return false;
  return group === undefined && canaryOf(message) === undefined;
}

/** Field by field: a spread costs several times as much. */
function draftOf(
  record: IncomingRecord,
  makeId: (ms: number, bucket: number) => string,
  receivedAt: string,
  receivedAtMs: number,
): Draft {
  const bucket = bucketOf(record.host, record.container);
  return {
    id: makeId(receivedAtMs, bucket),
    bucket,
    receivedAt,
    receivedAtMs,
    isDuplicate: false,
    duplicateOfId: null,
    issue: undefined,
    host: record.host,
    container: record.container,
    service: record.service,
    severity: record.severity,
    message: record.message,
    logHash: record.logHash,
    occurredAt: record.occurredAt,
    eventId: record.eventId,
    stream: record.stream,
    image: record.image,
    labels: record.labels,
    fields: record.fields,
    contextBefore: record.contextBefore,
    contextAfter: record.contextAfter,
    coalesceId: record.coalesceId,
    group: record.group,
  };
}

/** How often a batch is received anew, because an equal record was later than it. */
const mostReorders = 4;

/** Also a key that exists already: the attempt before, thought lost, was committed just now. */
function isWorthTryingAgain(error: unknown): boolean {
  return isDatabaseAway(error) || (error as { code?: string }).code === '23505';
}

/** PostgreSQL says that these data cannot be stored: wrong values, broken constraints, limits of the server. */
function isRefusal(error: unknown): boolean {
  return /^(22|23|54)...$/.test((error as { code?: string }).code ?? '');
}
