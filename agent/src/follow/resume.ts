// Which lines of a connection are new. The engine is asked from a second before the older cursor, so what was taken
// before comes again: per stream everything up to and including the cursor's own line is dropped, the rest is taken.
// Surprise: after the cursor's own line everything is taken whatever its time, because a clock may step back.

import { ofStream, streams } from '../streams.ts';
import type { Position, Stream } from '../types.ts';
import { moved, unixTime } from './timestamps.ts';

/** The cursors of a container's streams. An `ordinal` of -1 stands before every line of that instant. */
export type Cursors = Partial<Record<Stream, Position>>;

/** The `ordinal` of a cursor that tells that the container had stopped and its log was read to the end. */
export const endOrdinal = -2;

/** Whether a line stands at the cursor. */
export function isOwn({ ordinal }: Position): boolean {
  return ordinal >= 0;
}

/** Seconds before the older cursor from which lines are asked for again. */
export const overlapSeconds = 1;

/** What to ask the engine for: `since` in unix seconds, or undefined for everything. */
export function sinceOf(cursors: Cursors): string | undefined {
  const oldest = oldestOf(cursors);
  // Since ever is no bound; Docker before 23 would leave all compressed files out.
  if (oldest === undefined || oldest.at.startsWith('1970')) return undefined;
  return unixTime(moved(oldest.at, -overlapSeconds));
}

/** The older of the cursors. */
export function oldestOf({ stdout, stderr }: Cursors): Position | undefined {
  if (!stdout || !stderr) return stdout ?? stderr;
  return comparePositions(stdout, stderr) <= 0 ? stdout : stderr;
}

/** The newer of the cursors. */
export function newestOf({ stdout, stderr }: Cursors): Position | undefined {
  if (!stdout || !stderr) return stdout ?? stderr;
  return comparePositions(stdout, stderr) > 0 ? stdout : stderr;
}

/**
 * From where on lines are missing, when the log no longer has what follows the cursors on disk. Each stream has its own
 * instant: one may be held back by an open entry, and what was taken of the other since is not missing. When only one
 * ever printed, its instant stands for both.
 */
export function leftAt(cursors: Cursors): { stream?: Stream; at: string }[] {
  const printed = streams.flatMap((stream) => {
    const cursor = cursors[stream];
    return cursor && cursor.ordinal !== -1 ? [{ stream, at: cursor.at }] : [];
  });
  if (printed.length > 1 && printed[0]!.at !== printed[1]!.at) return printed;
  const at = printed[0]?.at ?? oldestOf(cursors)?.at;
  return at === undefined ? [] : [{ at }];
}

export function comparePositions(a: Position, b: Position): number {
  if (a.at !== b.at) return a.at < b.at ? -1 : 1;
  return a.ordinal - b.ordinal;
}

/**
 * Decides line by line, in the order of the log. `strict` waits for the cursor's own line whatever the times say: for
 * a log in which the clock has stepped back. A cursor that is no line's own is passed there with the other's own line at
 * the latest: what the log has after that was not read.
 */
export function createResume(cursors: Cursors, { strict = false } = {}) {
  const waiting: Record<Stream, Position | undefined> = { stdout: cursors.stdout, stderr: cursors.stderr };
  const oldest = oldestOf(cursors);
  let reached: 'not-yet' | 'in-sight' | 'gap' = oldest ? 'not-yet' : 'in-sight';
  let begunAt = '';

  function passOwnless(): void {
    for (const stream of streams) {
      const cursor = ofStream(waiting, stream);
      if (cursor && !isOwn(cursor)) waiting[stream] = undefined;
    }
  }

  return {
    /** Whether the stream's cursor has not been passed. */
    isWaiting: (stream: Stream) => ofStream(waiting, stream) !== undefined,

    /** Whether the line is new. */
    takes(stream: Stream, at: string, ordinal: number): boolean {
      // A line no later than the oldest cursor shows that the log still reaches back to it.
      if (reached === 'not-yet') {
        reached = at <= oldest!.at ? 'in-sight' : 'gap';
        begunAt = at;
      }
      const cursor = ofStream(waiting, stream);
      if (!cursor) return true;
      if (at === cursor.at && ordinal === cursor.ordinal) {
        waiting[stream] = undefined;
        if (strict) passOwnless();
        return false;
      }
      if (strict && isOwn(cursor)) return false;
      if (at < cursor.at || (at === cursor.at && ordinal < cursor.ordinal)) return false;
      waiting[stream] = undefined;
      return true;
    },

    /** `gap`: the first line read is later than the oldest cursor, so the log may have lost what lay between. */
    get reached() {
      return reached;
    },

    /** The time of the first line that came, new or not; '' before it. */
    get begunAt() {
      return begunAt;
    },

    /** The stream's cursor while it has not been passed: still good for the next connection. */
    waitingFor: (stream: Stream) => ofStream(waiting, stream),

    /** The log has gone on so far that nothing up to the stream's cursor can come any more. */
    pass(stream: Stream): void {
      waiting[stream] = undefined;
    },
  };
}

export type Resume = ReturnType<typeof createResume>;
