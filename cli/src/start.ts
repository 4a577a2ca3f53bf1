// Backend and agent together on this machine, each a process of its own, started and stopped as one. The agent begins when
// a Docker Engine answers; until then the backend serves alone.

import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pingEngine } from '@log-detector/agent';
import { StartError } from '@log-detector/settings';
import { agentEnvironment, agentNodeFlags } from './agent-process.ts';
import { backendAt, withPort } from './backend-at.ts';
import { readEnvFile } from './env-file.ts';

/** How long a part may take to end by itself, in ms, before it is killed. The whole must end within five seconds. */
const graceMs = 4000;
const lookForDockerEveryMs = 10_000;
/** How long, in ms, one that is ending may keep the port. */
const endingMs = 5000;

/**
 * Runs until SIGINT or SIGTERM, or until the backend ends. Returns the exit code.
 * @throws {StartError} when .env cannot be read, or something answers already where the backend would.
 */
export async function start(environment: NodeJS.ProcessEnv): Promise<number> {
  // A person looks on: what is in order is not worth a line.
  const env = await withPort({ LOG_LEVEL: 'warn', ...readEnvFile('.env'), ...environment });
  const base = backendAt(env);
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stopping.abort());

  // npm that is asked to end may leave its script behind: then this process has got another parent.
  const parent = process.ppid;
  if (environment.npm_lifecycle_event === 'start') {
    setInterval(() => process.ppid !== parent && stopping.abort(), 250).unref();
  }

  if (await keepsAnswering(`${base}/health`, stopping.signal))
    throw new StartError(
      `${base} answers already: Log Detector seems to run there; end it (Ctrl-C where it was started), or set PORT to another port and DATA_DIR to another folder`,
    );

  const children = new Set<ChildProcess>();
  const run: Run = (verb, extra, flags = []) => {
    const child = spawn(process.execPath, [...flags, process.argv[1] ?? '', verb], {
      // The open standard input is how the child learns that this process was killed.
      stdio: ['pipe', 'inherit', 'inherit'],
      env: { ...env, ...extra, LOG_DETECTOR_STARTER: 'stdin' },
    });
    children.add(child);
    const ended = new Promise<Ending>((resolve) => {
      child.once('error', ({ message }) => resolve({ code: 1, how: message }));
      child.once('exit', (code, signal) =>
        resolve({ code: code ?? 1, how: signal === null ? `with code ${code}` : `by ${signal}` }),
      );
    });
    void ended.then(() => children.delete(child));
    return { child, ended };
  };

  const backend = run('serve', {});
  let backendCode: number | undefined;
  const backendEnded = backend.ended.then(({ code, how }) => {
    backendCode = code;
    // What is wrong with settings it has said.
    if (!stopping.signal.aborted && code !== 2)
      process.stderr.write(`The backend ended ${how}, so all of it ends.\n`);
    stopping.abort();
  });

  if (await answers(`${base}/health`, stopping.signal)) {
    process.stdout.write(welcome(base, env));
    await followContainers(run, { base, env, signal: stopping.signal });
  }

  const kill = setTimeout(() => {
    for (const child of children) child.kill('SIGKILL');
  }, graceMs);
  for (const child of children) child.kill('SIGTERM');
  await backendEnded;
  while (children.size > 0) await sleep(20);
  clearTimeout(kill);
  return backendCode ?? 0;
}

/** Starts a part with more in its environment, and flags of Node.js. */
type Run = (
  verb: string,
  extra: NodeJS.ProcessEnv,
  flags?: readonly string[],
) => { child: ChildProcess; ended: Promise<Ending> };

interface Ending {
  code: number;
  /** `with code 1`, `by SIGKILL`. */
  how: string;
}

/** Starts the agent once Docker answers, and again when it ends by itself, until the signal. */
async function followContainers(
  run: Run,
  { base, env, signal }: { base: string; env: NodeJS.ProcessEnv; signal: AbortSignal },
): Promise<void> {
  const aborted = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
  let told = false;
  while (!signal.aborted) {
    let problem: string | undefined;
    try {
      problem = await pingEngine(env);
    } catch (error) {
      // The agent's settings are wrong, and stay so.
      process.stdout.write(`No containers are followed: ${(error as Error).message}\n\n`);
      return aborted;
    }
    if (problem === undefined) {
      const extra = {
        ...agentEnvironment,
        BACKEND_URL: env.BACKEND_URL || `${base}/api/logs`,
        BACKEND_API_KEY: env.BACKEND_API_KEY || env.API_KEY,
        ...(env.API_KEY_FILE && !env.BACKEND_API_KEY_FILE && !env.BACKEND_API_KEY
          ? { BACKEND_API_KEY_FILE: env.API_KEY_FILE }
          : {}),
        SPOOL_DIR: env.SPOOL_DIR || join(env.DATA_DIR || 'data', 'spool'),
      };
      if (told) process.stdout.write('Docker answers now, and its containers are followed.\n\n');
      told = false;
      const { ended } = run('agent', extra, agentNodeFlags());
      const ending = await Promise.race([ended, aborted]);
      // Wrong settings stay wrong: the agent has said which, and the backend goes on alone.
      if (ending?.code === 2) return aborted;
      if (ending && !signal.aborted)
        process.stderr.write(`The agent ended ${ending.how}, and is started again.\n`);
      await Promise.race([sleep(3000), aborted]);
    } else {
      if (!told)
        process.stdout.write(
          `No containers are followed yet: ${problem}\nThey will be as soon as it answers.\n\n`,
        );
      told = true;
      await Promise.race([sleep(lookForDockerEveryMs), aborted]);
    }
  }
}

/** Whether the backend came up: false when the signal came first. */
async function answers(url: string, signal: AbortSignal): Promise<boolean> {
  while (!signal.aborted) {
    if (await isUp(url, signal)) return true;
    await sleep(50);
  }
  return false;
}

/** Whether somebody answers who is not about to end. */
async function keepsAnswering(url: string, signal: AbortSignal): Promise<boolean> {
  const until = performance.now() + endingMs;
  while (await isUp(url, signal)) {
    if (performance.now() > until) return true;
    await sleep(200);
  }
  return false;
}

async function isUp(url: string, signal: AbortSignal): Promise<boolean> {
  try {
    const { ok } = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(1000)]) });
    return ok;
  } catch {
    return false;
  }
}

/** What to do next; where it listens, the backend has said. */
function welcome(base: string, env: NodeJS.ProcessEnv): string {
  const mailsAreOn = ['1', 'true', 'yes', 'on'].includes(env.ALERT_EMAIL_ENABLED?.trim().toLowerCase() ?? '');
  const tryIt = `docker run --rm busybox sh -c 'echo "ERROR: it works"; sleep 1'`;
  return `
Next:
  let a container log an error:   ${tryIt}
  see it:                         curl ${keyFor(env)}${base}/api/logs
${
  mailsAreOn
    ? ''
    : '  get it as a mail:               ALERT_EMAIL_ENABLED=true ALERT_EMAIL_TO=you@example.com \\\n                                  ALERT_EMAIL_FROM=log-detector@example.com SMTP_URL=smtp://localhost:1025 npm start\n'
}  stop:                           Ctrl-C

`;
}

/** For curl, without telling the key. */
function keyFor({ API_KEY, API_KEY_FILE }: NodeJS.ProcessEnv): string {
  if (API_KEY_FILE) return `-H "X-API-Key: $(cat ${API_KEY_FILE})" `;
  return API_KEY ? '-H "X-API-Key: $API_KEY" ' : '';
}
