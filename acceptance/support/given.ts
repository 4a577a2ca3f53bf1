// Sets the scene of an acceptance test in words: a backend on a database with somewhere to send mails, and an agent that
// follows an engine. Everything lives in a fresh folder and is gone after `stop()`.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DockerEngine, startPostgres15, startSesServer, startSmtpServer } from '@log-detector/test-kit';
import { type Api, apiAt } from './api.ts';
import { type Backend, type Program, startBackend, startProgram } from './programs.ts';

export type Database = 'embedded' | 'postgres15';
export type MailBy = 'smtp' | 'ses';

/** A mail as its reader sees it, whichever way it came. */
export interface Mail {
  to: string[];
  subject: string;
  text: string;
  html: string;
}

export interface Mailbox {
  /** What a backend needs in its environment to send here. */
  env: NodeJS.ProcessEnv;
  mails(): Promise<Mail[]>;
  close(): Promise<void>;
}

export interface System {
  /** Fresh, and gone afterwards. */
  folder: string;
  backend: Backend;
  api: Api;
  mailbox: Mailbox;
  /** What the backend was started with: for a second one, or the same again. */
  backendEnv: NodeJS.ProcessEnv;
  /** Ends the backend and starts it again with these changes to its environment; `api` speaks to the new one. */
  restartBackend(changes?: NodeJS.ProcessEnv): Promise<void>;
  /** Starts `log-detector agent` on the engine, and waits until it is connected. `by` command: through `DOCKER_CMD`. */
  follow(
    engine: DockerEngine,
    options?: { by?: 'api' | 'command'; env?: NodeJS.ProcessEnv },
  ): Promise<Program>;
  /** Something more to end before the backend, such as a second backend. */
  alsoStop(part: { stop(): Promise<unknown> }): void;
  stop(): Promise<void>;
}

/** A backend with alerting on, mails to ops@example.com, and an empty database. */
export async function givenASystem(
  options: { database?: Database; mailBy?: MailBy; env?: NodeJS.ProcessEnv } = {},
): Promise<System> {
  const folder = mkdtempSync(join(tmpdir(), 'ld-acceptance-'));
  const ends: (() => Promise<unknown>)[] = [async () => rmSync(folder, { recursive: true, force: true })];
  const stop = async () => {
    for (let end = ends.pop(); end; end = ends.pop()) await end();
  };
  try {
    const mailbox = await (options.mailBy === 'ses' ? sesMailbox() : smtpMailbox());
    ends.push(() => mailbox.close());
    const backendEnv: NodeJS.ProcessEnv = {
      ALERT_EMAIL_ENABLED: 'true',
      ALERT_EMAIL_TO: 'ops@example.com',
      ALERT_EMAIL_FROM: 'log-detector@example.com',
      DATA_DIR: join(folder, 'data'),
      ...mailbox.env,
      ...options.env,
    };
    if (options.database === 'postgres15') {
      const postgres = await startPostgres15();
      ends.push(() => postgres.stop());
      backendEnv.DATABASE_URL = postgres.url;
    }
    let backend = await startBackend({ folder, env: backendEnv });
    ends.push(() => backend.stop());
    const keyed = (): Record<string, string> =>
      backendEnv.API_KEY ? { 'x-api-key': backendEnv.API_KEY } : {};

    const system: System = {
      folder,
      mailbox,
      backendEnv,
      backend,
      api: apiAt(backend.url, keyed()),
      async restartBackend(changes = {}) {
        await backend.stop();
        Object.assign(backendEnv, changes);
        backend = await startBackend({ folder, env: backendEnv });
        system.backend = backend;
        system.api = apiAt(backend.url, keyed());
      },
      async follow(engine, { by = 'api', env = {} } = {}) {
        const agent = await startProgram(['agent'], {
          folder,
          env: {
            DOCKER_HOST: engine.host,
            ...(by === 'command' ? { DOCKER_CMD: 'docker' } : {}),
            BACKEND_URL: `${system.backend.url}/api/logs`,
            MONITOR_HOST: 'host-7',
            SPOOL_DIR: join(folder, 'spool'),
            ...env,
          },
        });
        ends.push(() => agent.stop());
        // What was printed before it first looked is not its business: the tests print afterwards.
        await agent.waitForOutput(/connected to Docker/);
        return agent;
      },
      alsoStop: (part) => ends.push(() => part.stop()),
      stop,
    };
    return system;
  } catch (error) {
    await stop();
    throw error;
  }
}

export async function smtpMailbox(): Promise<Mailbox> {
  const server = await startSmtpServer();
  return {
    env: { SMTP_URL: server.url },
    mails: async () =>
      server.mails.map(({ to, parsed }) => ({
        to,
        subject: parsed.subject ?? '',
        text: parsed.text ?? '',
        html: parsed.html || '',
      })),
    close: () => server.close(),
  };
}

export async function sesMailbox(): Promise<Mailbox> {
  const server = await startSesServer();
  return {
    env: server.env,
    mails: async () =>
      (await server.mails()).map(({ destination, subject, body }) => ({
        to: destination.to,
        subject,
        text: body.text ?? '',
        html: body.html ?? '',
      })),
    close: () => server.close(),
  };
}

/**
 * Asks again until `isEnough` holds; gives the last answer. @throws after `timeoutMs` with what was last answered.
 * For waiting on programs that run beside the test: nothing is measured by it.
 */
export async function eventually<T>(
  ask: () => Promise<T>,
  isEnough: (answer: T) => boolean,
  timeoutMs = 60_000,
): Promise<T> {
  const until = Date.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (isEnough(answer)) return answer;
    if (Date.now() > until)
      throw new Error(
        `not so within ${timeoutMs / 1000} s; the last answer:\n${JSON.stringify(answer, null, 2)}`,
      );
    await sleep(100);
  }
}
