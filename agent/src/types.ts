// The agent's six nouns, in the order the data travels. follow, detect and ship know each other by these alone.

import type { WireRecord } from '@log-detector/contract';

export type Stream = 'stdout' | 'stderr';

/**
 * Where a line stands in a container's log. `at` is Docker's own timestamp, always 30 characters
 * (`2026-11-22T10:00:00.123456789Z`), so that comparing the text compares the instants; `ordinal` counts the
 * lines of the same stream that carry that very timestamp, from 0.
 */
export interface Position {
  at: string;
  ordinal: number;
}

/** One line of one container's stdout or stderr, without its line end. */
export interface Line {
  stream: Stream;
  position: Position;
  /** Decoded as UTF-8; bytes that are not UTF-8 are U+FFFD. */
  text: string;
  /** The line was longer than the longest line kept, and what follows the cut is gone. */
  cut?: boolean;
}

/** One event: a line, or the lines of one traceback. */
export interface Entry {
  stream: Stream;
  /** Position of its first line: the identity of the entry. */
  first: Position;
  /** Position of its last line. */
  last: Position;
  lines: string[];
  /** `trace` when the lines are a traceback or stack dump of a known shape, `block` when joined otherwise. */
  kind: 'line' | 'block' | 'trace';
}

/** What is known of the container whose lines are read. Changes (a rename) replace the object. */
export interface Container {
  id: string;
  name: string;
  image: string;
  labels: Record<string, string>;
  tty: boolean;
}

/** Something that happened to a container: `create`, `start`, `die`, `oom`, `health_status: unhealthy`, `rename`, `destroy` … */
export interface ContainerEvent {
  action: string;
  id: string;
  name: string;
  /** As in `Position.at`. */
  at: string;
  /** What Docker adds: image, exitCode, signal, labels, oldName. */
  attributes: Record<string, string>;
}

/** What inspection tells of a container's life. Times are in the form of `Position.at`; one that never was is the year 1. */
export interface ContainerState extends Container {
  startedAt: string;
  finishedAt: string;
  /** Its process runs now. While a restart policy waits it does not. */
  running: boolean;
  /** `sha256:…` of what it was made from. */
  imageId: string;
  /** Of the run that ended last. */
  exitCode: number;
  oomKilled: boolean;
  /** How often its restart policy started it again. */
  restartCount: number;
  /** Whether Docker starts it again when it ends by itself with a code other than 0. */
  isRestarted: boolean;
  /** The signal that `docker stop` sends, as a word or a number; empty: SIGTERM. */
  stopSignal: string;
  /** What its last health check printed. */
  healthOutput: string;
}

/** An entry that matched, ready for the spool: the wire form, and the positions it came from. */
export interface MatchedRecord {
  stream: Stream;
  first: Position;
  last: Position;
  record: WireRecord & { event_id: string };
  /** The message is printable ASCII without quotes or backslashes: in JSON it stands as it is. */
  isBareMessage?: boolean;
  /** Set by the pipeline: whose log it is, for the hole that a full spool has to declare. */
  containerId?: string;
}

/** How far a container's stream has been taken: everything up to and including this line is on disk or did not match. */
export interface Cursor {
  containerId: string;
  stream: Stream;
  position: Position;
}

export type HoleReason =
  | 'rotated'
  | 'unreadable-driver'
  | 'container-removed'
  | 'spool-full'
  | 'line-cut'
  | 'corrupt-log';

/** What could not be read, and why: declared, never silent. */
export interface Hole {
  containerId: string;
  container: string;
  stream?: Stream;
  /** Timestamps as in `Position.at`. */
  from: string;
  to: string;
  reason: HoleReason;
  detail?: string;
  /** Records known to be lost in it, when that is known. */
  records?: number;
}

/**
 * Looks over whole chunks of a log for lines that may matter: that may match, or begin or continue a traceback. It may find
 * too many, never too few. Offsets are those of the bytes last given to `look`.
 */
export interface Find {
  /** Memory for all readers to read into: bytes that lie there need not be copied to be looked at. */
  readonly room: Buffer;
  /** The bytes that are asked about until the next call. */
  look(bytes: Buffer, from: number, to: number): void;
  /** The first place, from `from` on, of a text that lines may matter for; or -1. */
  text(from: number): number;
  /** Whether the line matters whose text lies there. `holdsText`: one was found in it. */
  matters(from: number, to: number, holdsText: boolean): boolean;
  mattersText(text: string): boolean;
  /** Whether the line begins with a time: those below it that do not may be its rest. */
  hasTime(text: string): boolean;
  /** Whether a line that matters begins an entry, whatever stands above it: an ordinary one that begins with a time. */
  standsAlone(text: string): boolean;
  /** Where the line ends, its newline, in which `from` lies. */
  endOf(from: number): number;
  /** Where the line begins that ends at `end`: not before `lowest`, where one does. */
  beginOf(end: number, lowest: number): number;
  /** Whether what lies there is known to be printable ASCII without quotes or backslashes. */
  isBare(from: number, to: number): boolean;
  /**
   * For a json-file log: the first line, from the one that begins at `from` on, that may matter, or is not whole or not of
   * the usual form; or -1. `to` is the end of a line. `attributes` is the length of `"attrs":{…},` in each line.
   */
  line(from: number, to: number, attributes: number): number;
  /** Where the last line of the stream begins that the last call of `line` passed over, or -1. */
  readonly lastStdout: number;
  readonly lastStderr: number;
}

/** How a sink is told of lines that were passed over next to lines given: the surroundings that a record shows. */
export interface Near {
  /** So many before a line that is given, and after it. */
  before: number;
  after: number;
  /** So many of the last ones, when the log is quiet or ends. */
  last: number;
  /** Whether lines around one that is given now would be shown: in a flood they would not. */
  isWanted(now: number): boolean;
  /** `isGap`: lines between this and the one given or told before it are not told. */
  tell(stream: Stream, at: string, text: string, isGap: boolean, now: number): void;
  /** Whether lines are missing before the next one is not known. */
  gap(): void;
}

/**
 * Every stage of the pipeline has this shape: no stage owns a timer, `now` is milliseconds since the epoch, and what
 * a stage gives out goes to the `emit` it was made with.
 */
export interface Stage<In> {
  push(item: In, now: number): void;
  /** Gives out what has waited long enough. */
  tick(now: number): void;
  /** Gives out everything. */
  flush(now: number): void;
  /** Nothing waits: until the next push, ticks do nothing. */
  isAtRest(): boolean;
}
