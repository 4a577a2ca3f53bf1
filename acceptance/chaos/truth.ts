// The truth files -> what was printed, and when at the earliest and at the latest. Knows nothing of the programs under test.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Outlet, Source } from './generator.ts';

/** What one start of one container printed to one outlet: the numbers 1 to `printed`. */
export interface Printed extends Source {
  printed: number;
  /** Oldest first: all before `number` was printed by `since`, and nothing from it on before `until` (ms since the epoch). */
  bursts: { number: number; since: number; until: number }[];
  /** When this start last gave a sign of life, in ms since the epoch. */
  aliveAt: number;
}

/** Reads all truth files. @throws when a file is not what the generator writes: the truth itself must be beyond doubt. */
export function readTruth(folder: string): Printed[] {
  const bootedAt = Date.now() - Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1000;
  return readdirSync(folder).flatMap((key) =>
    readdirSync(join(folder, key))
      .filter((name) => name.startsWith('run-'))
      .flatMap((name) =>
        parseRun(readFileSync(join(folder, key, name), 'utf8'), key, Number(name.slice(4)), bootedAt),
      ),
  );
}

/** How many numbers these containers have printed by now. */
export function printedBy(folder: string, keys: readonly string[]): number {
  const lines = keys.flatMap((key) =>
    readdirSync(join(folder, key))
      .filter((name) => name.startsWith('run-'))
      .map((name) => readFileSync(join(folder, key, name), 'utf8').match(/^(out|err) /gm)?.length ?? 0),
  );
  return lines.reduce((sum, count) => sum + count, 0);
}

export function parseRun(text: string, key: string, run: number, bootedAt: number): Printed[] {
  const outlets: Record<Outlet, Printed> = {
    out: { key, run, outlet: 'out', printed: 0, bursts: [], aliveAt: 0 },
    err: { key, run, outlet: 'err', printed: 0, bursts: [], aliveAt: 0 },
  };
  const lines = text.split('\n');
  // What follows the last line end was cut off by a kill.
  lines.pop();
  for (const line of lines) {
    const [word, value] = line.split(' ') as [string, string];
    if (word === 'at') {
      const at = bootedAt + Number(value) * 1000;
      for (const printed of Object.values(outlets)) {
        const number = printed.printed + 1;
        const last = printed.bursts.at(-1);
        if (last?.number === number) last.until = at;
        else printed.bursts.push({ number, since: at, until: at });
        printed.aliveAt = at;
      }
    } else if (word === 'out' || word === 'err') {
      const printed = outlets[word];
      printed.printed += 1;
      if (Number(value) !== printed.printed)
        throw new Error(`the truth of ${key}.${run} is damaged at "${line}" (expected ${printed.printed})`);
    } else throw new Error(`the truth of ${key}.${run} is damaged at "${line}"`);
  }
  return Object.values(outlets);
}

/** Between which instants, in ms since the epoch, a number was printed. */
export function printedBetween(printed: Printed, number: number): { from: number; to: number } {
  let low = 0;
  let high = printed.bursts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (printed.bursts[middle]!.number <= number) low = middle + 1;
    else high = middle;
  }
  const from = printed.bursts[low - 1]?.until ?? 0;
  return { from, to: printed.bursts[low]?.since ?? Math.max(printed.aliveAt, from) };
}

/** Counts the numbers while the generators print, reading only what is new. */
export function truthCounter(folder: string): () => number {
  const seen = new Map<string, { bytes: number; numbers: number }>();
  return () => {
    let total = 0;
    for (const key of readdirSync(folder)) {
      for (const name of readdirSync(join(folder, key))) {
        if (!name.startsWith('run-')) continue;
        const file = join(folder, key, name);
        const known = seen.get(file) ?? { bytes: 0, numbers: 0 };
        if (statSync(file).size > known.bytes) {
          const text = readFileSync(file);
          for (let at = known.bytes; at < text.length; at++) {
            // `out 1` and `err 1` are numbers, `at 1` is not; whole lines only.
            if (text[at] !== 10) continue;
            if (text[known.bytes] !== 97) known.numbers += 1;
            known.bytes = at + 1;
          }
          seen.set(file, known);
        }
        total += known.numbers;
      }
    }
    return total;
  };
}
