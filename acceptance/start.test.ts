// `npm start` as a newcomer uses it: on a fresh clone it comes up, ends cleanly, survives kill -9, and leaves nothing behind.

import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, run } from '@log-detector/test-kit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apiAt } from './support/api.ts';
import { eventually } from './support/given.ts';
import { type Program, root, watch } from './support/programs.ts';

describe('npm start on a fresh clone', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ld-start-'));
  const clone = join(folder, 'clone');
  let port = 0;
  let started: Program | undefined;

  beforeAll(async () => {
    port = await freePort();
    await run('git', ['clone', '--quiet', root, clone]);
    // The packages come from this checkout when they fit the clone's lock file, or else from the registry, as for anyone.
    const [here, there] = [root, clone].map((place) =>
      readFileSync(join(place, 'package-lock.json'), 'utf8'),
    );
    if (here === there) await run('cp', ['-a', join(root, 'node_modules'), join(clone, 'node_modules')]);
  }, 300_000);
  afterAll(async () => {
    await started?.stop('SIGKILL');
    for (const pid of leftIn(folder)) process.kill(pid, 'SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });

  function spawnStart(extra: NodeJS.ProcessEnv): Program {
    const { PATH, HOME, NODE_EXTRA_CA_CERTS } = process.env;
    return watch(
      spawn('npm', ['start'], {
        cwd: clone,
        // No Docker here: the backend alone is what these tests wait for.
        env: {
          PATH,
          HOME,
          NODE_EXTRA_CA_CERTS,
          PORT: String(port),
          DOCKER_HOST: `unix://${folder}/none.sock`,
          ...extra,
        },
        stdio: ['ignore', 'pipe', 'pipe'],
        // A group of its own, as a terminal would give it: Ctrl-C reaches all of it.
        detached: true,
      }),
    );
  }

  /** Starts it and waits for the line that says it listens. Gives the time that took, to be printed. */
  async function npmStart(extra: NodeJS.ProcessEnv = {}): Promise<{ program: Program; ms: number }> {
    const at = Date.now();
    const program = spawnStart(extra);
    started = program;
    await program.waitForOutput(new RegExp(`listening on \\S+:${port}`), 300_000);
    return { program, ms: Date.now() - at };
  }

  const api = () => apiAt(`http://127.0.0.1:${port}`);
  const theGroupGets = (program: Program, signal: NodeJS.Signals) => process.kill(-program.pid, signal);
  const nothingIsLeft = () =>
    eventually(
      async () => leftIn(folder),
      (pids) => pids.length === 0,
      20_000,
    );

  it('comes up from nothing, and Ctrl-C ends it with nothing left behind', { timeout: 400_000 }, async () => {
    const { program, ms } = await npmStart();
    console.log(`npm start on a fresh clone, packages there: listening after ${ms} ms`);
    expect((await api().get('/health')).status).toBe(200);
    expect((await api().post('/api/logs', { host: 'h', container: 'c', message: 'ERROR kept' })).status).toBe(
      200,
    );
    const at = Date.now();
    theGroupGets(program, 'SIGINT');
    await program.ended;
    await nothingIsLeft();
    console.log(`Ctrl-C: all ended after ${Date.now() - at} ms`);
  });

  it('comes up again with what it had, and SIGTERM to npm ends it', { timeout: 200_000 }, async () => {
    const { program, ms } = await npmStart();
    console.log(`npm start the second time: listening after ${ms} ms`);
    expect((await api().get('/api/logs')).body).toMatchObject({
      total: 1,
      items: [{ message: 'ERROR kept' }],
    });
    const at = Date.now();
    await program.stop('SIGTERM');
    await nothingIsLeft();
    console.log(`SIGTERM: all ended after ${Date.now() - at} ms`);
  });

  it('says what is wrong with the settings of the agent, and goes on with the backend', {
    timeout: 200_000,
  }, async () => {
    const { program } = await npmStart({ DOCKER_HOST: 'ssh://somewhere' });
    await program.waitForOutput(/No containers are followed: .*DOCKER_HOST/s);
    expect((await api().get('/health')).status).toBe(200);
    await program.stop('SIGTERM');
    await nothingIsLeft();
  });

  it('goes on to the containers whatever address the backend listens at', { timeout: 200_000 }, async () => {
    const { program } = await npmStart({ HOST: '127.0.0.2' });
    await program.waitForOutput(/curl http:\/\/127\.0\.0\.2:\d+.*No containers are followed yet/s);
    await program.stop('SIGTERM');
    await nothingIsLeft();
  });

  it('takes any free port with PORT=0, and goes on to the containers', { timeout: 200_000 }, async () => {
    const program = spawnStart({ PORT: '0' });
    started = program;
    await program.waitForOutput(/curl http:\/\/127\.0\.0\.1:[1-9]\d*\/.*No containers are followed yet/s);
    await program.stop('SIGTERM');
    await nothingIsLeft();
  });

  it('says that it runs already, and leaves the one that does alone', { timeout: 200_000 }, async () => {
    const { program } = await npmStart();
    await eventually(
      () => api().get('/health'),
      ({ status }) => status === 200,
    );
    const second = spawnStart({});
    expect(await second.ended).not.toBe(0);
    expect(second.output()).toMatch(/answers already: Log Detector seems to run there; end it/);
    expect((await api().get('/health')).status).toBe(200);
    await program.stop('SIGTERM');
    await nothingIsLeft();
  });

  it('says why all ends when its backend is killed', { timeout: 200_000 }, async () => {
    const { program } = await npmStart();
    await program.waitForOutput(/Next:/);
    const pids = leftIn(folder).filter((pid) =>
      readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes('serve'),
    );
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    expect(await program.ended).not.toBe(0);
    expect(program.output()).toContain('The backend ended by SIGKILL, so all of it ends.');
    await nothingIsLeft();
  });

  it('survives kill -9 of the whole tree: no second postmaster, no stale lock, nothing lost', {
    timeout: 200_000,
  }, async () => {
    const { program } = await npmStart();
    expect(
      (await api().post('/api/logs', { host: 'h', container: 'c', message: 'ERROR acknowledged' })).status,
    ).toBe(200);
    for (const pid of leftIn(folder)) killIfThere(pid);
    await program.ended;
    const again = await npmStart();
    expect((await api().get('/api/logs')).body).toMatchObject({ total: 2 });
    theGroupGets(again.program, 'SIGINT');
    await again.program.ended;
    await nothingIsLeft();
  });

  it('survives kill -9 of its first process alone, which takes the others with it', {
    timeout: 200_000,
  }, async () => {
    const { program } = await npmStart();
    process.kill(program.pid, 'SIGKILL');
    const starter = leftIn(folder).find((pid) => commandOf(pid).includes('start.mjs'));
    if (starter) killIfThere(starter);
    await nothingIsLeft();
    const again = await npmStart();
    expect((await api().get('/api/logs')).body).toMatchObject({ total: 2 });
    theGroupGets(again.program, 'SIGTERM');
    await again.program.ended;
    await nothingIsLeft();
  });
});

/** Processes that work in the folder, or name it on their command line. */
function leftIn(folder: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && (commandOf(pid).includes(folder) || worksIn(pid, folder)));
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

function worksIn(pid: number, folder: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/cwd`).startsWith(folder);
  } catch {
    return false;
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended with the one killed before it.
  }
}
