// A real Podman for one test file: its API service with its own socket, storage and containers, in a temporary folder. Taken
// away as a Docker engine is (docker.ts).

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { importBusybox } from './docker-images.ts';
import { answers, startGuard } from './engine-parts.ts';
import { run } from './run.ts';

export interface PodmanEngine {
  /** `unix:///…`, as `DOCKER_HOST` takes it. */
  readonly host: string;
  /** Runs the podman command. Gives its standard output, trimmed. @throws with its standard error. */
  podman(...args: string[]): Promise<string>;
  /** Makes and starts a container of busybox, without network. */
  start(name: string, script: string, ...options: string[]): Promise<string>;
  /** May be called twice. */
  stop(): Promise<void>;
}

/** Starts Podman's API service, and waits until it answers: `requires.podman()`. */
export async function startPodman(): Promise<PodmanEngine> {
  const folder = mkdtempSync('/tmp/ld-engine-');
  const cgroup = `ld-engine-${randomBytes(4).toString('hex')}`;
  const guard = startGuard(folder, cgroup, '-');
  const socketPath = join(folder, 'podman.sock');
  const config = join(folder, 'containers.conf');
  // Limits that a machine with lower ones can give, and the runtime that takes cgroups of either kind.
  writeFileSync(
    config,
    `[containers]
default_ulimits = ["nofile=1000:1000", "nproc=1000:1000"]
log_driver = "k8s-file"
[engine]
runtime = "runc"
`,
  );
  const env = { ...process.env, CONTAINERS_CONF: config };
  const common = [
    ...['--root', join(folder, 'data'), '--runroot', join(folder, 'exec'), '--tmpdir', join(folder, 'tmp')],
    ...['--storage-driver', 'vfs', '--cgroup-manager', 'cgroupfs', '--events-backend', 'file'],
  ];
  const podman = (...args: string[]) => run('/usr/bin/podman', [...common, ...args], { env });
  const service = spawn(
    '/usr/bin/podman',
    [...common, 'system', 'service', '--time=0', `unix://${socketPath}`],
    { env, stdio: 'ignore', detached: true },
  );
  service.unref();
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= (async () => {
      await podman('rm', '--all', '--force', '--time', '0').catch(() => {});
      const ended = new Promise((resolve) => guard.once('exit', resolve));
      guard.stdin!.end();
      await ended;
    })();
    return stopped;
  };
  try {
    for (let round = 0; !(await answers(socketPath)); round++) {
      if (round > 1000 || service.exitCode !== null)
        throw new Error('the API service of Podman does not answer');
      await sleep(20);
    }
    await importBusybox('/usr/bin/podman', common, 'busybox');
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    host: `unix://${socketPath}`,
    podman,
    start: (name, script, ...options) =>
      podman(
        ...['run', '--detach', '--name', name, '--network', 'none', '--cgroup-parent', `/${cgroup}`],
        ...[...options, 'busybox', 'sh', '-c', script],
      ),
    stop,
  };
}
