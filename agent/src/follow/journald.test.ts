// The logging driver `journald`, with a journal of its own: it stamps what it is sent itself, to the microsecond, and throws
// old lines away to make room for those of other programs.

import { type DockerEngine, requires, startDockerEngine } from '@log-detector/test-kit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createEngineApi } from './engine-api.ts';
import { cleanUp, connected, startAgent, until } from './testing-follower.ts';

const missing = requires.journald();

describe.skipIf(missing !== undefined)(
  `following a real engine that logs to the journal${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  () => {
    let engine: DockerEngine;
    beforeAll(async () => {
      engine = await startDockerEngine({ journald: true, args: ['--log-driver', 'journald'] });
      await engine.importBusybox('busybox');
    });
    afterAll(() => engine?.stop());
    afterEach(() => cleanUp(engine));

    const run = (name: string, script: string, ...args: string[]) =>
      engine.docker('run', '-d', '--name', name, ...args, 'busybox', 'sh', '-c', script);
    const follow = () => startAgent(createEngineApi({ host: engine.host }));
    const printsMuch = 'head -c 40000 /dev/zero | tr "\\000" a; echo';

    it.each([
      ['two streams', []],
      ['a terminal', ['-t']],
    ])('reads long lines of %s whole, though each of their pieces has its own time', async (_of, tty) => {
      const agent = follow();
      await connected(agent);
      await run('long', `${printsMuch}; echo next; ${printsMuch}; echo last`, ...tty);
      await until('the last line', () => agent.texts('long').includes('last'));
      expect(agent.texts('long').map((text) => text.replace(/^a+$/, (all) => `${all.length} a`))).toEqual([
        '40000 a',
        'next',
        '40000 a',
        'last',
      ]);
      await until('read to its end', () => agent.status().containers[0]?.state === 'waiting');
      await engine.docker('rm', 'long');
      await until('gone', () => agent.status().containers.length === 0);
      expect(agent.holes).toEqual([]);
    });

    it('declares what the journal threw away while nothing was taken', async () => {
      const agent = follow();
      await connected(agent);
      const line = `echo "$i ${'x'.repeat(500)}"; i=$((i+1))`;
      const more = (upTo: number) => `while [ $i -lt ${upTo} ]; do ${line}; done`;
      await run(
        'much',
        `trap "go=1" USR1; i=0; ${more(10)}; usleep 500000; ${more(8000)}
        while [ -z "$go" ]; do usleep 20000; done; ${more(8010)}; exec sleep 1000`,
      );
      await until('the first lines', () => agent.texts('much').length >= 10);
      const goOn = agent.pause();
      const printed = () =>
        engine.inside('journalctl', '--output=cat', '--no-pager', '--lines=1', 'CONTAINER_NAME=much');
      await until('all printed', async () => (await printed()).startsWith('7999 '));
      await engine.inside('journalctl', '--rotate');
      await engine.docker('kill', '--signal=USR1', 'much');
      await until('printed on', async () => (await printed()).startsWith('8009 '));
      await engine.inside('journalctl', '--vacuum-files=1');
      goOn();
      const numbers = () => agent.texts('much').map((text) => Number(text.split(' ')[0]));
      await until('the last line', () => numbers().includes(8009));
      const read = numbers();
      expect(read).toEqual([...new Set(read)].sort((a, b) => a - b));
      expect(read.length).toBeLessThan(8010);
      expect(agent.holes).toMatchObject([{ container: 'much', reason: 'rotated' }]);
      const { from, to } = agent.holes[0]!;
      const at = (number: number) =>
        agent.lines.find(({ line }) => line.text.startsWith(`${number} `))!.line.position.at;
      const last = read.findLast((number, index) => number === index)!;
      expect([from, to]).toEqual([at(last), at(read[last + 1]!)]);
    });
  },
);
