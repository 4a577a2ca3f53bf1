// The map of the agent: follow > lines > join > match > context > coalesce > spool, per container; one writer for all.
// Surprise: the resume cursor of a stream never passes a line that is still held by a stage, because what is held is only
// in memory. It stands on the line before the oldest one held.

import type { Coalesce } from './detect/coalesce.ts';
import type { Context } from './detect/context.ts';
import type { Join } from './detect/join.ts';
import { isOwn } from './follow/resume.ts';
import { addFields, tellTogether } from './life/together.ts';
import { ofStream, streams } from './streams.ts';
import type {
  Container,
  Cursor,
  Entry,
  Find,
  Hole,
  Line,
  MatchedRecord,
  Near,
  Position,
  Stream,
} from './types.ts';

/** What one container's lines are pushed through, made anew for each container. */
export interface Stages {
  /** When there, lines that do not matter are not pushed. */
  find?: Find | undefined;
  join(emit: (entry: Entry, now: number) => void): Join;
  match(entry: Entry, container: Container, now: number): MatchedRecord | undefined;
  /** When there, records get the lines around them. */
  context?(emit: (record: MatchedRecord, now: number) => void): Context;
  coalesce(emit: (records: MatchedRecord[], now: number) => void): Coalesce;
}

/** What becomes of containers, as the pipeline needs it: life/life.ts. */
export interface Lives {
  fieldsOf(containerId: string, at: string): Record<string, unknown> | undefined;
  isEnding(containerId: string): boolean;
  whenTold(containerId: string): Promise<void>;
  due(): string[];
  take(containerId: string, lastLines: (at: string) => string[]): MatchedRecord[];
}

/** A word kept beside the cursors: under a container's id its name, for the day when it is gone. */
type Note = [key: string, value: string];

/** The spool, as the pipeline needs it. */
export interface Disk {
  /** Takes records as bytes, to be written by the next `append`, before those that it is given. */
  keep(records: MatchedRecord[]): void;
  /** Resolves when all of it is on disk; waits while there is no room. */
  append(batch: {
    records: MatchedRecord[];
    cursors: Cursor[];
    holes?: Hole[];
    notes?: Note[];
  }): Promise<void>;
}

export interface PipelineOptions {
  stages: Stages;
  disk: Disk;
  life?: Lives;
  /** A note to write beside the cursors, when there is one. */
  note?(now: number): Note | undefined;
  /** Records waiting for the disk, in bytes of text: above this the readers are stopped. */
  maxWaitingBytes?: number;
  now?: () => number;
}

/** Counts since the start, for /metrics. */
export interface PipelineStats {
  lines: number;
  entries: number;
  records: number;
  holes: number;
  waitingBytes: number;
}

/** How often, in ms, stages tick, and the first record after a pause goes to disk. */
export const tickMs = 50;
/** While records keep coming, how often, in ms, they are written at most: the sender waits as long for more. */
const flowMs = 200;
/**
 * So many bytes of records wait as objects; more of them become bytes at once. What a flood leaves in memory for longer than a
 * moment is moved by the garbage collector, which took a tenth of the agent's processor time.
 */
const mostObjectBytes = 32 * 1024;
/** How often, in ms, cursors are written although no record came: what a restart reads again is at most this much. */
const cursorEveryMs = 1000;

