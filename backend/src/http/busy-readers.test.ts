// Records come in while readers have taken every connection that there is for them.

import { pino } from 'pino';
import { expect, it } from 'vitest';
import { createTestDatabase } from '../../../test-kit/src/postgres.ts';
import { buildApp } from '../app.ts';
import { createPool } from '../db/pool.ts';
import { aRecord } from './test-help.ts';

it('readers cannot keep records waiting', async () => {
  const database = await createTestDatabase();
  const pool = createPool({ connectionString: database.url, max: 1 });
  const ingestPool = createPool({ connectionString: database.url, max: 4 });
  const app = await buildApp({
    settings: {
      apiKey: undefined,
      dedupeWindowMs: 300_000,
      alerts: { enabled: false, to: [], from: 'alerts@example.com', baseUrl: 'https://logs.example.com' },
    },
    pool,
    ingestPool,
    logger: pino({ level: 'silent' }),
    version: '0.0.0-test',
  });
  const reader = await pool.connect();
  try {
    for (const message of ['ERROR: one of a kind', 'ERROR: another'])
      expect(
        (await app.inject({ method: 'POST', url: '/api/logs', payload: { ...aRecord, message } })).statusCode,
      ).toBe(200);
  } finally {
    reader.release();
    await app.close();
    await pool.end();
    await ingestPool.end();
    await database.drop();
  }
});
