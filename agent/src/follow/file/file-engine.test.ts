// Two agents beside each other on one engine, one asking Docker and one reading its files: they find the same.

import {
  appendFileSync,
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DockerEngine, requires, startDockerEngine } from '@log-detector/test-kit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readDetection, stagesFor } from '../../detection.ts';
import { createPipeline } from '../../pipeline.ts';
import { readAgentSettings } from '../../settings.ts';
import type { ContainerEvent, Line, MatchedRecord, Position } from '../../types.ts';
import { pause } from '../backoff.ts';
import type { Engine } from '../engine.ts';
import { createEngineApi } from '../engine-api.ts';
import { createFollower } from '../follow.ts';
import { silentLog } from '../log.ts';
import { jsonLine } from '../testing.ts';
import { stampOf } from '../timestamps.ts';
import { createFileEngine } from './file-engine.ts';

const missing = requires.docker();

/** An agent with its pipeline: the lines that it looked at, by container, and the records. */
async function startAgent(
  engine: Engine,
  { passesOver = true, since = stampOf(Date.now()), past = new Map<string, Position>() } = {},
) {
  const settings = readAgentSettings({});
  const stages = stagesFor(settings, await readDetection(settings));
  const records: MatchedRecord[] = [];
  const lines = new Map<string, Line[]>();
  const cursors = new Map(past);
  const holes: unknown[] = [];
  const pipeline = createPipeline({
    stages: passesOver ? stages : { ...stages, find: undefined },
    disk: {
      keep: (kept) => void records.push(...kept),
      async append(batch) {
        records.push(...batch.records);
        for (const { containerId, stream, position } of batch.cursors) {
          cursors.set(`${containerId} ${stream}`, position);
        }
      },
    },
  });
  const stop = new AbortController();
  const follower = createFollower({
    engine,
    selection: { containers: [] },
    cursor: (id, stream) => cursors.get(`${id} ${stream}`),
    knownSince: () => since,
    open(container) {
      const sink = pipeline.open(container);
      const seen = lines.get(container.name) ?? [];
      lines.set(container.name, seen);
      const push = sink.push.bind(sink);
      sink.push = (line, now) => {
        seen.push(line);
        push(line, now);
      };
      return sink;
    },
    hole: (hole) => holes.push(hole),
    log: silentLog,
  });
  const ticking = setInterval(() => pipeline.tick(), 50);
  const done = follower.run(stop.signal);
  return {
    records,
    lines,
    cursors,
    holes,
    /** In the order of each stream. */
    of(container: string) {
      const own = lines.get(container) ?? [];
      return ['stdout', 'stderr'].map((stream) => own.filter((line) => line.stream === stream));
    },
    async stop() {
      stop.abort();
      await done;
      clearInterval(ticking);
      await pipeline.close();
    },
  };
}

type Agent = Awaited<ReturnType<typeof startAgent>>;

const idsOf = ({ records }: Agent) =>
  records.map(({ record }) => `${record.container} ${record.event_id}`).sort();

async function until(what: string, holds: () => boolean, ms = 60_000): Promise<void> {
  for (const end = Date.now() + ms; !holds(); await pause(20)) {
    if (Date.now() > end) throw new Error(`waited ${ms} ms for: ${what}`);
  }
}

