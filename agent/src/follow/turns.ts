// Streams that lines come from now and then, read all at the same instants: with fifty of them, waking for each line that the
// engine writes costs several times what is done with it. One that has long been silent is left to wake the agent by itself.
//
//   read at once --a read soon after another--> read in turns --`quietTurns` without a read, or `leave`--> read at once

import { everyAligned } from '../aligned.ts';

/** How often, in ms, streams have their turn: a line comes so much later at most. As often as log files are asked for. */
const turnMs = 100;
/** After so many turns without a read, a stream is read at once again. */
const quietTurns = 20;

/** A stream that can be read or left. */
export interface InTurns {
  resume(): void;
  pause(): void;
}

export interface TurnsOptions {
  /** For tests. */
  everyMs?: number;
}

export type Turns = ReturnType<typeof createTurns>;

export function createTurns({ everyMs = turnMs }: TurnsOptions = {}) {
  /** Turns since its last read. */
  const quiet = new Map<InTurns, number>();
  let timer: ReturnType<typeof everyAligned> | undefined;

  function turn(): void {
    for (const stream of quiet.keys()) stream.resume();
    // What is there is read before this comes.
    setImmediate(() => {
      for (const [stream, turns] of quiet) {
        if (turns >= quietTurns) leave(stream);
        else {
          stream.pause();
          quiet.set(stream, turns + 1);
        }
      }
    });
  }

  function leave(stream: InTurns): void {
    if (!quiet.delete(stream) || quiet.size > 0) return;
    timer?.stop();
    timer = undefined;
  }

  return {
    /** The stream was read: from now on it is in turns. It may be left until it is resumed. */
    join(stream: InTurns): void {
      quiet.set(stream, 0);
      timer ??= everyAligned(everyMs, turn);
    },

    /** The stream is read at once. It is as it was left: resumed or paused. */
    leave,
  };
}
