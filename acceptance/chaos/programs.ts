// Backend and agent as processes that are killed, frozen and started again. They run from a copy of the build, so that a
// run of ten minutes does not change its programs in the middle, and end with this process, whose pipe they hold.

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, cpSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { built, root } from '../support/programs.ts';

export interface Build {
  folder: string;
  remove(): void;
}

/** A copy of the build, made new when a source has changed. It stands where the packages it needs are found. */
export async function copyBuild(): Promise<Build> {
  await built();
  const folder = mkdtempSync(join(root, 'node_modules', '.chaos-'));
  cpSync(join(root, 'dist'), folder, { recursive: true });
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

export interface ManagedProgram {
  readonly pid: number | undefined;
  start(): void;
  /** Sends the signal and, for one that ends it, waits until it has ended. A frozen one is woken for SIGTERM. */
  signal(signal: 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT'): Promise<void>;
}

/**
 * @param options.onUnexpectedEnd called when the program ends though nobody asked it to, with how it did and its last words.
 */
export function manageProgram(options: {
  build: Build;
  verb: 'serve' | 'agent';
  env: NodeJS.ProcessEnv;
  folder: string;
  logFile: string;
  onUnexpectedEnd(how: string): void;
}): ManagedProgram {
  let child: ChildProcess | undefined;
  let ended = Promise.resolve();
  let isExpected = false;
  const file = join(options.build.folder, options.verb === 'agent' ? 'agent.mjs' : 'cli.mjs');
  return {
    get pid() {
      return child?.pid;
    },
    start() {
      const log = openSync(options.logFile, 'a');
      isExpected = false;
      const started = spawn(process.execPath, ['--enable-source-maps', file, options.verb], {
        cwd: options.folder,
        env: {
          PATH: process.env.PATH,
          HOME: process.env.HOME,
          LOG_DETECTOR_STARTER: 'stdin',
          ...options.env,
        },
        stdio: ['pipe', log, log],
      });
      closeSync(log);
      child = started;
      ended = new Promise((resolve) => {
        started.once('error', () => resolve());
        started.once('exit', (code, signal) => {
          if (!isExpected) {
            const how = signal ?? `exit code ${code}`;
            options.onUnexpectedEnd(
              `${options.verb} ended by itself (${how}); it said last:\n${endOf(options.logFile)}`,
            );
          }
          if (child === started) child = undefined;
          resolve();
        });
      });
    },
    async signal(signal) {
      if (signal === 'SIGSTOP' || signal === 'SIGCONT') {
        child?.kill(signal);
        return;
      }
      isExpected = true;
      child?.kill(signal);
      if (signal === 'SIGTERM') child?.kill('SIGCONT');
      const kill = setTimeout(() => child?.kill('SIGKILL'), 15_000);
      await ended;
      clearTimeout(kill);
    },
  };
}

function endOf(logFile: string): string {
  return readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-12).join('\n');
}