export function createPipeline(options: PipelineOptions) {
  const { stages, disk, life, maxWaitingBytes = 256 * 1024, now: clock = Date.now } = options;
  const sinks = new Set<ContainerSink>();
  const stats: PipelineStats = { lines: 0, entries: 0, records: 0, holes: 0, waitingBytes: 0 };
  /** Of the records that wait, those not kept by the disk yet. */
  let waitingRecords: MatchedRecord[] = [];
  let objectBytes = 0;
  let hasKept = false;
  let waitingHoles: Hole[] = [];
  let writing: Promise<void> | undefined;
  let cursorsWrittenAt = 0;
  let recordsWrittenAt = 0;
  let failure: unknown;

  function take(records: MatchedRecord[]): void {
    for (const record of records) {
      const bytes = sizeOf(record);
      waitingRecords.push(record);
      objectBytes += bytes;
      stats.waitingBytes += bytes;
      if (objectBytes >= mostObjectBytes) keep();
    }
    stats.records += records.length;
  }

  /** Makes bytes of what waits. */
  function keep(): void {
    disk.keep(takeRecords());
    hasKept = true;
  }

  function takeRecords(): MatchedRecord[] {
    const records = waitingRecords;
    waitingRecords = [];
    objectBytes = 0;
    // As late as can be: an event that tells of the same instant may come a little after the line.
    if (life) for (const record of records) addFields(record, life);
    return records;
  }

  /** Writes what waits, and the cursors that it allows, in one go. Calls that come meanwhile share the next one. */
  async function write(): Promise<void> {
    while (writing) await writing;
    const begun = begin();
    if (!begun) return;
    await begun;
    if (failure !== undefined) throw failure;
  }

  /** Not in `write`, which would hold on to the records until they are on disk: they are garbage once they are bytes. */
  function begin(): Promise<void> | undefined {
    const records = takeRecords();
    const holes = waitingHoles;
    const hasRecords = hasKept || records.length > 0;
    const bytes = stats.waitingBytes;
    waitingHoles = [];
    hasKept = false;
    // The cursors are read in the same turn as the records are taken, so that they cover just those.
    const cursors = [...sinks].flatMap((sink) => sink.takeCursors());
    const notes = [...sinks].flatMap((sink) => sink.takeNote() ?? []);
    const note = options.note?.(clock());
    if (note) notes.push(note);
    cursorsWrittenAt = clock();
    if (hasRecords) recordsWrittenAt = cursorsWrittenAt;
    if (!hasRecords && holes.length + cursors.length + notes.length === 0) return undefined;
    writing = disk.append({ records, cursors, holes, notes }).then(
      () => {
        stats.waitingBytes -= bytes;
        writing = undefined;
      },
      (error) => {
        failure = error;
        writing = undefined;
      },
    );
    return writing;
  }

  return {
    stats,

    /** The sink for one container. */
    open(container: Container): ContainerSink {
      const sink: ContainerSink = new ContainerSink(container, stages, take, stats, {
        write,
        full: () => stats.waitingBytes > maxWaitingBytes,
        closed: () => sinks.delete(sink),
        life,
      });
      sinks.add(sink);
      return sink;
    },

    /** A hole goes to disk with the next write. */
    hole(hole: Hole): void {
      waitingHoles.push(hole);
      stats.holes++;
    },

    /** Call every `tickMs`. */
    tick(): void {
      const now = clock();
      for (const sink of sinks) sink.tick(now);
      for (const id of life?.due() ?? []) {
        const open = [...sinks].filter((sink) => sink.containerId === id);
        for (const sink of open) sink.tellEnd(now);
        if (open.length === 0)
          take(
            tellTogether(
              [],
              life!.take(id, () => []),
            ),
          );
      }
      if (writing) return;
      // The clock may be set back.
      const isDue =
        (hasKept || waitingRecords.length + waitingHoles.length > 0) &&
        Math.abs(now - recordsWrittenAt) >= flowMs;
      if (isDue || Math.abs(now - cursorsWrittenAt) >= cursorEveryMs) {
        write().catch(() => {
          // Kept in `failure`: whoever waits in ready() or close() gets it.
        });
      }
    },

    /** Timestamps of the latest lines of those streams of which a line was read since the last call. */
    takeReadUpTo(): string[] {
      return [...sinks].flatMap((sink) => sink.takeReadUpTo());
    },

    /** Puts on disk what is complete. An entry that is still open is left in Docker's log, and read again at the next start. */
    async close(): Promise<void> {
      for (const sink of sinks) sink.giveOutRecords(clock());
      await write();
    },
  };
}

export type Pipeline = ReturnType<typeof createPipeline>;

/** What the stream has been read up to, and what of that is still held in memory. */
interface StreamState {
  /** The last line delivered, or passed over as of no interest. */
  latest: Position | undefined;
  /** The line before the first one held by `join`, then the lines held, in order. */
  trail: (Position | undefined)[];
  /** For each record held by `coalesce`, in order: the line before its first. */
  held: (Position | undefined)[];
  /** The end of `trail` is no line held, but how far the stream was passed over behind those. */
  passed: boolean;
  /** The last position given to the disk. */
  written: Position | undefined;
  /** The last one given to takeReadUpTo. */
  told: Position | undefined;
}

