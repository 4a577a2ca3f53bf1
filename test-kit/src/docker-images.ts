// Images for the tests' engines without any registry: made of the machine's own files and imported as a tar.

import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { cp, realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { run } from './run.ts';

/** Busybox with every applet linked in /bin. `common`: what stands before each of the command's verbs. */
export async function importBusybox(
  docker: string,
  common: readonly string[],
  name: string,
): Promise<string> {
  return inFolder(async (root) => {
    mkdirSync(join(root, 'bin'));
    await cp('/usr/bin/busybox', join(root, 'bin/busybox'), { dereference: true }).catch(() =>
      cp('/bin/busybox', join(root, 'bin/busybox'), { dereference: true }),
    );
    for (const applet of (await run('busybox', ['--list'])).split('\n')) {
      if (applet !== 'busybox') symlinkSync('busybox', join(root, 'bin', applet));
    }
    writeBasics(root);
    await importTar(docker, common, name, ['-C', root, '.'], ['ENV PATH=/bin']);
    return name;
  });
}

/**
 * A root file system whose /usr is the machine's own, mounted read-only: whatever language the machine has runs inside,
 * and nothing is copied. Gives the arguments for `docker run`: mounts, then the image's name.
 */
export async function importDebianRoot(docker: string, host: string, name: string): Promise<string[]> {
  await inFolder(async (root) => {
    for (const link of ['bin', 'sbin', 'lib', 'lib64']) symlinkSync(`usr/${link}`, join(root, link));
    mkdirSync(join(root, 'usr'));
    writeBasics(root);
    await importTar(docker, ['--host', host], name, ['-C', root, '.'], ['ENV PATH=/usr/bin:/usr/sbin']);
  });
  const shared = ['/usr', '/etc/alternatives', '/etc/ld.so.cache', '/etc/php', '/etc/java-17-openjdk'];
  return [
    ...shared.filter((path) => existsSync(path)).flatMap((path) => ['--volume', `${path}:${path}:ro`]),
    name,
  ];
}

/**
 * Debian's essential packages, Node and npm, copied from this machine, to stand in for a registry's Node image.
 * `more` adds Debian packages with what they depend on.
 */
export async function importNodeBase(
  docker: string,
  host: string,
  name: string,
  more: readonly string[] = [],
): Promise<string> {
  const node = await realpath(process.execPath);
  const npm = await npmFolder();
  const files = await packageFiles([
    ...(await essentialPackages()),
    'libstdc++6',
    'ca-certificates',
    ...more,
  ]);
  return inFolder(async (root) => {
    for (const link of ['bin', 'sbin', 'lib', 'lib64']) symlinkSync(`usr/${link}`, join(root, link));
    writeBasics(root);
    mkdirSync(join(root, 'usr/local/bin'), { recursive: true });
    mkdirSync(join(root, 'usr/local/lib/node_modules'), { recursive: true });
    await cp(node, join(root, 'usr/local/bin/node'));
    await cp(npm, join(root, 'usr/local/lib/node_modules/npm'), { recursive: true, verbatimSymlinks: true });
    symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(root, 'usr/local/bin/npm'));
    symlinkSync('../lib/node_modules/npm/bin/npx-cli.js', join(root, 'usr/local/bin/npx'));
    // The image's npm asks whom this machine's npm asks.
    mkdirSync(join(root, 'usr/local/etc'));
    const registry = await run('npm', ['config', 'get', 'registry'], { cwd: root });
    writeFileSync(join(root, 'usr/local/etc/npmrc'), `registry=${registry}\n`);
    const names = files.map((file) => file.replace(/^\/(s?bin|lib|lib64)\//, '/usr/$1/').slice(1));
    const copy =
      'tar --create --directory=/ --no-recursion --ignore-failed-read --files-from=- | tar --extract --directory="$0"';
    await run('sh', ['-c', copy, root], { input: names.join('\n') });
    const changes = [
      'ENV PATH=/usr/local/bin:/usr/bin:/usr/sbin',
      // This machine's own certificates, which its way to the registry may need.
      'ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt',
      'CMD ["node"]',
    ];
    await importTar(docker, ['--host', host], name, ['-C', root, '.'], changes);
    return name;
  });
}

/** What every root file system needs for programs to feel at home. The user `node` is 1000, as in the official image. */
function writeBasics(root: string): void {
  for (const folder of ['etc', 'tmp', 'proc', 'sys', 'dev', 'run', 'var/tmp', 'root', 'home/node']) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  for (const folder of ['tmp', 'var/tmp']) chmodSync(join(root, folder), 0o1777);
  writeFileSync(
    join(root, 'etc/passwd'),
    'root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\npostgres:x:999:999::/var/lib/postgresql:/bin/sh\n',
  );
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\nnode:x:1000:\npostgres:x:999:\n');
  writeFileSync(join(root, 'etc/nsswitch.conf'), 'passwd: files\ngroup: files\nhosts: files dns\n');
}

async function importTar(
  docker: string,
  common: readonly string[],
  name: string,
  tarArgs: readonly string[],
  changes: readonly string[],
): Promise<void> {
  const tar = spawn('tar', ['--create', '--numeric-owner', ...tarArgs], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  tar.stderr.resume();
  const ended = new Promise<number | null>((resolve) => tar.once('close', resolve));
  const changeArgs = changes.flatMap((change) => ['--change', change]);
  await run(docker, [...common, 'import', ...changeArgs, '-', name], { input: tar.stdout });
  if ((await ended) !== 0) throw new Error(`tar failed while making the image ${name}`);
}

async function inFolder<T>(use: (root: string) => Promise<T>): Promise<T> {
  const root = mkdtempSync(join(tmpdir(), 'ld-image-'));
  // mkdtemp's 0700 would become the mode of the image's /.
  await run('chmod', ['755', root]);
  try {
    return await use(root);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

async function npmFolder(): Promise<string> {
  const npm = await realpath((await run('sh', ['-c', 'command -v npm'])).trim());
  return dirname(dirname(npm));
}

async function essentialPackages(): Promise<string[]> {
  const lines = await installedPackages('Package', 'Essential');
  return lines.filter(([, essential]) => essential === 'yes').map(([name]) => name!);
}

/** These fields of every installed Debian package. */
async function installedPackages(...fields: string[]): Promise<string[][]> {
  const format = fields.map((field) => `$\{${field}}`).join('\t');
  const lines = await run('dpkg-query', ['--show', `--showformat=${format}\n`]);
  return lines.split('\n').map((line) => line.split('\t'));
}

/** Every file of the packages and of what they depend on, documentation left out. */
async function packageFiles(packages: readonly string[]): Promise<string[]> {
  const status = await installedPackages('Package', 'Provides', 'Pre-Depends', 'Depends');
  const depends = new Map<string, string[]>();
  const names = (list: string) =>
    list
      .split(/[,|]/)
      .map((item) => item.trim().split(/[ :(]/)[0]!)
      .filter(Boolean);
  for (const [name = '', provides = '', ...needs] of status) {
    for (const alias of [name, ...names(provides)]) {
      if (!depends.has(alias)) depends.set(alias, [name, ...needs.flatMap(names)]);
    }
  }
  const wanted = new Set<string>();
  const visit = (name: string) => {
    if (wanted.has(name) || !depends.has(name)) return;
    wanted.add(name);
    for (const next of depends.get(name)!) visit(next);
  };
  for (const name of packages) visit(name);
  const real = [...wanted].filter((name) => depends.get(name)![0] === name);
  const files = (await run('dpkg', ['-L', ...real])).split('\n');
  const kept = files.filter((file) => file.startsWith('/') && !leftOut.test(file));
  // Made by the packages' scripts, so no package lists them.
  kept.push('/etc/ld.so.cache', '/etc/ssl/certs/ca-certificates.crt');
  return [...new Set(kept)].filter((file) => existsSync(file));
}

// Documentation for its size; the account files because the image has its own; the folders that are links here.
const leftOut =
  /^\/(\.|etc\/(passwd|group|nsswitch)|usr\/share\/(doc|man|locale|info|lintian)\/|boot|home|root|proc|sys|dev|tmp|run|(s?bin|lib|lib64)$)/;
