// The run: containers print, faults strike, and at the end each number must be stored exactly once or lie in a declared
// hole.

import { cpSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createStriker, startAgent } from './faults.ts';
import { judge, readHoles, readRecords, type Verdict } from './oracle.ts';
import { type Fault, type FaultKind, planFaults, slotNames } from './plan.ts';
import type { Build } from './programs.ts';
import { type RecoveryWatch, watchRecovery } from './recovery.ts';
import { writeTimeline } from './timeline.ts';
import { readTruth, truthCounter } from './truth.ts';
import { makeWorld, totalShare, type World, waitForHealth } from './world.ts';

export interface ChaosOptions {
  seed: number;
  faults: number;
  /** Numbers to print at least. */
  lines: number;
  /** Only these kinds; default all. */
  kinds?: readonly FaultKind[];
  /** From one fault to the next, on average. Default 1000. */
  meanGapMs?: number;
  /** Kill everything once more when all is stored: nothing acknowledged may be gone then. Default true. */
  killWhenStored?: boolean;
  /** Gets one line for each thing that happens. */
  tell(line: string): void;
  /** The agent reads json-file logs where Docker writes them, and does not ask Docker for them. */
  direct?: boolean;
  /** Ends the run early, in order; the result is then an error. */
  signal?: AbortSignal;
  /** The programs; default: built anew when a source has changed. */
  build?: Build;
  /** A folder for the programs' logs, the truth and a list of all records, to look into afterwards. Made when something is not as promised. */
  keepIn?: string;
}

export interface ChaosResult {
  verdict: Verdict;
  faults: Map<string, number>;
  /** Longest time until lines printed after the fault were stored, in ms. */
  recovery: Map<string, number | undefined>;
  /** From the first line printed to the last fault, then until all was stored, in ms. */
  printingMs: number;
  settlingMs: number;
  /** Requests that met each mode of the proxy. */
  met: Record<string, number>;
}

/** How long after the last fault everything must have arrived, at least; every line gives a millisecond more. */
const settleMs = 120_000;
/** Nothing came for so long: it is worth a look whether all is there. */
const calmMs = 2500;
/** Nothing came for so long, and the agent says that nothing waits: nothing more will. */
const quietMs = 15_000;
/** Nothing came for so long, whatever the agent says. */
const stuckMs = 60_000;

/** @throws when the world cannot be made, or the signal aborts. What the programs do wrong is in the verdict. */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const { seed, tell, meanGapMs = 1000, killWhenStored = true } = options;
  const plan = planFaults(seed, options.faults, { kinds: options.kinds, meanGapMs });
  const way = options.direct ? 'read from their files' : 'asked of Docker';
  tell(`seed ${seed}, ${plan.length} faults, at least ${options.lines} lines, ${way}`);
  const world = await makeWorld(options.build, options.direct ? 'file' : 'api');
  const ends: (() => Promise<void>)[] = [];
  let isAsPromised = false;
  try {
    world.backend.start();
    await waitForHealth(world.backendUrl, 120_000);
    startAgent(world);
    for (const name of slotNames) await world.makeContainer(name);
    tell(`the world stands in ${world.folder}, its engine in ${world.engine.folder}`);

    const startedAt = Date.now();
    const tellAt = (line: string) => tell(`+${((Date.now() - startedAt) / 1000).toFixed(1)} s ${line}`);
    const count = truthCounter(world.folders.truth);
    const printing = keepPrinting(world, count, options.lines, startedAt + plan.length * meanGapMs * 1.15);
    const recovery = watchRecovery(world);
    const timeline = writeTimeline(world, truthCounter(world.folders.truth));
    ends.push(printing.stop, recovery.stop, timeline.stop);

    const problems = await strikeAll(world, plan, recovery, tellAt, options.signal);
    tellAt(`the faults are over; ${count()} lines are printed`);
    await printing.untilDone();
    const printingMs = Date.now() - startedAt;
    tellAt(`all ${count()} lines are printed; waiting until they are stored`);
    // It also ends the half minute for which an agent that met 401 lets the backend be.
    await strikeAll(world, [lastFault], undefined, tellAt, options.signal);
    let verdict = await untilStored(world, settleMs + options.lines, options.signal);
    const settlingMs = Date.now() - startedAt - printingMs;
    if (killWhenStored) {
      tellAt('all is stored; everything is killed and started once more');
      await strikeAll(world, [lastFault], undefined, tellAt, options.signal);
      verdict = await untilStored(world, settleMs + options.lines, options.signal);
    }
    tellAt('judged');
    verdict.problems.push(...problems, ...world.unexpected.map((how) => `program: ${how}`));
    isAsPromised = verdict.problems.length === 0;
    return {
      verdict,
      faults: countBy([...plan, lastFault, ...(killWhenStored ? [lastFault] : [])].map(({ kind }) => kind)),
      recovery: recovery.longest(),
      printingMs,
      settlingMs,
      met: { ...world.proxy.met },
    };
  } finally {
    for (const end of ends) await end();
    // A cause that is gone with the folder may not come again.
    const isKept = options.keepIn !== undefined || !(isAsPromised || options.signal?.aborted);
    if (isKept) {
      const folder = options.keepIn ?? mkdtempSync(join(tmpdir(), 'chaos-kept-'));
      await keep(world, folder).catch((error) => tell(`not all is kept: ${error}`));
      tell(`logs, truth and records are kept in ${folder}`);
    }
    await world.close();
  }
}

/** What was acknowledged must survive it, and what was sent must not come again. */
const lastFault: Fault = { kind: 'everything kill -9', slot: undefined, ms: 0, afterMs: 0 };

