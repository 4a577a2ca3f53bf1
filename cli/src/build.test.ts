// What the command says where it has to build first and cannot.

import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';

const cli = fileURLToPath(new URL('..', import.meta.url));
const isRoot = process.getuid?.() === 0;
/** Root may write everywhere; this is Debian's "nobody". */
const somebody = isRoot ? { uid: 65534, gid: 65534 } : {};
/** Not where Node.js lies in root's own home. */
const mayRun = spawnSync(process.execPath, ['--version'], somebody).status === 0;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ld-build-'));
  for (const part of ['bin', 'build.mjs', 'package.json'])
    cpSync(join(cli, part), join(folder, 'cli', part), { recursive: true });
  chmodSync(folder, 0o755);
});
afterEach(() => {
  chmodSync(folder, 0o755);
  rmSync(folder, { recursive: true });
});

async function logDetector() {
  const command = join(folder, 'cli/bin/log-detector.mjs');
  const child = spawn(process.execPath, [command, '--version'], {
    ...somebody,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise((resolve) => child.once('close', resolve));
  return { stderr: await text(child.stderr), code: await ended };
}

it.skipIf(!mayRun)('names the remedy in one line where the folder may not be written to', async () => {
  if (!isRoot) chmodSync(folder, 0o555);
  const { stderr, code } = await logDetector();
  expect(stderr).toMatch(
    /^log-detector: the sources are newer .* run "npm run build" as the user to whom \S+ belongs \(EACCES.*\)\n$/,
  );
  expect(code).toBe(2);
});

it.skipIf(!mayRun)('names the remedy in one line where what builds is not installed', async () => {
  if (isRoot) chownSync(folder, 65534, 65534);
  const { stderr, code } = await logDetector();
  expect(stderr).toMatch(/^log-detector: the sources are newer .* run "npm ci" for what builds it\n$/);
  expect(code).toBe(2);
});
