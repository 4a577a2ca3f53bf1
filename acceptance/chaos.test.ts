// The programs under random faults, in short: what `npm run chaos` does for ten minutes, here for one.

import { requires } from '@log-detector/test-kit';
import { beforeAll, describe, expect, it } from 'vitest';
import { runChaos } from './chaos/chaos.ts';
import { measureMailRepeats } from './chaos/mail-repeats.ts';
import { type Build, copyBuild } from './chaos/programs.ts';
import { lastLine, mailLine } from './chaos/report.ts';

// With CHAOS_SEED another plan; it is printed either way.
const seed = Number(process.env.CHAOS_SEED ?? 7);
const minutes = 60_000;
const tell = (line: string) => console.log(line);

describe('under random faults', () => {
  let build: Build;
  beforeAll(async () => {
    build = await copyBuild();
    return () => build.remove();
  });

  it.skipIf(requires.docker()).each([
    { way: 'asked of Docker', direct: false },
    { way: 'read from their files', direct: true },
  ])(
    'stores each printed line exactly once, or declares the hole that it fell in, with logs $way',
    async ({ direct }) => {
      const result = await runChaos({
        seed,
        direct,
        faults: 25,
        lines: 15_000,
        meanGapMs: 600,
        killWhenStored: false,
        build,
        tell,
      });
      console.log(lastLine(result));
      const { problems, lost, repeated, stored } = result.verdict;
      expect(problems).toEqual([]);
      expect({ lost, repeated }).toEqual({ lost: 0, repeated: 0 });
      expect(stored).toBeGreaterThan(9000);
    },
    10 * minutes,
  );

  it(
    'sends a mail for each issue, and repeats it at most once for each kill, under the same Message-ID',
    async () => {
      const result = await measureMailRepeats({ seed, records: 60, kills: 3, build, tell });
      console.log(mailLine(result));
      expect(result.problems).toEqual([]);
    },
    8 * minutes,
  );
});
