// The embedded PostgreSQL's postmaster is killed at random moments, while the backend starts and while it runs: the backend
// must come back by itself, and have all that it acknowledged.

import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '@log-detector/test-kit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { embeddedClient, postmasterPid } from './chaos/database.ts';
import { type Build, copyBuild, manageProgram } from './chaos/programs.ts';
import { seededRandom } from './chaos/random.ts';
import { waitForHealth } from './chaos/world.ts';

// With others by POSTMASTER_KILLS and CHAOS_SEED; both are printed.
const kills = Number(process.env.POSTMASTER_KILLS ?? 18);
const seed = Number(process.env.CHAOS_SEED ?? Date.now() % 100_000);
/** The server is there after about 0.2 s and the backend listens after about 1 s, on a machine that is not busy. */
const longestWaitMs = 1200;

let build: Build;
let folder: string;
beforeAll(async () => {
  build = await copyBuild();
  folder = mkdtempSync(join(tmpdir(), 'ld-postmaster-'));
}, 120_000);
afterAll(() => {
  build.remove();
  rmSync(folder, { recursive: true, force: true });
});

it(
  'comes back by itself with all it acknowledged, whenever its postmaster is killed',
  async () => {
    console.log(`${kills} kills, seed ${seed}`);
    const random = seededRandom(seed);
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const logFile = join(folder, 'serve.log');
    const ends: string[] = [];
    const acknowledged: string[] = [];

    /** A backend of its own data folder, struck `times` times. */
    async function strike(dataDir: string, times: number): Promise<void> {
      const backend = manageProgram({
        build,
        verb: 'serve',
        folder,
        logFile,
        env: { PORT: String(port), DATA_DIR: dataDir, LOG_LEVEL: 'info', ALERT_EMAIL_ENABLED: 'false' },
        onUnexpectedEnd: (how) => ends.push(how),
      });
      backend.start();
      try {
        for (let time = 0; time < times; time++) {
          // Every other time it is the backend that is killed first, so that the server dies while it is opened.
          if (time % 2 === 1) {
            await backend.signal('SIGKILL');
            backend.start();
          }
          const killed = await killPostmaster(dataDir, random.between(0, longestWaitMs));
          await untilStored(url, acknowledged, () => ends.length > 0);
          if (ends.length > 0) throw new Error(`${killed}: ${ends.join(', ')}`);
        }
        const client = await embeddedClient(dataDir);
        const { rows } = await client.query<{ n: number }>(
          'select count(distinct event_id)::int as n from log_records',
        );
        await client.end();
        expect(rows[0]!.n).toBe(acknowledged.length);
      } finally {
        await backend.signal('SIGTERM');
      }
    }

    // A folder of its own: its first start makes the tables, which takes longest.
    for (const fresh of ['a', 'b', 'c']) {
      await strike(join(folder, fresh), 1);
      acknowledged.length = 0;
    }
    await strike(join(folder, 'd'), kills - 3);
    expect(ends).toEqual([]);
  },
  kills * 60_000,
);

/** Waits for a postmaster, then so long, and kills whichever is there. */
async function killPostmaster(dataDir: string, waitMs: number): Promise<string> {
  for (let tries = 0; postmasterPid(dataDir) === undefined && tries < 3000; tries++) await sleep(10);
  await sleep(waitMs);
  const pid = postmasterPid(dataDir);
  try {
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
  } catch {
    // It has just ended.
  }
  return `postmaster ${pid} killed ${waitMs} ms after one was seen`;
}

/** Posts a record, again until it is acknowledged. */
async function untilStored(url: string, acknowledged: string[], isHopeless: () => boolean): Promise<void> {
  const event_id = randomUUID();
  const body = JSON.stringify({ host: 'h', container: 'c', message: 'ERROR: it broke', event_id });
  const giveUpAt = Date.now() + 60_000;
  while (!isHopeless()) {
    try {
      const response = await fetch(`${url}/api/logs`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
        signal: AbortSignal.timeout(10_000),
      });
      if (response.ok) {
        acknowledged.push(event_id);
        return await waitForHealth(url, 10_000);
      }
    } catch {
      // It starts.
    }
    if (Date.now() > giveUpAt) throw new Error('nothing is stored a minute after the postmaster was killed');
    await sleep(50);
  }
}
