// Words for tests of the HTTP API: a backend's app on a database of its own.

import type { LogRecord } from '@log-detector/contract';
import { pino } from 'pino';
import { createTestDatabase, type TestDatabase } from '../../../test-kit/src/postgres.ts';
import { type AppOptions, buildApp } from '../app.ts';
import type { App } from './http.ts';

export interface Answer<Body> {
  status: number;
  body: Body;
  headers: Record<string, unknown>;
}

export interface GivenBackend {
  app: App;
  database: TestDatabase;
  /** Sends `payload`: a string or Buffer as it is, anything else as JSON. */
  call<Body = Record<string, unknown>>(
    method: 'GET' | 'POST' | 'DELETE',
    url: string,
    payload?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer<Body>>;
  /** Stores one record, everything that does not matter filled in. */
  post(parts?: object): Promise<LogRecord>;
  /** Another backend that shares the database. */
  replica(): Promise<App>;
  close(): Promise<void>;
}

type Overrides = Partial<AppOptions['settings']> & Partial<Pick<AppOptions, 'maxHeldBytes' | 'fetchText'>>;

export const aRecord = { host: 'web-1', container: 'api', message: 'ERROR: it broke' };

export async function givenBackend(overrides: Overrides = {}): Promise<GivenBackend> {
  const database = await createTestDatabase();
  const apps: App[] = [];
  const start = async () => {
    const { maxHeldBytes, fetchText, ...settings } = overrides;
    const app = await buildApp({
      settings: {
        apiKey: undefined,
        dedupeWindowMs: 300_000,
        alerts: { enabled: false, to: [], from: 'alerts@example.com', baseUrl: 'https://logs.example.com' },
        ...settings,
      },
      pool: database.pool,
      logger: pino({ level: process.env.LOG_LEVEL ?? 'silent' }),
      version: '0.0.0-test',
      maxHeldBytes,
      ...(fetchText ? { fetchText } : {}),
    });
    apps.push(app);
    return app;
  };
  const app = await start();
  const call: GivenBackend['call'] = async <Body>(
    method: 'GET' | 'POST' | 'DELETE',
    url: string,
    payload?: unknown,
    headers: Record<string, string> = {},
  ) => {
    const isRaw = typeof payload === 'string' || Buffer.isBuffer(payload);
    const answer = await app.inject({
      method,
      url,
      ...(payload === undefined ? {} : { payload: isRaw ? payload : JSON.stringify(payload) }),
      headers: { ...(payload === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    });
    const isJson = String(answer.headers['content-type']).includes('json');
    return {
      status: answer.statusCode,
      body: (isJson ? answer.json() : answer.body) as Body,
      headers: answer.headers,
    };
  };
  return {
    app,
    database,
    call,
    async post(parts = {}) {
      const { status, body } = await call<LogRecord>('POST', '/api/logs', { ...aRecord, ...parts });
      if (status !== 200) throw new Error(`posting answered ${status}: ${JSON.stringify(body)}`);
      return body;
    },
    replica: start,
    async close() {
      for (const each of apps) await each.close();
      await database.drop();
    },
  };
}
