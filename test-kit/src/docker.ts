// A real Docker engine for one test file: its own dockerd with its own socket, data and containers, in a temporary folder.
// A guard process (bin/end-engine.sh) takes everything away when the engine is stopped and also when the test run dies.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { importBusybox, importDebianRoot, importNodeBase } from './docker-images.ts';
import { answers, startGuard } from './engine-parts.ts';
import { run } from './run.ts';

export interface DockerEngineOptions {
  /**
   * A bridge of its own, so that containers reach each other and ports can be published (on the loopback, by Docker's
   * proxy; no firewall rule of the machine is touched). Without it containers have no network, which starts faster.
   */
  network?: boolean;
  /** Containers go on when the daemon is killed or restarted (`live-restore`). */
  liveRestore?: boolean;
  /** A systemd-journald beside it, which the logging driver `journald` writes to: `requires.journald()`. */
  journald?: boolean;
  /** More arguments for dockerd, for example `['--log-opt', 'max-size=1m']`. */
  args?: readonly string[];
}

export interface DockerEngine {
  /** `unix:///…/docker.sock`, as `DOCKER_HOST` takes it. */
  readonly host: string;
  readonly socketPath: string;
  /** This machine's address as containers see it, when there is a network. */
  readonly gateway: string | undefined;
  /** The engine's temporary folder. */
  readonly folder: string;
  /** Runs the docker command against this engine. Gives its standard output, trimmed. @throws with its standard error. */
  docker(...args: string[]): Promise<string>;
  /** Stops the daemon as an upgrade would (its containers too, unless `liveRestore`) and starts it again. */
  restart(): Promise<void>;
  /** Kills the daemon with SIGKILL. `start()` brings it back. */
  kill9(): Promise<void>;
  /** Starts the daemon after `kill9()`; waits until it answers. */
  start(): Promise<void>;
  /** Ends the daemon and its containers, unmounts, removes the folder. May be called twice. */
  stop(): Promise<void>;
  /** Runs a program, such as journalctl, where the engine's journald is seen. Gives its standard output, trimmed. */
  inside(program: string, ...args: string[]): Promise<string>;
  /** An image with busybox and its applets, entry point none. Gives its name. */
  importBusybox(name?: string): Promise<string>;
  /** An image without files of its own that borrows the machine's /usr. Gives what `docker run` needs: mounts, then the image. */
  importDebianRoot(name?: string): Promise<string[]>;
  /** An image that holds Node, npm and a small Debian, made of the machine's own: stands in for a registry's. */
  importNodeBase(name: string): Promise<string>;
}

/** Reasons why a real part cannot be had on this machine, or undefined when it can: `describe.skipIf(requires.docker())`. */
export const requires = {
  docker(): string | undefined {
    if (process.platform !== 'linux')
      return `a Docker engine of our own needs Linux, this is ${process.platform}`;
    if (process.getuid?.() !== 0) return 'starting a Docker engine needs root';
    if (!find('dockerd'))
      return "dockerd is not installed; apt-get install docker.io, or let 'npm test' do it";
    if (!find('docker'))
      return "the docker command is not installed; apt-get install docker.io, or let 'npm test' do it";
    if (!find('busybox')) return 'busybox is not installed; apt-get install busybox-static';
    return undefined;
  },
  journald(): string | undefined {
    if (!existsSync('/lib/systemd/systemd-journald'))
      return "systemd-journald is not installed; apt-get install systemd, or let 'npm test' do it";
    return requires.docker();
  },
  podman(): string | undefined {
    if (!find('podman')) return "podman is not installed; apt-get install podman, or let 'npm test' do it";
    // Its containers are run by Docker's runc.
    return requires.docker();
  },
};

/**
 * Starts an engine and waits until it answers (about half a second).
 * @throws when it cannot start, with the end of the daemon's log.
 */
