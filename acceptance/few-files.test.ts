// An agent that may open too few files for all the containers: it says so, and reads each log when there is room.

import { readdirSync } from 'node:fs';
import { type DockerEngine, requires, run, startDockerEngine } from '@log-detector/test-kit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, givenASystem, type System } from './support/given.ts';

describe.skipIf(requires.docker())('an agent that may open too few files', () => {
  let engine: DockerEngine;
  let system: System;
  beforeAll(async () => {
    engine = await startDockerEngine();
    await engine.importBusybox();
    system = await givenASystem({ env: { ALERT_EMAIL_ENABLED: 'false' } });
  });
  afterAll(async () => {
    await system?.stop();
    await engine?.stop();
  });

  it('tells what to do, and loses no line', { timeout: 240_000 }, async () => {
    const agent = await system.follow(engine, { env: { CONTAINER_EVENTS: 'false' } });
    const limit = (files: number) => run('prlimit', ['--pid', String(agent.pid), `--nofile=${files}:20000`]);
    // Four numbers are free below it; some of those taken are high.
    const open = new Set(readdirSync(`/proc/${agent.pid}/fd`).map(Number));
    let most = 0;
    for (let free = 0; free < 4; most++) if (!open.has(most)) free++;
    await limit(most);
    const names = Array.from({ length: 10 }, (_, n) => `shop-${n}`);
    for (const name of names) {
      await engine.docker(
        'run',
        '-d',
        '--name',
        name,
        'busybox',
        'sh',
        '-c',
        'echo "ERROR no stock"; exec sleep 1000',
      );
    }
    await agent.waitForOutput(/may open no more files.*LimitNOFILE/);
    await limit(1000);
    const records = await eventually(
      async () => (await system.api.get('/api/logs?limit=200')).body.items as { container: string }[],
      (items) => items.length >= names.length,
    );
    expect(records.map(({ container }) => container).sort()).toEqual(names);
  });
});
