// The images build and the compose file starts, on a real engine: the base images are made of this machine's own files, in
// place of a registry's. Then the same as first light: a container prints an error, and a mail arrives.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type DockerEngine,
  freePort,
  needsPostgres15,
  requires,
  run,
  startDockerEngine,
} from '@log-detector/test-kit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { composeCommand } from '../test-kit/bin/prerequisites.mjs';
import { type Api, apiAt } from './support/api.ts';
import { eventually, type Mailbox, smtpMailbox } from './support/given.ts';
import { root } from './support/programs.ts';

const apiKey = 'the-key-of-the-compose-test';
const without =
  requires.docker() ?? needsPostgres15() ?? (composeCommand() ? undefined : 'there is no docker compose');

describe.skipIf(without)('the compose file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ld-compose-'));
  let engine: DockerEngine;
  let mailbox: Mailbox;
  let relay: Server;
  let api: Api;
  let env: NodeJS.ProcessEnv;

  beforeAll(async () => {
    engine = await startDockerEngine({ network: true });
    await Promise.all([
      engine.importNodeBase('node:22-slim'),
      postgresImage(engine, folder),
      engine.importBusybox(),
    ]);
    mailbox = await smtpMailbox();
    const smtpPort = Number(new URL(mailbox.env.SMTP_URL!).port);
    const port = await freePort();
    relay = await relayTo(smtpPort, engine.gateway!);
    const { PATH, HOME } = process.env;
    env = {
      PATH,
      HOME,
      DOCKER_HOST: engine.host,
      COMPOSE_PROJECT_NAME: 'ld',
      DOCKER_SOCKET: engine.socketPath,
      API_KEY: apiKey,
      POSTGRES_PASSWORD: 'of/all@kinds:of#characters?%41',
      PUBLISH: `127.0.0.1:${port}`,
      BASE_URL: `http://127.0.0.1:${port}`,
      MONITOR_HOST: 'host-7',
      ALERT_EMAIL_ENABLED: 'true',
      ALERT_EMAIL_TO: 'ops@example.com',
      ALERT_EMAIL_FROM: 'log-detector@example.com',
      SMTP_URL: `smtp://${engine.gateway}:${smtpPort}`,
    };
    api = apiAt(`http://127.0.0.1:${port}`, { 'x-api-key': apiKey });
    // What a registry's images have inside comes from this machine: npm over its network, PostgreSQL in its /usr.
    writeFileSync(
      join(folder, 'override.yml'),
      [
        'services:',
        '  keys: { build: { network: host } }',
        '  agent: { build: { network: host } }',
        '  postgres: { volumes: ["/usr:/usr:ro"] }',
      ].join('\n'),
    );
  }, 300_000);

  afterAll(async () => {
    relay?.close();
    await mailbox?.close();
    await engine?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const composeWords = () => {
    const files = ['--file', join(root, 'docker-compose.yml'), '--file', join(folder, 'override.yml')];
    return [...composeCommand()!, '--project-directory', root, ...files];
  };
  const compose = (...args: string[]) => {
    const [command, ...first] = composeWords();
    return run(command!, [...first, ...args], { env, timeoutMs: 540_000 });
  };

  /** Runs commands as a person would type them, up to the first that fails: `docker compose` is this project's. */
  const type = async (commands: string) => {
    const [command, ...first] = composeWords();
    const path = (await run('sh', ['-c', `command -v ${command}`])).trim();
    const words = [path, ...first].map((word) => `'${word}'`).join(' ');
    mkdirSync(join(folder, 'bin'), { recursive: true });
    // On the old PATH, because docker-compose runs `docker` itself.
    const script = `#!/bin/sh\nshift\nPATH='${env.PATH}' exec ${words} "$@"\n`;
    writeFileSync(join(folder, 'bin/docker'), script, { mode: 0o755 });
    return run('sh', ['-e', '-c', commands], {
      cwd: folder,
      env: { ...env, PATH: `${join(folder, 'bin')}:${env.PATH}` },
      timeoutMs: 240_000,
    });
  };

  /** Starts these, and tells what the containers printed when one does not come up. */
  const up = async (...profile: string[]) => {
    try {
      await compose(...profile, 'up', '--detach', '--no-build');
    } catch (error) {
      throw new Error(`${error}\n${await compose('logs', '--no-color').catch(String)}`);
    }
  };

  const allHealthy = () =>
    eventually(
      async () =>
        Promise.all(
          ['postgres', 'backend', 'agent'].map(async (service) => {
            const id = await compose('ps', '--quiet', service);
            return engine.docker('inspect', '--format', '{{.State.Health.Status}}', id);
          }),
        ),
      (all) => all.every((state) => state === 'healthy'),
      120_000,
    );

  it('builds small images that do not run as root', { timeout: 600_000 }, async () => {
    await compose('--profile', 'agent', 'build');
    const sizeOf = async (image: string) =>
      Number(await engine.docker('image', 'inspect', '--format', '{{.Size}}', image));
    const base = await sizeOf('node:22-slim');
    for (const name of ['backend', 'agent']) {
      const own = (await sizeOf(`log-detector-${name}`)) - base;
      console.log(`log-detector-${name}: ${(own / 1e6).toFixed(1)} MB on top of Node's image`);
      expect(own).toBeLessThan(80e6);
      const user = await engine.docker(
        'image',
        'inspect',
        '--format',
        '{{.Config.User}}',
        `log-detector-${name}`,
      );
      expect(user).toBe('1000:1000');
    }
  });

  it('starts everything, healthy', { timeout: 300_000 }, async () => {
    await up('--profile', 'agent');
    await allHealthy();
  });

  it('asks for the key', async () => {
    expect((await api.get('/health')).status).toBe(200);
    expect((await apiAt(env.BASE_URL!).get('/api/logs')).status).toBe(401);
    expect((await api.get('/api/logs')).status).toBe(200);
  });

  it('sends one mail for an error that a container prints, and the record in it opens', {
    timeout: 120_000,
  }, async () => {
    const script = 'echo fine; echo "ERROR the oven is cold"; echo fine again';
    await engine.docker('run', '--name', 'bakery', 'busybox', 'sh', '-c', script);
    const { items } = await eventually(
      async () => (await api.get('/api/logs')).body,
      ({ total }) => total > 0,
    );
    expect(items).toMatchObject([
      { host: 'host-7', container: 'bakery', message: 'ERROR the oven is cold', severity: 'error' },
    ]);
    const mails = await eventually(
      () => mailbox.mails(),
      (all) => all.length > 0,
    );
    expect(mails).toMatchObject([
      { to: ['ops@example.com'], subject: '[NEW] bakery on host-7: the oven is cold' },
    ]);
    // The backend and its database are not followed: what they log must not come back as records.
    const agentLog = await compose('logs', '--no-color', 'agent');
    expect(agentLog).toContain('"container":"bakery"');
    expect(agentLog).not.toMatch(/"container":"ld[-_](backend|postgres)/);
    const url = /https?:\/\/\S+/.exec(mails[0]!.text)![0];
    const page = await fetch(url, { headers: { 'x-api-key': apiKey } });
    expect(await page.text()).toContain('the oven is cold');
  });

  it('takes another API_KEY with the next up, the agent too', { timeout: 300_000 }, async () => {
    env.API_KEY = 'another-key-of-the-compose-test';
    await up('--profile', 'agent');
    await allHealthy();
    api = apiAt(env.BASE_URL!, { 'x-api-key': env.API_KEY });
    expect((await api.get('/api/logs')).body).toMatchObject({ total: 1 });
    await engine.docker('run', 'busybox', 'sh', '-c', 'echo "ERROR the oven is hot"; sleep 1');
    await eventually(
      async () => (await api.get('/api/logs')).body,
      ({ total }) => total === 2,
    );
  });

  it('is backed up and restored by the commands of docs/operations.md', { timeout: 600_000 }, async () => {
    const [backUp, restore] = documentedCommands('With Docker Compose, while it runs:');
    const total = async () => (await api.get('/api/logs').catch(() => undefined))?.body.total;
    await type(backUp!);
    await api.post('/api/logs', { host: 'h', container: 'c', message: 'ERROR after the backup' });
    expect(await total()).toBe(3);
    await type(restore!);
    await allHealthy();
    expect(await total()).toBe(2);
    await engine.docker('run', 'busybox', 'sh', '-c', 'echo "ERROR the oven is back"; sleep 1');
    await eventually(total, (n) => n === 3);
  });

  it('keeps its records and its key over down and up', { timeout: 300_000 }, async () => {
    await compose('--profile', 'agent', 'down');
    // A key that was given once stays, also when the next start gives none.
    delete env.API_KEY;
    await up();
    const page = await eventually(
      async () => (await api.get('/api/logs').catch(() => undefined))?.body,
      (body) => body?.total !== undefined,
      120_000,
    );
    expect(page.total).toBe(3);
    await compose('down', '--volumes');
  });
});

/** The blocks of commands that stand in docs/operations.md after these words, in order. */
function documentedCommands(after: string): string[] {
  const [, rest] = readFileSync(join(root, 'docs/operations.md'), 'utf8').split(after);
  return [...rest!.matchAll(/^```\n(.*?)^```/gms)].map(([, commands]) => commands!);
}

/**
 * Stands in for a registry's PostgreSQL: same variables, same port, same data folder, and no password for who comes from
 * inside; the programs are this machine's.
 */
async function postgresImage(engine: DockerEngine, folder: string): Promise<void> {
  const bin = '/usr/lib/postgresql/15/bin';
  writeFileSync(
    join(folder, 'entrypoint.sh'),
    `#!/bin/sh
set -e
data=/var/lib/postgresql/data
if [ "$(id -u)" = 0 ]; then
  mkdir -p $data /var/run/postgresql && chown -R 999:999 $data /var/run/postgresql && chmod 700 $data
  exec /usr/bin/setpriv --reuid=999 --regid=999 --clear-groups "$0"
fi
export PATH=${bin}:$PATH
if [ ! -s $data/PG_VERSION ]; then
  echo "$POSTGRES_PASSWORD" >/tmp/password
  initdb --pgdata=$data --username="$POSTGRES_USER" --pwfile=/tmp/password --auth-local=trust --auth-host=scram-sha-256 --no-sync >/dev/null
  echo "host all all all scram-sha-256" >>$data/pg_hba.conf
  echo "create database \\"$POSTGRES_DB\\"" | postgres --single -D $data postgres >/dev/null
fi
exec postgres -D $data -c listen_addresses='*' -c unix_socket_directories=/var/run/postgresql
`,
    { mode: 0o755 },
  );
  await engine.importDebianRoot('debian-root');
  writeFileSync(
    join(folder, 'Dockerfile'),
    `FROM debian-root\nCOPY entrypoint.sh /\nENV PATH=${bin}:/usr/bin:/usr/sbin\nENTRYPOINT ["/entrypoint.sh"]\n`,
  );
  await engine.docker('build', '--tag', 'postgres:17', folder);
}

/** Containers cannot reach this machine's loopback: lets them reach one port of it. */
async function relayTo(port: number, address: string): Promise<Server> {
  const server = createServer((socket) => {
    const onward = connect(port, '127.0.0.1');
    socket.pipe(onward).pipe(socket);
    socket.on('error', () => onward.destroy());
    onward.on('error', () => socket.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, resolve);
  });
  return server;
}
