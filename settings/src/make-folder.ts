// A folder and the folders above it.

import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes a folder where there is none. `mkdirSync` with `recursive` does so too, but never returns where the parent exists
 * and yet takes no folder (ENOENT), as under /proc.
 * @param mode of what is made, less the umask.
 * @throws the system's error when it cannot be made.
 */
export function makeFolder(path: string, mode = 0o777): void {
  if (existsSync(path)) return;
  const parent = dirname(path);
  if (parent !== path) makeFolder(parent, mode);
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    // Another process was faster.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
