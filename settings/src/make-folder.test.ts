import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { makeFolder } from './make-folder.ts';

it('makes a folder with those above it, and takes one that is there', () => {
  const root = mkdtempSync(join(tmpdir(), 'make-folder-'));
  const folder = join(root, 'a', 'b');
  makeFolder(folder, 0o700);
  makeFolder(folder, 0o700);
  expect(statSync(folder).isDirectory()).toBe(true);
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  rmSync(root, { recursive: true });
});

it.skipIf(!existsSync('/proc/self'))('gives up where the system takes no folder', () => {
  expect(() => makeFolder('/proc/none/at/all')).toThrow(/ENOENT/);
});
