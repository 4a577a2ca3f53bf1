// Other processes' processor time and memory, as Linux tells them.

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const ticksPerSecond = 100;

/** CPU-seconds that a process took so far, in all its threads, in user and system; its children's that it waited for too. */
export function cpuSecondsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /, '')
    .split(' ');
  const [user, system, childrenUser, childrenSystem] = fields.slice(11, 15).map(Number);
  return (user! + system! + childrenUser! + childrenSystem!) / ticksPerSecond;
}

export interface Memory {
  /** MiB resident, and the most it ever was. */
  rss: number;
  peak: number;
  /** MiB that are the process's own: neither files nor shared. */
  own: number;
}

export function memoryOf(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const mib = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) / 1024;
  return { rss: mib('VmRSS'), peak: mib('VmHWM'), own: mib('RssAnon') };
}

export interface Ran {
  status: number | null;
  output: string;
  cpuSeconds: number;
  wallSeconds: number;
}

/** Runs a command to its end, its standard output kept when `keep`. CPU-seconds by the difference of what this process's ended children took. */
export async function runCommand(
  command: string,
  args: readonly string[],
  { keep = true, env = process.env }: { keep?: boolean; env?: NodeJS.ProcessEnv } = {},
): Promise<Ran> {
  const before = childrenCpu();
  const began = performance.now();
  const child = spawn(command, args, { env, stdio: ['ignore', keep ? 'pipe' : 'ignore', 'inherit'] });
  let output = '';
  child.stdout?.on('data', (data: Buffer) => {
    output += data.toString('latin1');
  });
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  return {
    status,
    output,
    cpuSeconds: childrenCpu() - before,
    wallSeconds: (performance.now() - began) / 1000,
  };
}

function childrenCpu(): number {
  const fields = readFileSync('/proc/self/stat', 'latin1')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[13]) + Number(fields[14])) / ticksPerSecond;
}

/** Waits until it holds. @throws when it does not within `ms` */
export async function until(
  what: string | (() => string),
  holds: () => boolean | Promise<boolean>,
  ms = 60_000,
): Promise<void> {
  for (const end = performance.now() + ms; !(await holds()); await sleep(20)) {
    if (performance.now() > end)
      throw new Error(`waited ${ms / 1000} s for: ${typeof what === 'string' ? what : what()}`);
  }
}