/** One container's stages. The follower pushes lines; records come out to the pipeline's writer. */
export class ContainerSink {
  readonly find: Find | undefined;
  /** Told of lines next to those pushed. */
  readonly near: Near | undefined;
  #container: Container;
  readonly #join: Join;
  readonly #context: Context | undefined;
  readonly #coalesce: Coalesce;
  readonly #take: (records: MatchedRecord[]) => void;
  /** Records that wait for the container's end, to be told with it. */
  #lastRecords: MatchedRecord[] = [];
  #isAwaited = false;
  readonly #stats: PipelineStats;
  readonly #writer: Writer;
  #noted: string | undefined;
  #readTo: number | undefined;
  #pushedAt = 0;
  /** No stage holds anything, so that there is nothing to tick. With fifty containers at rest, that is most of what is done. */
  #isAtRest = false;
  readonly #streams: Record<Stream, StreamState> = { stdout: newState(), stderr: newState() };

  constructor(
    container: Container,
    stages: Stages,
    take: (records: MatchedRecord[]) => void,
    stats: PipelineStats,
    writer: Writer,
  ) {
    this.find = stages.find;
    this.#take = take;
    this.#container = container;
    this.#stats = stats;
    this.#writer = writer;
    this.#coalesce = stages.coalesce((records) => {
      for (const record of records) record.containerId = this.#container.id;
      this.#lastRecords.push(...records);
      const waits = this.#isAwaited || writer.life?.isEnding(container.id) === true;
      if (!waits || this.#lastRecords.length >= mostLastRecords) this.#giveOut();
    });
    this.#context = stages.context?.((record, now) => this.#coalesce.push(record, now));
    this.near = this.#context && nearOf(this.#context, stages);
    this.#join = stages.join((entry, now) => {
      stats.entries++;
      const record = stages.match(entry, this.#container, now);
      if (!record) return;
      const { trail, held } = ofStream(this.#streams, entry.stream);
      const at = trail.findIndex((position, index) => index > 0 && same(position, entry.first));
      held.push(at > 0 ? trail[at - 1] : trail[0]);
      if (this.#context) this.#context.push(record, now);
      else this.#coalesce.push(record, now);
    });
  }

  get containerId(): string {
    return this.#container.id;
  }

  #giveOut(end: MatchedRecord[] = []): void {
    const records = this.#lastRecords;
    this.#lastRecords = [];
    for (const { stream } of records) ofStream(this.#streams, stream).held.shift();
    const told = tellTogether(records, end);
    if (told.length > 0) this.#take(told);
  }

  /** What happened to the container is told, with the records that waited for it. */
  tellEnd(now: number): void {
    this.#context?.flush(now);
    this.#coalesce.flush(now);
    const lastLines = (at: string) => this.#context?.lastLines(lastLineCount, at) ?? [];
    this.#giveOut(this.#writer.life?.take(this.#container.id, lastLines));
  }

