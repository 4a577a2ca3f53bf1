// Installs the npm packages when they are missing or older than the lock file. Imports nothing but Node's own modules.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Ends the process with a remedy when this Node is too old; runs `npm ci` when node_modules does not fit the lock file. */
export function install() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    console.error(
      `Log Detector needs Node 20.19 or later; this is ${process.version}. Install a current Node and run the command again.`,
    );
    process.exit(1);
  }
  if (isInstalled()) return;

  console.log('Installing the npm packages (once; later starts skip this)…');
  // npm is found through the npm that runs this script, or on the PATH.
  const npm = process.env.npm_execpath;
  const result = npm?.endsWith('.js')
    ? spawnSync(process.execPath, [npm, 'ci', '--no-audit', '--no-fund'], { cwd: root, stdio: 'inherit' })
    : spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: root, stdio: 'inherit' });
  if (result.status !== 0) {
    console.error(
      'npm ci failed (its message is above). Check the network or the proxy of npm, and run the command again.',
    );
    process.exit(result.status || 1);
  }
}

/** Whether node_modules holds what the lock file asks for (npm keeps its own list of what it put there). */
function isInstalled() {
  const packages = (path) => JSON.parse(readFileSync(join(root, path), 'utf8')).packages;
  try {
    const there = packages('node_modules/.package-lock.json');
    return Object.entries(packages('package-lock.json')).every(
      ([path, wanted]) =>
        !path.includes('node_modules/') ||
        wanted.optional ||
        wanted.link ||
        there[path]?.version === wanted.version,
    );
  } catch {
    return false;
  }
}
