// What the engines for tests have in common, Docker's and Podman: who takes them away, and whether they answer.

import { type ChildProcess, spawn } from 'node:child_process';
import { request } from 'node:http';
import { fileURLToPath } from 'node:url';

/** What ends an engine with all it made, when its standard input closes. */
export function startGuard(folder: string, cgroup: string, netPrefix: string): ChildProcess {
  const script = fileURLToPath(new URL('../bin/end-engine.sh', import.meta.url));
  const guard = spawn('/bin/sh', [script, folder, cgroup, netPrefix], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  guard.unref();
  (guard.stdin as unknown as { unref(): void }).unref();
  return guard;
}

/** Whether an engine does at this socket. */
export function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const call = request({ socketPath, path: '/_ping', timeout: 1000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    call.on('timeout', () => call.destroy());
    call.on('error', () => resolve(false));
    call.end();
  });
}
