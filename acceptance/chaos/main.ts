// `npm run chaos`: reads the arguments, runs both parts, prints the tables and, last, one line for programs.

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runChaos } from './chaos.ts';
import { measureMailRepeats } from './mail-repeats.ts';
import { type FaultKind, faultKinds } from './plan.ts';
import { type Build, copyBuild } from './programs.ts';
import { lastLine, mailLine, mailNote, type Report, reportOf } from './report.ts';

const usage = `Usage: npm run chaos -- [--faults 500] [--lines 1000000] [--seed 7] [--mail-kills 20] [--write] [--keep]
  --kinds "agent kill -9,dockerd restart"   only these faults
  --direct  the agent reads json-file logs where Docker writes them (LOG_SOURCE=file) and does not ask Docker for them
  --write   renews the section of benchmarks/results.md, as a run of this size or more does by itself
  --keep    keeps the programs' logs, also when all is as promised, and says where`;

/** Puts a report into words and, on request, into benchmarks/results.md. */
interface Results {
  section(name: string, report: Report): string;
  writeSection(name: string, report: Report): void;
}

interface Options {
  faults: number;
  lines: number;
  seed: number;
  /** Of the backend, while mails go out; 0 leaves that part out. */
  kills: number;
  kinds: FaultKind[] | undefined;
  direct: boolean;
  write: boolean;
  keep: boolean;
}

/** @returns the exit code: 1 when anything was lost or repeated, or was in another way not as promised. */
export async function main(args: string[], results: Results): Promise<number> {
  const options = readOptions(args);
  if (typeof options === 'string') {
    console.log(options);
    return args.includes('--help') ? 0 : 2;
  }
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => stopping.abort(new Error(`ended by ${signal}`)));
  const keepIn = options.keep ? mkdtempSync(join(tmpdir(), 'chaos-kept-')) : undefined;
  const build = await copyBuild();
  try {
    return await runBoth(options, results, { signal: stopping.signal, build, keepIn });
  } finally {
    build.remove();
  }
}

async function runBoth(
  { faults, lines, seed, kills, kinds, direct, write }: Options,
  results: Results,
  { signal, build, keepIn }: { signal: AbortSignal; build: Build; keepIn: string | undefined },
): Promise<number> {
  const tell = (line: string) => console.log(line);
  const section = direct ? 'chaos-direct' : 'chaos';
  const result = await runChaos({ seed, faults, lines, kinds, direct, tell, signal, build, keepIn });
  const report = reportOf(
    result,
    `npm run chaos -- --faults ${faults} --lines ${lines} --seed ${seed}${direct ? ' --direct' : ''}`,
  );
  const problems = [...result.verdict.problems];
  if (kills > 0) {
    const mails = await measureMailRepeats({ seed, records: kills * 60, kills, tell, signal, build });
    problems.push(...mails.problems);
    report.notes.push(mailNote(mails));
    tell(mailLine(mails));
  }
  for (const problem of problems) tell(`PROBLEM ${problem}`);
  tell(`\n${results.section(section, report)}`);
  const isFull = faults >= 500 && lines >= 1_000_000 && !kinds;
  if (write || isFull) results.writeSection(section, report);
  tell(lastLine(result));
  return problems.length === 0 ? 0 : 1;
}

/** @returns what is to be told instead, when the arguments do not fit or ask for help. */
function readOptions(args: string[]): Options | string {
  let values: { [name: string]: string | boolean | undefined };
  try {
    ({ values } = parseArgs({
      args,
      options: {
        faults: { type: 'string', default: '500' },
        lines: { type: 'string', default: '1000000' },
        seed: { type: 'string', default: '7' },
        kinds: { type: 'string' },
        'mail-kills': { type: 'string', default: '20' },
        direct: { type: 'boolean', default: false },
        write: { type: 'boolean', default: false },
        keep: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }));
  } catch (error) {
    return `${(error as Error).message}\n${usage}`;
  }
  const kinds = values.kinds
    ? String(values.kinds)
        .split(',')
        .map((kind) => kind.trim())
    : undefined;
  const unknown = kinds?.find((kind) => !faultKinds.includes(kind as FaultKind));
  if (unknown) return `no fault "${unknown}"; there are: ${faultKinds.join(', ')}`;
  const options = {
    faults: Number(values.faults),
    lines: Number(values.lines),
    seed: Number(values.seed),
    kills: Number(values['mail-kills']),
  };
  const fit = Object.values(options).every((value) => Number.isSafeInteger(value) && value >= 0);
  if (values.help || !fit) return usage;
  return {
    ...options,
    kinds: kinds as FaultKind[] | undefined,
    direct: values.direct === true,
    write: values.write === true,
    keep: values.keep === true,
  };
}
