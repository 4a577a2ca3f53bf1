// How far reading is behind, as the heartbeat tells it: by the lines of real containers.

import { type DockerEngine, requires, startDockerEngine } from '@log-detector/test-kit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readDetection, stagesFor } from './detection.ts';
import { createEngineApi } from './follow/engine-api.ts';
import { createFileEngine } from './follow/file/file-engine.ts';
import { createFollower } from './follow/follow.ts';
import { silentLog } from './follow/log.ts';
import { createPipeline } from './pipeline.ts';
import { readAgentSettings } from './settings.ts';

describe.skipIf(requires.docker())('how far reading is behind', () => {
  let docker: DockerEngine;

  beforeAll(async () => {
    docker = await startDockerEngine();
    await docker.importBusybox();
  }, 180_000);
  afterAll(() => docker?.stop(), 60_000);

  it.each(['api', 'file'] as const)(
    'is told by the lines of a new container, not by where its reading begins, with LOG_SOURCE=%s',
    async (source) => {
      const settings = readAgentSettings({});
      const pipeline = createPipeline({
        stages: stagesFor(settings, await readDetection(settings)),
        disk: { keep() {}, append: () => Promise.resolve() },
      });
      const api = createEngineApi({ host: docker.host });
      const follower = createFollower({
        engine: source === 'api' ? api : createFileEngine({ engine: api, choice: source, log: silentLog }),
        selection: { containers: [source] },
        cursor: () => undefined,
        open: (container) => pipeline.open(container),
        hole() {},
        log: silentLog,
      });
      const stop = new AbortController();
      const done = follower.run(stop.signal);
      const startedAt = new Date().toISOString();
      try {
        await expect.poll(() => follower.status().connected, { timeout: 60_000 }).toBe(true);
        const prints = 'trap "echo all is well" USR1; while :; do sleep 0.1; done';
        await docker.docker('run', '--detach', '--name', source, 'busybox', 'sh', '-c', prints);
        await expect
          .poll(() => follower.status().containers.map(({ state }) => state), { timeout: 60_000 })
          .toEqual(['following']);
        expect(pipeline.takeReadUpTo()).toEqual([]);
        const readUpTo: string[] = [];
        await expect
          .poll(
            async () => {
              // One that comes before the trap is set is ignored by the first process of a container.
              await docker.docker('kill', '--signal', 'USR1', source);
              return readUpTo.push(...pipeline.takeReadUpTo());
            },
            { timeout: 60_000 },
          )
          .toBeGreaterThan(0);
        expect(readUpTo.filter((at) => at < startedAt)).toEqual([]);
      } finally {
        stop.abort();
        await done;
      }
    },
    180_000,
  );
});
