import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DockerEngine, requires, startDockerEngine } from '@log-detector/test-kit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectedMessage, generatorArguments, type Profile, prepareFolders, readParts } from './generator.ts';
import { printedBetween, readTruth, truthCounter } from './truth.ts';

const profile: Profile = { share: 1, longEvery: 40, traceEvery: 15 };

describe('expectedMessage', () => {
  it('carries a number that can be read back, in a line, a long line and a traceback', () => {
    for (const seq of [1, 15, 40, 12_345]) {
      const source = { key: 'k1', run: 2, outlet: 'err' } as const;
      const text = expectedMessage(source, seq, profile);
      expect(readParts(text)).toEqual([{ text, number: { ...source, seq } }]);
    }
  });

  it('cut off anywhere, is not taken for the whole', () => {
    const text = expectedMessage({ key: 'k1', run: 1, outlet: 'out' }, 40, profile);
    for (const length of [10, 16_384, text.length - 1])
      expect(readParts(text.slice(0, length))[0]?.number).toBe(undefined);
  });
});

describe('readParts', () => {
  it('takes a line and the traceback that follows it apart', () => {
    const source = { key: 'k1', run: 1, outlet: 'err' } as const;
    const [line, trace] = [14, 15].map((seq) => expectedMessage(source, seq, profile));
    expect(readParts(`${line}\n${trace}`).map(({ number }) => number?.seq)).toEqual([14, 15]);
    expect(readParts(`INFO k1 has printed 5 lines\n${trace}`).map(({ text }) => text)).toEqual([trace]);
  });
});

describe.skipIf(requires.docker())('the generator in a container', () => {
  let engine: DockerEngine;
  let image: string;
  const folder = mkdtempSync(join(tmpdir(), 'ld-generator-'));
  const folders = { truth: join(folder, 'truth'), control: join(folder, 'control') };

  beforeAll(async () => {
    prepareFolders(folders);
    engine = await startDockerEngine();
    image = await engine.importBusybox();
  });
  afterAll(async () => {
    await engine?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('prints just what is expected, and writes down each number', async () => {
    writeFileSync(join(folders.control, 'pace'), '60\n');
    const startedAt = Date.now();
    await engine.docker(
      ...['run', '--name=whole', '--env=TZ=UTC'],
      ...generatorArguments(folders, 'whole', profile, image, 200),
    );
    const truth = readTruth(folders.truth).filter(({ key }) => key === 'whole');
    expect(truth.map(({ outlet, printed }) => [outlet, printed])).toEqual([
      ['out', 100],
      ['err', 100],
    ]);
    const log = readFileSync(
      join(
        engine.folder,
        'data/containers',
        await engine.docker('inspect', '-f', '{{.Id}}', 'whole'),
        `${await engine.docker('inspect', '-f', '{{.Id}}', 'whole')}-json.log`,
      ),
      'utf8',
    );
    for (const source of truth) {
      const stream = source.outlet === 'out' ? 'stdout' : 'stderr';
      const text = log
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as { log: string; stream: string })
        .filter((entry) => entry.stream === stream)
        .map((entry) => entry.log)
        .join('');
      let expected = '';
      for (let seq = 1; seq <= 100; seq++) expected += `${expectedMessage(source, seq, profile)}\n`;
      expect(text.replaceAll(/^INFO .*\n/gm, '')).toBe(expected);
      const { from, to } = printedBetween(source, 50);
      expect(from).toBeGreaterThan(startedAt - 100);
      expect(to).toBeGreaterThanOrEqual(from);
      expect(to).toBeLessThan(Date.now() + 100);
    }
  });

  it('begins again at 1, as a new run, after a kill, and the truth never knows more than the log', async () => {
    writeFileSync(join(folders.control, 'pace'), '30\n');
    await engine.docker(
      ...['run', '--detach', '--name=killed', '--restart=always'],
      ...generatorArguments(folders, 'killed', profile, image),
    );
    const count = truthCounter(folders.truth);
    const before = count();
    while (count() < before + 100) await sleep(20);
    await engine.docker('restart', 'killed');
    while (
      !readTruth(folders.truth).some(({ key, run, printed }) => key === 'killed' && run === 2 && printed > 10)
    )
      await sleep(20);
    await engine.docker('kill', 'killed').catch(() => {});
    await engine.docker('update', '--restart=no', 'killed');
    await engine.docker('stop', 'killed');
    const log = await engine.docker('logs', 'killed');
    for (const source of readTruth(folders.truth).filter(
      ({ key, outlet }) => key === 'killed' && outlet === 'out',
    )) {
      for (let seq = 1; seq <= source.printed; seq++) {
        expect(log).toContain(expectedMessage(source, seq, profile));
      }
    }
  });
});
