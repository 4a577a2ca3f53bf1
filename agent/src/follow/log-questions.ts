// What following needs to know of a container's log beside what it reads of it: whether lines were lost, left out or are newer.
// Each is a small question to the engine (probe.ts), and nothing is remembered.

import type { Position, Stream } from '../types.ts';
import { abortWith } from './abort-with.ts';
import type { Engine, Inspected } from './engine.ts';
import type { EngineClock } from './engine-clock.ts';
import type { Limit } from './limits.ts';
import { firstLine, firstOfTail, hasLinesBetween, lastLine, type Probed } from './probe.ts';
import type { Reader } from './reader.ts';
import { type Cursors, isOwn, leftAt, newestOf, oldestOf, overlapSeconds } from './resume.ts';
import { moved, nextInstant, unixTime } from './timestamps.ts';

/** How long, in ms, the last line of a container that ends is waited for. */
const lastWordsMs = 5000;

/** The end of a log, as far as the engine gives it. */
export interface ReadableTail {
  pieces: number;
  /** The time of the first of them: when it is later where they are read, the log has grown. */
  firstAt: string;
  /** A line before them is torn, be it right before them or before the cursors. */
  isTorn: boolean;
}

export interface LogQuestionsOptions {
  engine: Engine;
  /** For short questions. */
  limit: Limit;
  clock: Pick<EngineClock, 'present' | 'setBack'>;
  signal: AbortSignal;
}

export function createLogQuestions({ engine, limit, clock, signal }: LogQuestionsOptions) {
  return {
    /** The log's last line, where a line was read before it; undefined when it has none. */
    async lastOf(seen: Inspected, cursors: Cursors): Promise<Probed | undefined> {
      if (!Object.values(cursors).some(isOwn)) return undefined;
      return limit(() => lastLine(engine, seen, signal));
    },

    /**
     * Whether the clock has stepped back, so that times say nothing of the order: as when the log's last line is older than
     * what was read of its stream, and `since` would hide the new lines. The other stream's may be newer in any case: the last
     * piece of a long line has the first one's time.
     */
    hasSteppedBack(last: Probed | undefined, cursors: Cursors): boolean {
      const own = Object.values(cursors).filter(isOwn);
      // Lines of the old time stand before it, though theirs are later.
      if (clock.setBack() && own.some(({ at }) => at <= clock.present())) return true;
      const cursor = last && cursors[last.stream];
      return cursor !== undefined && last!.at < moved(cursor.at, -overlapSeconds);
    },

    hasLineAt(seen: Inspected, stream: Stream, { at }: Position): Promise<boolean> {
      // Without an end: the engine would end at the first line after it, which may stand before this one.
      const between = { since: unixTime(at), after: at.slice(0, 29), before: nextInstant(at) };
      return limit(() => hasLinesBetween(engine, seen, stream, between, signal));
    },

    /** The places where the log was left, of which it no longer holds what followed. */
    async lostBefore(
      seen: Inspected,
      cursors: Cursors,
      given: AbortSignal,
    ): Promise<ReturnType<typeof leftAt>> {
      // Before the first line ever read there is nothing to miss a line by, but that the log is full.
      if (newestOf(cursors)?.ordinal === -1 && !engine.mayHaveThrownAway?.(seen.id)) return [];
      const first = await limit(() => firstLine(engine, seen, given));
      if (!first || first.at <= oldestOf(cursors)!.at) return [];
      return leftAt(cursors).filter(({ at }) => first.at > at);
    },

    /** Whether the stream has, or had, lines between two that were read one after the other. */
    hasMissed(
      seen: Inspected,
      stream: Stream,
      before: Position,
      afterAt: string,
      given: AbortSignal,
    ): Promise<boolean> {
      const between = {
        since: unixTime(before.at),
        until: unixTime(afterAt),
        after: before.at,
        before: afterAt,
      };
      return limit(async () => {
        if (await hasLinesBetween(engine, seen, stream, between, given)) return true;
        const first = await firstLine(engine, seen, given);
        return first === undefined || first.at > before.at;
      });
    },

    /**
     * How many pieces from its end the log can be asked for, so that the engine gives all of them: to before the cursors, or
     * as far as it can. Undefined where it gives none.
     *
     * A daemon that was killed while it wrote left a torn line, and the next one wrote behind it. Docker stops there when it
     * reads a json-file log from its beginning; what follows it gives by `tail` alone.
     */
    async readableTail(
      seen: Inspected,
      cursors: Cursors,
      given: AbortSignal,
    ): Promise<ReadableTail | undefined> {
      const newest = await limit(() => lastLine(engine, seen, given));
      if (!newest) return undefined;
      const back =
        leftAt(cursors)
          .map(({ at }) => at)
          .sort()[0] ?? '';
      const readable: ReadableTail = { pieces: 1, firstAt: newest.at, isTorn: false };
      let torn = Number.POSITIVE_INFINITY;
      for (let pieces = 2; torn - readable.pieces > 1; ) {
        const first = await limit(() => firstOfTail(engine, seen, pieces, newest, given));
        if (first) {
          const isSame = first.at === readable.firstAt;
          readable.pieces = pieces;
          readable.firstAt = first.at;
          // Of the lines at one instant all are needed, for them to be counted.
          if (first.at < back) break;
          // Two that begin alike are the whole log, or begin within one long line.
          if (
            isSame &&
            !readable.isTorn &&
            (await limit(() => firstLine(engine, seen, given)))?.at === first.at
          )
            break;
        } else {
          torn = pieces;
          readable.isTorn = true;
        }
        pieces = readable.isTorn ? Math.floor((readable.pieces + torn) / 2) : pieces * 2;
      }
      return readable;
    },

    /** Whether the log has a line that was not read. */
    async hasNewer(seen: Inspected, reader: Reader, given: AbortSignal): Promise<boolean> {
      const line = await limit(() => lastLine(engine, seen, given));
      if (!line) return newestOf(reader.cursors)?.ordinal !== -1;
      const begun = reader.begunAt(line.stream);
      if (begun !== undefined) return begun !== line.at;
      const cursor = reader.cursors[line.stream];
      return cursor === undefined || line.at > cursor.at;
    },

    /**
     * The log's last line, asked when the container ends: a stream may end before it gave everything (Docker 20.10, busy).
     * Undefined when the log is gone already.
     */
    async lastWords(seen: Inspected): Promise<Probed | undefined> {
      const { controller, release } = abortWith(signal, lastWordsMs);
      return lastLine(engine, seen, controller.signal)
        .catch(() => undefined)
        .finally(release);
    },
  };
}