export async function startDockerEngine(options: DockerEngineOptions = {}): Promise<DockerEngine> {
  const reason = requires.docker();
  if (reason) throw new Error(`cannot start a Docker engine: ${reason}`);
  // Directly in /tmp: a unix socket's path may have 107 characters at most.
  const folder = mkdtempSync('/tmp/ld-engine-');
  const cgroup = `ld-engine-${randomBytes(4).toString('hex')}`;
  const net = options.network ? claimNetwork() : undefined;
  const guard = startGuard(folder, cgroup, net?.prefix ?? '-');
  const socketPath = join(folder, 'docker.sock');
  const host = `unix://${socketPath}`;
  const logFile = join(folder, 'dockerd.log');
  const command = find('docker')!;
  const journal = ['/bin/sh', fileURLToPath(new URL('../bin/with-journald.sh', import.meta.url)), folder];
  let daemon: ChildProcess | undefined;
  let stopped: Promise<void> | undefined;

  const daemonArgs = (storageDriver: string) => [
    ...['--host', host, '--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec')],
    ...['--pidfile', join(folder, 'docker.pid'), '--storage-driver', storageDriver],
    ...['--exec-opt', 'native.cgroupdriver=cgroupfs', '--cgroup-parent', `/${cgroup}`],
    ...['--iptables=false', '--ip6tables=false', '--ip-masq=false', '--ip-forward=false'],
    ...(net
      ? ['--bridge', net.bridge, '--default-address-pool', `base=${net.prefix}128/25,size=28`]
      : ['--bridge', 'none']),
    ...['--shutdown-timeout', '2', ...(options.liveRestore ? ['--live-restore'] : [])],
    ...(options.args ?? []),
  ];

  async function launch(storageDriver: string): Promise<void> {
    const log = openSync(logFile, 'a');
    const command = [find('dockerd')!, ...daemonArgs(storageDriver)];
    if (options.journald) command.unshift(...['unshare', '--mount', '--propagation', 'private'], ...journal);
    const child = spawn(command[0]!, command.slice(1), {
      // Detached: Ctrl-C on the test run must reach the guard's orderly end, not the daemon in the middle of its work.
      detached: true,
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    child.unref();
    daemon = child;
    const deadline = Date.now() + 180_000;
    while (!(await answers(socketPath))) {
      if (child.exitCode !== null || child.signalCode !== null) {
        throw new Error(`dockerd ended at its start: ${tail(logFile)}`);
      }
      if (Date.now() > deadline) throw new Error(`dockerd does not answer after 180 s: ${tail(logFile)}`);
      await sleep(20);
    }
  }

  let storageDriver = 'overlay2';
  async function start(): Promise<void> {
    await launch(storageDriver);
  }

  async function endDaemon(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = daemon;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await Promise.race([ended, sleep(15_000, undefined, { ref: false })]);
    // The kernel ends a killed daemon's containerd a moment later, and where nobody reaps it its number stays taken: a new
    // daemon that finds the pid file would wait for a dead containerd.
    const pidFile = join(folder, 'exec/containerd/containerd.pid');
    const containerd = Number(tail(pidFile));
    for (let round = 0; round < 100 && isRunning(containerd, folder); round += 1) await sleep(20);
    if (!isRunning(containerd, folder)) rmSync(pidFile, { force: true });
  }

  function stop(): Promise<void> {
    stopped ??= (async () => {
      await endDaemon('SIGTERM');
      const ended = new Promise<void>((resolve, reject) =>
        guard.once('exit', (code) =>
          code === 0 ? resolve() : reject(new Error(`could not take the Docker engine in ${folder} away`)),
        ),
      );
      guard.stdin!.end();
      await ended;
    })();
    return stopped;
  }

  try {
    try {
      await start();
    } catch (error) {
      // A temporary folder that is itself on an overlay cannot hold another: plain copies work everywhere.
      if (!/driver|overlay/i.test(String(error))) throw error;
      storageDriver = 'vfs';
      await start();
    }
  } catch (error) {
    await stop().catch(() => {});
    throw error;
  }

  const docker = (...args: string[]) => run(command, ['--host', host, ...args]);
  return {
    host,
    socketPath,
    gateway: net && `${net.prefix}1`,
    folder,
    docker,
    inside: (program, ...args) =>
      run('nsenter', ['--mount', '--target', String(daemon!.pid), program, ...args]),
    start,
    stop,
    kill9: () => endDaemon('SIGKILL'),
    async restart() {
      await endDaemon('SIGTERM');
      await start();
    },
    importBusybox: (name = 'busybox') => importBusybox(command, ['--host', host], name),
    importDebianRoot: (name = 'debian-root') => importDebianRoot(command, host, name),
    importNodeBase: (name) => importNodeBase(command, host, name),
  };
}

/** The program's path, or undefined. Debian's docker comes first, since it fits Debian's dockerd. */
function find(program: string): string | undefined {
  const folders = ['/usr/bin', '/usr/sbin', ...(process.env.PATH ?? '').split(':')];
  return folders.map((folder) => join(folder, program)).find(existsSync);
}

/** A bridge that no other engine has: making a link is atomic, so its name is the claim to its addresses. */
function claimNetwork(): { bridge: string; prefix: string } {
  const ip = (...args: string[]) => spawnSync('ip', args, { encoding: 'utf8' });
  const taken = ip('-o', '-4', 'addr', 'show').stdout ?? '';
  const first = Math.floor(Math.random() * 256);
  for (let step = 0; step < 256; step += 1) {
    const number = (first + step) % 256;
    const bridge = `ld-test-${number}`;
    const prefix = `10.213.${number}.`;
    if (taken.includes(` ${prefix}`) || ip('link', 'add', bridge, 'type', 'bridge').status !== 0) continue;
    ip('addr', 'add', `${prefix}1/25`, 'dev', bridge);
    ip('link', 'set', bridge, 'up');
    return { bridge, prefix };
  }
  throw new Error('cannot make a network bridge for a Docker engine; is iproute2 installed, and this root?');
}

function isRunning(pid: number, folder: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder);
  } catch {
    return false;
  }
}

function tail(file: string): string {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-5).join('\n');
  } catch {
    return '(no log)';
  }
}
