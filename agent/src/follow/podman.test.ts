// Podman's Docker-compatible API: log files that are none of Docker's under the name of Docker's driver, and times of lines
// by the second.

import { type PodmanEngine, requires, startPodman } from '@log-detector/test-kit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from './engine.ts';
import { createEngineApi } from './engine-api.ts';
import { createFileEngine } from './file/file-engine.ts';
import { silentLog } from './log.ts';
import { connected, type Past, running, startAgent, until } from './testing-follower.ts';

const missing = requires.podman();

describe.skipIf(missing !== undefined)(
  `following a real Podman${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  () => {
    let engine: PodmanEngine;
    let way: Engine;
    beforeAll(async () => {
      engine = await startPodman();
      // As the agent does it by default.
      way = createFileEngine({
        engine: createEngineApi({ host: engine.host }),
        choice: 'auto',
        log: silentLog,
      });
    });
    afterAll(() => engine?.stop());
    afterEach(async () => {
      for (const agent of running) await agent.stop();
      await engine.podman('rm', '--all', '--force', '--time', '0');
    });

    it('reads every line of runs that follow each other within a second once, though the agent is stopped between', async () => {
      const count = 'n=$(cat /n 2>/dev/null || echo 0); echo "run $n"; echo "err $n" >&2; echo $((n+1)) >/n';
      let past: Past | undefined;
      const texts: string[] = [];
      for (let life = 0; life < 2; life++) {
        const agent = startAgent(way, { past });
        await connected(agent);
        if (life === 0) await engine.start('again', count);
        for (let run = life === 0 ? 1 : 0; run < 3; run++) {
          if (run === 0) await engine.podman('start', 'again');
          else await engine.podman('restart', '--time', '0', 'again');
        }
        const newest = 3 * life + 2;
        const hasAll = () =>
          ['run', 'err'].every((word) => agent.texts('again').includes(`${word} ${newest}`));
        await until('the newest lines', hasAll);
        await agent.stop();
        texts.push(...agent.texts('again'));
        expect(agent.holes).toEqual([]);
        past = agent;
      }
      const all = [0, 1, 2, 3, 4, 5].flatMap((run) => [`err ${run}`, `run ${run}`]);
      expect(texts.sort()).toEqual(all.sort());
    });

    it('tells that a container ended, and was removed after it was read', async () => {
      const agent = startAgent(way);
      await connected(agent);
      await engine.start(
        'short',
        'echo one; head -c 40000 /dev/zero | tr "\\000" a; echo; printf last; exit 3',
      );
      await until('the last line', () => agent.texts('short').includes('last'));
      expect(agent.texts('short').map((text) => text.length)).toEqual([3, 40_000, 4]);
      await until('read to its end', () => agent.status().containers[0]?.state === 'waiting');
      await engine.podman('rm', 'short');
      await until('its removal', () => agent.status().containers.length === 0);
      const died = agent.events.find(({ action }) => action === 'die');
      expect(died?.attributes.exitCode).toBe('3');
      expect(agent.events.at(-1)?.action).toBe('destroy');
      expect(agent.holes).toEqual([]);
    });
  },
);