  push(line: Line, now: number): void {
    this.#stats.lines++;
    this.#isAtRest = false;
    this.#pushedAt = now;
    const state = ofStream(this.#streams, line.stream);
    state.trail.push(line.position);
    state.passed = false;
    state.latest = line.position;
    this.#context?.add(line.stream, line.position, line.text, now);
    this.#join.push(line, now);
    if (this.#context && this.#join.firstPending(line.stream) === line.position)
      this.#context.pin(line.stream, line.position);
    this.#trim(line.stream);
  }

  /** Everything up to `position` was read, and what was not pushed is of no interest. */
  seen(stream: Stream, position: Position): void {
    const state = ofStream(this.#streams, stream);
    state.latest = position;
    if (state.passed) state.trail.pop();
    state.trail.push(position);
    state.passed = true;
    this.#trim(stream);
  }

  readTo(at: number | undefined): void {
    this.#readTo = at;
  }

  /** Whether a line of the stream is held. */
  isOpen(stream: Stream): boolean {
    return this.#join.firstPending(stream) !== undefined;
  }

  wantsAll(stream: Stream): boolean {
    return this.#join.wantsAll(stream);
  }

  passedOver(stream: Stream, now: number): void {
    this.#join.passedOver(stream, now);
    this.#trim(stream);
  }

  ready(): Promise<void> | undefined {
    return this.#writer.full() ? this.#writer.write() : undefined;
  }

  update(container: Container): void {
    this.#container = container;
  }

  tick(now: number): void {
    if (this.#isAtRest) return;
    // The rest of what is open may be printed, and not read yet.
    const isBehind = this.#readTo !== undefined && now - this.#pushedAt < mostBehindMs;
    this.#join.tick(isBehind ? this.#readTo! : now);
    this.#context?.tick(now);
    this.#coalesce.tick(now);
    for (const stream of streams) this.#trim(stream);
    this.#isAtRest =
      this.#join.isAtRest() && this.#context?.isAtRest() !== false && this.#coalesce.isAtRest();
  }

  /** The log has ended: nothing can follow what is held. */
  async end(now: number): Promise<void> {
    // First, or what is complete by now would be told alone.
    this.#isAwaited = true;
    const { life } = this.#writer;
    if (life) await life.whenTold(this.#container.id);
    this.#isAwaited = false;
    this.#join.flush(now);
    if (life?.isEnding(this.#container.id)) this.tellEnd(now);
    this.giveOutRecords(now);
    await this.#writer.write();
    this.#writer.closed();
  }

  giveOutRecords(now: number): void {
    this.#context?.flush(now);
    this.#coalesce.flush(now);
    this.#giveOut();
    for (const stream of streams) this.#trim(stream);
  }

  /** The cursors that moved since the last call. */
  takeCursors(): Cursor[] {
    const moved: Cursor[] = [];
    for (const stream of streams) {
      const state = ofStream(this.#streams, stream);
      const [firstHeld] = state.held;
      const position = state.held.length > 0 ? firstHeld : state.trail[0];
      if (position === undefined || same(position, state.written)) continue;
      state.written = position;
      moved.push({ containerId: this.#container.id, stream, position });
    }
    return moved;
  }

  /** The latest lines of the streams of which a line was read since the last call. */
  takeReadUpTo(): string[] {
    const moved: string[] = [];
    for (const stream of streams) {
      const state = ofStream(this.#streams, stream);
      if (state.latest === undefined || state.latest === state.told) continue;
      state.told = state.latest;
      // Where reading begins, or has ended, stands no line that could be late: it may be years back.
      if (isOwn(state.latest)) moved.push(state.latest.at);
    }
    return moved;
  }

  /** The container's name, when it is new. */
  takeNote(): Note[] | undefined {
    if (this.#noted === this.#container.name) return undefined;
    this.#noted = this.#container.name;
    return [[this.#container.id, this.#container.name]];
  }

  /** Cuts the trail back to what `join` still holds. */
  #trim(stream: Stream): void {
    const state = ofStream(this.#streams, stream);
    const pending = this.#join.firstPending(stream);
    if (pending === undefined) {
      state.trail.length = 1;
      state.trail[0] = state.latest;
      state.passed = false;
      return;
    }
    let first = 1;
    while (first < state.trail.length && !same(state.trail[first], pending)) first++;
    if (first > 1 && first < state.trail.length) state.trail.splice(0, first - 1);
  }
}

/** So long, in ms, an open entry waits at most for a log that cannot be read. */
const mostBehindMs = 5000;
/** How many of a container's last lines a record of its end shows. */
export const lastLineCount = 10;
/** So many records of a container wait for its end at most. */
const mostLastRecords = 200;

interface Writer {
  write(): Promise<void>;
  full(): boolean;
  closed(): void;
  life?: Lives | undefined;
}

function nearOf(context: Context, { find }: Stages): Near | undefined {
  if (!find) return undefined;
  const { wants, isWanted, tell, gap } = context;
  return { ...wants, last: lastLineCount, isWanted, tell, gap };
}

function newState(): StreamState {
  return {
    latest: undefined,
    trail: [undefined],
    held: [],
    passed: false,
    written: undefined,
    told: undefined,
  };
}

function same(a: Position | undefined, b: Position | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && a.at === b.at && a.ordinal === b.ordinal);
}

/** About so many bytes of memory. The lines around a short message may be many times its size. */
function sizeOf({ record: { message, context_before, context_after } }: MatchedRecord): number {
  let bytes = message.length + 512;
  for (const line of context_before ?? []) bytes += line.length;
  for (const line of context_after ?? []) bytes += line.length;
  return bytes;
}
