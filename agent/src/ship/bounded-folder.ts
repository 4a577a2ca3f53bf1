// A folder for what a person may want to look at: records that can never be sent, damaged pieces of the spool. It holds
// so many files and so many bytes; for a new one the oldest make room.

import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

export interface BoundedFolder {
  /** @param name begins with something that sorts by age. @throws what the disk throws. */
  write(name: string, content: string | Buffer): Promise<void>;
  /** Copies a file from an offset on, as far as the folder may hold it. */
  copyTail(from: string, offset: number, name: string): Promise<void>;
  /** Moves a file or folder in. */
  move(from: string, name: string): Promise<void>;
  count(): number;
}

export async function openBoundedFolder(
  dir: string,
  bounds: { files: number; bytes: number },
): Promise<BoundedFolder> {
  const files: { name: string; bytes: number }[] = [];
  for (const name of (await readdir(dir).catch(() => [])).sort()) {
    const found = await stat(join(dir, name)).catch(() => undefined);
    if (found) files.push({ name, bytes: found.size });
  }

  async function makeRoom(bytes: number): Promise<void> {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    let total = files.reduce((sum, file) => sum + file.bytes, bytes);
    while (files.length > 0 && (files.length >= bounds.files || total > bounds.bytes)) {
      const oldest = files.shift();
      if (!oldest) break;
      total -= oldest.bytes;
      await rm(join(dir, oldest.name), { recursive: true, force: true });
    }
  }

  function put(name: string, bytes: number): void {
    const known = files.findIndex((file) => file.name === name);
    if (known >= 0) files.splice(known, 1);
    files.push({ name, bytes });
  }

  return {
    async write(name, content) {
      const bytes = Buffer.byteLength(content);
      await makeRoom(bytes);
      try {
        await writeFile(join(dir, name), content, { mode: 0o600 });
      } catch (error) {
        await rm(join(dir, name), { force: true }).catch(() => {});
        throw error;
      }
      put(name, bytes);
    },
    async copyTail(from, offset, name) {
      const bytes = Math.min((await stat(from)).size - offset, bounds.bytes / 2);
      if (bytes <= 0) return;
      await makeRoom(bytes);
      try {
        const source = createReadStream(from, { start: offset, end: offset + bytes - 1 });
        await pipeline(source, createWriteStream(join(dir, name), { mode: 0o600 }));
      } catch (error) {
        await rm(join(dir, name), { force: true }).catch(() => {});
        throw error;
      }
      put(name, bytes);
    },
    async move(from, name) {
      const bytes = (await stat(from)).size;
      await makeRoom(bytes);
      await rm(join(dir, name), { recursive: true, force: true });
      await rename(from, join(dir, name));
      put(name, bytes);
    },
    count: () => files.length,
  };
}
