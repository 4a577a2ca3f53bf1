// A connection of our own to the embedded PostgreSQL of a backend.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';

/** @throws while the database is away. */
export async function embeddedClient(dataDir: string): Promise<pg.Client> {
  const password = readFileSync(join(dataDir, 'postgres.password'), 'utf8').trim();
  const host = encodeURIComponent(join(dataDir, 'run'));
  const client = new pg.Client({
    connectionString: `postgresql://log_detector:${password}@/log_detector?host=${host}&port=5432`,
    connectionTimeoutMillis: 3000,
  });
  // Its server is killed all the time.
  client.on('error', () => {});
  await client.connect();
  return client;
}

/** The process id of its postmaster, while there is one. */
export function postmasterPid(dataDir: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(join(dataDir, 'postgres/postmaster.pid'), 'utf8'), 10);
    // The file outlives its process, and the number may be another's by now.
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(dataDir) ? pid : undefined;
  } catch {
    return undefined;
  }
}
