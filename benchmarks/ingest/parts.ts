// The processes of the ingest benchmarks: the backend, the bare echo that it is held against, and the load generator. Each is
// this same bundle, forked with its part in the environment, and is talked to by messages.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { LogRecord, WireRecord } from '@log-detector/contract';
import Fastify from 'fastify';
import { pino } from 'pino';
import { defaultPolicy } from '../../backend/src/alerting/policy.ts';
import { buildApp } from '../../backend/src/app.ts';
import { createPool } from '../../backend/src/db/pool.ts';
import { makePartitionsAhead } from '../../backend/src/upkeep/upkeep.ts';
import { keepNewObjectsYoung } from '../../backend/src/young-objects.ts';
import { type Load, type LoadResult, runLoad } from './load.ts';

/** Plays the part that this process was forked for. @returns whether it was forked for one. */
export async function playPart(): Promise<boolean> {
  switch (process.env.INGEST_PART) {
    case 'backend':
      await playServer(await backend(process.env.DATABASE_URL!));
      return true;
    case 'echo':
      await playServer(await echo());
      return true;
    case 'load':
      await playLoad();
      return true;
  }
  return false;
}

/** Deciding by issue, for one recipient; nothing is sent. */
async function backend(connectionString: string): Promise<AddressInfo> {
  keepNewObjectsYoung();
  const pool = createPool({ connectionString });
  const ingestPool = createPool({ connectionString, max: 4, statementTimeoutMs: 10_000 });
  await makePartitionsAhead(pool, Date.now());
  const app = await buildApp({
    settings: {
      apiKey: undefined,
      dedupeWindowMs: 300_000,
      alerts: {
        enabled: true,
        to: ['ops@example.org'],
        from: 'alerts@example.com',
        baseUrl: 'https://logs.example.com',
        policy: defaultPolicy,
      },
    },
    pool,
    ingestPool,
    logger: pino({ level: 'info' }, pino.destination(2)),
    version: 'benchmark',
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  return app.server.address() as AddressInfo;
}

/** Fastify with its own parser, validator and serializer, and the schemas of POST /api/logs: it answers a record at once. */
async function echo(): Promise<AddressInfo> {
  const app = Fastify({ logger: false });
  app.post('/api/logs', { schema: { body: WireRecord, response: { 200: LogRecord } } }, async (request) => {
    const sent = request.body as WireRecord;
    return {
      id: '019aab00-0000-7000-8000-000000000000',
      log_hash: '0'.repeat(64),
      received_at: '2026-11-22T10:00:00.123000Z',
      is_duplicate: false,
      duplicate_of_id: null,
      issue_id: '019aab00-0000-7000-8000-000000000000',
      labels: null,
      fields: null,
      context_before: null,
      context_after: null,
      coalesce_id: null,
      ...sent,
    };
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  return app.server.address() as AddressInfo;
}

async function playServer({ port }: AddressInfo): Promise<void> {
  process.on('message', (message) => {
    if (message === 'cpu') {
      const { user, system } = process.cpuUsage();
      process.send!({ cpuSeconds: (user + system) / 1e6 });
    } else if (message === 'end') process.exit();
  });
  process.on('disconnect', () => process.exit());
  process.send!({ port });
  await new Promise(() => {});
}

async function playLoad(): Promise<void> {
  process.on('disconnect', () => process.exit());
  const [load] = (await once(process, 'message')) as [Load];
  const result = await runLoad(load, async () => {
    process.send!('ready');
    await once(process, 'message');
  });
  process.send!(result, () => process.exit());
  await new Promise(() => {});
}

function start(part: string, env: NodeJS.ProcessEnv = {}): ChildProcess {
  // INGEST_FLAGS='--cpu-prof --cpu-prof-dir=folder' writes what the backend spends its time on, for Chrome's developer tools.
  const profile = part === 'backend' ? (process.env.INGEST_FLAGS?.split(' ') ?? []) : [];
  return fork(process.env.LOG_DETECTOR_BENCH!, [], {
    env: { ...process.env, ...env, INGEST_PART: part },
    execArgv: profile,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
}

export interface Server {
  port: number;
  /** Processor time so far. */
  cpuSeconds(): Promise<number>;
  end(): Promise<void>;
}

/** Starts a server in a process of its own. */
export async function startServer(part: 'backend' | 'echo', env: NodeJS.ProcessEnv = {}): Promise<Server> {
  const child = start(part, env);
  let settle: { answer: (answer: unknown) => void; fail: (error: Error) => void } | undefined;
  child.on('message', (message) => settle?.answer(message));
  child.on('exit', (code) => settle?.fail(new Error(`the ${part} ended with ${code}`)));
  const ask = async <Answer>(question?: string): Promise<Answer> => {
    if (question) child.send(question);
    return (await new Promise<unknown>((answer, fail) => {
      settle = { answer, fail };
    })) as Answer;
  };
  const { port } = await ask<{ port: number }>();
  return {
    port,
    cpuSeconds: async () => (await ask<{ cpuSeconds: number }>('cpu')).cpuSeconds,
    async end() {
      const ended = once(child, 'exit');
      child.send('end');
      await ended;
    },
  };
}

/** Prepares a load in a process of its own. @returns what starts it. */
export async function prepareLoad(load: Load): Promise<() => Promise<LoadResult>> {
  const child = start('load');
  child.send(load);
  await once(child, 'message');
  return async () => {
    const answer = once(child, 'message');
    child.send('go');
    const [result] = (await answer) as [LoadResult];
    return result;
  };
}
