// What the spool promises, and how it is opened. It is a write-ahead log of records, holes and cursors: a cursor stands
// behind the records it covers, so any whole beginning of it is consistent. disk-spool.ts does the work.

import { join } from 'node:path';
import { makeFolder, StartError } from '@log-detector/settings';
import type { Cursor, Hole, MatchedRecord, Position, Stream } from '../types.ts';
import type { Batch, SpooledHole } from './batch-reader.ts';
import { openBoundedFolder } from './bounded-folder.ts';
import { DiskSpool } from './disk-spool.ts';
import { type Lock, lockFolder } from './lock.ts';
import { codeOf, type Log, reasonOf } from './log.ts';
import { recover } from './recover.ts';

export type { Batch, SpooledHole } from './batch-reader.ts';

export interface SpoolOptions {
  /** Made when it is not there. */
  dir: string;
  /** What the segments may take on disk, in bytes. */
  maxBytes: number;
  /** `block`: append() waits. `drop-oldest`: the oldest segment goes, and is declared as a hole. */
  whenFull: 'block' | 'drop-oldest';
  /** A segment as long as this is followed by a new one. Default: a sixteenth of maxBytes, from 64 KiB to 8 MiB. */
  segmentBytes?: number;
  log: Log;
  /** Told once, when another agent has taken the folder or it was removed: from then on nothing is written any more. */
  onLost?: (error: Error) => void;
  /** Milliseconds since the epoch. */
  now?: () => number;
}

export interface BatchBounds {
  maxRecords: number;
  /** Of the records' wire form. A larger record comes alone. */
  maxBytes: number;
  /** How long after the batch before to wait for more when there is less than that; after a pause, a quarter of it. */
  lingerMs: number;
}

export interface SpoolStats {
  /** Of the segments, on disk. */
  bytes: number;
  maxBytes: number;
  segments: number;
  /** Not acknowledged. */
  records: number;
  holes: number;
  /** About when the oldest of the records was printed, as in `Position.at`. */
  oldestAt: string | undefined;
  /** append() waits, for want of room or because the disk fails. */
  blocked: boolean;
  /** Why the last write failed, until one succeeds. */
  failure: string | undefined;
  /** From here on: since the start. */
  appendedRecords: number;
  acknowledgedRecords: number;
  droppedRecords: number;
  damagedPlaces: number;
  syncs: number;
  writeFailures: number;
  blockedMs: number;
  setAside: number;
  /** Files in the folder `aside` now, those of earlier starts too. */
  setAsideKept: number;
}

export interface Spool {
  /** Takes records as bytes: the next `append` writes them, before those that it is given. */
  keep(records: readonly MatchedRecord[]): void;
  /**
   * Resolves when the records, holes, cursors and notes are on disk, all of them. Calls that come meanwhile share a sync. While
   * there is no room it waits, whatever the reason, a full disk too: the caller stops reading, so memory stays bounded.
   * @throws only when the spool is closed first, or another agent has taken the folder.
   */
  append(batch: {
    records: MatchedRecord[];
    cursors: Cursor[];
    holes?: Hole[];
    notes?: [key: string, value: string][];
  }): Promise<void>;
  /** How far the stream is on disk; after damage, up to where nothing is missing. */
  cursor(containerId: string, stream: Stream): Position | undefined;
  /** A word kept with the cursors: never newer than they are. A note under a container's id is forgotten with it. */
  note(key: string): string | undefined;
  /** Ids of the containers that have a cursor: removed ones too, until they are forgotten. */
  containers(): string[];
  /** The container is gone for good: drops its cursors, after the appends before this call. */
  forget(containerId: string): void;
  /** The oldest items that are not acknowledged, the same again until they are. @returns undefined when the signal aborts. */
  next(bounds: BatchBounds, signal: AbortSignal): Promise<Batch | undefined>;
  /** The batch is at the backend, or settled otherwise. Written lazily: after a crash a batch may come again. */
  acknowledge(batch: Batch): void;
  /**
   * Keeps an item that can never be accepted, and why, for a person: in the folder `aside`, the latest 1000 files or
   * 16 MiB. A disk that is full is logged, not thrown.
   */
  setAside(item: { json: Buffer } | SpooledHole, reason: string): Promise<void>;
  stats(): SpoolStats;
  /** Ends what is being written. An append that waits for room is given up: its cursors did not move, so it is read again. */
  close(): Promise<void>;
}

/**
 * Opens the spool. What a crash, a full disk or damage left in the files never makes it fail.
 * @throws when the folder cannot be made, read or locked, or a later version wrote it, with what to do.
 */
export async function openSpool(options: SpoolOptions): Promise<Spool> {
  const { dir, log } = options;
  let lock: Lock | undefined;
  try {
    makeFolder(dir, 0o700);
    lock = await lockFolder(dir, log);
    const recovered = await recover(dir);
    const spool = new DiskSpool(options, recovered, {
      lock,
      aside: await openBoundedFolder(join(dir, 'aside'), { files: 1000, bytes: 16 * 1024 * 1024 }),
      damaged: await openBoundedFolder(join(dir, 'damaged'), { files: 16, bytes: 64 * 1024 * 1024 }),
    });
    await spool.tidy(recovered.damage, recovered.useless);
    return spool;
  } catch (error) {
    await lock?.release();
    if (
      ['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST', 'ENOENT', 'ENAMETOOLONG'].includes(
        codeOf(error) ?? '',
      )
    )
      throw new StartError(
        `cannot use ${dir} as the spool: ${reasonOf(error)}; give the agent's user a folder it may write to, or set SPOOL_DIR to another`,
        { cause: error },
      );
    throw error;
  }
}
