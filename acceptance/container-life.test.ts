// Containers that end, on the real engine, from stdout to the mail: a crash and its cause are one mail, a loop of restarts
// is one, and a rolling restart of noisy replicas is none.

import { type DockerEngine, requires, startDockerEngine } from '@log-detector/test-kit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually, givenASystem, type System } from './support/given.ts';
import type { Program } from './support/programs.ts';

const traceback = `echo 'Traceback (most recent call last):
  File "/app/main.py", line 3, in <module>
    connect()
ConnectionRefusedError: db:5432' >&2`;

describe.skipIf(requires.docker())('the life of containers', () => {
  let engine: DockerEngine;
  let system: System;
  let agent: Program;
  beforeAll(async () => {
    engine = await startDockerEngine();
    await engine.importBusybox();
    system = await givenASystem({ env: { ALERT_DIGEST_SECONDS: '1' } });
    agent = await system.follow(engine);
  });
  afterEach(async () => {
    const ids = (await engine.docker('ps', '-aq')).split('\n').filter(Boolean);
    if (ids.length > 0) await engine.docker('rm', '-f', ...ids);
  });
  afterAll(async () => {
    await system?.stop();
    await engine?.stop();
  });

  const run = (name: string, script: string, ...flags: string[]) =>
    engine.docker('run', '--detach', '--name', name, ...flags, 'busybox', 'sh', '-c', script);
  const records = async (container: string): Promise<Record<string, unknown>[]> =>
    (await system.api.get(`/api/logs?container=${container}&limit=200`)).body.items;
  const mails = () => system.mailbox.mails();

  it('a crash loop makes one mail, and a rolling restart of 30 noisy replicas none', {
    timeout: 300_000,
  }, async () => {
    const noisy = `trap 'echo "ERROR connection to peer lost while closing"; exit 1' TERM; while :; do sleep 0.2; done`;
    const replica = (n: number, script: string) =>
      run(
        `api-${n}`,
        script,
        '--label',
        'com.docker.compose.service=api',
        '--label',
        'com.docker.compose.project=shop',
      );
    const all = Array.from({ length: 30 }, (_, n) => n + 1);
    for (const some of tens(all)) await Promise.all(some.map((n) => replica(n, noisy)));
    // Ten at a time, as a rolling update does.
    for (const some of tens(all)) {
      await engine.docker('stop', ...some.map((n) => `api-${n}`));
      await engine.docker('rm', ...some.map((n) => `api-${n}`));
      await Promise.all(some.map((n) => replica(n, `echo "ERROR peer is not there yet"; exec sleep 1000`)));
    }
    const stored = await eventually(
      async () => (await system.api.get('/api/logs?limit=200')).body.items,
      (items) => items.length >= 60,
      60_000,
    ).catch((error) => {
      throw new Error(`${String(error.message).slice(0, 4000)}\n${agent.output().slice(-2000)}`);
    });
    const reasons = new Set<string>();
    for (const { id } of stored) reasons.add((await system.api.get(`/api/logs/${id}/decisions`)).body.reason);
    const phases = new Set(stored.map(({ fields }: { fields: { phase?: string } }) => fields.phase));
    expect([...phases].sort()).toEqual(['starting', 'stopping']);
    expect([...reasons]).toEqual(['starting-or-stopping']);
    expect(await mails()).toEqual([]);

    const crashedAt = Date.now();
    await run('worker', `${traceback}; exit 1`, '--restart', 'always');
    const told = await eventually(mails, (some) => some.length > 0, 60_000);
    console.log(`from the first crash to the mail: ${Date.now() - crashedAt} ms`);
    await eventually(
      () => records('worker'),
      (some) => some.length >= 12,
    );
    expect(told[0]!.text).toContain('Container is restarting in a loop.');
    expect(told[0]!.text).toContain('ConnectionRefusedError');
    expect(await mails()).toHaveLength(1);
  });

  it('tells of a crash and of the traceback before it in one mail, with the last lines', {
    timeout: 240_000,
  }, async () => {
    await run('shop', `echo 'listening on 8080'; echo 'got order 7'; sleep 0.2; ${traceback}; exit 3`);
    await eventually(
      () => records('shop'),
      (all) => all.length >= 2,
    ).catch((error) => {
      throw new Error(`${error.message}\n${agent.output()}`);
    });
    const aboutIt = async () => (await mails()).filter(({ subject }) => subject.includes('shop on host-7'));
    const told = await eventually(aboutIt, (all) => all.length > 0);
    expect(told[0]!.text).toContain('ConnectionRefusedError: db:5432');
    expect(told[0]!.text).toContain('Container exited with code 3.');
    const [death] = (await records('shop')).filter(({ fields }) => (fields as { event?: string }).event);
    expect(death).toMatchObject({
      severity: 'fatal',
      fields: { event: 'died', exit_code: 3 },
    });
    expect((death!.context_before as string[]).join('\n')).toContain('got order 7');
    const trace = (await records('shop')).find(({ message }) => String(message).startsWith('Traceback'))!;
    expect(trace.context_before).toEqual(['listening on 8080', 'got order 7']);
  });

  it('tells of an unhealthy one and of one that died while the agent was away, not of those that were stopped', {
    timeout: 240_000,
  }, async () => {
    await agent.stop();
    agent = await system.follow(engine, { by: 'command' });
    const sick = [
      '--health-cmd',
      'echo the oven is cold; exit 1',
      '--health-interval',
      '1s',
      '--health-retries',
      '1',
    ];
    await run('sick', 'echo baking; exec sleep 1000', ...sick);
    await run('well', 'trap "exit 1" TERM; while :; do sleep 0.1; done');
    await run('done', 'echo done');
    await run('away', 'echo counting; sleep 3; exit 4');
    const [unhealthy] = await eventually(
      () => records('sick'),
      (all) => all.length > 0,
    );
    expect(unhealthy).toMatchObject({
      message: expect.stringContaining('the oven is cold'),
      context_before: ['baking'],
      fields: { event: 'unhealthy' },
    });
    await engine.docker('stop', 'well');
    await agent.stop();
    await engine.docker('wait', 'away');
    agent = await system.follow(engine);
    const found = await eventually(
      () => records('away'),
      (all) => all.length > 0,
    );
    expect(found).toMatchObject([{ message: 'Container exited with code 4.', fields: { exit_code: 4 } }]);
    expect(await records('well')).toEqual([]);
    expect(await records('done')).toEqual([]);
  });

  it('tells once of one that was killed for memory', { timeout: 240_000 }, async ({ skip }) => {
    // Without limits it would take the machine's.
    if ((await engine.docker('info', '--format', '{{.MemoryLimit}}')) !== 'true')
      skip('no limits of memory here');
    await run('big', 'echo growing; exec tail /dev/zero', '--memory', '16m');
    const found = await eventually(
      () => records('big'),
      (all) => all.length > 0,
    );
    expect(found).toMatchObject([
      {
        message: 'Container was killed: out of memory (exit code 137).',
        severity: 'fatal',
        context_before: ['growing'],
        fields: { event: 'out-of-memory', exit_code: 137 },
      },
    ]);
  });
});

function tens<T>(items: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(items.length / 10) }, (_, n) => items.slice(10 * n, 10 * n + 10));
}
