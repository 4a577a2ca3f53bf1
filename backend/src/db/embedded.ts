// A PostgreSQL server of our own, its data under DATA_DIR, when DATABASE_URL is unset. What would surprise: two kernel
// locks decide everything, never a pid. `backend.lock` is ours: a second backend on the folder is refused.
// `postgres.lock` is inherited by every process of the server: while it is held, one of them still lives, so it is
// stopped before another starts; when it is free, what postmaster.pid says is stale and thrown away.
//
//   stopped -> starting -> ready -> stopping -> stopped
//                 ^          | the server died
//                 +- waiting <

import { type ChildProcess, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeFolder, StartError } from '@log-detector/settings';
import pg from 'pg';
import { type FileLock, lockFile } from './file-lock.ts';
import { findPostgresBinaries, type PostgresBinaries } from './postgres-binaries.ts';
import { choosePostgresUser, type ProgramUser, spawnAs } from './postgres-user.ts';

export interface EmbeddedOptions {
  /** Made when missing. */
  dataDir: string;
  /** More `name: value` of postgresql.conf. */
  settings?: Record<string, string>;
  log?: EmbeddedLog;
  /** For the person who starts it: hears what takes a while, before it is done. The log, when left out. */
  tell?: (words: string) => void;
  /** Aborts while the database is made: it is left, and `startEmbedded` throws. */
  signal?: AbortSignal;
}

export interface EmbeddedLog {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
}

export interface EmbeddedPostgres {
  /** For `pg` and every other client; the same after a restart. It holds the password: never log it. */
  connectionString: string;
  /** Of the postmaster; undefined while there is none. */
  readonly pid: number | undefined;
  /** Ends the server within 2.3 s and gives DATA_DIR free. */
  stop(): Promise<void>;
}

const role = 'log_detector';
const database = 'log_detector';
const majorVersion = '18';
// The socket is named after it; no port is opened.
const socketPort = 5432;
const startTimeoutMs = 5 * 60_000; // recovery after a crash may take long; it says so meanwhile
const dyingMs = 3_000;
/** A server that ran for so long does not die of what it was started with: it is started again at once. */
const steadyMs = 10_000;
const silence: EmbeddedLog = { debug() {}, info() {}, warn() {} };

// Durable as PostgreSQL is by default (fsync, synchronous_commit and full_page_writes stay on); only sized for a small machine.
const serverSettings: Record<string, string> = {
  listen_addresses: '',
  port: String(socketPort),
  max_connections: '60',
  shared_buffers: '128MB',
  max_wal_size: '2GB',
  wal_compression: 'on',
  checkpoint_timeout: '15min',
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_line_prefix: '',
  // A failed statement is told to its client; the text of it may hold what users must not find in a log.
  log_min_error_statement: 'panic',
};

