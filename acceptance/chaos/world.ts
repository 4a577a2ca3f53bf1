// Everything that a run needs, made and taken away: a Docker engine with generators, the backend on its embedded
// PostgreSQL, the agent, and the proxy between them.

import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DockerEngine, freePort, startDockerEngine } from '@log-detector/test-kit';
import type pg from 'pg';
import { embeddedClient, postmasterPid } from './database.ts';
import { dockerLogs } from './docker-logs.ts';
import {
  type GeneratorFolders,
  generatorArguments,
  type Profile,
  prepareFolders,
  type Source,
} from './generator.ts';
import type { MadeContainer } from './oracle.ts';
import type { SlotName } from './plan.ts';
import { type Build, copyBuild, type ManagedProgram, manageProgram } from './programs.ts';
import { type ChaosProxy, startProxy } from './proxy.ts';
import { printedBy } from './truth.ts';

/** How the container of a slot is made. */
interface SlotKind {
  profile: Profile;
  docker: readonly string[];
  tty?: boolean;
  /** Docker throws away what is old. */
  rotates?: boolean;
  /** What Docker itself lost when it was killed can be told from its log, of which we keep a link. */
  isAccountable: boolean;
}

const slotKinds: Record<SlotName, SlotKind> = {
  web: { profile: { share: 1, longEvery: 0, traceEvery: 101 }, docker: [], isAccountable: true },
  api: { profile: { share: 1, longEvery: 499, traceEvery: 97 }, docker: [], isAccountable: true },
  worker: { profile: { share: 0.3, longEvery: 41, traceEvery: 13 }, docker: [], isAccountable: true },
  console: {
    profile: { share: 0.5, longEvery: 331, traceEvery: 83 },
    docker: ['--tty'],
    tty: true,
    isAccountable: true,
  },
  chatty: {
    profile: { share: 1.2, longEvery: 0, traceEvery: 211 },
    docker: ['--log-opt=max-size=512k', '--log-opt=max-file=2'],
    rotates: true,
    isAccountable: false,
  },
  quiet: { profile: { share: 0, longEvery: 5, traceEvery: 3 }, docker: [], isAccountable: true },
  local: {
    profile: { share: 0.5, longEvery: 397, traceEvery: 101 },
    docker: ['--log-driver=local', '--log-opt=max-size=200m'],
    isAccountable: false,
  },
};

/** Of all lines, this part for each unit of share: what a pace of 1 prints in a tenth of a second. */
export const totalShare = Object.values(slotKinds).reduce((sum, { profile }) => sum + profile.share, 0);

export interface Slot {
  name: SlotName;
  /** Docker's name of it now. */
  containerName: string;
  made: MadeContainer;
  madeAt: number;
}

export interface World {
  engine: DockerEngine;
  proxy: ChaosProxy;
  backend: ManagedProgram;
  agent: ManagedProgram;
  slots: ReadonlyMap<SlotName, Slot>;
  /** Every container ever made. */
  containers: MadeContainer[];
  folders: GeneratorFolders;
  folder: string;
  backendUrl: string;
  agentMetricsUrl: string;
  /** When the agent last began to run, in ms since the epoch; undefined while it is down or frozen. */
  agentUpSince: number | undefined;
  /** Ends of programs that nobody asked for. */
  unexpected: string[];
  /** Numbers per tenth of a second for a container of share 1. */
  setPace(pace: number): void;
  /** Lets those print, or not, whose loss by a killed dockerd could not be told from ours. */
  setUnaccountablePrints(prints: boolean): void;
  /** Has them print no more, and resolves when they do not and Docker has had time to write what they printed. */
  silenceUnaccountable(): Promise<void>;
  /** Makes the container of the slot, of a new key, under the name it has. */
  makeContainer(name: SlotName): Promise<void>;
  /** Starts a container that prints `lines` numbers and ends. */
  makeMoment(lines: number): Promise<void>;
  truncateLog(slot: Slot): void;
  /** Whether Docker's own log ever had this line, whole; undefined: that is not known for this container. */
  dockerLogHas(source: Source, seq: number): boolean | undefined;
  postmasterPid(): number | undefined;
  /** A connection of our own. @throws while the database is away. */
  connect(): Promise<pg.Client>;
  close(): Promise<void>;
}

