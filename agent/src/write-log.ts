// The agent's log: one JSON object a line on standard output, in the form of pino, which would take seven megabytes of the
// agent's memory. Written at once, so that what was said before a crash is there.

import { writeSync } from 'node:fs';
import type { LogLevel } from '@log-detector/settings';

const levels = { debug: 20, info: 30, warn: 40, error: 50 } as const;

type Level = keyof typeof levels;
type Say = (fields: object | string, message?: string) => void;

/** Longest wait, in rounds of 10 ms, for who reads a full pipe; then the line is left out, and the agent goes on. */
const mostRounds = 50;

/** @param write takes one line, its newline included; default: standard output. */
export function createLog(
  level: LogLevel,
  write: (line: string) => void = toStandardOutput,
): Record<Level, Say> {
  const lowest = level === 'silent' ? Number.POSITIVE_INFINITY : levels[level];
  const say =
    (own: Level): Say =>
    (fields, message) => {
      if (levels[own] < lowest) return;
      const [more, msg] = typeof fields === 'string' ? [{}, fields] : [fields, message];
      write(`${JSON.stringify({ level: levels[own], time: Date.now(), ...more, msg }, plain)}\n`);
    };
  return { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') };
}

function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (!(value instanceof Error)) return value;
  return { type: value.name, ...value, message: value.message, stack: value.stack, cause: value.cause };
}

function toStandardOutput(line: string): void {
  const bytes = Buffer.from(line);
  for (let at = 0, round = 0; at < bytes.length && round < mostRounds; ) {
    try {
      at += writeSync(1, bytes, at);
    } catch (error) {
      // Whoever read it is gone: the work goes on.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return;
      round++;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
  }
}
