// Who watches the watcher, with real parts: a canary from a container's stdout to its rendered mail, an agent that is killed
// and comes back, and a dead-man's ping that stays out when something is amiss.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type DockerEngine, requires, startDockerEngine } from '@log-detector/test-kit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, givenASystem, type System } from './support/given.ts';
import { type Program, startProgram } from './support/programs.ts';

describe.skipIf(requires.docker())('watching', () => {
  let engine: DockerEngine;
  let system: System;
  let agent: Program;
  let pings = 0;
  let pinged: Server;

  const watch = async () => (await system.api.get('/api/watch')).body;
  const agentEnv = { HEARTBEAT_SECONDS: '0.5' };

  beforeAll(async () => {
    pinged = createServer((_request, response) => {
      pings += 1;
      response.end('OK');
    });
    await new Promise<void>((done) => pinged.listen(0, '127.0.0.1', done));
    [engine, system] = await Promise.all([
      startDockerEngine(),
      givenASystem({
        env: {
          // Longer than a busy machine lets an agent wait for its turn.
          AGENT_MISSING_SECONDS: '8',
          ALERT_GROUPING: 'on',
          ALERT_DIGEST_SECONDS: '1',
          DEAD_MANS_PING_URL: `http://127.0.0.1:${(pinged.address() as AddressInfo).port}/ping`,
          ALLOW_PRIVATE_WEBHOOKS: 'true',
        },
      }),
    ]);
    await engine.importBusybox();
    agent = await system.follow(engine, { env: agentEnv });
  }, 180_000);
  afterAll(async () => {
    await system?.stop();
    await engine?.stop();
    await new Promise((done) => pinged.close(done));
  }, 60_000);

  it('follows a canary from a container to its rendered mail, and nobody gets it', async () => {
    // What the agent's image would print, from a container that has no Node.
    const canary = await startProgram(['canary'], { folder: system.folder, env: { CANARY_SECONDS: '60' } });
    const [line] = await canary.waitForOutput(/INFO log-detector-canary\/1 .*Z/);
    await canary.stop();
    await engine.docker(
      'run',
      '--detach',
      '--name',
      'canary',
      'busybox',
      'sh',
      '-c',
      `echo "${line}"; sleep 60`,
    );
    const { canaries } = await eventually(watch, ({ canaries }) => canaries.length === 3);
    expect(canaries.map(({ stage }: { stage: string }) => stage).sort()).toEqual([
      'delivered',
      'dispatched',
      'stored',
    ]);
    expect((await system.api.get('/api/logs')).body).toMatchObject({ items: [], total: 0 });
    expect((await system.api.get('/api/emails')).body).toMatchObject({ items: [], total: 0 });
    expect(await system.mailbox.mails()).toEqual([]);
  });

  it('pings while everything is fresh', async () => {
    await eventually(
      async () => pings,
      (n) => n > 0,
    );
    expect(await watch()).toMatchObject({ status: 'fresh', agents: { fresh: 1 } });
  });

  it('tells once that an agent is gone, and in the same thread that it is back', async () => {
    await agent.stop('SIGKILL');
    const [missing] = await eventually(
      () => system.mailbox.mails(),
      (mails) => mails.length > 0,
    );
    expect(missing!.subject).toBe(
      '[NEW] log-detector-agent on host-7: No sign of life from the agent on host-7',
    );
    expect(await watch()).toMatchObject({ status: 'stale', agents: { missing: 1 } });
    expect((await system.api.get('/health/deep')).status).toBe(503);
    agent = await system.follow(engine, { env: agentEnv });
    const mails = await eventually(
      () => system.mailbox.mails(),
      (all) => all.length > 1,
    );
    expect(mails.map(({ subject }) => subject)).toEqual([
      missing!.subject,
      missing!.subject.replace('[NEW]', '[OVER]'),
    ]);
    expect((await system.api.get('/api/agents')).body.items).toEqual([
      expect.objectContaining({ host: 'host-7', state: 'fresh' }),
    ]);
  });

  it('takes a goodbye for what it is', async () => {
    await agent.stop();
    await eventually(watch, ({ agents }) => agents.stopped === 1);
    await new Promise((resolve) => setTimeout(resolve, 9000));
    expect(await watch()).toMatchObject({ status: 'fresh' });
    expect(await system.mailbox.mails()).toHaveLength(2);
  });

  it('pings no more when the backend is down', async () => {
    await system.backend.stop('SIGKILL');
    // One that was under way may be heard a little later.
    await new Promise((resolve) => setTimeout(resolve, 500));
    const before = pings;
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(pings).toBe(before);
  });
});
