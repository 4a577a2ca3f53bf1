// A container's events -> its runs: when it started, was told to stop, ended, and what the log's lines near those instants
// are: of a container that is starting again, or stopping.
//
//   start --(told to stop)--> stopping --die--> ended on purpose
//     |--die, exit code 0--> ended by itself
//     \--die, another code--> died

import type { ContainerEvent, ContainerState } from '../types.ts';
import { signalNumber } from './signals.ts';

export type Phase = 'starting' | 'stopping';

/** So long, in ms, after a start a container is starting. */
export const startingMs = 30_000;
/** After another container of its service was stopped, for so long, one that starts takes its place. */
export const replacingMs = 120_000;
/** A container that was told to stop may take so long: what ends it later is something else. */
const stoppingMs = 600_000;
/** Docker tells of a signal a little after it was sent. */
const slackMs = 250;

export interface Run {
  /** Ms since the epoch; undefined when it began before the agent looked. */
  startedAt: number | undefined;
  stopAt?: number;
  endedAt?: number;
  exitCode?: number;
  oomAt?: number;
  /** Inspection showed its end; events may tell more of it. */
  isFound?: boolean;
  /** It died while starting, and Docker starts it again. */
  diedStarting?: boolean;
}

/** What is remembered of a container. */
export interface Known {
  id: string;
  name: string;
  service: string;
  labels: Record<string, string>;
  image: string;
  state?: ContainerState;
  /** The latest last. */
  runs: Run[];
  /** It ran before its first run here. */
  ranBefore: boolean;
  /** When it died by itself. */
  deaths: number[];
  loopToldAt?: number;
  goneAt?: number;
  /** What its last record said of it, and of what that was made. */
  said?: {
    state: ContainerState | undefined;
    startedAt: number | undefined;
    restarts: number | undefined;
    phase: Phase | undefined;
    fields: Readonly<Record<string, unknown>>;
  };
}

const mostRuns = 6;
const stops = new Set([2, 3, 9, 15]);

/** The run at hand; a container of which no start was seen is in its first. */
export function runOf(known: Known): Run {
  const last = known.runs.at(-1);
  if (last) return last;
  const run: Run = { startedAt: undefined };
  known.runs.push(run);
  return run;
}

export function begin(known: Known, atMs: number): void {
  const last = known.runs.at(-1);
  // Told of by an event and by inspection.
  if (last?.startedAt !== undefined && atMs < last.startedAt + 2000 && (last.endedAt ?? atMs) >= atMs) return;
  if (last && last.startedAt === undefined && last.endedAt === undefined && (last.stopAt ?? atMs) >= atMs) {
    last.startedAt = atMs;
    return;
  }
  known.runs.push({ startedAt: atMs });
  if (known.runs.length <= mostRuns) return;
  known.runs.shift();
  known.ranBefore = true;
}

/** Whether the signal asks the container to end. */
export function isStop(known: Known, event: ContainerEvent): boolean {
  const number = signalNumber(event.attributes.signal ?? '');
  if (number === undefined) return false;
  const own = signalNumber(known.state?.stopSignal ?? '');
  return stops.has(number) || number === own;
}

/** Whether someone wanted the end. */
export function isOnPurpose(run: Run, exitCode: number, atMs: number): boolean {
  if (run.stopAt === undefined) return false;
  return exitCode === 137 || exitCode === 143 || atMs - run.stopAt <= stoppingMs;
}

/** What a line or an event of that instant is part of. @param isReplacing whether a start at that instant takes another's place */
export function phaseAt(
  known: Known,
  atMs: number,
  isReplacing: (startedAt: number) => boolean,
): Phase | undefined {
  for (let index = 0; index < known.runs.length; index++) {
    const run = known.runs[index]!;
    const { startedAt, stopAt, endedAt } = run;
    if (
      stopAt !== undefined &&
      atMs >= stopAt - slackMs &&
      atMs <= (endedAt ?? stopAt + stoppingMs) + slackMs
    )
      return 'stopping';
    if (startedAt === undefined || atMs < startedAt - slackMs || atMs > startedAt + startingMs) continue;
    if (endedAt !== undefined && atMs > endedAt + slackMs) continue;
    if (run.diedStarting || index > 0 || known.ranBefore || isReplacing(startedAt)) return 'starting';
  }
  return undefined;
}
