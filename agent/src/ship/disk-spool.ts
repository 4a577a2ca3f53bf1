// The spool at work: one loop writes, so that nothing is written twice at once, and next() reads behind it.
//
// A segment:  being written -> full -> acknowledged -> removed
//                  |             \-> dropped (drop-oldest), declared as a hole -> removed
//                  \-> left after a failed write, cut back to what is certain; the next write begins a new one

import { rm } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Cursor, Hole, MatchedRecord, Position, Stream } from '../types.ts';
import { type Batch, BatchReader, type SpooledHole, type SpooledRecord } from './batch-reader.ts';
import type { BoundedFolder } from './bounded-folder.ts';
import { FrameWriter, type NoteRow, type Place, rowOf } from './frames.ts';
import type { Lock } from './lock.ts';
import { codeOf, type Log, reasonOf } from './log.ts';
import type { Damage, Recovered } from './recover.ts';
import { type ResumeState, readHead, writeSafePoint } from './resume-state.ts';
import { comparePlaces, joinFullHoles, type Segment } from './segment.ts';
import { SegmentWriter } from './segment-writer.ts';
import type { BatchBounds, Spool, SpoolOptions, SpoolStats } from './spool.ts';
import { Wakeup } from './wakeup.ts';

/** What one call wants written. */
interface Write {
  frames: Buffer;
  records: MatchedRecord[];
  cursors: Cursor[];
  holes: Hole[];
  notes: NoteRow[];
  forget?: string;
  resolve(): void;
  reject(error: Error): void;
}

/** Most that one sync takes along. */
const groupBytes = 4 * 1024 * 1024;
const longestPauseMs = 5000;
const safePointEveryMs = 10_000;

export class DiskSpool implements Spool {
  readonly #maxBytes: number;
  readonly #whenFull: 'block' | 'drop-oldest';
  readonly #log: Log;
  readonly #now: () => number;
  readonly #lock: Lock;
  readonly #aside: BoundedFolder;
  readonly #damaged: BoundedFolder;
  readonly #segments: Segment[];
  readonly #writer: SegmentWriter;
  readonly #reader = new BatchReader();
  readonly #state: ResumeState;
  readonly #dir: string;

  #acknowledged: Place;
  /** Not written yet. */
  #acknowledgedMoved = false;
  /** A sync has made this durable: segments before it may go without looking lost at the next start. */
  #acknowledgedOnDisk: number;

  readonly #frames = new FrameWriter();
  readonly #queue: Write[] = [];
  /** Holes of the spool's own making; they go with the next write. */
  #ownHoles: Hole[] = [];
  /** Segments that could not be read while sending. */
  readonly #unreadable: { segment: Segment; reason: string }[] = [];
  #running: Promise<void> | undefined;
  #closing = false;
  #fatal: Error | undefined;
  /** There may be room now, or it is time to stop. */
  readonly #room = new Wakeup();
  readonly #arrival = new Wakeup();

  /** The safe point on disk is as the state was at this time, or as this segment began. */
  #safePoint: { at: number; segment: number | undefined } = { at: 0, segment: undefined };