/** Strikes as planned. Without `recovery` nobody waits for lines: none are printed any more. @returns what went wrong with the faults themselves. */
async function strikeAll(
  world: World,
  plan: readonly Fault[],
  recovery: RecoveryWatch | undefined,
  tell: (line: string) => void,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const striker = createStriker(world);
  const problems: string[] = [];
  const all: Promise<void>[] = [];
  for (const [index, fault] of plan.entries()) {
    await sleep(fault.afterMs, undefined, { signal });
    let begunAt = 0;
    const { over } = await striker.begin(fault, () => {
      begunAt = Date.now();
      const what = [fault.kind, fault.slot, fault.ms > 0 ? `${fault.ms} ms` : undefined]
        .filter(Boolean)
        .join(', ');
      tell(`fault ${index + 1}: ${what}`);
    });
    all.push(
      over.then((error) => {
        if (error) {
          problems.push(
            `fault ${index + 1} (${fault.kind} ${fault.slot ?? ''}) could not be done: ${error.message}`,
          );
          tell(problems.at(-1)!);
          return;
        }
        const loud = [...world.slots.values()].filter(({ made }) => made.profile.share > 0);
        const struck = loud.filter(({ name }) => name === fault.slot);
        const keys = (struck.length > 0 ? struck : loud).map(({ made }) => made.key);
        recovery?.await(fault.kind, begunAt, Date.now(), keys);
      }),
    );
  }
  await Promise.all(all);
  return problems;
}

/** Lets the containers print so that they are done at about `until`: in gusts, a second strong and a second weak. */
function keepPrinting(world: World, count: () => number, lines: number, until: number) {
  let isLastGust = false;
  const stopped = new AbortController();
  const printing = (async () => {
    for (let gust = 0; !stopped.signal.aborted; gust++) {
      const left = lines - count();
      if (left <= 0 && isLastGust) break;
      const tenths = Math.max(50, (until - Date.now()) / 100);
      const even = Math.max(left, 0) / tenths / totalShare;
      // Printed out before the last fault: a little goes on, or there would be nothing to lose.
      const pace = Date.now() >= until ? Math.min(even, 120) : even * (gust % 2 === 0 ? 1.7 : 0.4);
      world.setPace(Math.min(Math.max(pace, 5), 250));
      await sleep(1000, undefined, { signal: stopped.signal }).catch(() => {});
    }
    world.setPace(0);
    // The burst under way ends, and writes down its last number.
    await sleep(1000, undefined, { signal: stopped.signal }).catch(() => {});
  })();
  return {
    /** Resolves when all lines are printed, and no more come. */
    untilDone(): Promise<void> {
      isLastGust = true;
      return printing;
    },
    stop(): Promise<void> {
      stopped.abort();
      return printing;
    },
  };
}

/** Waits until all is stored, or nothing more comes, and judges. */
async function untilStored(
  world: World,
  withinMs: number,
  signal: AbortSignal | undefined,
): Promise<Verdict> {
  await waitForHealth(world.backendUrl, 120_000);
  const client = await world.connect();
  try {
    const giveUpAt = Date.now() + withinMs;
    let rowsBefore = -1;
    let grewAt = Date.now();
    let judgedAt = 0;
    for (;;) {
      const { rows } = await client.query<{ n: number }>(
        'select (select count(*) from log_records)::int + (select count(*) from coverage_holes)::int as n',
      );
      if (rows[0]!.n !== rowsBefore) grewAt = Date.now();
      rowsBefore = rows[0]!.n;
      const stillMs = Date.now() - grewAt;
      const isEmpty = stillMs >= calmMs && (await spooled(world)) === 0;
      const isOver = Date.now() > giveUpAt || (isEmpty && stillMs > quietMs) || stillMs > stuckMs;
      // What lies in holes does not come: then only the verdict tells whether all is there.
      if (isOver || (isEmpty && grewAt > judgedAt)) {
        judgedAt = Date.now();
        const verdict = await judge({
          truth: readTruth(world.folders.truth),
          containers: world.containers,
          records: readRecords(client),
          holes: await readHoles(client),
          isInDockerLog: world.dockerLogHas,
        });
        if (verdict.lost === 0 || isOver) return verdict;
      }
      await sleep(500, undefined, { signal });
    }
  } finally {
    await client.end().catch(() => {});
  }
}

/** How many records wait in the agent's spool, as it tells itself; undefined when it does not answer. */
async function spooled({ agentMetricsUrl }: World): Promise<number | undefined> {
  try {
    const response = await fetch(`${agentMetricsUrl}/metrics`, { signal: AbortSignal.timeout(2000) });
    const found = /^log_detector_agent_spool_records (\d+)/m.exec(await response.text());
    return found ? Number(found[1]) : undefined;
  } catch {
    return undefined;
  }
}

async function keep(world: World, folder: string): Promise<void> {
  const isWanted = (path: string) => path === world.folder || /\.log$|truth/.test(path);
  cpSync(world.folder, folder, { recursive: true, filter: isWanted });
  const client = await world.connect();
  try {
    const rows = await client.query(
      'select id, event_id, container, stream, occurred_at::text, received_at::text, left(message, 60) as message from log_records order by id',
    );
    writeFileSync(join(folder, 'records.jsonl'), rows.rows.map((row) => JSON.stringify(row)).join('\n'));
    const holes = await client.query('select * from coverage_holes order by id');
    writeFileSync(join(folder, 'holes.jsonl'), holes.rows.map((row) => JSON.stringify(row)).join('\n'));
  } finally {
    await client.end().catch(() => {});
  }
}

function countBy(items: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1);
  return counts;
}
