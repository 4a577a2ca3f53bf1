// What the follower needs of those who take its lines, one for each run of a container.

import type { Container, Find, Line, Near, Position, Stream } from '../types.ts';

export interface Sink {
  push(line: Line, now: number): void;
  /** Undefined when it can take more; else resolves when it can. The reader stops reading meanwhile. */
  ready(): Promise<void> | undefined;
  /**
   * Everything of the stream up to here was read, and what was not pushed is of no interest: the cursor may move here.
   * An `ordinal` of -1 stands before every line of that instant (nothing was printed up to there); one of -2 tells that
   * the container had stopped and its log was read to the end.
   */
  seen(stream: Stream, position: Position): void;
  /**
   * Whatever was printed up to this instant was given (milliseconds since the epoch), and what came after may wait to be read:
   * until more is told, the time that passes says nothing of what follows a line. Undefined: lines come as they are printed.
   */
  readTo(at: number | undefined): void;
  /** The container was renamed. */
  update(container: Container): void;
  /** The log has ended, the container having stopped. A sink is not used after this; a restart opens a new one. */
  end(now: number): Promise<void>;
  /** Whether a line of the stream is held. */
  isOpen(stream: Stream): boolean;
  /** When there: lines that do not matter are passed over undecoded. */
  find?: Find | undefined;
  /** When there, with `find`: told of lines next to those given. */
  near?: Near | undefined;
  /** Asked with `find`: whether every further line of the stream matters. */
  wantsAll(stream: Stream): boolean;
  /** Lines of the stream were passed over before the next that is pushed. */
  passedOver(stream: Stream, now: number): void;
}