/**
 * @param build the programs; default: built anew when a source has changed.
 * @param logSource `file`: the agent reads json-file logs where Docker writes them; `api`: it asks Docker.
 */
export async function makeWorld(build: Build | undefined, logSource: 'api' | 'file' = 'api'): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'ld-chaos-'));
  const ends: (() => Promise<unknown> | unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];
  const close = async () => {
    for (let end = ends.pop(); end; end = ends.pop()) await end();
  };
  try {
    return await makeParts(folder, build, logSource, ends, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function makeParts(
  folder: string,
  given: Build | undefined,
  logSource: 'api' | 'file',
  ends: (() => Promise<unknown> | unknown)[],
  close: () => Promise<void>,
): Promise<World> {
  const folders = { truth: join(folder, 'truth'), control: join(folder, 'control') };
  const unaccountable = { ...folders, control: join(folder, 'control-unaccountable') };
  const dataDir = join(folder, 'data');
  prepareFolders(folders);
  prepareFolders(unaccountable);

  const build = given ?? (await copyBuild());
  if (!given) ends.push(() => build.remove());
  const engine = await startDockerEngine();
  ends.push(() => engine.stop());
  const image = await engine.importBusybox();
  // Docker mounts its data folder, and a link cannot leave a mount.
  const archive = join(engine.folder, 'data/kept-logs');
  mkdirSync(archive);

  const [backendPort, metricsPort] = [await freePort(), await freePort()];
  const backendUrl = `http://127.0.0.1:${backendPort}`;
  const proxy = await startProxy(backendUrl);
  ends.push(() => proxy.close());

  const unexpected: string[] = [];
  const program = (verb: 'serve' | 'agent', env: NodeJS.ProcessEnv) => {
    const managed = manageProgram({
      build,
      verb,
      folder,
      logFile: join(folder, `${verb}.log`),
      env: { LOG_LEVEL: 'debug', ...env },
      onUnexpectedEnd: (how) => {
        unexpected.push(how);
        // As whoever runs it in production would.
        managed.start();
      },
    });
    ends.push(() => managed.signal('SIGTERM'));
    return managed;
  };
  const backend = program('serve', {
    PORT: String(backendPort),
    DATA_DIR: dataDir,
    ALERT_EMAIL_ENABLED: 'false',
    BASE_URL: backendUrl,
    // Nor may what it does to the agent make records about the agent.
    AGENT_MISSING_SECONDS: '0',
    WATCH_LAG_SECONDS: '0',
  });
  const agent = program('agent', {
    DOCKER_HOST: engine.host,
    LOG_SOURCE: logSource,
    BACKEND_URL: `${proxy.url}/api/logs`,
    SPOOL_DIR: join(folder, 'spool'),
    MONITOR_HOST: 'chaos',
    METRICS_PORT: String(metricsPort),
    // The originals are tuned for a life of days; here every fault has a second.
    CONTAINER_RESTART_DELAY: '0.3',
    SEND_BASE_BACKOFF: '0.1',
    // On a machine with better things to do the backend's first answer takes its time.
    READ_TIMEOUT: '10',
    // A machine that stands still for a moment must not cut a traceback in two.
    TRACEBACK_IDLE_SECONDS: '5',
    // What is counted are the lines printed; the containers that it kills would make records of their own.
    CONTAINER_EVENTS: 'false',
  });

  const slots = new Map<SlotName, Slot>();
  const containers: MadeContainer[] = [];
  let moments = 0;
  let pace = 0;
  let unaccountablePrints = true;

  function writePace(): void {
    for (const [{ control }, value] of [
      [folders, pace],
      [unaccountable, unaccountablePrints ? pace : 0],
    ] as const) {
      writeFileSync(join(control, 'pace.new'), `${value}\n`);
      renameSync(join(control, 'pace.new'), join(control, 'pace'));
    }
  }

  const logFileOf = (id: string) => join(engine.folder, 'data/containers', id, `${id}-json.log`);

  async function run(key: string, name: string, kind: SlotKind, most: number): Promise<MadeContainer> {
    const id = await engine.docker(
      ...['create', '--name', name, ...(most > 0 ? [] : ['--restart=always']), ...kind.docker],
      ...generatorArguments(kind.isAccountable ? folders : unaccountable, key, kind.profile, image, most),
    );
    const made: MadeContainer = { key, id, profile: kind.profile, tty: kind.tty === true, causes: [] };
    if (kind.rotates) made.causes.push({ what: 'rotated', from: Date.now(), to: Number.POSITIVE_INFINITY });
    containers.push(made);
    await engine.docker('start', name);
    // The link keeps what Docker wrote, when the container is long removed.
    if (kind.isAccountable) linkSync(logFileOf(id), join(archive, id));
    return made;
  }

  return {
    engine,
    proxy,
    backend,
    agent,
    slots,
    containers,
    folders,
    folder,
    backendUrl,
    agentMetricsUrl: `http://127.0.0.1:${metricsPort}`,
    agentUpSince: undefined,
    unexpected,
    setPace(next) {
      pace = next;
      writePace();
    },
    async silenceUnaccountable() {
      unaccountablePrints = false;
      writePace();
      const keys = [...slots.values()]
        .filter(({ name }) => !slotKinds[name].isAccountable)
        .map(({ made }) => made.key);
      // On a busy machine a container hears late of its pace, and Docker writes late what it printed.
      let printed = -1;
      let unchanged = 0;
      for (let looks = 0; looks < 60 && unchanged < 5; looks += 1) {
        await sleep(200);
        const now = printedBy(folders.truth, keys);
        unchanged = now === printed ? unchanged + 1 : 0;
        printed = now;
      }
    },
    setUnaccountablePrints(prints) {
      unaccountablePrints = prints;
      writePace();
    },
    async makeContainer(name) {
      const before = slots.get(name);
      const generation = Number(/\d+$/.exec(before?.made.key ?? '0')) + 1;
      const containerName = before?.containerName ?? name;
      const made = await run(`${name}${generation}`, containerName, slotKinds[name], 0);
      slots.set(name, { name, containerName, made, madeAt: Date.now() });
    },
    async makeMoment(lines) {
      moments += 1;
      const kind = { ...slotKinds.web, profile: { share: 1000, longEvery: 17, traceEvery: 11 } };
      await run(`moment${moments}`, `moment-${moments}`, kind, lines);
    },
    truncateLog({ made }) {
      const from = Date.now();
      // What was in it is kept apart, for the question what Docker ever had.
      const kept = join(archive, `${made.id}.${made.causes.length}`);
      writeFileSync(kept, readFileSync(logFileOf(made.id)));
      truncateSync(logFileOf(made.id), 0);
      made.causes.push({ what: 'truncated', from, to: Date.now() });
    },
    dockerLogHas: dockerLogs(archive, containers),
    postmasterPid: () => postmasterPid(dataDir),
    connect: () => embeddedClient(dataDir),
    close,
  };
}

/** Waits until `url` answers 200. @throws when it does not within `timeoutMs`. */
export async function waitForHealth(url: string, timeoutMs: number): Promise<void> {
  const until = Date.now() + timeoutMs;
  for (;;) {
    try {
      if ((await fetch(`${url}/health`, { signal: AbortSignal.timeout(1000) })).ok) return;
    } catch {
      // Not yet.
    }
    if (Date.now() > until) throw new Error(`${url}/health does not answer after ${timeoutMs / 1000} s`);
    await sleep(50);
  }
}
