// The built command as processes: `log-detector serve`, `agent`, `migrate`, each with an environment of its own and what
// it printed kept. They end when the test run dies, because they hold its pipe.

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort, run } from '@log-detector/test-kit';

export const root = fileURLToPath(new URL('../..', import.meta.url));

export interface Program {
  readonly pid: number;
  /** Standard output and standard error so far. */
  output(): string;
  /** Resolves when what was printed matches; rejects when the program ends first or `timeoutMs` (30 s) pass. */
  waitForOutput(pattern: RegExp, timeoutMs?: number): Promise<RegExpExecArray>;
  /** Exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
  /** Sends the signal (SIGTERM) and waits for the end. Does nothing when it has ended. */
  stop(signal?: NodeJS.Signals): Promise<number | NodeJS.Signals>;
}

/** Starts `log-detector` with these arguments in `folder`. Of this process's environment only PATH and HOME are handed on. */
export async function startProgram(
  args: readonly string[],
  options: { folder: string; env?: NodeJS.ProcessEnv },
): Promise<Program> {
  await built();
  return watch(
    spawn(process.execPath, [join(root, 'cli/bin/log-detector.mjs'), ...args], {
      cwd: options.folder,
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        LOG_DETECTOR_STARTER: 'stdin',
        ...options.env,
      },
      stdio: ['pipe', 'pipe', 'pipe'],
    }),
  );
}

/** Keeps what a process prints and how it ends. */
export function watch(child: ChildProcess): Program {
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
  }
  let hasEnded = false;
  const ended = new Promise<number | NodeJS.Signals>((resolve, reject) => {
    child.once('error', reject);
    // "close" comes after the last output.
    child.once('close', (code, signal) => {
      hasEnded = true;
      resolve(signal ?? code ?? 0);
    });
  });
  return {
    pid: child.pid!,
    output: () => text,
    ended,
    async waitForOutput(pattern, timeoutMs = 30_000) {
      const until = Date.now() + timeoutMs;
      for (;;) {
        const found = pattern.exec(text);
        if (found) return found;
        if (hasEnded) throw new Error(`it ended without printing ${pattern}; it printed:\n${text}`);
        if (Date.now() > until)
          throw new Error(`it did not print ${pattern} in ${timeoutMs} ms; it printed:\n${text}`);
        await sleep(20);
      }
    },
    async stop(signal = 'SIGTERM') {
      if (!hasEnded) child.kill(signal);
      return ended;
    },
  };
}

export interface Backend {
  readonly url: string;
  readonly program: Program;
  stop(signal?: NodeJS.Signals): Promise<number | NodeJS.Signals>;
}

/** Starts `log-detector serve` on a free port and waits until /health answers. @throws with what it printed. */
export async function startBackend(options: { folder: string; env?: NodeJS.ProcessEnv }): Promise<Backend> {
  const port = options.env?.PORT ?? String(await freePort());
  const url = `http://127.0.0.1:${port}`;
  const program = await startProgram(['serve'], {
    folder: options.folder,
    env: { PORT: port, BASE_URL: url, ...options.env },
  });
  await waitUntilHealthy(url, program);
  return { url, program, stop: (signal) => program.stop(signal) };
}

/** @throws with what the program printed, when it ends first or does not answer within a minute. */
export async function waitUntilHealthy(url: string, program: Program): Promise<void> {
  let hasEnded = false;
  void program.ended.then(() => {
    hasEnded = true;
  });
  const until = Date.now() + 60_000;
  while (!(await isHealthy(url))) {
    if (hasEnded) throw new Error(`the backend ended at its start:\n${program.output()}`);
    if (Date.now() > until) throw new Error(`the backend does not answer at ${url}:\n${program.output()}`);
    await sleep(50);
  }
}

async function isHealthy(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/health`, { signal: AbortSignal.timeout(2000) })).ok;
  } catch {
    return false;
  }
}

let building: Promise<void> | undefined;

/** Builds dist/ when a source is newer. One at a time over all test processes: the others wait, then find it done. */
export function built(): Promise<void> {
  building ??= (async () => {
    const lock = join(root, 'node_modules/.acceptance-build');
    while (!claim(lock)) await sleep(100);
    try {
      await run(process.execPath, ['-e', "import('./cli/build.mjs').then((build) => build.buildIfStale())"], {
        cwd: root,
      });
    } finally {
      rmSync(lock, { force: true });
    }
  })();
  return building;
}

/** Makes the lock file, or takes it over from a process that is gone. */
function claim(lock: string): boolean {
  try {
    const file = openSync(lock, 'wx');
    writeSync(file, String(process.pid));
    closeSync(file);
    return true;
  } catch {
    try {
      const owner = Number(readFileSync(lock, 'utf8'));
      if (owner) process.kill(owner, 0);
    } catch {
      rmSync(lock, { force: true });
    }
    return false;
  }
}
