// The kept json logs -> which lines Docker itself ever had. A killed daemon loses what it had in memory: that is not the
// agent's loss, and only Docker's own files can tell.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Source } from './generator.ts';
import type { MadeContainer } from './oracle.ts';

/**
 * @param folder holds a link to each container's log, named by its id, and `<id>.<n>` for what was cut off it.
 * @returns whether the log ever had the line, whole; undefined when no log was kept. Each log is read once, when asked for.
 */
export function dockerLogs(
  folder: string,
  containers: readonly MadeContainer[],
): (source: Source, seq: number) => boolean | undefined {
  const known = new Map<string, Map<string, Set<number>> | undefined>();
  return (source, seq) => {
    if (!known.has(source.key)) {
      const { id, causes } = containers.find(({ key }) => key === source.key)!;
      const files = [...causes.keys()].map((index) => join(folder, `${id}.${index}`)).filter(existsSync);
      const link = join(folder, id);
      known.set(
        source.key,
        existsSync(link) ? readNumbers([...files, link].map((file) => readFileSync(file))) : undefined,
      );
    }
    const numbers = known.get(source.key);
    return numbers && (numbers.get(`${source.run} ${source.outlet}`)?.has(seq) ?? false);
  };
}

/** The numbers of the whole lines in json logs, by run and outlet. Pieces of long lines are put together. */
export function readNumbers(logs: readonly Buffer[]): Map<string, Set<number>> {
  const numbers = new Map<string, Set<number>>();
  for (const log of logs) {
    const heads: Record<string, string> = { stdout: '', stderr: '' };
    for (let from = 0, to = log.indexOf(10); to >= 0; from = to + 1, to = log.indexOf(10, from)) {
      let entry: { log: string; stream: string };
      try {
        entry = JSON.parse(log.toString('utf8', from, to)) as typeof entry;
      } catch {
        // Torn by the kill.
        continue;
      }
      const head = heads[entry.stream] || entry.log;
      heads[entry.stream] = entry.log.endsWith('\n') ? '' : head;
      if (!entry.log.endsWith('\n')) continue;
      const found = /^(?:ERROR|ValueError:) \w+\.(\d+) (out|err) (\d+) /.exec(head);
      if (!found || !entry.log.trimEnd().endsWith(`#${found[3]}.`)) continue;
      const name = `${found[1]} ${found[2]}`;
      if (!numbers.has(name)) numbers.set(name, new Set());
      numbers.get(name)!.add(Number(found[3]));
    }
  }
  return numbers;
}
