// Debian's PostgreSQL 15, the oldest that the backend supports, as a server of its own in a temporary folder. A guard ends
// it and removes the folder when it is stopped and also when the test run dies.

import { spawn } from 'node:child_process';
import { chownSync, closeSync, existsSync, mkdtempSync, openSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { freePort } from './free-port.ts';
import { run } from './run.ts';

const binaries = '/usr/lib/postgresql/15/bin';

export interface Postgres15 {
  /** Of an empty database, for `DATABASE_URL`. */
  url: string;
  /** SIGKILL to the postmaster; `start()` brings it back with its data. */
  kill9(): Promise<void>;
  start(): Promise<void>;
  /** Ends the server and removes its folder. */
  stop(): Promise<void>;
}

/** Why there can be none here, or undefined when there can: `describe.skipIf(needsPostgres15())`. */
export function needsPostgres15(): string | undefined {
  if (existsSync(join(binaries, 'postgres'))) return undefined;
  return "PostgreSQL 15 is not installed; apt-get install postgresql-15, or let 'npm test' do it";
}

/** Starts one with an empty database. @throws with the server's log when it cannot. */
export async function startPostgres15(): Promise<Postgres15> {
  const folder = mkdtempSync(join(tmpdir(), 'ld-postgres15-'));
  const guard = startGuard(folder);
  const port = await freePort();
  const url = `postgresql://log_detector@127.0.0.1:${port}/log_detector`;
  const data = join(folder, 'data');
  const logFile = join(folder, 'log');
  // PostgreSQL refuses to run as root.
  const owner = process.getuid?.() === 0 ? await userIds('postgres') : undefined;
  if (owner) chownSync(folder, owner.uid, owner.gid);

  const stop = async () => {
    const ended = new Promise((resolve) => guard.once('exit', resolve));
    guard.stdin!.end();
    await ended;
  };
  const start = async () => {
    const log = openSync(logFile, 'a');
    const options = ['-k', folder, '-c', 'listen_addresses=127.0.0.1', '-c', 'max_connections=200'];
    const child = spawn(join(binaries, 'postgres'), ['-D', data, '-p', String(port), ...options], {
      ...owner,
      cwd: folder,
      detached: true,
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    child.unref();
    for (let round = 0; round < 600; round += 1) {
      if (await answers(url)) return;
      if (child.exitCode !== null) break;
      await sleep(50);
    }
    throw new Error(`PostgreSQL 15 did not start:\n${readFileSync(logFile, 'utf8').slice(-2000)}`);
  };

  try {
    const options = [
      '--username=log_detector',
      '--auth=trust',
      '--encoding=UTF8',
      '--locale=C.UTF-8',
      '--no-sync',
    ];
    await run(join(binaries, 'initdb'), ['-D', data, ...options], { ...owner, cwd: folder });
    await start();
    await query(url.replace(/log_detector$/, 'postgres'), 'create database log_detector');
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url,
    start,
    stop,
    async kill9() {
      const pid = Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0]);
      process.kill(pid, 'SIGKILL');
      while (await answers(url)) await sleep(10);
    },
  };
}

/** Waits until its standard input closes, then ends the server and removes the folder. */
function startGuard(folder: string) {
  const script = `
    trap '' INT TERM HUP
    cat >/dev/null
    for round in 1 2 3 4 5 6 7 8 9 10; do
      pid=$(head -n 1 "$0/data/postmaster.pid" 2>/dev/null) && kill -9 "$pid" 2>/dev/null
      rm -rf "$0" && break
      sleep 0.2
    done`;
  const guard = spawn('/bin/sh', ['-c', script, folder], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  guard.unref();
  (guard.stdin as unknown as { unref(): void }).unref();
  return guard;
}

/** PostgreSQL as usual asks for the log_detector database; before it is made, "does not exist" is an answer too. */
async function answers(url: string): Promise<boolean> {
  try {
    await query(url, 'select 1');
    return true;
  } catch (error) {
    return (error as { code?: string }).code === '3D000';
  }
}

async function query(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2000 });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

async function userIds(name: string): Promise<{ uid: number; gid: number }> {
  const ids = async (flag: string) => Number(await run('id', [flag, name]));
  return { uid: await ids('-u'), gid: await ids('-g') };
}
