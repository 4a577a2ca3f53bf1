// One container's log -> its sinks, through restarts, broken connections, silence and rotation, until the container is
// gone.
//
//   look --created, or read to its end--> wait --start, or listed as running--> look
//   look --running--> follow --stream ended, broken or silent--> look
//   look --stopped--> read to the end --> end of the sink --> wait
//   look --not there--> gone (a hole, if it may have printed after the last read)

import { isOutOfFiles } from '../out-of-files.ts';
import { ofStream, streams } from '../streams.ts';
import type { Container, Hole, Position, Stream } from '../types.ts';
import { Wakeup } from '../wakeup.ts';
import { abortWith } from './abort-with.ts';
import { backoffMs, pause } from './backoff.ts';
import { type ContainerEvent, type Engine, EngineError, type Inspected } from './engine.ts';
import type { EngineClock } from './engine-clock.ts';
import { InBandError } from './frames.ts';
import type { Limit } from './limits.ts';
import type { Log } from './log.ts';
import { createLogQuestions } from './log-questions.ts';
import { createLostLines } from './lost-lines.ts';
import type { Probed } from './probe.ts';
import { createReader, type Reader } from './reader.ts';
import {
  type Cursors,
  comparePositions,
  endOrdinal,
  isOwn,
  leftAt,
  newestOf,
  oldestOf,
  overlapSeconds,
  sinceOf,
} from './resume.ts';
import type { Sink } from './sink.ts';
import { moved, nextInstant, stampOf, wholeSecond } from './timestamps.ts';

const journald = 'journald';
/** A stream that does not end by itself this long after the container did is one that hangs. */
const endGraceMs = 2000;
/** A line this shortly before the container's end is taken for its last, when there is no better proof. */
const lastLineMs = 200;
/** Longest pause between two checks of a silent stream. */
const longestSilenceMs = 60_000;
/** What is printed behind a torn line is asked for so often, where more comes meanwhile; then what came before is given up. */
const mostGrown = 10;
/** Jumps of the lines' time looked into at once. */
const mostJumps = 20;
/** The engine writes no log faster than this, in bytes a millisecond: a missed file takes at least its size over this. */
const fastestLog = 100_000;
/** A file of the journal holds the lines of at least so long, in ms. */
const journalFileMs = 100;

/** How far the engine's clock may be ahead of this one's, in seconds, and nobody takes it for a step. */
const skewSeconds = 3;
/** A rotating log of an engine whose follower stumbles is asked for this often, in ms, while it grows, and while it does not. */
const pollMs = { busy: 250, calm: 2000 };
/** Pieces asked for at a time: found from the end of the file, so that a poll does not read the whole log. */
const pollTail = 2000;

/** The connection to the engine, as all containers share it. */
export interface Link {
  /** Counts the times that the connection was lost. */
  readonly losses: number;
  /**
   * Docker before 23 (API before 1.42): its follower loses a line, or gives one twice, when a log is rotated under it, and
   * may end before it gave the last lines of a container that ended. Asked `since` a time, it leaves all compressed files out,
   * whatever they hold.
   */
  readonly stumbles: boolean;
  /** It tells a line's time by the second alone: other instants compare with lines only by their second, too. */
  readonly wholeSeconds: boolean;
  /** A log waits to be read until there is room for another open file. */
  outOfFiles(): void;
  /** Resolves when the engine answers (at once, when it does). */
  whenUp(signal: AbortSignal): Promise<void>;
}

export interface FollowContainerOptions {
  engine: Engine;
  link: Link;
  /** For short questions, and for reading stopped containers' logs. */
  limits: { short: Limit; long: Limit };
  id: string;
  /** As the event or the list told it. */
  name: string;
  cursor(stream: Stream): Position | undefined;
  /** Where to begin when there is no cursor. */
  beginAt(container: Inspected): string;
  clock: Pick<EngineClock, 'present' | 'setBack' | 'isOfOldTime'>;
  /** It was not there yet at this instant, or it was followed by an earlier life of the agent. */
  absentUntil: string | undefined;
  open(container: Container): Sink;
  hole(hole: Hole): void;
  /** Told whenever it was looked at. */
  inspected?: ((state: Inspected) => void) | undefined;
  log: Log;
  maxLineBytes: number;
  /** Longest wait between attempts. */
  retryMs: number;
  /** A stream that is silent for this long is checked, and then at twice the time, up to a minute. */
  silenceMs: number;
  now(): number;
  random(): number;
  signal: AbortSignal;
}

