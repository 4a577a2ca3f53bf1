// One agent per spool. The lock is a listening unix socket in the folder: whoever can connect to it knows that its owner
// lives, in whatever container, and a kill -9 ends it. A pid in a file tells neither: every container has a pid 1.

import { open, stat, unlink } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { StartError } from '@log-detector/settings';
import { codeOf, type Log, reasonOf } from './log.ts';

export interface Lock {
  /** False when another has taken it, or the folder is gone. @throws what the disk throws; then nobody knows. */
  held(): Promise<boolean>;
  release(): Promise<void>;
}

/** sockaddr_un holds 108 bytes on Linux, 104 elsewhere. */
const longestAddress = 100;

/**
 * @throws when another agent has the folder, or it cannot be written to. On a file system without sockets it warns, and
 * goes on without a lock.
 */
export async function lockFolder(dir: string, log: Log): Promise<Lock> {
  const path = join(dir, 'lock');
  // A longer path is reached through the folder's descriptor.
  const folder = Buffer.byteLength(path) > longestAddress ? await open(dir, 'r') : undefined;
  const address = folder ? `/proc/self/fd/${folder.fd}/lock` : path;
  try {
    for (let attempt = 1; attempt <= 5; attempt++) {
      const server = await listen(address);
      if (server) {
        const inode = (await stat(path)).ino;
        const lock = { held: async () => (await inodeOf(path)) === inode, release: () => end(server) };
        if (attempt > 1) {
          // Another may have found the same dead lock, and be about to remove what it thinks is it.
          await sleep(100);
          if (!(await lock.held())) continue;
        }
        return {
          held: lock.held,
          async release() {
            // Closing removes the file, which is another's when the lock is lost.
            if (await lock.held().catch(() => false)) await lock.release();
            await folder?.close();
          },
        };
      }
      const inode = await inodeOf(path);
      if (await isAlive(address)) break;
      if ((await inodeOf(path)) === inode) await unlink(path).catch(() => {});
    }
  } catch (error) {
    await folder?.close();
    // ENOENT: a long path, and no /proc.
    if (['EOPNOTSUPP', 'ENOTSUP', 'EPERM', 'EINVAL', 'ENOENT'].includes(codeOf(error) ?? '')) {
      log.warn(
        { dir, reason: reasonOf(error) },
        'the spool cannot be locked on this file system; see to it that no other agent uses this folder',
      );
      return { held: async () => true, release: async () => {} };
    }
    throw error;
  }
  await folder?.close();
  throw new StartError(
    `another agent is using the spool at ${dir}; stop it, or set SPOOL_DIR to another folder`,
  );
}

function listen(address: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((connection) => connection.destroy());
    server.unref();
    server.once('error', (error) => (codeOf(error) === 'EADDRINUSE' ? resolve(undefined) : reject(error)));
    server.listen(address, () => resolve(server));
  });
}

function isAlive(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(address);
    const answer = (alive: boolean) => {
      probe.destroy();
      resolve(alive);
    };
    probe.setTimeout(1000, () => answer(true));
    probe.once('connect', () => answer(true));
    probe.once('error', (error) =>
      answer(!['ECONNREFUSED', 'ENOENT', 'ENOTSOCK'].includes(codeOf(error) ?? '')),
    );
  });
}

/** Undefined when nothing is there. */
async function inodeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).ino;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function end(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