describe.skipIf(missing !== undefined)(
  `reading files${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  () => {
    let engine: DockerEngine;
    let api: Engine;
    let files: ReturnType<typeof createFileEngine>;

    beforeAll(async () => {
      engine = await startDockerEngine();
      await engine.importBusybox('busybox');
      api = createEngineApi({ host: engine.host });
      files = createFileEngine({
        engine: createEngineApi({ host: engine.host }),
        choice: 'file',
        log: silentLog,
      });
    });
    afterAll(() => engine?.stop());
    afterEach(async () => {
      const ids = (await engine.docker('ps', '-aq')).split('\n').filter(Boolean);
      if (ids.length > 0) await engine.docker('rm', '-f', ...ids);
    });

    const run = (name: string, script: string, ...args: string[]) =>
      engine.docker('run', '-d', '--name', name, ...args, 'busybox', 'sh', '-c', script);
    const attributes = ['--label', 'team=shop', '--log-opt', 'labels=team', '--log-opt', 'tag={{.Name}} "x"'];

    it('gives the lines and records of asking Docker, of containers of all kinds', async () => {
      const asking = await startAgent(api, { passesOver: false });
      const reading = await startAgent(files, { passesOver: false });
      const passing = await startAgent(files);
      await Promise.all([
        run(
          'plain',
          'for i in $(seq 10000); do echo "line $i"; [ $((i % 100)) = 0 ] && echo "ERROR $i" >&2; done; exec sleep 1000',
        ),
        run(
          'long',
          'for n in 10000 16384 40000 100000; do head -c $n /dev/zero | tr "\\000" b; echo; echo ERROR; done; printf end',
        ),
        run(
          'odd',
          'printf \'a\\r\\n\\n\\tERROR <b>&"\\\\\\n\\303\\251\\377\\001\\342\\200\\250\\n\\033[31mERROR red\\n\'; echo \'{"msg":"ERROR\\\\n"}\'',
        ),
        run('tty', 'echo out; echo ERROR >&2; head -c 20000 /dev/zero | tr "\\000" c; echo; echo end', '-t'),
        run(
          'labelled',
          'for i in $(seq 500); do echo "line $i"; done; echo ERROR; exec sleep 1000',
          ...attributes,
        ),
        run(
          'trace',
          'for i in $(seq 50); do echo "2026-11-22 10:00:00 INFO $i"; done; printf "Traceback (most recent call last):\\n  File \\"a.py\\", line 1\\nValueError: no\\n" >&2; exec sleep 1000',
        ),
      ]);
      const agents = [asking, reading, passing];
      await until('all records', () => agents.every(({ records }) => records.length >= 109));
      await until('all lines', () =>
        ['plain', 'long', 'odd', 'tty', 'labelled', 'trace'].every(
          (name) =>
            reading.of(name).flat().length === asking.of(name).flat().length &&
            asking.of(name).flat().length > 0,
        ),
      );
      for (const name of ['plain', 'long', 'odd', 'tty', 'labelled', 'trace']) {
        expect([name, reading.of(name)]).toEqual([name, asking.of(name)]);
      }
      await pause(600);
      expect(idsOf(reading)).toEqual(idsOf(asking));
      expect(idsOf(passing)).toEqual(idsOf(asking));
      expect(passing.of('plain').flat().length).toBeLessThan(4000);
      expect(files.sources()).toEqual({ file: 6, api: 0 });
      await Promise.all(agents.map((agent) => agent.stop()));
      expect(agents.flatMap(({ holes }) => holes)).toEqual([]);
    }, 240_000);

    it('goes on where the other left off, either way', async () => {
      await run(
        'on',
        'i=0; while true; do i=$((i+1)); echo "line $i"; [ $((i % 10)) = 0 ] && echo "ERROR $i"; usleep 1000; done',
      );
      const found: string[] = [];
      let past = new Map<string, Position>();
      for (const way of [api, files, files, api, files]) {
        const agent = await startAgent(way, { past });
        await until('records', () => agent.records.length > 20);
        await agent.stop();
        expect(agent.holes).toEqual([]);
        found.push(...agent.records.map(({ record }) => record.message));
        past = agent.cursors;
      }
      const numbers = [...new Set(found)].map((text) => Number(text.replace('ERROR ', '')));
      expect(numbers).toEqual(numbers.map((_, index) => numbers[0]! + 10 * index));
    }, 240_000);

    it('loses and repeats nothing of a log that rotates as fast as it can, and is compressed', async () => {
      const agent = await startAgent(files);
      const count = 150_000;
      const go = mkdtempSync(join(tmpdir(), 'fast-'));
      await run(
        'fast',
        `for from in $(seq 0 10000 140000); do while [ ! -e /go/$from ]; do usleep 5000; done; seq $((from + 1)) $((from + 10000)) | sed 's/^/ERROR number /'; done; exec sleep 1000`,
        ...['--log-opt', 'max-size=1m', '--log-opt', 'max-file=4', '--log-opt', 'compress=true'],
        ...['--volume', `${go}:/go:ro`],
      );
      // The log holds some 40,000 lines. Who is further behind than that has lost them, however fast the machine is.
      for (let from = 0; from < count; from += 10_000) {
        await until(`line ${from - 10_000}`, () => agent.records.length >= from - 10_000);
        writeFileSync(join(go, String(from)), '');
      }
      await until('the last', () => agent.records.at(-1)?.record.message === `ERROR number ${count}`);
      expect(agent.holes).toEqual([]);
      expect(agent.records.map(({ record }) => Number(record.message.slice(13)))).toEqual(
        Array.from({ length: count }, (_, index) => index + 1),
      );
      await agent.stop();
      rmSync(go, { recursive: true });
    }, 240_000);

    it('reads all that was written when the daemon is killed and the container removed while it prints', async () => {
      const agent = await startAgent(files, { passesOver: false });
      const script = 'i=0; while true; do i=$((i+1)); echo "line $i of $$"; usleep 200; done';
      await run('killed', script);
      await until('lines', () => (agent.lines.get('killed') ?? []).length > 500);
      // Open, to see what it held in the end.
      const held = openSync(await engine.docker('inspect', '--format', '{{.LogPath}}', 'killed'), 'r');
      await engine.kill9();
      await engine.start();
      await engine.docker('start', 'killed');
      const before = agent.lines.get('killed')!.length;
      await until('more lines', () => agent.lines.get('killed')!.length > before + 500);
      await engine.docker('rm', '-f', 'killed');
      const written = readFileSync(held, 'latin1');
      closeSync(held);
      const printed = written.match(/line \d+ of \d+(?=\\n","stream":"stdout","time":")/g)!;
      const lines = agent.lines.get('killed')!;
      await until('the last line', () => lines.at(-1)?.text === printed.at(-1));
      await pause(1500);
      expect(lines.map(({ text }) => text)).toEqual(printed);
      expect(agent.holes).toEqual([]);
      await agent.stop();
    }, 240_000);

    it('asks Docker where it cannot read the file, and says what to do when it must not', async () => {
      const blind = {
        ...api,
        inspect: async (id: string, signal: AbortSignal) => ({
          ...(await api.inspect(id, signal)),
          logPath: '/nowhere/else',
        }),
      };
      const auto = createFileEngine({ engine: blind, choice: 'auto', log: silentLog });
      const since = stampOf(Date.now());
      const agent = await startAgent(auto, { since });
      await run('asked', 'echo ERROR; exec sleep 1000');
      await until('the record', () => agent.records.length === 1);
      expect(auto.sources()).toEqual({ file: 0, api: 1 });
      await agent.stop();
      const path = await engine.docker('inspect', '--format', '{{.LogPath}}', 'asked');
      // A file that it was rotated into and that cannot be read.
      symlinkSync(`${path}.1`, `${path}.1`);
      const partly = createFileEngine({ engine: api, choice: 'auto', log: silentLog });
      const again = await startAgent(partly, { since });
      await until('the record', () => again.records.length === 1);
      expect(partly.sources()).toEqual({ file: 0, api: 1 });
      await again.stop();
      const must = createFileEngine({ engine: blind, choice: 'file', log: silentLog });
      const { id } = await must.inspect('asked', AbortSignal.timeout(30_000));
      await expect(
        must.logs({
          id,
          tty: false,
          follow: true,
          signal: AbortSignal.timeout(30_000),
          onBytes: () => undefined,
        }),
      ).rejects.toThrow(/LOG_SOURCE is file, but \/nowhere\/else cannot be read here; run the agent as root/);
    }, 60_000);
  },
);

it('reads on in a run that began before the one before it, for the clock was set back between them', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'set-back-'));
  const logPath = join(folder, 'a1-json.log');
  writeFileSync(logPath, jsonLine('stdout', '2026-11-22T10:00:01.000000000Z', 'second run\n'));
  const seen = { id: 'a1', name: 'api', driver: 'json-file', logPath, running: true, startedAt: '' };
  let tell: (event: ContainerEvent) => void = () => {};
  const files = createFileEngine({
    engine: {
      inspect: async () => ({ ...seen }),
      events: async ({ onEvent }: Parameters<Engine['events']>[0]) => {
        tell = onEvent;
      },
    } as unknown as Engine,
    choice: 'file',
    log: silentLog,
  });
  const ending = new AbortController();
  await files.events({ signal: ending.signal, onEvent() {} });
  const happened = (action: ContainerEvent['action'], at: string) =>
    tell({ id: 'a1', name: 'api', action, at, attributes: {} });
  seen.startedAt = '2026-11-22T12:00:00.000000000Z';
  happened('start', seen.startedAt);
  await files.inspect('a1', ending.signal);
  happened('die', '2026-11-22T12:00:05.000000000Z');
  seen.startedAt = '2026-11-22T10:00:00.000000000Z';
  happened('start', seen.startedAt);
  await files.inspect('a1', ending.signal);
  let read = '';
  const end = await files.logs({
    id: 'a1',
    tty: false,
    follow: true,
    signal: ending.signal,
    onBytes(_source, bytes, from, to) {
      if (read === '') {
        setImmediate(() => {
          appendFileSync(logPath, jsonLine('stdout', '2026-11-22T10:00:04.000000000Z', 'its end\n'));
          happened('die', '2026-11-22T10:00:05.000000000Z');
        });
      }
      read += bytes.toString('utf8', from, to);
      return undefined;
    },
  });
  expect(end).toBe('all');
  expect(read).toContain('its end');
  rmSync(folder, { recursive: true });
});
