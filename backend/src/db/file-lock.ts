// A lock on a file that the kernel gives back when its holder is gone, however it ended: flock(2), taken through the
// `flock` program because Node cannot. The lock belongs to the open file, so whoever inherits the descriptor holds it
// too, which is how a PostgreSQL server tells that any of its processes still lives, across containers as well.

import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';

export interface FileLock {
  /** Inherit it to a child to let the child hold the lock. */
  fd: number;
  /** Closes our copy; the lock is free when every copy is closed. */
  release(): void;
}

/** Takes the lock of `path` (made when missing). `busy`: another holds it. `unsupported`: this machine has no `flock`. */
export function lockFile(path: string): FileLock | 'busy' | 'unsupported' {
  const fd = openSync(path, 'a+', 0o600);
  const { status, error } = spawnSync('flock', ['-n', '-x', '3'], {
    stdio: ['ignore', 'ignore', 'ignore', fd],
  });
  if (status === 0) return { fd, release: () => closeSync(fd) };
  closeSync(fd);
  return error || status !== 1 ? 'unsupported' : 'busy';
}
