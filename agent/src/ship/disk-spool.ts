// The spool at work: one loop writes, so that nothing is written twice at once, and next() reads behind it.
//
// A segment:  being written -> full -> acknowledged -> removed
//                  |             \-> dropped (drop-oldest), declared as a hole -> removed
//                  \-> left after a failed write, cut back to what is certain; the next write begins a new one

import { rm } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Cursor, Hole, MatchedRecord, Position, Stream } from '../types.ts';
import { Wakeup } from '../wakeup.ts';
import { Backlog } from './backlog.ts';
import { type Batch, BatchReader, type SpooledHole } from './batch-reader.ts';
import type { BoundedFolder } from './bounded-folder.ts';
import { FrameWriter, type NoteRow, type Place, rowOf } from './frames.ts';
import type { Lock } from './lock.ts';
import { codeOf, type Log, reasonOf } from './log.ts';
import type { Damage, Recovered } from './recover.ts';
import type { ResumeState } from './resume-state.ts';
import { SafePoint } from './safe-point.ts';
import { joinFullHoles, type Segment } from './segment.ts';
import { SegmentWriter } from './segment-writer.ts';
import type { BatchBounds, Spool, SpoolOptions, SpoolStats } from './spool.ts';
import { Standstill } from './standstill.ts';
import { addAll, type Tally } from './tally.ts';

/** What one call wants written. */
interface Write {
  frames: Buffer;
  tally: Tally;
  cursors: Cursor[];
  holes: Hole[];
  notes: NoteRow[];
  forget?: string;
  resolve(): void;
  reject(error: Error): void;
}

/**
 * So long, in ms, an acknowledgement waits for a write to go with. After a crash within that time its batch is sent again,
 * which its ids make harmless.
 */
const acknowledgeMs = 500;
/** How old, in ms, the last look at the lock may be when something is written: who has lost the folder writes to nowhere. */
const lockMs = 1000;
/** Most that one sync takes along. */
const groupBytes = 4 * 1024 * 1024;

export class DiskSpool implements Spool {
  readonly #maxBytes: number;
  readonly #whenFull: 'block' | 'drop-oldest';
  readonly #log: Log;
  readonly #onLost: (error: Error) => void;
  readonly #now: () => number;
  readonly #lock: Lock;
  /** When the lock was last seen to be held, by performance.now(). */
  #heldAt = performance.now();
  readonly #aside: BoundedFolder;
  readonly #damaged: BoundedFolder;
  readonly #backlog: Backlog;
  readonly #writer: SegmentWriter;
  readonly #reader = new BatchReader();
  readonly #state: ResumeState;

  /** A sync has made this durable: segments before it may go without looking lost at the next start. */
  #acknowledgedOnDisk: number;

  readonly #frames = new FrameWriter();
  /** Of the next append. */
  readonly #kept = new FrameWriter();
  #keptTally: Tally = new Map();
  readonly #queue: Write[] = [];
  /** Holes of the spool's own making; they go with the next write. */
  #ownHoles: Hole[] = [];
  /** Segments that could not be read while sending. */
  readonly #unreadable: { segment: Segment; reason: string }[] = [];
  #running: Promise<void> | undefined;
  #closing = false;
  #closed = false;
  #fatal: Error | undefined;
  /** The place of acknowledgement is to be written, though nothing else is. */
  #mustAcknowledge = false;
  #acknowledging: NodeJS.Timeout | undefined;
  /** There may be room now, or it is time to stop. */
  readonly #room = new Wakeup();
  readonly #arrival = new Wakeup();
  /** When next() last gave a batch, by performance.now(). */
  #givenAt = Number.NEGATIVE_INFINITY;