/**
 * Starts the server of `dataDir`, made on the first start, and keeps it running: should it die, it is started again,
 * with back-off, at the same address.
 * @throws when another backend uses the folder, or the server cannot be made or started: the message says what to do.
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const { dataDir, settings = {}, log = silence, tell = log.info.bind(log) } = options;
  const server = new Server(resolve(dataDir), settings, log, tell);
  await server.open(options.signal);
  return server;
}

class Server implements EmbeddedPostgres {
  connectionString = '';
  readonly #folder: string;
  readonly #data: string;
  readonly #settings: Record<string, string>;
  readonly #log: EmbeddedLog;
  readonly #tell: (words: string) => void;
  #backendLock: FileLock | undefined;
  #binaries!: PostgresBinaries;
  #user: ProgramUser | undefined;
  #socketFolder = '';
  #password = '';
  #child: ChildProcess | undefined;
  #stopping = new AbortController();
  #supervised: Promise<void> = Promise.resolve();
  #lastWords: string[] = [];

  constructor(
    folder: string,
    settings: Record<string, string>,
    log: EmbeddedLog,
    tell: (words: string) => void,
  ) {
    this.#folder = folder;
    this.#data = join(folder, 'postgres');
    this.#settings = settings;
    this.#log = log;
    this.#tell = tell;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  async open(signal?: AbortSignal): Promise<void> {
    if (process.platform === 'win32')
      throw new StartError(
        'the embedded PostgreSQL does not run on Windows; set DATABASE_URL, or use Docker or WSL',
      );
    try {
      makeFolder(this.#folder);
      this.#backendLock = await this.#lockBackend();
    } catch (error) {
      if (
        !/^E(ACCES|PERM|ROFS|NOENT|NOTDIR|EXIST|NAMETOOLONG)$/.test(
          (error as NodeJS.ErrnoException).code ?? '',
        )
      )
        throw error;
      throw new StartError(
        `cannot write DATA_DIR ${this.#folder}: ${(error as Error).message}; set it to a folder that the user who starts this may write to, or set DATABASE_URL`,
      );
    }
    try {
      this.#user = choosePostgresUser(this.#data);
      this.#binaries = findPostgresBinaries(join(this.#folder, 'lib'));
      this.#socketFolder = this.#makeSocketFolder();
      await this.#endPreviousServer();
      if (!existsSync(join(this.#data, 'PG_VERSION'))) await this.#makeCluster(signal);
      this.#checkVersion();
      this.#password = await this.#readPassword();
      this.connectionString = this.#url(database);
      await this.#startFirst();
    } catch (error) {
      await this.stop();
      throw error;
    }
    this.#supervised = this.#supervise();
  }

  /** A server killed while it starts says nothing about whether it can: it is started again, a few times. */
  async #startFirst(): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.#start();
        await this.#makeDatabase();
        return;
      } catch (error) {
        const child = this.#child;
        // The connection may know before we do.
        if (child) await Promise.race([exited(child), sleep(3000)]);
        if (!this.#wasKilled(child) || attempt === 5 || this.#stopping.signal.aborted) throw error;
        this.#log.warn('the embedded PostgreSQL was killed while it started; starting it again');
        await this.#endPreviousServer();
      }
    }
  }

  /** It, or the process of it that recovers what was not written: without that one it ends by itself. */
  #wasKilled(child: ChildProcess | undefined): boolean {
    const isLastWord = this.#lastWords.some((line) => /was terminated by signal 9/.test(line));
    return child?.signalCode === 'SIGKILL' || (child?.exitCode === 1 && isLastWord);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#supervised;
    await this.#end(this.#child);
    // One outside DATA_DIR is left empty, and would stay.
    if (!this.#socketFolder.startsWith(this.#folder))
      rmSync(this.#socketFolder, { recursive: true, force: true });
    this.#backendLock?.release();
    this.#backendLock = undefined;
  }

  async #lockBackend(): Promise<FileLock | undefined> {
    const path = join(this.#folder, 'backend.lock');
    const holder = join(this.#folder, 'backend.pid');
    let lock = lockFile(path);
    // A backend that was killed a moment ago holds its lock until the system has done away with it.
    for (let waitedMs = 0; lock === 'busy' && waitedMs < dyingMs; waitedMs += 50) {
      await sleep(50);
      lock = lockFile(path);
    }
    const holderPid = existsSync(holder) ? Number(readFileSync(holder, 'utf8')) : 0;
    const isHeldByPid = lock === 'unsupported' && holderPid !== process.pid && looksLike(holderPid, /node/);
    if (lock === 'busy' || isHeldByPid)
      throw new StartError(
        `DATA_DIR ${this.#folder} is in use by another backend${holderPid ? ` (process ${holderPid})` : ''}; stop that one, give this one a DATA_DIR of its own, or set the same DATABASE_URL for both`,
      );
    writeFileSync(holder, `${process.pid}\n`);
    return lock === 'unsupported' ? undefined : lock;
  }

  /** In DATA_DIR, unless that makes the socket's path longer than the system takes (108 bytes on Linux, 104 on macOS). */
  #makeSocketFolder(): string {
    const near = join(this.#folder, 'run');
    const hash = createHash('sha256').update(this.#folder).digest('hex').slice(0, 16);
    const folder = Buffer.byteLength(near) < 80 ? near : join(tmpdir(), `log-detector-${hash}`);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#give(folder);
    return folder;
  }

  #give(path: string): void {
    if (this.#user) chownSync(path, this.#user.uid, this.#user.gid);
  }

  #checkVersion(): void {
    const version = readFileSync(join(this.#data, 'PG_VERSION'), 'utf8').trim();
    if (version !== majorVersion)
      throw new StartError(
        `${this.#data} was made by PostgreSQL ${version}, and this is ${majorVersion}; dump it with the version that made it and restore, or set another DATA_DIR`,
      );
  }

  /**
   * A backup may hold the data alone. Who can read that needs no password to open it, so where the file is gone the role is
   * given a new one by the server's single-user mode.
   */
  async #readPassword(): Promise<string> {
    const path = join(this.#folder, 'postgres.password');
    if (existsSync(path)) return readFileSync(path, 'utf8').trim();
    const password = newPassword();
    const server = this.#spawn(this.#binaries.postgres, ['--single', '-D', this.#data, 'postgres'], {
      input: `alter role ${role} password '${password}'\n`,
    });
    const code = await exited(server);
    if (code !== 0 || this.#lastWords.some((line) => /(ERROR|FATAL|PANIC):/.test(line)))
      throw new StartError(
        `${path} is gone, and the database in ${this.#data} takes no new password: ${this.#lastWords.slice(-6).join(' ')}; restore both from a backup, with their owners (cp -a), or move the folder away to start empty`,
      );
    keepPassword(path, password);
    this.#log.info(`${path} was gone; made a new password`);
    return password;
  }

  /** Made aside and renamed when whole, so that a kill in the middle leaves nothing half made. */
  async #makeCluster(signal?: AbortSignal): Promise<void> {
    // A name that no other has: one that was killed a moment ago may still run, and takes its folder away when it ends.
    const unfinished = `${this.#data}.new-${randomBytes(4).toString('hex')}`;
    const passwordFile = join(this.#folder, 'postgres.password');
    const passwordForInitdb = join(this.#socketFolder, 'password');
    this.#removeUnfinished();
    mkdirSync(unfinished, { mode: 0o700 });
    const password = newPassword();
    keepPassword(passwordFile, password);
    writeFileSync(passwordForInitdb, password, { mode: 0o600 });
    for (const path of [unfinished, passwordForInitdb]) this.#give(path);
    this.#tell(`Making a database in ${this.#data} (once; on a slow machine it takes a while)…`);
    const initdb = this.#spawn(this.#binaries.initdb, [
      `--pgdata=${unfinished}`,
      `--username=${role}`,
      `--pwfile=${passwordForInitdb}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      // Unicode's own rules, the same on every machine and after every upgrade of its C library.
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      ...(this.#settings.fsync === 'off' ? ['--no-sync'] : []),
    ]);
    // With all that it started: by itself it ends only after the step that it is at.
    const end = () => initdb.pid && kill(-initdb.pid, 'SIGKILL');
    signal?.addEventListener('abort', end, { once: true });
    if (signal?.aborted) end();
    const code = await exited(initdb);
    signal?.removeEventListener('abort', end);
    rmSync(passwordForInitdb, { force: true });
    if (signal?.aborted) this.#removeUnfinished();
    signal?.throwIfAborted();
    if (code !== 0)
      throw new StartError(
        `cannot make a database in ${this.#folder}: ${this.#lastWords.slice(-6).join(' ')}`,
      );
    renameSync(unfinished, this.#data);
  }

  #removeUnfinished(): void {
    // No more than we made: a person may keep a copy beside it.
    for (const name of readdirSync(this.#folder))
      if (/^postgres\.new(-[\da-f]{8})?$/.test(name))
        rmSync(join(this.#folder, name), { recursive: true, force: true, maxRetries: 10 });
  }

  #spawn(
    program: string,
    args: readonly string[],
    { input, lockFd }: { input?: string; lockFd?: number } = {},
  ): ChildProcess {
    this.#lastWords = [];
    const child = spawnAs(this.#user, program, args, {
      cwd: '/',
      env: { PATH: process.env.PATH, TZ: 'UTC', LC_ALL: 'C', ...this.#binaries.env },
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe', lockFd ?? 'ignore'],
      paths: [this.#folder, this.#socketFolder, this.#binaries.postgres],
    });
    child.on('error', (error) => this.#hear(String(error)));
    // Where it ended before it read, its last words say why.
    child.stdin?.on('error', () => {}).end(input);
    for (const stream of [child.stdout, child.stderr]) {
      let rest = '';
      stream?.setEncoding('utf8').on('data', (text: string) => {
        const lines = (rest + text).split('\n');
        rest = (lines.pop() ?? '').slice(0, 10_000);
        for (const line of lines) this.#hear(line);
      });
    }
    return child;
  }

  #hear(line: string): void {
    this.#lastWords = [...this.#lastWords.slice(-19), line];
    if (
      /^(FATAL|PANIC)/.test(line) &&
      !/starting up|not yet accepting|shutting down|administrator command/.test(line)
    )
      this.#log.warn(`postgres: ${line}`);
    else this.#log.debug(`postgres: ${line}`);
  }

  async #start(): Promise<void> {
    const lock = lockFile(join(this.#folder, 'postgres.lock'));
    if (lock === 'busy') throw new Error(`bug: ${this.#data} is still in use`);
    const settings = { ...serverSettings, unix_socket_directories: this.#socketFolder, ...this.#settings };
    const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const child = this.#spawn(
      this.#binaries.postgres,
      ['-D', this.#data, ...args],
      lock === 'unsupported' ? {} : { lockFd: lock.fd },
    );
    if (lock !== 'unsupported') lock.release(); // the server's processes hold it from here
    this.#child = child;
    await this.#waitUntilReady(child);
  }

  async #waitUntilReady(child: ChildProcess): Promise<void> {
    const started = Date.now();
    // Each look makes the server start a process, which is not to hold up its recovery.
    for (let pauseMs = 20; ; pauseMs = Math.min(200, pauseMs * 1.3)) {
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined)
        throw new StartError(`the embedded PostgreSQL did not start: ${this.#whyItEnded()}`);
      const answer = await this.#tryConnect();
      if (answer === 'ready') return;
      if (answer instanceof Error || Date.now() - started > startTimeoutMs)
        throw new StartError(`the embedded PostgreSQL started but does not answer`, { cause: answer });
      await sleep(pauseMs, undefined, { signal: this.#stopping.signal });
    }
  }

  #whyItEnded(): string {
    const full = this.#lastWords.find((line) => /No space left on device/.test(line));
    return full ? `${full}; make room for ${this.#folder}` : this.#lastWords.slice(-6).join(' ');
  }

  async #tryConnect(): Promise<'ready' | 'starting' | Error> {
    const client = this.#client('postgres');
    try {
      await client.connect();
      return 'ready';
    } catch (error) {
      const { code, message } = error as { code?: string; message: string };
      // No socket yet, nobody listening, "the database system is starting up"; or it died, which its process tells, or
      // the machine is too busy to answer in time.
      const isStarting =
        ['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE', '57P03'].includes(code ?? '') ||
        /Connection terminated|timeout/i.test(message);
      return isStarting ? 'starting' : (error as Error);
    } finally {
      await client.end().catch(() => {});
    }
  }

  #url(name: string): string {
    return `postgresql://${role}:${this.#password}@localhost/${name}?host=${encodeURIComponent(this.#socketFolder)}&port=${socketPort}`;
  }

  #client(name: string): pg.Client {
    const client = new pg.Client({ connectionString: this.#url(name), connectionTimeoutMillis: 5_000 });
    client.on('error', () => {});
    return client;
  }

  async #makeDatabase(): Promise<void> {
    const client = this.#client('postgres');
    await client.connect();
    try {
      const { rowCount } = await client.query('select from pg_database where datname = $1', [database]);
      if (rowCount === 0) await client.query(`create database ${database}`);
    } finally {
      await client.end();
    }
  }

  /** Starts the server again whenever it dies, until `stop`. */
  async #supervise(): Promise<void> {
    const { signal } = this.#stopping;
    for (let failures = 0; ; ) {
      const child = this.#child!;
      const startedAt = Date.now();
      await Promise.race([exited(child), aborted(signal)]);
      if (signal.aborted) return;
      if (Date.now() - startedAt > steadyMs) failures = 0;
      for (let isUp = false; !isUp; failures += 1) {
        const waitMs = Math.min(100 * 2 ** failures, 10_000);
        this.#log.warn(
          `the embedded PostgreSQL died (${this.#lastWords.at(-1) ?? 'no word'}); starting it again in ${waitMs} ms`,
        );
        await sleep(waitMs, undefined, { signal }).catch(() => {});
        if (signal.aborted) return;
        try {
          await this.#endPreviousServer();
          await this.#start();
          isUp = true;
          this.#log.info('the embedded PostgreSQL is up again');
        } catch (error) {
          if (signal.aborted) return;
          await this.#end(this.#child);
          this.#log.warn((error as Error).message);
        }
      }
    }
  }

  /** Stops what is left of a server whose starter is gone, then throws away its lock files. */
  async #endPreviousServer(): Promise<void> {
    const lockPath = join(this.#folder, 'postgres.lock');
    const isFree = () => {
      const lock = lockFile(lockPath);
      if (lock === 'busy') return false;
      if (lock === 'unsupported') return !this.#processesOfServer().length;
      lock.release();
      return true;
    };
    // Fast shutdown, then immediate, then by force: PostgreSQL recovers from each without loss.
    const signals: NodeJS.Signals[] = ['SIGINT', 'SIGQUIT', 'SIGKILL'];
    for (let waitedMs = 0; !isFree(); waitedMs += 50) {
      if (waitedMs % 3_000 === 0) {
        const processes = this.#processesOfServer();
        const signal = signals[waitedMs / 3_000];
        if (!signal)
          throw new StartError(
            `${this.#data} is in use by a PostgreSQL server that this process cannot stop; stop the container or program that runs it`,
          );
        if (processes.length)
          this.#log.info(`stopping the PostgreSQL server that an earlier backend left (${signal})`);
        for (const pid of processes) for (const each of [signal, 'SIGCONT'] as const) kill(pid, each);
      }
      await sleep(50);
    }
    rmSync(join(this.#data, 'postmaster.pid'), { force: true });
    for (const file of readdirSync(this.#socketFolder))
      if (file.startsWith('.s.PGSQL.')) rmSync(join(this.#socketFolder, file), { force: true });
  }

  /** Every process of PostgreSQL stands in its data folder; where there is no /proc, the postmaster is known by its command line. */
  #processesOfServer(): number[] {
    if (!existsSync(this.#data)) return [];
    const data = realpathSync(this.#data);
    if (process.platform === 'linux') {
      return readdirSync('/proc')
        .map(Number)
        .filter((pid) => {
          try {
            return pid > 0 && readlinkSync(`/proc/${pid}/cwd`) === data;
          } catch {
            return false; // gone, or not ours to look at
          }
        })
        .filter((pid) => looksLike(pid, /postgres/));
    }
    const file = join(this.#data, 'postmaster.pid');
    const pid = existsSync(file) ? Number.parseInt(readFileSync(file, 'utf8'), 10) : 0;
    return looksLike(pid, /postgres/) ? [pid] : [];
  }

  async #end(child: ChildProcess | undefined): Promise<void> {
    if (!child?.pid) return;
    for (const [signal, waitMs] of [
      ['SIGINT', 1_500],
      ['SIGQUIT', 400],
      ['SIGKILL', 400],
    ] as const) {
      if (child.exitCode !== null || child.signalCode !== null) break;
      kill(child.pid, signal);
      await Promise.race([exited(child), sleep(waitMs, undefined, { ref: false })]);
    }
    this.#child = undefined;
  }
}

function looksLike(pid: number, command: RegExp): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  const { stdout } = spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' });
  return command.test(stdout ?? '');
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // it is gone already
  }
}

function newPassword(): string {
  return randomBytes(24).toString('base64url');
}

function keepPassword(path: string, password: string): void {
  writeFileSync(path, `${password}\n`, { mode: 0o600 });
  chmodSync(path, 0o600);
}

/** Exit code; null when a signal ended it, or it never started. */
function exited(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined)
    return Promise.resolve(child.exitCode);
  return new Promise((done) => child.once('close', (code) => done(code)));
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((done) => signal.addEventListener('abort', () => done(), { once: true }));
}
