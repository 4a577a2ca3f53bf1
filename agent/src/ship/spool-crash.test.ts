import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterEach, expect, it } from 'vitest';
import { cleanUp, drain, folder, numberOf, range, spoolIn } from './given.ts';

let child: ChildProcess | undefined;

afterEach(async () => {
  child?.kill('SIGKILL');
  await cleanUp();
});

it('has every record whose append resolved, and no cursor ahead of its records, after each kill -9', async () => {
  const work = await folder();
  const dir = join(work, 'spool');
  const journal = join(work, 'journal');
  const program = join(work, 'child.mjs');
  await build({
    entryPoints: [fileURLToPath(new URL('./crash-child.ts', import.meta.url))],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
    logLevel: 'error',
  });

  const sent = new Set<number>();
  let durable = -1;
  for (let round = 0; round < 12; round++) {
    await writeFile(journal, '');
    child = spawn(process.execPath, [program, dir, journal], { stdio: ['ignore', 'inherit', 'inherit'] });
    const exited = once(child, 'exit');
    while (!(await readFile(journal, 'utf8')).includes('durable'))
      await new Promise((resolve) => setTimeout(resolve, 10));
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 150));
    child.kill('SIGKILL');
    await exited;

    let last = -1;
    for (const line of (await readFile(journal, 'utf8')).split('\n')) {
      const [word, ...numbers] = line.split(' ');
      if (word === 'durable') durable = Math.max(durable, Number(numbers[0]));
      if (word !== 'sent') continue;
      for (const number of numbers.map(Number)) {
        // In order, and after a start at most what was sent last comes again.
        if (last >= 0) expect(number).toBe(last + 1);
        else expect(sent.size - number).toBeLessThanOrEqual(200_000 / 300);
        last = number;
        sent.add(number);
      }
    }

    const spool = await spoolIn(dir);
    const cursor = numberOf(spool.cursor('c1', 'stdout')!.at);
    const { numbers } = await drain(spool, { acknowledge: false });
    expect(cursor).toBeGreaterThanOrEqual(durable);
    expect(numbers).toEqual(range(numbers[0] ?? cursor + 1, cursor + 1));
    const known = new Set([...sent, ...numbers]);
    expect(range(0, cursor + 1).filter((n) => !known.has(n))).toEqual([]);
    await spool.close();
  }
  expect(durable).toBeGreaterThan(100);
}, 240_000);
