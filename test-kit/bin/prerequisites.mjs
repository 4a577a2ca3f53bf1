// What the tests need of the machine besides Node, and why: the one place to add to. Imports Node's own modules only.

import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const programFolders = ['/usr/bin', '/usr/sbin', '/bin', '/sbin', ...(process.env.PATH ?? '').split(':')];
const program = (name) => () => programFolders.some((folder) => existsSync(join(folder, name)));

/** `package`: Debian's name. `why`: which tests use it, told when it is missing. */
export const prerequisites = [
  {
    package: 'docker.io',
    there: program('dockerd'),
    why: 'the tests that follow containers run a real Docker engine',
  },
  {
    package: 'docker-compose',
    there: () => composeCommand() !== undefined,
    why: 'acceptance/compose starts the compose file',
  },
  {
    package: 'iptables',
    there: program('iptables'),
    why: "the engine's names for containers in a compose file need it",
  },
  { package: 'iproute2', there: program('ip'), why: 'each Docker engine gets a bridge of its own' },
  {
    package: 'busybox-static',
    there: program('busybox'),
    why: 'test containers run it: no registry is needed',
  },
  {
    package: 'postgresql-15',
    there: () => existsSync('/usr/lib/postgresql/15/bin/postgres'),
    why: 'the oldest PostgreSQL that the backend supports is tested beside the embedded one',
  },
  {
    package: 'python3',
    there: () => existsSync('/usr/bin/python3'),
    why: 'a Python container really crashes',
  },
  { package: 'ruby', there: () => existsSync('/usr/bin/ruby'), why: 'a Ruby container really crashes' },
  { package: 'php-cli', there: () => existsSync('/usr/bin/php'), why: 'a PHP container really crashes' },
  { package: 'perl', there: () => existsSync('/usr/bin/perl'), why: 'a Perl container really crashes' },
  {
    package: 'default-jdk-headless',
    there: () => existsSync('/usr/bin/java'),
    why: 'a Java container really crashes',
  },
  {
    package: 'chromium',
    there: () => findChromium() !== undefined,
    why: 'mails are looked at, and their buttons pressed, in a real browser',
  },
  {
    package: 'systemd',
    there: () => existsSync('/lib/systemd/systemd-journald'),
    why: 'the logging driver journald is tested with a journal of its own',
  },
  { package: 'podman', there: program('podman'), why: 'its Docker-compatible API is followed' },
  { package: 'git', there: program('git'), why: 'npm start is tried on a fresh clone' },
  { package: 'procps', there: program('ps'), why: 'tests look for processes left behind' },
  { package: 'openssl', there: program('openssl'), why: 'Docker is spoken to behind TLS' },
  {
    package: 'ca-certificates',
    there: () => existsSync('/etc/ssl/certs'),
    why: 'images are built with npm inside',
  },
];

/** Where a Chromium is, or undefined. CHROMIUM_PATH names one that is elsewhere. */
export function findChromium() {
  const places = [
    process.env.CHROMIUM_PATH ?? '',
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome',
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  ];
  return places.find((path) => path !== '' && existsSync(path));
}

/** `['docker', 'compose']`, `['docker-compose']`, or undefined when there is neither. */
export function composeCommand() {
  const plugins = [
    '/usr/libexec/docker/cli-plugins',
    '/usr/lib/docker/cli-plugins',
    '/usr/local/lib/docker/cli-plugins',
  ];
  if (plugins.some((folder) => existsSync(join(folder, 'docker-compose')))) return ['docker', 'compose'];
  return program('docker-compose')() ? ['docker-compose'] : undefined;
}

/**
 * Installs what is missing, when this is root on Debian. Asks no network when nothing is missing.
 * Gives what is missing after all, each with the reason why it could not be installed.
 */
export function installPrerequisites() {
  const missing = () => prerequisites.filter(({ there }) => !there());
  const wanted = missing();
  if (wanted.length === 0) return [];
  const because = (reason) => missing().map((item) => ({ ...item, reason }));
  if (process.platform !== 'linux')
    return because(`this is ${process.platform}, and Docker engines need Linux`);
  if (!program('apt-get')()) return because('this system has no apt-get; install it by hand');
  if (process.getuid() !== 0)
    return because('installing needs root; run npm test as root, or install it by hand');

  const names = wanted.map((item) => item.package);
  console.log(`Installing Debian packages for the tests: ${names.join(', ')}…`);
  const failure = withoutServices(
    () =>
      apt(['update', '--quiet=2']) ??
      apt(['install', '--quiet=2', '--yes', '--no-install-recommends', ...names]),
  );
  return because(failure ?? 'the package was installed, but not where it is looked for');
}

/** Gives undefined when it went well, or what failed. */
function apt(args) {
  const result = spawnSync('apt-get', args, {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (result.status === 0) return undefined;
  return `apt-get ${args[0]} failed${result.error ? `: ${result.error.message}` : ' (its message is above)'}`;
}

/** Debian starts what it installs; the tests start their own. policy-rc.d is Debian's way to say no. */
function withoutServices(act) {
  const policy = '/usr/sbin/policy-rc.d';
  const made = !existsSync(policy);
  if (made) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    return act();
  } finally {
    if (made) rmSync(policy, { force: true });
  }
}
