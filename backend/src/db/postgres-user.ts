// PostgreSQL refuses to run as root. Started as root, its programs run as another user of the machine; when that user
// may not enter the folders on the way (a clone under /root), they get the one capability that lets them pass
// (CAP_DAC_READ_SEARCH, kept for them and their children alone). Nothing on the machine is changed.

import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { StartError } from '@log-detector/settings';

export interface ProgramUser {
  uid: number;
  gid: number;
}

/** Who owns the server: undefined means the user we are. @throws when we are root and there is no other user to be. */
export function choosePostgresUser(dataFolder: string): ProgramUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const owner = statSync(dataFolder, { throwIfNoEntry: false });
  if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  // initdb wants a user with a name, so not any number will do.
  const passwd = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  const entry = ['postgres', 'nobody']
    .map((name) => passwd.find(([candidate]) => candidate === name))
    .find(Boolean);
  if (!entry) {
    throw new StartError(
      'started as root, and PostgreSQL must not run as root, but /etc/passwd has neither "postgres" nor "nobody"; start as another user, or set DATABASE_URL',
    );
  }
  return { uid: Number(entry[2]), gid: Number(entry[3]) };
}

let setprivFound: boolean | undefined;
function hasSetpriv(): boolean {
  // Not busybox's, which cannot change the user.
  setprivFound ??=
    spawnSync('setpriv', ['--help'], { encoding: 'utf8' }).stdout?.includes('--pdeathsig') ?? false;
  return setprivFound;
}

/** Whether `user` may pass every folder on the way to `path`, and read `path` itself, going by owner and mode. */
export function mayReach(user: ProgramUser, path: string): boolean {
  for (let at = path, bit = 0o5; ; at = dirname(at), bit = 0o1) {
    const { uid, gid, mode } = statSync(at);
    const shift = uid === user.uid ? 6 : gid === user.gid ? 3 : 0;
    if (((mode >> shift) & bit) !== bit) return false;
    if (at === dirname(at)) return true;
  }
}

/**
 * Starts a program of PostgreSQL as `user`, able to reach all of `paths`, in a process group of its own (Ctrl-C is for
 * us to hear) and, where possible, told to stop by the kernel when we die.
 */
export function spawnAs(
  user: ProgramUser | undefined,
  program: string,
  args: readonly string[],
  options: SpawnOptions & { paths: readonly string[] },
): ChildProcess {
  const { paths, ...spawnOptions } = { ...options, detached: true };
  const mustPass = user !== undefined && !paths.every((path) => mayReach(user, path));
  if (!hasSetpriv()) {
    if (mustPass)
      throw new StartError(
        `started as root, and the user that PostgreSQL would run as may not enter ${paths.find((path) => !mayReach(user, path))}; set DATA_DIR to a folder that all users may enter (and keep the program in one), install util-linux, or set DATABASE_URL`,
      );
    return spawn(program, args, { ...spawnOptions, ...user });
  }
  const capability = '+dac_read_search';
  const privileges = [
    ...(user ? [`--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups'] : []),
    // initdb asks by access() whether it may run its programs, and for that the kernel looks away from capabilities
    // unless no_setuid_fixup is set.
    ...(mustPass
      ? [`--inh-caps=${capability}`, `--ambient-caps=${capability}`, '--securebits=+no_setuid_fixup']
      : []),
    // SIGINT is PostgreSQL's fast shutdown.
    '--pdeathsig=INT',
  ];
  return spawn('setpriv', [...privileges, '--', program, ...args], spawnOptions);
}