export type FollowedState = 'looking' | 'following' | 'reading' | 'waiting' | 'unreadable' | 'gone';

export type Followed = ReturnType<typeof followContainer>;

/** Begins at once. `done` resolves when the container is gone or the signal fires; what was delivered was delivered in full lines. */
export function followContainer(options: FollowContainerOptions) {
  const { engine, link, clock, limits, id, log, signal, now } = options;
  const questions = createLogQuestions({ engine, limit: limits.short, clock, signal });
  let { name } = options;
  const lostLines = createLostLines({
    id,
    seen: () => ({ name, createdAt: last?.createdAt }),
    hole: options.hole,
    log,
  });
  let state: FollowedState = 'looking';
  /** It is known where its reading begins, so that a restart of the agent will find it again. */
  let attached = false;
  let known: Cursors = {};
  /** What was read when the clock was set back, where no line stands at it. */
  const oldTime: Cursors = {};
  let sink: Sink | undefined;
  let reader: Reader | undefined;
  let last: Inspected | undefined;
  /** The run (by its start) whose log was read to the end. */
  let completeRun: string | undefined;
  /** What the log ended with, asked when the container died. */
  let lastWords: Promise<Probed | undefined> | undefined;
  let everStarted = false;
  let firstEvent: { at: string; action: string } | undefined;
  let startedAt: string | undefined;
  let diedAt: string | undefined;
  let destroyedAt: string | undefined;
  /** When it was first seen not to be there, for an engine that forgot when it was removed. */
  let absentAt: string | undefined;
  /** The last stream came to its end by itself, with so many losses of the connection; the container had stopped before. */
  let endedByItself: { losses: number; stopped: boolean } | undefined;
  /** Its log was read to the proven end of a run, which was over at this instant. */
  let allReadAt: string | undefined;
  let diedWithLosses = -1;
  let failures = 0;
  let invalidLines = 0;
  /** When polling: the pause before the next poll, and whether its tail will do (the last one was read to its end). */
  let pollInMs = pollMs.busy;
  let isTailEnough = false;
  /** The next request is for the whole log: the last one left lines out, or so it seems. */
  let asksForAll = false;
  /** The last request came to an end before that of the log, or so it seems. */
  let stoppedShort = false;
  /** How often in a row more was printed behind a torn line than was asked for. */
  let timesGrown = 0;
  /** Rung when something happened, and how often it was. */
  const bell = new Wakeup();
  let rings = 0;
  let current: Current | undefined;

  const container = (seen: Inspected): Container => ({
    id: seen.id,
    name: seen.name,
    image: seen.image,
    labels: seen.labels,
    tty: seen.tty,
  });

  function ring(): void {
    rings++;
    bell.wake();
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      try {
        state = 'looking';
        const rung = rings;
        const seen = justStarted() ?? (await limits.short(() => engine.inspect(id, signal)));
        renamed(seen);
        last = seen;
        options.inspected?.(seen);
        if (seen.removing) {
          await bell.wait({ ms: options.retryMs, signal });
          continue;
        }
        if (!hasMore(seen)) {
          attached = true;
          state = 'waiting';
          if (rung === rings) await bell.wait({ signal });
          continue;
        }
        everStarted = true;
        const isOver = await read(seen);
        if (isOver && !seen.running) await finishIfStill(seen);
      } catch (error) {
        if (signal.aborted) break;
        const { kind } = error as Partial<EngineError>;
        if (kind === 'not-found' && (await isRemoved())) return gone();
        if (signal.aborted) break;
        if (kind === 'unreadable') return unreadable(error as EngineError);
        // A daemon that shuts down ends its streams as if they had come to their end.
        if (kind !== 'gone') endedByItself = undefined;
        await troubled(error);
      }
    }
  }

  /** A container that was looked at before its first start: another look may cost the time in which it is removed. */
  function justStarted(): Inspected | undefined {
    if (startedAt === undefined || last?.status !== 'created') return undefined;
    return { ...last, status: 'running', running: true, startedAt };
  }

  /** Whether there is anything to read that was not. */
  function hasMore(seen: Inspected): boolean {
    if (seen.startedAt.startsWith('0001')) return false;
    if (seen.running) return true;
    if (completeRun !== undefined) return completeRun !== seen.startedAt;
    const { stdout, stderr } = cursorsFor(seen);
    const neverRead = !known.stdout && !options.cursor('stdout') && !options.cursor('stderr');
    if (neverRead && seen.finishedAt < stdout!.at) return false;
    const wasEnded = (position?: Position) =>
      position?.ordinal === endOrdinal && position.at > seen.startedAt && position.at > seen.finishedAt;
    return !(wasEnded(stdout) && (seen.tty || wasEnded(stderr)));
  }

  /** Where to resume: from memory, else from disk, else by the rule for containers never read. */
  function cursorsFor(seen: Inspected): Cursors {
    const begin = { at: options.beginAt(seen), ordinal: -1 };
    const of = (stream: Stream) => {
      const cursor = known[stream] ?? options.cursor(stream) ?? begin;
      const place = isOfOldTime(cursor) ? inNewTime(cursor, seen) : cursor;
      return link.wholeSeconds && !isOwn(place) ? { ...place, at: wholeSecond(place.at) } : place;
    };
    return seen.tty ? { stdout: of('stdout') } : { stdout: of('stdout'), stderr: of('stderr') };
  }

  /** Whether it is of before the clock was set back. A line on which one stands is looked for, whatever its time. */
  function isOfOldTime(cursor: Position): boolean {
    return !isOwn(cursor) && clock.isOfOldTime(cursor.at);
  }

  /** The same place in the log, as the clock tells it now; after the end of a run, where the next one began. */
  function inNewTime({ ordinal }: Position, { startedAt }: Inspected): Position {
    const { to } = clock.setBack()!;
    const begun = moved(startedAt, -overlapSeconds);
    return { at: ordinal === endOrdinal && begun < to ? begun : to, ordinal: -1 };
  }

  /** Whether the line was read before the clock was set back: it stands before the new ones, and has a later time. */
  function wasReadInOldTime(stream: Stream, at: string): boolean {
    const cursor = ofStream(oldTime, stream);
    return (
      cursor !== undefined && at <= cursor.at && at > moved(clock.present(), overlapSeconds + skewSeconds)
    );
  }

  /** One request. @returns whether it came to its end, and was not given up. */
  async function read(seen: Inspected): Promise<boolean> {
    if (seen.driver === 'none') {
      throw new EngineError('unreadable', 'its logging driver is none, which keeps no log');
    }
    for (const stream of streams) {
      const cursor = known[stream] ?? options.cursor(stream);
      if (cursor && isOfOldTime(cursor)) oldTime[stream] = cursor;
    }
    let cursors = cursorsFor(seen);
    const end = await questions.lastOf(seen, cursors);
    const strict = questions.hasSteppedBack(end, cursors);
    const asksDocker = !engine.readsFile?.(id);
    const asksOld = link.stumbles && asksDocker;
    const leavesOut = seen.rotatesAt !== undefined && asksOld;
    const stumbles = seen.running && leavesOut;
    // Until the first line: a burst that rotates its own beginning away between two polls would leave nothing to miss it by.
    const polls = stumbles && hasLine(cursors);
    const follows = seen.running && !polls;
    const mayBeTorn = seen.driver === 'json-file' && asksDocker && !strict;
    const untorn =
      mayBeTorn && stoppedShort ? await questions.readableTail(seen, cursors, signal) : undefined;
    stoppedShort = false;
    if (!untorn) timesGrown = 0;
    const tail = untorn?.pieces ?? (polls && isTailEnough ? pollTail : undefined);
    isTailEnough = false;
    const since = strict || asksForAll || untorn !== undefined ? undefined : sinceOf(cursors);
    asksForAll = false;
    if (strict && tail === undefined) cursors = await onlyFound(seen, cursors);
    const from = openReader(seen, cursors);

    const { controller: stop, release } = abortWith(signal);
    const given = stop.signal;
    const me: Current = {
      stop,
      seen,
      silence: options.silenceMs,
      checkedAt: now(),
      checking: false,
      isPaused: false,
      jumps: 0,
    };
    current = me;
    // What was read in this life of the agent was read of both streams, in the order of the log: of what it gave then nothing
    // can be left out, though the stream that prints nothing was left before it.
    const readTo = (newestOf(known) && newestOf(cursors)?.at) ?? '';
    // In the order of the log times show no gap: there the tail is enough when the cursor's line is in it.
    const isByOrder = strict && tail !== undefined;
    const giveUp = (why: string): Error => {
      me.stop.abort(why);
      return new Error(why);
    };
    const onGap = async (firstAt: string, begunAt: string): Promise<void> => {
      const mayLeaveOut = leavesOut && since !== undefined && begunAt > readTo;
      const hasGrown = untorn !== undefined && begunAt > untorn.firstAt;
      if (untorn?.isTorn && (!hasGrown || ++timesGrown > mostGrown))
        return lostLines.before(
          begunAt,
          'corrupt-log',
          leftAt(cursors).filter(({ at }) => at < begunAt),
          from,
        );
      if (hasGrown) {
        // It holds less than it was to hold.
        stoppedShort = true;
        throw giveUp('more was printed than this holds');
      }
      // The last line may end only with the log, when the request is over.
      const until = current === me ? given : signal;
      if (untorn !== undefined || (tail === undefined && !mayLeaveOut))
        return checkGap(seen, cursors, from, firstAt, until);
      // What the tail left out is asked for since the cursor first: the whole log may be large.
      asksForAll = leavesOut && tail === undefined;
      throw giveUp('more was printed than this holds');
    };
    // A line of an earlier run may stand before what is asked for.
    const expects =
      mayBeTorn &&
      untorn === undefined &&
      end !== undefined &&
      (since === undefined || end.at >= moved(oldestOf(cursors)!.at, -overlapSeconds))
        ? end
        : undefined;
    from.begin({
      cursors,
      strict,
      wasRead: newestOf(oldTime) && wasReadInOldTime,
      startedAt: seen.startedAt,
      // Of one that runs, Docker still tells the end of the run before.
      previousRunEndedAt: seen.finishedAt < seen.startedAt ? seen.finishedAt : undefined,
      tty: seen.tty,
      jumpMs: follows ? shortestFileMs(seen, link.wholeSeconds) : undefined,
      piecesHaveTimes: seen.driver === journald,
      onGap: isByOrder ? undefined : onGap,
      expects,
      async onLeftOut() {
        stoppedShort = true;
        throw giveUp('the engine left out what it has');
      },
      onJump: (stream, before, afterAt) => checkJump(me, stream, before, afterAt, given),
    });
    attached = true;
    state = seen.running ? 'following' : 'reading';
    endedByItself = undefined;
    const { losses } = link;
    const began = now();
    let isOver = false;
    let hasCome = false;
    const request = {
      id,
      tty: seen.tty,
      follow: follows,
      tail,
      since,
      signal: given,
      onBytes(...bytes: Parameters<typeof from.bytes>) {
        hasCome = true;
        const waiting = from.bytes(...bytes);
        if (stumbles && follows && hasLine(from.cursors))
          me.stop.abort('it rotates: asked again and again from here on');
        if (waiting === undefined) return undefined;
        me.isPaused = true;
        if (!polls) sink?.readTo(now());
        return waiting.finally(() => {
          me.isPaused = false;
          me.checkedAt = now();
          if (!polls) sink?.readTo(undefined);
        });
      },
    };
    try {
      if (!polls) sink?.readTo(undefined);
      const ask = () => engine.logs(request);
      const ended = await (follows ? ask() : limits[tail ? 'short' : 'long'](ask));
      if (expects && !hasReached(from, expects)) {
        stoppedShort = true;
        return false;
      }
      if (ended === 'all') allReadAt = (diedAt ?? '') > seen.startedAt ? diedAt : stampOf(now());
      if (/^error (grabbing logs|from daemon)/i.test(from.unstamped)) throw new InBandError(from.unstamped);
      // Of a log that is just removed an old engine may make an empty one.
      const isProven = hasCome || !asksOld;
      if (!polls && ended !== 'cut') endedByItself = { losses, stopped: !seen.running && isProven };
      isTailEnough = polls && !(isByOrder && from.isWaiting);
      if (polls) sink?.readTo(began);
      if (failures > 0) log.info({ container: name }, 'reading the log again');
      failures = 0;
      isOver = true;
    } catch (error) {
      if (signal.aborted || !me.stop.signal.aborted) throw error;
      log.debug({ container: name, why: String(me.stop.signal.reason) }, 'asking for the log again');
    } finally {
      clearTimeout(me.endTimer);
      release();
      // A look into its silence is over with it.
      stop.abort('the request is over');
      current = undefined;
      known = from.cursors;
      if (!polls) sink?.readTo(now());
    }
    if (isTailEnough) {
      const before = newestOf(cursors);
      const after = newestOf(known);
      const hasGrown = after !== undefined && (!before || comparePositions(after, before) > 0);
      pollInMs = hasGrown ? pollMs.busy : Math.min(pollMs.calm, pollInMs * 1.5);
      await bell.wait({ ms: pollInMs, signal });
      return isOver;
    }
    // A stream that ends at once, though the container runs, must not be asked for in a hot loop.
    if (follows && now() - began < 1000 && from.lastBytesAt <= began) {
      await pause(backoffMs(1, options.retryMs, options.random()), signal);
    }
    return isOver;
  }

  function openReader(seen: Inspected, cursors: Cursors): Reader {
    if (!sink || !reader) {
      sink = options.open(container(seen));
      reader = createReader({ sink, maxLineBytes: options.maxLineBytes, invalid: noteInvalid, now });
      for (const stream of streams) {
        const position = cursors[stream];
        if (position && !options.cursor(stream)) sink.seen(stream, position);
      }
    }
    return reader;
  }

  function noteInvalid(text: string): void {
    invalidLines++;
    if (invalidLines === 1) {
      log.warn(
        { container: name, text },
        "its log file has lines that are none of Docker's; they are left out",
      );
    }
  }

  /** After a stopped container's log was read: ends the sink, unless it was started again meanwhile. */
  async function finishIfStill(seen: Inspected): Promise<void> {
    const after = await limits.short(() => engine.inspect(id, signal));
    renamed(after);
    options.inspected?.(after);
    if (after.running || after.startedAt !== seen.startedAt) return;
    if (after.removing && !endedByItself?.stopped) return;
    await endSink(seen.finishedAt);
    completeRun = seen.startedAt;
  }

  /** Everything was read: gives out what is open, and marks the end so that a restart need not read the log again. */
  async function endSink(endedAt: string): Promise<void> {
    if (!sink || !reader) return;
    await giveOpenLine();
    const newest = newestOf(known);
    // Where nothing was ever printed the cursor stays: the first line ever cannot be one that lines before are missing of.
    // By whole seconds, the lines of the next run would seem to be of before its end.
    const mayMark = newest?.ordinal !== -1 && !link.wholeSeconds;
    if (newest && (mayMark || state === 'gone')) {
      const end = nextInstant([newest.at, endedAt].sort()[1]!);
      known = { stdout: { at: end, ordinal: endOrdinal }, stderr: { at: end, ordinal: endOrdinal } };
      for (const stream of streams) sink.seen(stream, known[stream]!);
    }
    await closeSink();
  }

  /**
   * The log has ended: what it ended with is a line, though its newline was never printed.
   * @returns whether all that came was given: of a container that is gone, lines may wait for what nobody can tell any more
   */
  async function giveOpenLine(): Promise<boolean> {
    if (!reader) return true;
    try {
      await reader.flush();
    } catch (error) {
      if (state !== 'gone') throw error;
      return false;
    }
    known = reader.cursors;
    return true;
  }

  async function closeSink(): Promise<void> {
    const ending = sink;
    sink = undefined;
    reader = undefined;
    await ending?.end(now());
  }

  /** It was not found: it is gone when its removal was told, or when inspecting it says so again. */
  async function isRemoved(): Promise<boolean> {
    absentAt ??= stampOf(now());
    // What tells how it ended may come a moment later than its absence.
    for (let round = 0; round < 10 && destroyedAt === undefined && !signal.aborted; round++) {
      await pause(100, signal);
    }
    if (signal.aborted || destroyedAt !== undefined) return !signal.aborted;
    try {
      await limits.short(() => engine.inspect(id, signal));
    } catch (error) {
      return !signal.aborted && (error as Partial<EngineError>).kind === 'not-found';
    }
    absentAt = undefined;
    return false;
  }

  async function gone(): Promise<void> {
    state = 'gone';
    const lastLogged = await lastWords;
    const gaveAll = await giveOpenLine();
    const wasRead =
      gaveAll &&
      (wasReadBefore() ||
        (allReadAt !== undefined && !((startedAt ?? '') > allReadAt)) ||
        (completeRun !== undefined && completeRun === last?.startedAt) ||
        endedByItself?.stopped === true ||
        (endedByItself !== undefined &&
          (lastLogged ? hasRead(lastLogged) : gaveItsLast()) &&
          diedWithLosses === endedByItself.losses &&
          link.losses === endedByItself.losses));
    // What was read in this life of the agent was read of both streams, in the order of the log.
    const inMemory = newestOf(known)?.at;
    const reached = inMemory !== undefined ? [{ at: inMemory }] : leftAt(storedCursors());
    const begunAt = last?.createdAt ?? unseenSince() ?? '';
    const to = destroyedAt ?? finalDeath() ?? absentAt ?? stampOf(now());
    // Of one that nobody saw, events may be forgotten: of its start too.
    const mayHavePrinted = everStarted || (last === undefined && firstEvent?.action !== 'create');
    // The end of the sink is written with the holes, or later: it says that all was read.
    if (wasRead || !mayHavePrinted) return endSink(to);
    for (const { at, stream } of reached.length > 0 ? reached : [{ at: '', stream: undefined }]) {
      const from = at === '' || at.startsWith('1970') ? begunAt : at;
      options.hole({
        containerId: id,
        container: name,
        stream,
        from: from === '' ? to : from,
        to: [from, to].sort()[1]!,
        reason: 'container-removed',
        detail: 'it was removed before its log was read to the end',
      });
    }
    log.info({ container: name }, 'removed before its log was read to the end');
    await endSink(to);
  }

  /** In this life of the agent or, as the cursors tell, before. */
  function hasRead(line: Probed): boolean {
    return line.at <= (known[line.stream]?.at ?? '') || (reader !== undefined && hasReached(reader, line));
  }

  /** The latest instant at which a container that was never looked at surely had printed nothing. */
  function unseenSince(): string | undefined {
    if (firstEvent?.action === 'create') return firstEvent.at;
    // A daemon that was killed has forgotten what happened before.
    return options.absentUntil ?? firstEvent?.at;
  }

  /** When it died, if it cannot have been started again after that without our hearing of it. */
  function finalDeath(): string | undefined {
    const isKnown = diedWithLosses === link.losses && diedAt !== undefined && diedAt >= (startedAt ?? '');
    return isKnown ? diedAt : undefined;
  }

  /** When the last line could not be asked for: whether a stream that came to its end can be believed to have given all. */
  function gaveItsLast(): boolean {
    if (!link.stumbles || engine.readsFile?.(id)) return true;
    const newest = newestOf(known);
    return (
      newest !== undefined && diedAt !== undefined && Date.parse(diedAt) - Date.parse(newest.at) < lastLineMs
    );
  }

  /** By an earlier life of the agent, to the end of its last run. */
  function wasReadBefore(): boolean {
    const stored = Object.values(storedCursors()).filter((position) => position !== undefined);
    return (
      stored.length > 0 &&
      // A start is told a little after it happened, when a short run may be over.
      stored.every(({ at, ordinal }) => ordinal === endOrdinal && !((startedAt ?? '') > moved(at, 1))) &&
      !(startedAt !== undefined && stored.some(isOfOldTime))
    );
  }

  function storedCursors(): Cursors {
    return { stdout: options.cursor('stdout'), stderr: options.cursor('stderr') };
  }

  async function unreadable(error: EngineError): Promise<void> {
    state = 'unreadable';
    attached = true;
    options.hole({
      containerId: id,
      container: name,
      from: last?.startedAt ?? stampOf(now()),
      to: stampOf(now()),
      reason: 'unreadable-driver',
      detail: `logging driver ${last?.driver || 'unknown'}: ${error.message}`,
    });
    log.error(
      { container: name, driver: last?.driver },
      'its logging driver gives no log back; start the container with json-file, local or journald to have it followed',
    );
    // Nothing will be given to it.
    await closeSink();
    while (destroyedAt === undefined && !signal.aborted) await bell.wait({ signal });
    state = 'gone';
  }

  async function troubled(error: unknown): Promise<void> {
    const fields = { container: name, error: (error as Error).message, attempt: failures + 1 };
    const again = backoffMs(failures, options.retryMs, options.random());
    const isShort = isOutOfFiles(error);
    if (isShort) link.outOfFiles();
    // What all containers share is told once, by those who hold it.
    const isShared = isShort || (error as EngineError).kind === 'unreachable';
    const level = failures === 0 && !isShared ? 'warn' : 'debug';
    log[level](fields, `cannot read the log; retrying in ${(again / 1000).toFixed(1)} s`);
    failures++;
    await pause(again, signal);
    await link.whenUp(signal);
  }

  /** For reading in the order of the log alone: a cursor whose line is not there cannot be waited for. */
  async function onlyFound(seen: Inspected, cursors: Cursors): Promise<Cursors> {
    log.warn({ container: name }, 'the clock has stepped back; reading the whole log to find where to go on');
    const found: Cursors = {};
    for (const stream of streams) {
      const cursor = cursors[stream];
      if (!cursor) continue;
      if (!isOwn(cursor) || (await questions.hasLineAt(seen, stream, cursor))) found[stream] = cursor;
      else lostLines.declare('rotated', cursor.at, stampOf(now()));
    }
    // A cursor without a line is passed with the other stream's. Where that one's line is gone, the whole log is new.
    return Object.values(found).some(isOwn) ? found : {};
  }

  /** The first line read is later than where the log was left: has the log lost what lay between, or was nothing printed? */
  async function checkGap(
    seen: Inspected,
    cursors: Cursors,
    reading: Reader,
    firstAt: string,
    given: AbortSignal,
  ): Promise<void> {
    const lost = await questions.lostBefore(seen, cursors, given).catch((error) => {
      // Nobody can tell any more.
      if (state === 'gone') return leftAt(cursors);
      throw error;
    });
    lostLines.before(firstAt, 'rotated', lost, reading);
  }

  /**
   * The lines' time ran ahead: were lines between the two missed? Then the log is asked for again, from before them.
   * @throws when they were, or when it cannot be known: the next request's cursors find out.
   */
  async function checkJump(
    me: Current,
    stream: Stream,
    before: Position,
    afterAt: string,
    given: AbortSignal,
  ): Promise<void> {
    me.jumps++;
    try {
      // So many at once are sooner read again than looked into one by one.
      if (me.jumps <= mostJumps && !(await questions.hasMissed(me.seen, stream, before, afterAt, given)))
        return;
    } finally {
      me.jumps--;
    }
    log.debug({ container: name, from: before.at }, 'the engine left lines out; reading them again');
    me.stop.abort('lines were left out');
    throw given.reason;
  }

  /** A stream that goes quiet without ending is a known fault: compares what was read with the log's last line. */
  async function checkSilence(me: Current, from: Reader): Promise<void> {
    me.checking = true;
    try {
      const given = me.stop.signal;
      const hasNewer = () => questions.hasNewer(me.seen, from, given);
      const { lastBytesAt } = from;
      if (!(await hasNewer())) return;
      // It may be on its way.
      await pause(1000, given);
      if (from.lastBytesAt !== lastBytesAt || given.aborted || !(await hasNewer())) return;
      if (from.lastBytesAt === lastBytesAt) {
        stoppedShort = true;
        me.stop.abort('the stream is silent, but the log goes on');
      }
    } catch {
      // The engine is busy or away: others find out.
    } finally {
      me.checking = false;
      me.checkedAt = now();
    }
  }

  /** The container ended, so its stream must. What is still coming is waited for: it may be the only copy. */
  function expectEnd(me: Current): void {
    clearTimeout(me.endTimer);
    me.endTimer = setTimeout(() => {
      const quietMs = now() - Math.max(reader?.lastBytesAt ?? 0, me.checkedAt);
      if (me.isPaused || quietMs < endGraceMs) expectEnd(me);
      else me.stop.abort('the container ended, but not its stream');
    }, endGraceMs);
  }

  function renamed(seen: Inspected): void {
    const { name: before } = last ?? seen;
    name = seen.name;
    if (before !== seen.name) sink?.update(container(seen));
  }

  return {
    id,
    done: run().catch((error) => {
      if (!signal.aborted) log.error({ container: name, error }, 'bug: following a container failed');
    }),

    /** Something happened to it. `losses` as in Link. */
    notify({ action, at, name: named, attributes }: ContainerEvent, losses: number): void {
      firstEvent ??= { at, action };
      if (action === 'start') {
        everStarted = true;
        startedAt = at;
        // Another run, which was not read.
        completeRun = undefined;
        if (endedByItself?.stopped) endedByItself = undefined;
      }
      if (action === 'die') {
        diedAt = at;
        diedWithLosses = losses;
        if (current?.seen.running) {
          expectEnd(current);
          lastWords = questions.lastWords(current.seen);
        }
      }
      if (action === 'destroy') destroyedAt = at;
      if (action === 'rename' && named !== '' && last) {
        renamed({ ...last, name: named });
        last = { ...last, name: named };
        log.info({ container: named, before: attributes.oldName }, 'renamed');
      }
      ring();
    },

    /** The engine's clock was set back: what is known of instants says nothing of those to come. */
    clockSetBack(): void {
      startedAt = diedAt = allReadAt = undefined;
      if (current?.seen.running) current.stop.abort('the clock was set back');
    },

    /** The list shows it. */
    listed({ running }: { running: boolean }): void {
      absentAt = undefined;
      if (running && state === 'waiting') ring();
    },

    /** The list does not show it. */
    missing(): void {
      // Its log may be read for a while yet.
      absentAt ??= stampOf(now());
      if (state === 'waiting') ring();
      if (state === 'unreadable') {
        destroyedAt ??= stampOf(now());
        ring();
      }
      if (current) expectEnd(current);
    },

    /** Call about once a second. */
    tick(): void {
      const me = current;
      if (!me || !reader) return;
      reader.tick()?.catch(() => me.stop.abort('what was lost before a line could not be asked'));
      if (!me.seen.running || me.checking || me.isPaused) return;
      const quietFrom = Math.max(reader.lastBytesAt, me.checkedAt);
      if (reader.lastBytesAt > me.checkedAt) me.silence = options.silenceMs;
      if (now() - quietFrom < me.silence) return;
      me.silence = Math.min(longestSilenceMs, me.silence * 2);
      checkSilence(me, reader);
    },

    /** Whether it is on disk, or about to be, where its reading begins. */
    isAttached: () => attached,

    status: () => ({ id, name, state, cursors: reader?.cursors ?? known }),
  };
}