  readonly #standstill: Standstill;
  readonly #safePoint: SafePoint;
  readonly #counts = {
    appendedRecords: 0,
    acknowledgedRecords: 0,
    droppedRecords: 0,
    damagedPlaces: 0,
    syncs: 0,
    setAside: 0,
  };

  constructor(
    { dir, maxBytes, whenFull, segmentBytes, log, onLost = () => {}, now = Date.now }: SpoolOptions,
    { segments, acknowledged, state, damage, nextSegment }: Recovered,
    { lock, aside, damaged }: { lock: Lock; aside: BoundedFolder; damaged: BoundedFolder },
  ) {
    this.#maxBytes = maxBytes;
    this.#whenFull = whenFull;
    this.#log = log;
    this.#onLost = onLost;
    this.#now = now;
    this.#lock = lock;
    this.#aside = aside;
    this.#damaged = damaged;
    this.#state = state;
    this.#standstill = new Standstill(log, now);
    this.#safePoint = new SafePoint(dir);
    this.#writer = new SegmentWriter({
      dir,
      segmentBytes: segmentBytes ?? Math.max(64 * 1024, Math.min(8 * 1024 * 1024, Math.floor(maxBytes / 16))),
      segments,
      nextNumber: nextSegment,
      appendable: damage.length === 0,
    });
    this.#backlog = new Backlog(
      segments,
      acknowledged.segment > 0 ? acknowledged : { segment: segments[0]?.number ?? nextSegment, offset: 0 },
    );
    this.#acknowledgedOnDisk = this.#backlog.acknowledged.segment;
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
    await this.#remove(this.#backlog.acknowledgedSegments());
    this.#backlog.settle();
    await this.#writer.makeReserve();
  }

  keep(records: readonly MatchedRecord[]): void {
    for (const record of records) this.#kept.record(record);
    addAll(this.#keptTally, records);
  }

  append({ records, cursors, holes = [], notes = [] }: Parameters<Spool['append']>[0]): Promise<void> {
    this.keep(records);
    for (const hole of holes) this.#kept.hole(hole);
    // Behind what they cover.
    this.#kept.cursors(cursors);
    this.#kept.notes(notes);
    const frames = this.#kept.take();
    const tally = this.#keptTally;
    this.#keptTally = new Map();
    return new Promise((resolve, reject) => {
      if (frames.length === 0) resolve();
      else this.#enqueue({ frames, tally, cursors, holes, notes, resolve, reject });
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
      tally: new Map(),
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
      if (this.#backlog.isEmpty()) {
        await this.#arrival.wait({ signal });
      } else if (!lingered && !this.#backlog.fills(bounds)) {
        lingered = true;
        // After a pause hardly: a single error is not to wait for others (150 ms of 520 from a line to its mail).
        const sinceGivenMs = performance.now() - this.#givenAt;
        const lingerMs = Math.max(bounds.lingerMs / 4, bounds.lingerMs - sinceGivenMs);
        const until = performance.now() + lingerMs;
        for (let ms = lingerMs; ms > 0 && !this.#backlog.fills(bounds) && !signal.aborted; ) {
          await this.#arrival.wait({ ms, signal });
          ms = until - performance.now();
        }
      } else {
        const from = this.#backlog.acknowledged;
        const { batch, damaged, failure } = await this.#reader.read(this.#backlog.segments, from, bounds);
        if (batch.records.length + batch.holes.length > 0) {
          this.#givenAt = performance.now();
          return batch;
        }
        // Otherwise it was dropped while it was read.
        if (this.#backlog.acknowledged !== from) continue;
        if (!damaged) {
          this.#log.error(
            {},
            `spool: cannot read: ${failure ?? 'bug: found none of its records'}; retrying in 1 s`,
          );
          await this.#arrival.wait({ ms: 1000, signal });
        } else if (this.#backlog.segments.includes(damaged.segment)) {
          const { segment, reason } = damaged;
          this.#unreadable.push({ segment, reason });
          this.#room.wake();
          this.#run();
          while (this.#backlog.segments.includes(segment) && !signal.aborted)
            await this.#arrival.wait({ ms: 100, signal });
        }
      }
    }
    return undefined;
  }

  acknowledge(batch: Batch): void {
    if (!this.#backlog.acknowledge(batch)) return;
    this.#counts.acknowledgedRecords += batch.records.length;
    this.#room.wake();
    // One by one they go to a backend that does not know ids: it would store one twice. And what is removed makes room.
    const isUrgent = batch.records.length <= 1 || this.#backlog.acknowledgedSegments().length > 0;
    if (isUrgent) this.#writeAcknowledgement();
    else this.#acknowledging ??= setTimeout(() => this.#writeAcknowledgement(), acknowledgeMs);
  }

  #writeAcknowledgement(): void {
    clearTimeout(this.#acknowledging);
    this.#acknowledging = undefined;
    this.#mustAcknowledge = this.#backlog.isMoved;
    this.#run();
  }

  async setAside(item: { json: Buffer } | SpooledHole, reason: string): Promise<void> {
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
    return {
      bytes: this.#backlog.bytes(),
      maxBytes: this.#maxBytes,
      segments: this.#backlog.segments.length,
      records: this.#backlog.records(),
      holes: this.#backlog.holes() + this.#ownHoles.length,
      oldestAt: this.#backlog.oldestAt(),
      ...this.#standstill.stats(),
      ...this.#counts,
      setAsideKept: this.#aside.count(),
    };
  }

  async close(): Promise<void> {
    this.#writeAcknowledgement();
    this.#closing = true;
    this.#room.wake();
    await this.#running;
    this.#closed = true;
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
    if (this.#fatal || this.#closed) return;
    this.#running ??= this.#writeAll()
      .catch((error: Error) => {
        this.#fatal = error;
        this.#log.error({}, `spool: ${reasonOf(error)}`);
        this.#giveUp(error);
        this.#onLost(error);
      })
      .finally(() => {
        this.#running = undefined;
        if (this.#hasWork() && !this.#closing) this.#run();
      });
  }

  #hasWork(): boolean {
    return (
      this.#queue.length > 0 ||
      this.#mustAcknowledge ||
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
          this.#standstill.begins('no room');
          if (this.#closing) return this.#giveUp(new Error('the spool was closed before there was room'));
          await this.#room.wait();
          continue;
        }
        const group = this.#queue.slice(0, count);
        await this.#write(group);
        this.#queue.splice(0, count);
        this.#standstill.ends();
        for (const { resolve } of group) resolve();
      } catch (error) {
        if (error instanceof LockLost) throw error;
        const pauseMs = this.#standstill.failed(error);
        if (this.#queue.length > 0) this.#standstill.begins(reasonOf(error));
        if (this.#closing) return this.#giveUp(new Error(`the spool was closed while ${reasonOf(error)}`));
        if (isFull(error) && (await this.#freeDisk())) continue;
        await this.#room.wait({ ms: pauseMs });
      }
    }
  }

  /** Makes room as the policy says. @returns how many of the waiting writes may go now, which may be none for want of any. */
  async #makeRoom(): Promise<number | 'no room'> {
    const [first] = this.#queue;
    if (!first) return 0;
    while (this.#backlog.bytes() + first.frames.length > this.#maxBytes) {
      if (this.#backlog.isEmpty()) {
        // All that is left is acknowledged: a new segment, of no more than the cursors, lets it go. A write larger than
        // the spool goes into an empty one all the same.
        if (this.#backlog.holdsMoreThanCursors()) await this.#beginAnew();
        break;
      }
      if (this.#whenFull === 'block') return 'no room';
      await this.#dropOldest();
    }
    let bytes = first.frames.length;
    let count = 1;
    const free = Math.min(groupBytes, this.#maxBytes - this.#backlog.bytes());
    for (; count < this.#queue.length; count++) {
      bytes += this.#queue[count]?.frames.length ?? 0;
      if (bytes > free) break;
    }
    return count;
  }

  /** Writes the group, and what the spool itself has to tell, in one go. @throws what the disk throws; then nothing counts. */
  async #write(group: readonly Write[]): Promise<void> {
    const { acknowledged, isMoved } = this.#backlog;
    const ownHoles = this.#ownHoles;
    if (isMoved) this.#frames.acknowledged(acknowledged);
    for (const hole of ownHoles) this.#frames.hole(hole);
    const pieces = [this.#frames.take(), ...group.map(({ frames }) => frames)].filter(
      ({ length }) => length > 0,
    );
    const content = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
    if (performance.now() - this.#heldAt >= lockMs) await this.#checkLock();
    await this.#safePoint.keep(this.#backlog, this.#state, this.#now());
    const segment = await this.#put(content);
    this.#reader.recent.add(segment.number, segment.length - content.length, content);
    this.#backlog.written(acknowledged);
    this.#mustAcknowledge &&= this.#backlog.isMoved;
    this.#acknowledgedOnDisk = Math.max(this.#acknowledgedOnDisk, acknowledged.segment);

    this.#ownHoles = this.#ownHoles.slice(ownHoles.length);
    segment.holes.push(...ownHoles);
    for (const { tally, cursors, holes, notes, forget } of group) {
      for (const count of tally.values()) {
        segment.add(count);
        this.#counts.appendedRecords += count.records;
      }
      segment.holes.push(...holes);
      this.#state.setCursors(cursors.map(rowOf));
      this.#state.setNotes(notes);
      if (forget !== undefined) this.#state.forget(forget);
    }
    this.#standstill.wrote();
    this.#arrival.wake();
  }

  async #put(content: Buffer): Promise<Segment> {
    this.#counts.syncs++;
    if (!this.#writer.needsNewSegment()) return this.#writer.append(content);
    const segment = await this.#begin(this.#backlog.acknowledged, content);
    await this.#writer.makeReserve();
    return segment;
  }

  /** @throws LockLost, and what the disk throws when it cannot tell. */
  async #checkLock(): Promise<void> {
    if (!(await this.#lock.held()))
      throw new LockLost(basename(this.#backlog.segments.at(-1)?.path ?? 'the first segment'));
    this.#heldAt = performance.now();
  }

  async #begin(acknowledged: Place, content: Buffer): Promise<Segment> {
    await this.#checkLock();
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
    this.#backlog.move(acknowledged);
    this.#acknowledgedOnDisk = acknowledged.segment;
    await this.#removeAcknowledged();
    await this.#writer.makeReserve();
  }

  async #removeAcknowledged(): Promise<void> {
    this.#backlog.settle();
    const gone = this.#backlog.acknowledgedSegments();
    if (gone.length === 0) return;
    const { acknowledged } = this.#backlog;
    if (this.#acknowledgedOnDisk < acknowledged.segment) {
      try {
        this.#frames.acknowledged(acknowledged);
        await this.#put(this.#frames.take());
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
      this.#backlog.takeOut(segment);
    }
  }

  /** The oldest segment goes; what of it is not acknowledged is declared. */
  async #dropOldest(): Promise<void> {
    const [oldest] = this.#backlog.segments;
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
      if (!this.#backlog.segments.includes(segment)) continue;
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
    if (segment === this.#backlog.segments.at(-1)) await this.#writer.leave();
    this.#ownHoles = joinFullHoles([...this.#ownHoles, ...segment.asHoles(reason, detail)]);
    this.#backlog.skip(segment, this.#writer.nextNumber);
    // The declaration first. When the disk is too full even for that, it waits in memory for the room that this makes.
    if (this.#ownHoles.length > 0 || this.#backlog.segments.length === 0)
      await this.#write([]).catch(async (error) => {
        if (error instanceof LockLost) throw error;
        if (isFull(error) && (await this.#writer.giveUpReserve())) await this.#write([]).catch(() => {});
      });
    await this.#remove([segment]);
  }

  /** For a full disk. @returns whether there may be room now. */
  async #freeDisk(): Promise<boolean> {
    try {
      if (this.#backlog.isEmpty() && this.#backlog.holdsMoreThanCursors()) {
        await this.#beginAnew();
        return true;
      }
      if (!this.#backlog.isEmpty() && this.#whenFull === 'drop-oldest') {
        await this.#dropOldest();
        return true;
      }
    } catch (error) {
      if (error instanceof LockLost) throw error;
    }
    return false;
  }

  #giveUp(error: Error): void {
    for (const { reject } of this.#queue.splice(0)) reject(error);
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