  #blockedSince: number | undefined;
  #failure: string | undefined;
  #failuresInARow = 0;
  readonly #counts = {
    appendedRecords: 0,
    acknowledgedRecords: 0,
    droppedRecords: 0,
    damagedPlaces: 0,
    syncs: 0,
    writeFailures: 0,
    blockedMs: 0,
    setAside: 0,
  };

  constructor(
    { dir, maxBytes, whenFull, segmentBytes, log, now = Date.now }: SpoolOptions,
    { segments, acknowledged, state, damage, nextSegment }: Recovered,
    { lock, aside, damaged }: { lock: Lock; aside: BoundedFolder; damaged: BoundedFolder },
  ) {
    this.#maxBytes = maxBytes;
    this.#whenFull = whenFull;
    this.#log = log;
    this.#now = now;
    this.#lock = lock;
    this.#aside = aside;
    this.#damaged = damaged;
    this.#segments = segments;
    this.#state = state;
    this.#dir = dir;
    this.#writer = new SegmentWriter({
      dir,
      segmentBytes: segmentBytes ?? Math.max(64 * 1024, Math.min(8 * 1024 * 1024, Math.floor(maxBytes / 16))),
      segments,
      nextNumber: nextSegment,
      appendable: damage.length === 0,
    });
    this.#acknowledged =
      acknowledged.segment > 0 ? acknowledged : { segment: segments[0]?.number ?? nextSegment, offset: 0 };
    this.#acknowledgedOnDisk = this.#acknowledged.segment;
  }

  /** Tells of damage, puts the pieces where a person can look at them, and removes what is acknowledged. */
  async tidy(damage: readonly Damage[], useless: readonly string[]): Promise<void> {
    for (const { segment, text, matters } of damage) {
      this.#counts.damagedPlaces++;
      this.#log.warn(
        { segment },
        matters
          ? `spool: ${text}; what may be missing is read from Docker again, as far as its logs go back`
          : `spool: ${text}; nothing is missing, it was acknowledged`,
      );
    }
    for (const { path, offset } of damage)
      if (path && !useless.includes(path)) await this.#keepDamaged(path, offset);
    for (const path of useless) {
      await this.#damaged.move(path, basename(path)).catch(async (error) => {
        this.#log.warn({}, `spool: cannot keep ${path} for a look at it, and removes it: ${reasonOf(error)}`);
        await rm(path, { recursive: true, force: true }).catch(() => {});
      });
    }
    this.#settle();
    await this.#remove(this.#segments.filter(({ number }) => number < this.#acknowledgedOnDisk));
    await this.#writer.makeReserve();
  }

  append({ records, cursors, holes = [], notes = [] }: Parameters<Spool['append']>[0]): Promise<void> {
    for (const record of records) this.#frames.record(record);
    for (const hole of holes) this.#frames.hole(hole);
    // Behind what they cover.
    this.#frames.cursors(cursors);
    this.#frames.notes(notes);
    const frames = this.#frames.take();
    return new Promise((resolve, reject) => {
      if (frames.length === 0) resolve();
      else this.#enqueue({ frames, records, cursors, holes, notes, resolve, reject });
    });
  }

  cursor(containerId: string, stream: Stream): Position | undefined {
    return this.#state.cursor(containerId, stream);
  }

  note(key: string): string | undefined {
    return this.#state.note(key);
  }

  containers(): string[] {
    return this.#state.containers();
  }

  forget(containerId: string): void {
    this.#frames.forget(containerId);
    const frames = this.#frames.take();
    const ignore = () => {};
    this.#enqueue({
      frames,
      records: [],
      cursors: [],
      holes: [],
      notes: [],
      forget: containerId,
      resolve: ignore,
      reject: ignore,
    });
  }

  async next(bounds: BatchBounds, signal: AbortSignal): Promise<Batch | undefined> {
    let lingered = false;
    while (!signal.aborted) {
      if (this.#items() === 0) {
        await this.#arrival.wait({ signal });
      } else if (!lingered && !this.#fills(bounds)) {
        lingered = true;
        const until = performance.now() + bounds.lingerMs;
        for (let ms = bounds.lingerMs; ms > 0 && !this.#fills(bounds) && !signal.aborted; ) {
          await this.#arrival.wait({ ms, signal });
          ms = until - performance.now();
        }
      } else {
        const from = this.#acknowledged;
        const { batch, damaged, failure } = await this.#reader.read(this.#segments, from, bounds);
        if (batch.records.length + batch.holes.length > 0) return batch;
        // Otherwise it was dropped while it was read.
        if (this.#acknowledged !== from) continue;
        if (!damaged) {
          this.#log.error(
            {},
            `spool: cannot read: ${failure ?? 'bug: found none of its records'}; retrying in 1 s`,
          );
          await this.#arrival.wait({ ms: 1000, signal });
        } else if (this.#segments.includes(damaged.segment)) {
          const { segment, reason } = damaged;
          this.#unreadable.push({ segment, reason });
          this.#room.wake();
          this.#run();
          while (this.#segments.includes(segment) && !signal.aborted)
            await this.#arrival.wait({ ms: 100, signal });
        }
      }
    }
    return undefined;
  }

  acknowledge(batch: Batch): void {
    if (comparePlaces(batch.end, this.#acknowledged) <= 0) return;
    const segments = new Map(this.#segments.map((segment) => [segment.number, segment]));
    for (const record of batch.records) segments.get(record.segment)?.remove(record);
    for (const { segment } of batch.holes) segments.get(segment)?.holes.shift();
    this.#counts.acknowledgedRecords += batch.records.length;
    this.#acknowledged = batch.end;
    this.#acknowledgedMoved = true;
    this.#room.wake();
    this.#run();
  }

  async setAside(item: SpooledRecord | SpooledHole, reason: string): Promise<void> {
    this.#counts.setAside++;
    const at = new Date(this.#now()).toISOString();
    const content =
      'json' in item
        ? `{"reason":${JSON.stringify(reason)},"at":"${at}","record":${item.json.toString('utf8')}}\n`
        : `${JSON.stringify({ reason, at, hole: item.hole })}\n`;
    const name = `${at.replaceAll(':', '')}-${String(this.#counts.setAside).padStart(6, '0')}.json`;
    try {
      await this.#aside.write(name, content).catch(async (error) => {
        if (!isFull(error) || !(await this.#writer.giveUpReserve())) throw error;
        await this.#aside.write(name, content);
      });
      this.#log.error(
        { reason, file: name },
        'set aside what the backend can never accept (folder aside of the spool)',
      );
    } catch (error) {
      this.#log.error(
        { reason, item: content.slice(0, 2000) },
        `cannot set aside, and lost: ${reasonOf(error)}`,
      );
    }
  }

  stats(): SpoolStats {
    const oldest = this.#segments.find(({ records }) => records > 0);
    const times = [...(oldest?.backlog.values() ?? [])].map(({ from }) => from);
    return {
      bytes: this.#bytes(),
      maxBytes: this.#maxBytes,
      segments: this.#segments.length,
      records: this.#segments.reduce((sum, { records }) => sum + records, 0),
      holes: this.#segments.reduce((sum, { holes }) => sum + holes.length, this.#ownHoles.length),
      oldestAt: times.reduce<string | undefined>((a, b) => (a === undefined || b < a ? b : a), undefined),
      blocked: this.#blockedSince !== undefined,
      failure: this.#failure,
      ...this.#counts,
      blockedMs:
        this.#counts.blockedMs + (this.#blockedSince === undefined ? 0 : this.#now() - this.#blockedSince),
      setAsideKept: this.#aside.count(),
    };
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.#room.wake();
    await this.#running;
    await this.#writer.close();
    await this.#reader.close();
    await this.#lock.release();
  }

  // --- The loop that writes ---

  #enqueue(write: Write): void {
    if (this.#fatal || this.#closing) {
      write.reject(this.#fatal ?? new Error('the spool is closed'));
      return;
    }
    this.#queue.push(write);
    this.#run();
  }

  #run(): void {
    if (this.#fatal) return;
    this.#running ??= this.#writeAll()
      .catch((error: Error) => {
        this.#fatal = error;
        this.#log.error({}, `spool: ${reasonOf(error)}`);
        this.#giveUp(error);
      })
      .finally(() => {
        this.#running = undefined;
        if (this.#hasWork() && !this.#closing) this.#run();
      });
  }

  #hasWork(): boolean {
    return (
      this.#queue.length > 0 ||
      this.#acknowledgedMoved ||
      this.#ownHoles.length > 0 ||
      this.#unreadable.length > 0
    );
  }

  async #writeAll(): Promise<void> {
    // Calls of the same turn share the first sync.
    await Promise.resolve();
    while (this.#hasWork()) {
      try {
        await this.#dropUnreadable();
        await this.#removeAcknowledged();
        const count = await this.#makeRoom();
        if (count === 'no room') {
          this.#block('no room');
          if (this.#closing) return this.#giveUp(new Error('the spool was closed before there was room'));
          await this.#room.wait();
          continue;
        }
        const group = this.#queue.slice(0, count);
        await this.#write(group);
        this.#queue.splice(0, count);
        this.#unblock();
        for (const { resolve } of group) resolve();
      } catch (error) {
        if (error instanceof LockLost) throw error;
        this.#failed(error);
        if (this.#closing) return this.#giveUp(new Error(`the spool was closed while ${reasonOf(error)}`));
        if (isFull(error) && (await this.#freeDisk())) continue;
        await this.#room.wait({
          ms: Math.min(longestPauseMs, 100 * 2 ** Math.min(this.#failuresInARow, 10)),
        });
      }
    }
  }

  /** Makes room as the policy says. @returns how many of the waiting writes may go now, which may be none for want of any. */
  async #makeRoom(): Promise<number | 'no room'> {
    const [first] = this.#queue;
    if (!first) return 0;
    while (this.#bytes() + first.frames.length > this.#maxBytes) {
      if (this.#items() === 0) {
        // All that is left is acknowledged: a new segment, of no more than the cursors, lets it go. A write larger than
        // the spool goes into an empty one all the same.
        if (this.#holdsMoreThanCursors()) await this.#beginAnew();
        break;
      }
      if (this.#whenFull === 'block') return 'no room';
      await this.#dropOldest();
    }
    let bytes = first.frames.length;
    let count = 1;
    const free = Math.min(groupBytes, this.#maxBytes - this.#bytes());
    for (; count < this.#queue.length; count++) {
      bytes += this.#queue[count]?.frames.length ?? 0;
      if (bytes > free) break;
    }
    return count;
  }

  /** Writes the group, and what the spool itself has to tell, in one go. @throws what the disk throws; then nothing counts. */
  async #write(group: readonly Write[]): Promise<void> {
    const acknowledged = this.#acknowledged;
    const ownHoles = this.#ownHoles;
    if (this.#acknowledgedMoved) this.#frames.acknowledged(acknowledged);
    for (const hole of ownHoles) this.#frames.hole(hole);
    const content = Buffer.concat([this.#frames.take(), ...group.map(({ frames }) => frames)]);
    await this.#keepSafePoint();
    // An acknowledgement may be lost: its batch comes again.
    const sync = ownHoles.length > 0 || group.some(({ forget }) => forget === undefined);
    const segment = await this.#put(content, sync);
    if (this.#acknowledged === acknowledged) this.#acknowledgedMoved = false;
    if (sync) this.#acknowledgedOnDisk = Math.max(this.#acknowledgedOnDisk, acknowledged.segment);

    this.#ownHoles = this.#ownHoles.slice(ownHoles.length);
    segment.holes.push(...ownHoles);
    for (const { records, cursors, holes, notes, forget } of group) {
      for (const { containerId = '', stream, first, last, record } of records)
        segment.add({ containerId, container: record.container, stream, first, last });
      segment.holes.push(...holes);
      this.#state.setCursors(cursors.map(rowOf));
      this.#state.setNotes(notes);
      if (forget !== undefined) this.#state.forget(forget);
      this.#counts.appendedRecords += records.length;
    }
    this.#failure = undefined;
    this.#failuresInARow = 0;
    this.#arrival.wake();
  }

  /** Now and then, and never ahead of what is not acknowledged: the state as it is when nothing waits, else as the oldest segment began. */
  async #keepSafePoint(): Promise<void> {
    const now = this.#now();
    const nothingWaits = this.#items() === 0;
    const oldest = this.#segments[0];
    const isDue = Math.abs(now - this.#safePoint.at) > safePointEveryMs;
    if (!isDue || (!nothingWaits && oldest?.number === this.#safePoint.segment)) return;
    this.#safePoint = { at: now, segment: nothingWaits ? undefined : oldest?.number };
    try {
      const state = nothingWaits ? this.#state : oldest && (await readHead(oldest.path))?.state;
      if (state) await writeSafePoint(this.#dir, state.rows());
    } catch {
      // The one before is as safe, only older.
    }
  }

  async #put(content: Buffer, sync: boolean): Promise<Segment> {
    if (sync) this.#counts.syncs++;
    if (!this.#writer.needsNewSegment()) return this.#writer.append(content, sync);
    const segment = await this.#begin(this.#acknowledged, content);
    await this.#writer.makeReserve();
    return segment;
  }

  async #begin(acknowledged: Place, content: Buffer): Promise<Segment> {
    if (!(await this.#lock.held()))
      throw new LockLost(basename(this.#segments.at(-1)?.path ?? 'the first segment'));
    return this.#writer.begin({ acknowledged, ...this.#state.rows() }, content);
  }

  /** Puts a new segment with no more than the cursors in the place of all there are. All must be acknowledged. */
  async #beginAnew(): Promise<void> {
    const acknowledged = { segment: this.#writer.nextNumber, offset: 0 };
    const content = Buffer.alloc(0);
    await this.#begin(acknowledged, content).catch(async (error) => {
      if (!isFull(error) || !(await this.#writer.giveUpReserve())) throw error;
      await this.#begin(acknowledged, content);
    });
    this.#acknowledged = acknowledged;
    this.#acknowledgedOnDisk = acknowledged.segment;
    await this.#removeAcknowledged();
    await this.#writer.makeReserve();
  }

  async #removeAcknowledged(): Promise<void> {
    this.#settle();
    const gone = this.#segments.filter(({ number }) => number < this.#acknowledged.segment);
    if (gone.length === 0) return;
    const acknowledged = this.#acknowledged;
    if (this.#acknowledgedOnDisk < acknowledged.segment) {
      try {
        this.#frames.acknowledged(acknowledged);
        await this.#put(this.#frames.take(), true);
        this.#acknowledgedOnDisk = acknowledged.segment;
      } catch (error) {
        if (!isFull(error)) throw error;
        // Room is worth more than a quiet next start.
      }
    }
    await this.#remove(gone);
  }

  async #remove(gone: readonly Segment[]): Promise<void> {
    for (const segment of gone) {
      await this.#reader.release(segment);
      await rm(segment.path, { force: true }).catch((error) => {
        this.#log.warn(
          {},
          `spool: cannot remove ${segment.path}, tries again at the next start: ${reasonOf(error)}`,
        );
      });
      const index = this.#segments.indexOf(segment);
      if (index >= 0) this.#segments.splice(index, 1);
    }
  }

  /** At the end of a segment that is not the last is at the beginning of the next. */
  #settle(): void {
    const { segment, offset } = this.#acknowledged;
    const at = this.#segments.find(({ number }) => number >= segment);
    if (!at) return;
    const index = this.#segments.indexOf(at);
    const next = this.#segments[index + 1];
    if (at.number === segment && offset >= at.length && next)
      this.#acknowledged = { segment: next.number, offset: 0 };
    else if (at.number > segment) this.#acknowledged = { segment: at.number, offset: 0 };
    else return;
    this.#acknowledgedMoved = true;
    this.#settle();
  }

  /** The oldest segment goes; what of it is not acknowledged is declared. */
  async #dropOldest(): Promise<void> {
    const [oldest] = this.#segments;
    if (!oldest) return;
    this.#log.warn(
      { records: oldest.records, segment: oldest.number },
      'spool: full; drops its oldest records, declared as a hole (SPOOL_WHEN_FULL=drop-oldest)',
    );
    this.#counts.droppedRecords += oldest.records;
    await this.#declareLost(oldest, 'spool-full', 'the oldest records went, to make room for new ones');
  }

  async #dropUnreadable(): Promise<void> {
    for (let found = this.#unreadable.shift(); found; found = this.#unreadable.shift()) {
      const { segment, reason } = found;
      if (!this.#segments.includes(segment)) continue;
      this.#counts.damagedPlaces++;
      this.#log.error(
        { records: segment.records, reason },
        `spool: ${segment.path} cannot be read any more; what is left of it is declared as a hole`,
      );
      await this.#keepDamaged(segment.path, 0);
      await this.#declareLost(
        segment,
        'corrupt-log',
        `a segment of the agent's spool cannot be read: ${reason}`,
      );
    }
    this.#arrival.wake();
  }

  async #declareLost(segment: Segment, reason: Hole['reason'], detail: string): Promise<void> {
    if (segment === this.#segments.at(-1)) await this.#writer.leave();
    this.#ownHoles = joinFullHoles([...this.#ownHoles, ...segment.asHoles(reason, detail)]);
    const index = this.#segments.indexOf(segment);
    const next = this.#segments[index + 1]?.number ?? this.#writer.nextNumber;
    this.#segments.splice(index, 1);
    if (this.#acknowledged.segment <= segment.number) {
      this.#acknowledged = { segment: next, offset: 0 };
      this.#acknowledgedMoved = true;
    }
    // The declaration first. When the disk is too full even for that, it waits in memory for the room that this makes.
    if (this.#ownHoles.length > 0 || this.#segments.length === 0)
      await this.#write([]).catch(async (error) => {
        if (error instanceof LockLost) throw error;
        if (isFull(error) && (await this.#writer.giveUpReserve())) await this.#write([]).catch(() => {});
      });
    await this.#remove([segment]);
  }

  /** For a full disk. @returns whether there may be room now. */
  async #freeDisk(): Promise<boolean> {
    try {
      if (this.#items() === 0 && this.#holdsMoreThanCursors()) {
        await this.#beginAnew();
        return true;
      }
      if (this.#items() > 0 && this.#whenFull === 'drop-oldest') {
        await this.#dropOldest();
        return true;
      }
    } catch (error) {
      if (error instanceof LockLost) throw error;
    }
    return false;
  }

  #failed(error: unknown): void {
    this.#counts.writeFailures++;
    this.#failuresInARow++;
    this.#failure = reasonOf(error);
    this.#block(this.#failure);
    // The same again is one line at each doubling.
    if ((this.#failuresInARow & (this.#failuresInARow - 1)) === 0)
      this.#log.error(
        { attempts: this.#failuresInARow },
        `spool: cannot write: ${this.#failure}; retrying for ever; make room on the disk, or repair it`,
      );
  }

  #giveUp(error: Error): void {
    for (const { reject } of this.#queue.splice(0)) reject(error);
  }

  #block(why: string): void {
    if (this.#blockedSince !== undefined || this.#queue.length === 0) return;
    this.#blockedSince = this.#now();
    this.#log.warn(
      { bytes: this.#bytes(), maxBytes: this.#maxBytes },
      `spool: ${why}; reading waits, and Docker keeps the logs`,
    );
  }

  #unblock(): void {
    if (this.#blockedSince === undefined) return;
    const ms = this.#now() - this.#blockedSince;
    this.#blockedSince = undefined;
    this.#counts.blockedMs += ms;
    this.#log.info({ blockedMs: ms }, 'spool: there is room again');
  }

  async #keepDamaged(path: string, offset: number): Promise<void> {
    await this.#damaged
      .copyTail(path, offset, `${basename(path, '.seg')}-${offset}.damaged`)
      .catch((error) => {
        this.#log.warn(
          {},
          `spool: cannot keep the damaged part of ${path} for a look at it: ${reasonOf(error)}`,
        );
      });
  }

  // --- Sums ---

  #bytes(): number {
    return this.#segments.reduce((sum, { fileBytes }) => sum + fileBytes, 0);
  }

  /** Not acknowledged. */
  #items(): number {
    return this.#segments.reduce((sum, { records, holes }) => sum + records + holes.length, 0);
  }

  #holdsMoreThanCursors(): boolean {
    return this.#bytes() > (this.#segments.at(-1)?.headBytes ?? 0);
  }

  #fills({ maxRecords, maxBytes }: BatchBounds): boolean {
    let bytes = -this.#acknowledged.offset;
    let records = 0;
    for (const segment of this.#segments) {
      bytes += segment.length;
      records += segment.records;
      if (records >= maxRecords || bytes >= maxBytes) return true;
    }
    return false;
  }
}

/** Another has the folder: to go on would destroy its spool. */
class LockLost extends Error {
  constructor(where: string) {
    super(
      `the lock is gone after ${where}: the folder was removed, or another agent has it; stop one of the two`,
    );
  }
}

function isFull(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(codeOf(error) ?? '');
}
