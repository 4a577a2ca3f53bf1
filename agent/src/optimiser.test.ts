// V8 itself tells whether a function is optimised.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { transformSync } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { createOptimiser } from './optimiser.ts';

function awoken(drive: (optimiser: ReturnType<typeof createOptimiser>) => void, isAsleep = true): number {
  let count = 0;
  drive(createOptimiser({ isAsleep, wake: () => count++ }));
  return count;
}

describe('optimiser', () => {
  it('is left asleep by a little reading, for however long', () => {
    const drive: Parameters<typeof awoken>[0] = ({ read }) => {
      for (let second = 0; second < 1000; second++) read(100_000, second * 1000);
    };
    expect(awoken(drive)).toBe(0);
  });

  it('is woken once by much to read', () => {
    const drive: Parameters<typeof awoken>[0] = ({ read }) => {
      for (let ms = 0; ms < 4; ms++) read(65_536, ms);
    };
    expect(awoken(drive)).toBe(1);
  });

  it('is woken by work that lasts, and not by a start', () => {
    const looksAt =
      (used: readonly number[]): Parameters<typeof awoken>[0] =>
      ({ look }) => {
        for (const [index, ms] of used.entries()) look(ms, index * 5000);
      };
    expect(awoken(looksAt([900, 930, 960, 990]))).toBe(0);
    expect(awoken(looksAt([900, 1200, 1500, 1800]))).toBe(1);
  });

  it('is not asked for when it was never asleep', () => {
    expect(awoken(({ read }) => read(1e9, 0), false)).toBe(0);
  });

  it('compiles what is hot when it was woken, and nothing before', () => {
    const source = readFileSync(new URL('./optimiser.ts', import.meta.url), 'utf8');
    const { code } = transformSync(source, { loader: 'ts', format: 'esm' });
    const script = `${code}
      const optimiser = createOptimiser();
      const hot = (n) => { let sum = 0; for (let i = 0; i < n; i++) sum += i % 7; return sum; };
      const heat = () => { for (let i = 0; i < 3000; i++) hot(1000); };
      heat();
      process.stdout.write('woken' + String.fromCharCode(10));
      optimiser.read(1e6, 0);
      for (let i = 0; i < 10; i++) {
        heat();
        await new Promise((resolve) => setTimeout(resolve, 50));
      }`;
    const flags = ['--no-opt', '--trace-opt', '--input-type=module'];
    const { stdout } = spawnSync(process.execPath, [...flags, '-e', script], { encoding: 'utf8' });
    const isCompiled = (part: string | undefined) => /JSFunction hot .*TURBOFAN/.test(part ?? '');
    expect(stdout.split('woken\n').map(isCompiled)).toEqual([false, true]);
  });
});
