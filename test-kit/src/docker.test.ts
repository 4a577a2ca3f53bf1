import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DockerEngine, requires, startDockerEngine } from './docker.ts';
import { run } from './run.ts';

describe.skipIf(requires.docker())('a Docker engine for tests', () => {
  let engine: DockerEngine;
  beforeAll(async () => {
    engine = await startDockerEngine({ network: true });
    await engine.importBusybox();
  });
  afterAll(() => engine?.stop());

  it('runs a container and keeps its log', async () => {
    await engine.docker('run', '--name', 'hello', 'busybox', 'echo', 'hello');
    expect(await engine.docker('logs', 'hello')).toBe('hello');
  });

  it('lets two engines run at once, neither seeing the other', async () => {
    const other = await startDockerEngine();
    try {
      await other.importBusybox('box');
      await other.docker('run', '--name', 'elsewhere', 'box', 'true');
      expect(await engine.docker('ps', '-a', '--format', '{{.Names}}')).not.toContain('elsewhere');
    } finally {
      await other.stop();
    }
  });

  it('publishes a port on the loopback', async () => {
    const script = 'mkdir /www; echo served >/www/index.html; httpd -f -p 80 -h /www';
    await engine.docker('run', '-d', '--name', 'web', '-p', '127.0.0.1::80', 'busybox', 'sh', '-c', script);
    const address = await engine.docker('port', 'web', '80');
    await expect.poll(() => fetch(`http://${address}/`).then((r) => r.text(), String)).toBe('served\n');
  });

  it('runs the languages of the machine inside the Debian root', async () => {
    const debian = await engine.importDebianRoot();
    expect(await engine.docker('run', '--rm', ...debian, 'perl', '-e', 'print "perl"')).toBe('perl');
  });

  it('comes back after kill -9 and after a restart, with its containers', async () => {
    await engine.kill9();
    await engine.start();
    await engine.restart();
    expect(await engine.docker('ps', '-a', '--format', '{{.Names}}')).toContain('hello');
  });
});

describe.skipIf(requires.docker())('the guard of an engine', () => {
  it('leaves nothing behind when the test run itself is killed', async () => {
    const outfile = fileURLToPath(new URL(`../dist/guard-${process.pid}.mjs`, import.meta.url));
    const program = `
      import { startDockerEngine } from './docker.ts';
      const engine = await startDockerEngine({ network: true });
      await engine.importBusybox();
      await engine.docker('run', '-d', 'busybox', 'sleep', '3271');
      console.log(engine.folder);
      setInterval(() => {}, 1000);`;
    const resolveDir = fileURLToPath(new URL('.', import.meta.url));
    const stdin = { contents: program, resolveDir, loader: 'ts' as const };
    await build({ stdin, outfile, bundle: true, platform: 'node', format: 'esm' });
    const child = spawn(process.execPath, [outfile], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      const [line] = (await once(child.stdout, 'data')) as [Buffer];
      const folder = line.toString().trim();
      expect(existsSync(folder)).toBe(true);
      child.kill('SIGKILL');
      await expect.poll(() => existsSync(folder), { timeout: 20_000 }).toBe(false);
      expect(readFileSync('/proc/self/mounts', 'utf8')).not.toContain(folder);
      expect(await run('ps', ['-eo', 'args'])).not.toMatch(new RegExp(`${folder}|sleep 3271`));
    } finally {
      child.kill('SIGKILL');
      rmSync(outfile, { force: true });
    }
  });
});
