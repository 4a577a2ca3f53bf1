// `npm run chaos`: reads the arguments, runs both parts, prints the tables and, last, one line for programs.

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runChaos } from './chaos.ts';
import { measureMailRepeats } from './mail-repeats.ts';
import { type FaultKind, faultKinds } from './plan.ts';
import { copyBuild } from './programs.ts';
import { lastLine, type Report, reportOf } from './report.ts';

const usage = `Usage: npm run chaos -- [--faults 500] [--lines 1000000] [--seed 7] [--mail-kills 20] [--write] [--keep]
  --kinds "agent kill -9,dockerd restart"   only these faults
  --write   renews the section of benchmarks/results.md
  --keep    keeps the programs' logs, and says where`;

/** Puts a report into words and, on request, into benchmarks/results.md. */
interface Results {
  section(name: string, report: Report): string;
  writeSection(name: string, report: Report): void;
}

/** @returns the exit code. */
export async function main(args: string[], results: Results): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      faults: { type: 'string', default: '500' },
      lines: { type: 'string', default: '1000000' },
      seed: { type: 'string', default: '7' },
      kinds: { type: 'string' },
      'mail-kills': { type: 'string', default: '20' },
      write: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const [faults, lines, seed, kills] = [values.faults, values.lines, values.seed, values['mail-kills']].map(
    Number,
  ) as [number, number, number, number];
  const kinds = values.kinds?.split(',').map((kind) => kind.trim() as FaultKind);
  const unknown = kinds?.find((kind) => !faultKinds.includes(kind));
  const isWrong = [faults, lines, seed, kills].some((value) => !Number.isSafeInteger(value) || value < 0);
  if (values.help || unknown || isWrong) {
    console.log(unknown ? `no fault "${unknown}"; there are: ${faultKinds.join(', ')}` : usage);
    return values.help ? 0 : 2;
  }

  const tell = (line: string) => console.log(line);
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => stopping.abort(new Error(`ended by ${signal}`)));
  const { signal } = stopping;
  const keepIn = values.keep ? mkdtempSync(join(tmpdir(), 'chaos-kept-')) : undefined;
  const build = await copyBuild();
  try {
    return await runBoth();
  } finally {
    build.remove();
    if (keepIn) console.error(`kept in ${keepIn}`);
  }

  async function runBoth(): Promise<number> {
    const result = await runChaos({ seed, faults, lines, kinds, tell, signal, build, keepIn });
    const report = reportOf(result, `npm run chaos -- --faults ${faults} --lines ${lines} --seed ${seed}`);
    let ok = result.verdict.problems.length === 0;
    for (const problem of result.verdict.problems) tell(`PROBLEM ${problem}`);

    if (kills > 0) {
      const mails = await measureMailRepeats({ seed, records: kills * 60, kills, tell, signal, build });
      const { problems, ...figures } = mails;
      for (const problem of problems) tell(`PROBLEM ${problem}`);
      ok &&= problems.length === 0;
      report.notes.push(
        `Mails while the backend is killed ${figures.kills} times between sending and settling: ${figures.records} records, each an issue of its own, ${figures.mails} mails, ${figures.repeats} of them repeats, with the Message-ID of the first.`,
      );
      tell(JSON.stringify(figures));
    }
    tell(`\n${results.section('chaos', report)}`);
    if (values.write) results.writeSection('chaos', report);
    tell(lastLine(result));
    return ok ? 0 : 1;
  }
}