/** The request under way. */
interface Current {
  stop: AbortController;
  seen: Inspected;
  /** Silence, in ms, after which to check; and when it was checked last. */
  silence: number;
  checkedAt: number;
  checking: boolean;
  /** The stages below are full. */
  isPaused: boolean;
  endTimer?: ReturnType<typeof setTimeout>;
  /** Jumps of the lines' time that are being looked into. */
  jumps: number;
}

/** The shortest time, in ms, of whose lines a file of the log may consist; undefined where none is ever thrown away. */
function shortestFileMs({ driver, rotatesAt }: Inspected, wholeSeconds: boolean): number | undefined {
  // Podman does not say whether it rotates. By the second, a line may seem to be one after those before it.
  if (wholeSeconds) return 2000;
  // The journal throws files away to make room for other programs' lines.
  if (driver === journald) return journalFileMs;
  return rotatesAt === undefined ? undefined : Math.ceil(rotatesAt / fastestLog);
}

/** Whether the line was read, or begun: it may be one that is not over. */
function hasReached(reader: Reader, { stream, at }: Probed): boolean {
  return (reader.cursors[stream]?.at ?? '') >= at || (reader.begunAt(stream) ?? '') >= at;
}

/** Whether a line was ever read, or the end of a run. */
function hasLine(cursors: Cursors): boolean {
  const newest = newestOf(cursors);
  return newest !== undefined && newest.ordinal !== -1;
}
