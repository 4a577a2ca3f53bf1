import { appendFileSync, readFileSync, truncateSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { type DockerEngine, requires, startDockerEngine } from '@log-detector/test-kit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Stream } from '../types.ts';
import { pause } from './backoff.ts';
import type { Engine } from './engine.ts';
import { createEngineApi } from './engine-api.ts';
import { createEngineCommand } from './engine-command.ts';
import { createFileEngine } from './file/file-engine.ts';
import { silentLog } from './log.ts';
import { collectingSink } from './testing.ts';
import { type Agent, cleanUp, connected, type Past, startAgent, until } from './testing-follower.ts';

const missing = requires.docker();

/** Between the agent and the engine: `stall` leaves every log stream open that follows, and passes nothing on. */
async function startStallingProxy(socketPath: string) {
  const follows = new Set<Socket>();
  const server = createServer((client) => {
    const target = connect(socketPath);
    client.on('data', (data) => {
      if (data.includes('follow=1')) follows.add(target);
      target.write(data);
    });
    target.on('data', (data) => client.write(data));
    for (const [one, other] of [
      [client, target],
      [target, client],
    ] as const) {
      one.on('error', () => {});
      one.on('close', () => other.destroy());
    }
  });
  const path = `${socketPath}.proxy`;
  await new Promise<void>((listening) => server.listen(path, listening));
  return {
    host: `unix://${path}`,
    stall() {
      for (const target of follows) target.pause();
    },
    close() {
      server.close();
    },
  };
}

describe.skipIf(missing !== undefined)(
  `following a real engine${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  () => {
    let engine: DockerEngine;
    let api: Engine;

    beforeAll(async () => {
      engine = await startDockerEngine({ liveRestore: false });
      await engine.importBusybox('busybox');
      api = createEngineApi({ host: engine.host });
    });
    afterAll(() => engine?.stop());
    afterEach(() => cleanUp(engine));

    const run = (name: string, script: string, ...args: string[]) =>
      engine.docker('run', '-d', '--name', name, ...args, 'busybox', 'sh', '-c', script);

    const ways: [string, () => Engine][] = [
      ['over the socket', () => api],
      ['from its file', () => createFileEngine({ engine: api, choice: 'file', log: silentLog })],
      [
        'by running the docker command',
        () => createEngineCommand({ command: `docker --host ${engine.host}` }),
      ],
    ];

    describe.each(ways)('%s', (_way, way) => {
      it('reads both streams of a container that starts after the agent, from its beginning to its end', async () => {
        const agent = startAgent(way());
        await connected(agent);
        await run(
          'both',
          'echo one; echo two >&2; sleep 0.3; head -c 40000 /dev/zero | tr "\\000" a; echo; printf last',
        );
        await until('the last line', () => agent.texts('both').includes('last'));
        const of = (stream: Stream) =>
          agent.lines.filter(({ line }) => line.stream === stream).map(({ line }) => line.text);
        expect(of('stdout')).toEqual(['one', 'a'.repeat(40_000), 'last']);
        expect(of('stderr')).toEqual(['two']);
        await until('death told', () => agent.events.some(({ action }) => action === 'die'));
        const died = agent.events.find(({ action }) => action === 'die')!;
        expect(died.attributes.exitCode).toBe('0');
        expect(agent.holes).toEqual([]);
      });

      it('reads a terminal, with long lines', async () => {
        const agent = startAgent(way());
        await connected(agent);
        await run(
          'tty',
          'echo out; echo err >&2; head -c 40000 /dev/zero | tr "\\000" a; echo; echo next',
          '-t',
        );
        await until('the last line', () => agent.texts('tty').includes('next'));
        expect(agent.texts('tty')).toEqual(['out', 'err', 'a'.repeat(40_000), 'next']);
      });

      it('goes on through a restart and a rename', async () => {
        const agent = startAgent(way());
        await connected(agent);
        await run('before', 'echo run $$; echo boom >&2; exec sleep 1000', '--stop-signal', 'KILL');
        await until('the first run', () => agent.texts('before').length === 2);
        await engine.docker('rename', 'before', 'after');
        await engine.docker('restart', 'after');
        await until('the second run', () => agent.texts('after').length === 2);
        expect(agent.texts('after').sort()).toEqual(['boom', 'run 1']);
        // Stopped first: of one that is removed while it runs, an old engine cannot prove that its last line was read.
        await engine.docker('stop', 'after');
        await until('read to its end', () => agent.status().containers[0]?.state === 'waiting');
        await engine.docker('rm', 'after');
        await until('gone', () => agent.status().containers.length === 0);
        expect(agent.holes).toEqual([]);
      });

      it('resumes after a stop with nothing lost and nothing repeated', async () => {
        const id = await run(
          'busy',
          'i=0; while true; do echo "o $i"; echo "e $i" >&2; i=$((i+1)); usleep 2000; done',
        );
        let past: Past | undefined;
        const texts: string[] = [];
        for (let round = 0; round < 4; round++) {
          const agent = startAgent(way(), { past });
          await until('some lines', () => agent.texts('busy').length > 100);
          await agent.stop();
          texts.push(...agent.lines.map(({ line }) => line.text));
          past = agent;
          expect(agent.holes).toEqual([]);
          await pause(150);
        }
        expect(past!.names.has(id)).toBe(true);
        for (const stream of ['o', 'e']) {
          const numbers = texts
            .filter((text) => text.startsWith(stream))
            .map((text) => Number(text.slice(2)));
          const first = numbers[0]!;
          expect(numbers).toEqual(numbers.map((_, index) => first + index));
        }
      });
    });

    it('begins with now at its very first run, but reads what is younger than itself from its beginning', async () => {
      const script =
        'echo ancient; trap "go=1" USR1; while [ -z "$go" ]; do usleep 20000; done; echo recent; exec sleep 1000';
      await run('old', script);
      await until('printed', async () => (await engine.docker('logs', 'old')).includes('ancient'));
      const agent = startAgent(api);
      await connected(agent);
      await engine.docker('kill', '--signal=USR1', 'old');
      await until('a recent line', () => agent.texts('old').length > 0);
      expect(agent.texts('old')).toEqual(['recent']);
    });

    it('reads a container that lived and died while it was away', async () => {
      const first = startAgent(api);
      await connected(first);
      await until('watching', () => first.status().watchedUntil !== undefined);
      await first.stop();
      await run('brief', 'echo I was here; echo and failed >&2; exit 3');
      await until('dead', async () => (await engine.docker('ps', '-q')) === '');
      const second = startAgent(api, { past: first });
      await until('its lines', () => second.texts('brief').length === 2);
      await until('its end', () => second.status().containers.every(({ state }) => state === 'waiting'));
      await second.stop();
      const third = startAgent(api, { past: second });
      await until('settled', () => third.status().containers.some(({ state }) => state === 'waiting'));
      expect(third.lines).toEqual([]);
      await engine.docker('start', 'brief');
      await until('the next run', () => third.texts('brief').length === 2);
    });

    it('declares what a container printed that was removed while it was away, unless it had read it all', async () => {
      const first = startAgent(api);
      await connected(first);
      await run('stays', 'echo one; exec sleep 1000');
      await run('ends', 'echo two');
      await until('both', () => first.texts('stays').length + first.texts('ends').length === 2);
      await until('end', () => first.status().containers.some(({ state }) => state === 'waiting'));
      await first.stop();
      await engine.docker('rm', '-f', 'stays', 'ends');
      const second = startAgent(api, { past: { ...first, watchedUntil: first.watchedUntil } });
      await until('a hole', () => second.holes.length > 0);
      await pause(1500);
      expect(second.holes.map(({ container, reason }) => [container, reason])).toEqual([
        ['stays', 'container-removed'],
      ]);
    });

    it('reads containers that live 50 ms and are removed at once, or declares what it could not', async () => {
      const agent = startAgent(api);
      await connected(agent);
      const names: string[] = [];
      const isRead = (name: string) => agent.texts(name).includes(`ERROR ${name}`);
      // The busier the machine, the more of them until enough were there for long enough to be read.
      while (names.length < 12 || (names.length < 60 && names.filter(isRead).length < 7)) {
        const name = `cron-${names.length}`;
        names.push(name);
        await run(name, `echo begin; usleep 50000; echo ERROR ${name} >&2`, '--rm');
      }
      // On a busy machine one may be gone, with its log, before anybody could ask for it: then it is declared.
      const isDeclared = (name: string) => agent.holes.some(({ container }) => container === name);
      await until(
        'each read or declared, and all gone',
        () =>
          names.every((name) => isRead(name) || isDeclared(name)) && agent.status().containers.length === 0,
      );
      expect(names.filter(isRead).length).toBeGreaterThanOrEqual(7);
    }, 400_000);

    it('declares the lines that were rotated away while it was stopped, and no others', async () => {
      const script =
        'i=0; trap "go=1" USR1; while [ $i -lt 3000 ]; do echo "line $i xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"; i=$((i+1)); while [ $i = 100 ] && [ -z "$go" ]; do usleep 20000; done; done; exec sleep 1000';
      const first = startAgent(api);
      await connected(first);
      await run('rotating', script, '--log-opt', 'max-size=16k', '--log-opt', 'max-file=2');
      await until('some', () => first.texts('rotating').length === 100);
      await first.stop();
      await engine.docker('kill', '--signal=USR1', 'rotating');
      await until('printed', async () =>
        (await engine.docker('logs', '--tail', '1', 'rotating')).includes('2999'),
      );
      const second = startAgent(api, { past: first });
      await until('the rest', () => second.texts('rotating').some((text) => text.includes('2999')));
      expect(second.holes).toHaveLength(1);
      const [hole] = second.holes;
      expect(hole).toMatchObject({ reason: 'rotated', container: 'rotating' });
      expect(hole!.from).toBe(first.lines.at(-1)!.line.position.at);
      expect(hole!.to).toBe(second.lines[0]!.line.position.at);
    });

    it('declares for each stream what was rotated away since its own last line, and nothing that was read', async () => {
      const script =
        'i=0; trap "go=1" USR1; while [ $i -lt 3000 ]; do echo "line $i xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"; [ $((i % 50)) = 0 ] && echo "line $i" >&2; i=$((i+1)); while [ $i = 100 ] && [ -z "$go" ]; do usleep 20000; done; done; exec sleep 1000';
      const first = startAgent(api);
      await connected(first);
      await run('rotating-both', script, '--log-opt', 'max-size=16k', '--log-opt', 'max-file=2');
      await until('some', () => first.texts('rotating-both').length === 102);
      await first.stop();
      await engine.docker('kill', '--signal=USR1', 'rotating-both');
      await until('printed', async () =>
        (await engine.docker('logs', '--tail', '20', 'rotating-both')).includes('2999'),
      );
      const second = startAgent(api, { past: first });
      await until('the rest', () => second.texts('rotating-both').some((text) => text.includes('2999')));
      const lastOf = (stream: string) =>
        first.lines.findLast(({ line }) => line.stream === stream)!.line.position.at;
      expect(second.holes.map(({ stream, from }) => [stream, from])).toEqual([
        ['stdout', lastOf('stdout')],
        ['stderr', lastOf('stderr')],
      ]);
    });

    it('reads on, or declares it, when a burst rotates the log faster than the engine follows it', async () => {
      const agent = startAgent(api);
      await connected(agent);
      const script =
        'trap "go=1" USR1; echo "n 0"; while [ -z "$go" ]; do usleep 20000; done; seq 1 40000 | sed "s/^/n /;s/$/ xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx/"; sleep 1; echo done; exec sleep 1000';
      await run('burst', script, '--log-opt', 'max-size=200k', '--log-opt', 'max-file=4');
      // Until it is attached, lines that are rotated away are those of before its time.
      await until('the first', () => agent.texts('burst').length === 1);
      await engine.docker('kill', '--signal=USR1', 'burst');
      await until('done', () => agent.texts('burst').includes('done'));
      await pause(1000);
      const positions = new Map(
        agent.lines.map(({ line }) => [Number(line.text.split(' ')[1]), line.position.at]),
      );
      const lost: number[] = [];
      let before = '';
      for (let n = 0; n <= 40_000; n++) {
        const at = positions.get(n);
        if (at) before = at;
        else if (!agent.holes.some(({ from, to }) => from <= before && to > before)) lost.push(n);
      }
      expect(lost).toEqual([]);
    });

    it('reads all of a log that rotates and is compressed, to the end of its container', async () => {
      const agent = startAgent(api);
      await connected(agent);
      const script =
        'i=0; while [ $i -lt 2000 ]; do for n in 1 2 3 4 5 6 7 8 9 10; do echo "n $i xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"; i=$((i+1)); done; usleep 30000; done';
      const rotated = ['--log-opt', 'max-size=16k', '--log-opt', 'max-file=50'];
      await run('compressed', script, '--log-driver', 'local', ...rotated);
      const last = () => agent.status().containers.find(({ name }) => name === 'compressed');
      await until('its end', () => last()?.state === 'waiting' && agent.texts('compressed').length > 0);
      expect(agent.texts('compressed').map((text) => Number(text.split(' ')[1]))).toEqual(
        Array.from({ length: 2000 }, (_, index) => index),
      );
      expect(agent.holes).toEqual([]);
    });

    it('notices a log that was truncated under it, and goes on', async () => {
      const agent = startAgent(api, { silenceMs: 1000 });
      await connected(agent);
      const id = await run(
        'truncated',
        'seq 1 2000; trap "echo more; echo and more" USR1; while true; do sleep 0.1; done',
      );
      await until('read', () => agent.texts('truncated').length === 2000);
      truncateSync(`${engine.folder}/data/containers/${id}/${id}-json.log`);
      await engine.docker('kill', '-s', 'USR1', 'truncated');
      await until('the lines after it', () => agent.texts('truncated').includes('and more'));
      expect(agent.texts('truncated').slice(2000)).toEqual(['more', 'and more']);
    });

    it.each([
      ...ways.filter(([way]) => way !== 'from its file'),
      ['again and again, of a log that rotates', () => api, '--log-opt', 'max-size=1m'],
    ] as [string, () => Engine, ...string[]][])(
      'reads what stands behind a line that a killed daemon left torn, and declares the rest: %s',
      async (_way, make, ...args) => {
        const name = 'torn';
        const go = (step: number) => engine.docker('exec', name, 'sh', '-c', `: > /step${step}`);
        const script = [1, 2, 3, 4]
          .map(
            (step) =>
              `until test -e /step${step}; do usleep 50000; done; seq ${step}00 ${step}09 | sed "s/^/number /"`,
          )
          .join('; ');
        await run(name, `${script}; sleep 1000`, ...args);
        const path = await engine.docker('inspect', '--format', '{{.LogPath}}', name);
        const logged = (number: number) =>
          until(`number ${number}`, () => readFileSync(path, 'utf8').includes(`number ${number}\\n`));
        const numbers = (from: Agent) => from.texts(name).map((text) => Number(text.split(' ')[1]));
        const of = (from: number) => Array.from({ length: 10 }, (_, index) => from + index);
        const holesOf = ({ holes }: Agent) => holes.filter(({ container }) => container === name);

        const silenceMs = 1000;
        let agent = startAgent(make(), { silenceMs });
        await connected(agent);
        await go(1);
        await until('the first numbers', () => numbers(agent).includes(109));
        await agent.stop();
        const { at } = agent.lines.findLast(({ container }) => container === name)!.line.position;

        // As if the daemon had been killed here; the first line of the next one stands on the torn one.
        appendFileSync(path, '{"log":"number 19');
        await go(2);
        await logged(209);
        agent = startAgent(make(), { past: agent, silenceMs });
        await until('the numbers behind the torn line', () => numbers(agent).includes(209));
        expect(numbers(agent)).toEqual(of(200).slice(1));
        expect(holesOf(agent)).toMatchObject([{ reason: 'corrupt-log', from: at }]);
        expect(holesOf(agent)[0]!.to).toBe(agent.lines[0]!.line.position.at);
        await go(3);
        await until('what is printed then', () => numbers(agent).includes(309));
        await agent.stop();

        // The torn line is still there, before what was read.
        await go(4);
        await logged(409);
        agent = startAgent(make(), { past: agent, silenceMs });
        await until('what was printed meanwhile', () => numbers(agent).includes(409));
        expect(numbers(agent)).toEqual(of(400));
        expect(holesOf(agent)).toEqual([]);
      },
    );

    it('asks again when a stream goes silent without ending, and loses nothing', async () => {
      const proxy = await startStallingProxy(engine.socketPath);
      try {
        const agent = startAgent(createEngineApi({ host: proxy.host }), { silenceMs: 1000 });
        await connected(agent);
        await run('stalled', 'i=0; while true; do echo $i; i=$((i+1)); usleep 50000; done');
        await until('lines', () => agent.texts('stalled').length > 5);
        proxy.stall();
        await pause(500);
        const stalledAt = agent.texts('stalled').length;
        await until('lines again', () => agent.texts('stalled').length > stalledAt + 40);
        const numbers = agent.texts('stalled').map(Number);
        expect(numbers).toEqual(numbers.map((_, index) => index));
      } finally {
        proxy.close();
      }
    });

    it('says once that a driver gives no log back', async () => {
      const agent = startAgent(api);
      await connected(agent);
      await run('mute', 'while true; do echo x; sleep 0.1; done', '--log-driver', 'none');
      await until('hole', () => agent.holes.length > 0);
      await pause(1000);
      expect(agent.holes).toMatchObject([{ reason: 'unreadable-driver', container: 'mute' }]);
    });

    it('reads the local driver, and a long line that it leaves without a newline', async () => {
      const agent = startAgent(api);
      await connected(agent);
      await run(
        'local',
        'echo hi; head -c 20000 /dev/zero | tr "\\000" a; echo; echo next; exec sleep 1000',
        '--log-driver',
        'local',
      );
      await until('next', () => agent.texts('local').includes('next'));
      expect(agent.texts('local')).toEqual(['hi', 'a'.repeat(20_000), 'next']);
    });

    it('follows what is chosen by name or label, and not what opts out', async () => {
      const agent = startAgent(api, { selection: { containers: ['web-*'] } });
      await connected(agent);
      await run('web-1', 'echo hi');
      await run('other', 'echo no');
      await run('web-2', 'echo no', '--label', 'log-detector.enable=false');
      await run('extra', 'echo hi', '--label', 'log-detector.enable=true');
      await until('both', () => agent.lines.length === 2);
      await pause(300);
      expect(agent.lines.map(({ container, line }) => [container, line.text]).sort()).toEqual([
        ['extra', 'hi'],
        ['web-1', 'hi'],
      ]);
    });

    it('takes a container recreated under the same name for a new one', async () => {
      const agent = startAgent(api);
      await connected(agent);
      await run('again', 'echo first; exec sleep 1000');
      await until('first', () => agent.texts('again').length === 1);
      await engine.docker('rm', '-f', 'again');
      await run('again', 'echo second; exec sleep 1000');
      await until('second', () => agent.texts('again').length === 2);
      expect(new Set(agent.lines.map(({ id }) => id)).size).toBe(2);
      // Of a container that was killed and removed at once an old engine may not have given the last lines.
      expect(agent.holes.filter(({ reason }) => reason !== 'container-removed')).toEqual([]);
    });

    it('stops reading while the sink is full, and loses nothing', async () => {
      let open = () => {};
      const full = new Promise<void>((resolve) => {
        open = resolve;
      });
      let pushed = 0;
      const texts: string[] = [];
      startAgent(api, {
        open: () => ({
          ...collectingSink(),
          push(line) {
            pushed++;
            texts.push(line.text);
          },
          ready: () => (pushed > 1000 ? full : undefined),
        }),
      });
      await run('flood', 'seq 1 60000');
      await until('full', () => pushed > 1000);
      await pause(500);
      const paused = pushed;
      await pause(500);
      expect(pushed).toBe(paused);
      expect(paused).toBeLessThan(30_000);
      open();
      await until('all', () => pushed === 60_000);
      expect(texts).toEqual(Array.from({ length: 60_000 }, (_, n) => String(n + 1)));
    });

    it('follows fifty containers', async () => {
      const agent = startAgent(api);
      await connected(agent);
      const names = Array.from({ length: 50 }, (_, n) => `many-${n}`);
      for (let n = 0; n < 50; n += 10) {
        await Promise.all(
          names.slice(n, n + 10).map((name) => run(name, `seq 1 100; echo ${name} done; exec sleep 1000`)),
        );
      }
      await until('all', () => agent.lines.length === 50 * 101, 120_000);
      for (const name of names) expect(agent.texts(name).at(-1)).toBe(`${name} done`);
    }, 240_000);

    it('goes on after the daemon was restarted or killed', async () => {
      const agent = startAgent(api);
      await connected(agent);
      await run(
        'survivor',
        'i=0; while true; do echo "$i"; i=$((i+1)); usleep 20000; done',
        '--restart',
        'always',
        '--stop-signal',
        'KILL',
      );
      await until('lines', () => agent.texts('survivor').length > 20);
      await engine.restart();
      let before = agent.lines.length;
      await until('lines after the restart', () => agent.lines.length > before + 20);
      await engine.kill9();
      await engine.start();
      before = agent.lines.length;
      await until('lines after the kill', () => agent.lines.length > before + 20);
      const kept = (await engine.docker('logs', 'survivor')).split('\n');
      await until('as many lines', () => agent.texts('survivor').length >= kept.length);
      expect(agent.texts('survivor').slice(0, kept.length)).toEqual(kept);
      expect(agent.holes).toEqual([]);
    }, 240_000);
  },
);
