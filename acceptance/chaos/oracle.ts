// What was printed, what is stored, which holes are declared -> the verdict. Independent of the code under test: it knows
// the truth files, and asks the database by a connection of its own.
//
// A number that is not stored lies in a hole when a hole of its container reaches over the instant it was logged at. That
// instant is not known, only bounded: by when it was printed (the truth's bursts) and by the stored numbers around it.

import type pg from 'pg';
import {
  expectedMessage,
  type Outlet,
  type Part,
  type Profile,
  readParts,
  type Source,
} from './generator.ts';
import { type Printed, printedBetween } from './truth.ts';

/** One container that was made, and what was done to its log. Times are ms since the epoch. */
export interface MadeContainer {
  key: string;
  id: string;
  profile: Profile;
  /** Both outlets arrive as stdout. */
  tty: boolean;
  /** When its log itself lost something: the only reasons for a hole. */
  causes: { what: 'rotated' | 'truncated' | 'removed' | 'daemon-killed'; from: number; to: number }[];
}

/** A row of log_records, in the order of the ids. */
export interface StoredRow {
  message: string;
  stream: string | null;
  /** ms since the epoch, with a fraction. */
  occurredAt: number;
}

/** A row of coverage_holes. */
export interface StoredHole {
  containerId: string | null;
  container: string;
  stream: string | null;
  from: number;
  to: number;
  reason: string;
}

export interface Evidence {
  truth: readonly Printed[];
  containers: readonly MadeContainer[];
  records: AsyncIterable<StoredRow> | Iterable<StoredRow>;
  holes: readonly StoredHole[];
  /** Whether Docker's own log ever had the line; undefined: it is not known (rotated or truncated). */
  isInDockerLog?(source: Source, seq: number): boolean | undefined;
}

export interface Verdict {
  /** Numbers that reached Docker's log. */
  printed: number;
  /** Of these, stored at least once. */
  stored: number;
  /** Neither stored nor in a hole. */
  lost: number;
  /** Stored more than once: every time but the first. */
  repeated: number;
  /** Not stored, and in a declared hole. */
  inHoles: number;
  /** Printed, and not even in Docker's own log: a killed dockerd had them in memory. Not counted in `printed`. */
  lostByDocker: number;
  /** Stored after a later number of the same outlet. */
  outOfOrder: number;
  /** Stored with another text than was printed. */
  corrupt: number;
  /** Pieces of lines that a kill cut off while they were printed. */
  fragments: number;
  /** Holes by reason. */
  holes: Record<string, number>;
  /** Holes without a number missing in them and without a cause. */
  falseHoles: number;
  /** Stored numbers that a hole declares as unread. */
  storedInHoles: number;
  /** One line for each fault found, the first of each kind. */
  problems: string[];
}

/** The clock of the truth is that of /proc/uptime, in hundredths; a hole's ends are rounded to microseconds. */
const clockMs = 50;
/** How long after it was printed Docker may give a line its timestamp while the pipe is full. */
const pipeMs = 1000;
/** A container's end is noticed this long before or after the command that caused it. */
const causeMs = 5000;

/** Numbers of one outlet of one start. */
interface Ledger extends Printed {
  container: MadeContainer;
  /** How often number `index + 1` is stored. */
  times: Uint8Array;
  occurredAt: Float64Array;
  /** The highest number seen so far, in the order of the ids. */
  latest: number;
}

/** Judges. Every figure that is not as promised also has a line in `problems`. */
export async function judge(evidence: Evidence): Promise<Verdict> {
  const verdict: Verdict = {
    printed: 0,
    stored: 0,
    lost: 0,
    repeated: 0,
    inHoles: 0,
    lostByDocker: 0,
    outOfOrder: 0,
    corrupt: 0,
    fragments: 0,
    holes: {},
    falseHoles: 0,
    storedInHoles: 0,
    problems: [],
  };
  const told = new Map<string, number>();
  function problem(kind: string, text: string): void {
    const count = (told.get(kind) ?? 0) + 1;
    told.set(kind, count);
    if (count <= 10) verdict.problems.push(`${kind}: ${text}`);
  }

  const ledgers = openLedgers(evidence);
  for await (const row of evidence.records) {
    for (const part of readParts(row.message)) enter(part, row, ledgers, evidence, verdict, problem);
  }

  const holes = evidence.holes.map((hole) => ({ ...hole, missing: 0 }));
  for (const ledger of ledgers.values()) {
    const ofContainer = holes.filter((hole) => isOf(hole, ledger));
    settle(ledger, ofContainer, evidence, verdict, problem);
  }
  for (const hole of holes) {
    verdict.holes[hole.reason] = (verdict.holes[hole.reason] ?? 0) + 1;
    const container = evidence.containers.find(({ id }) => id === hole.containerId);
    if (hole.missing === 0 && !container?.causes.some((cause) => mayCause(cause, hole))) {
      verdict.falseHoles += 1;
      problem('false hole', describe(hole));
    }
  }
  for (const [kind, count] of told) {
    if (count > 10) verdict.problems.push(`${kind}: … ${count - 10} more`);
  }
  return verdict;
}

function openLedgers({ truth, containers }: Evidence): Map<string, Ledger> {
  const ledgers = new Map<string, Ledger>();
  for (const printed of truth) {
    const container = containers.find(({ key }) => key === printed.key);
    if (!container) throw new Error(`bug: the truth has a container ${printed.key} that nobody made`);
    ledgers.set(nameOf(printed), {
      ...printed,
      container,
      // One more than is known to be printed: a kill between printing and writing down.
      times: new Uint8Array(printed.printed + 1),
      occurredAt: new Float64Array(printed.printed + 1),
      latest: 0,
    });
  }
  return ledgers;
}

type Problem = (kind: string, text: string) => void;

/** Enters one number of a stored row into the ledger of its outlet. */
function enter(
  { text, number }: Part,
  row: StoredRow,
  ledgers: Map<string, Ledger>,
  evidence: Evidence,
  verdict: Verdict,
  problem: Problem,
): void {
  const shown = JSON.stringify(text.length > 120 ? `${text.slice(0, 120)}…` : text);
  const ledger = number && ledgers.get(nameOf(number));
  if (!number || !ledger || number.seq > ledger.printed + 1) {
    if (isFragment(text, ledgers, evidence)) verdict.fragments += 1;
    else {
      verdict.corrupt += 1;
      problem('corrupt', `${shown} was never printed`);
    }
    return;
  }
  const index = number.seq - 1;
  const expectedStream = ledger.container.tty || number.outlet === 'out' ? 'stdout' : 'stderr';
  const expected = expectedMessage(number, number.seq, ledger.container.profile);
  if (
    text !== expected &&
    expected.startsWith(text) &&
    evidence.isInDockerLog?.(number, number.seq) === false
  ) {
    // A traceback of which Docker was killed before it had logged the last lines.
    verdict.fragments += 1;
    return;
  }
  if (text !== expected) {
    verdict.corrupt += 1;
    problem('corrupt', `${nameOf(number)} ${number.seq} is stored as ${shown} (${text.length} characters)`);
  } else if (row.stream !== expectedStream) {
    verdict.corrupt += 1;
    problem('corrupt', `${nameOf(number)} ${number.seq} is stored with the stream ${row.stream}`);
  }
  if (ledger.times[index]! > 0) {
    verdict.repeated += 1;
    const times = [ledger.occurredAt[index]!, row.occurredAt].map(iso).join(' and ');
    problem('repeated', `${nameOf(number)} ${number.seq}, logged ${times}`);
  } else {
    ledger.occurredAt[index] = row.occurredAt;
    if (number.seq < ledger.latest) {
      verdict.outOfOrder += 1;
      problem('out of order', `${nameOf(number)} ${number.seq} is stored after ${ledger.latest}`);
    }
  }
  ledger.times[index] = Math.min(255, ledger.times[index]! + 1);
  ledger.latest = Math.max(ledger.latest, number.seq);
}

/** The beginning of a line that was being printed when its program was killed, or logged when Docker was. */
function isFragment(message: string, ledgers: Map<string, Ledger>, { isInDockerLog }: Evidence): boolean {
  const found = /^ERROR (\w+)\.(\d+) (out|err) (\d+) /.exec(message);
  if (!found) return false;
  const source = { key: found[1]!, run: Number(found[2]), outlet: found[3] as Outlet };
  const ledger = ledgers.get(nameOf(source));
  const seq = Number(found[4]);
  return (
    ledger !== undefined &&
    (seq === ledger.printed + 1 || (seq <= ledger.printed && isInDockerLog?.(source, seq) === false)) &&
    expectedMessage(source, seq, ledger.container.profile).startsWith(message)
  );
}

/** Closes one ledger: what is stored, what is missing, and why. */
function settle(
  ledger: Ledger,
  holes: (StoredHole & { missing: number })[],
  { isInDockerLog }: Evidence,
  verdict: Verdict,
  problem: Problem,
): void {
  const { times, occurredAt, printed } = ledger;
  // The number after the last known one counts only when it is there.
  const count = times[printed]! > 0 ? printed + 1 : printed;
  const nextStoredAt = new Float64Array(count + 1);
  nextStoredAt[count] = Number.POSITIVE_INFINITY;
  for (let index = count - 1; index >= 0; index--)
    nextStoredAt[index] = times[index]! > 0 ? occurredAt[index]! : nextStoredAt[index + 1]!;

  let before = 0;
  let lostFrom = 0;
  for (let index = 0; index <= count; index++) {
    const seq = index + 1;
    const isThere = index === count || times[index]! > 0;
    let isLost = false;
    if (isThere && index < count) {
      verdict.stored += 1;
      verdict.printed += 1;
      before = Math.max(before, occurredAt[index]!);
      for (const hole of holes) {
        if (hole.from + 0.002 < occurredAt[index]! && occurredAt[index]! < hole.to - 0.002) {
          verdict.storedInHoles += 1;
          problem(
            'stored in a hole',
            `${nameOf(ledger)} ${seq} of ${iso(occurredAt[index]!)}, ${describe(hole)}`,
          );
        }
      }
    } else if (!isThere) {
      const window = printedBetween(ledger, seq);
      const earliest = Math.max(before, window.from);
      const latest = Math.min(nextStoredAt[index]!, Math.max(before, window.to) + pipeMs);
      const hole = holes.find(({ from, to }) => from <= latest + clockMs && to >= earliest - clockMs);
      if (hole) {
        hole.missing += 1;
        verdict.inHoles += 1;
        verdict.printed += 1;
      } else if (isInDockerLog?.(ledger, seq) === false) verdict.lostByDocker += 1;
      else {
        isLost = true;
        lostFrom ||= seq;
        verdict.lost += 1;
        verdict.printed += 1;
      }
    }
    if (!isLost && lostFrom > 0) {
      const { from } = printedBetween(ledger, lostFrom);
      const { to } = printedBetween(ledger, index);
      problem(
        'lost',
        `${nameOf(ledger)} ${lostFrom}..${index} of ${printed}, printed ${iso(from)} to ${iso(to)}`,
      );
      lostFrom = 0;
    }
  }
}

function isOf(hole: StoredHole, ledger: Ledger): boolean {
  const { container, outlet } = ledger;
  if (hole.containerId !== container.id) return false;
  return hole.stream === null || hole.stream === (container.tty || outlet === 'out' ? 'stdout' : 'stderr');
}

/** A killed daemon may leave torn what is no number, and takes no whole line with it. */
function mayCause(cause: MadeContainer['causes'][number], hole: StoredHole): boolean {
  return touches(hole, cause) && (cause.what === 'daemon-killed') === (hole.reason === 'corrupt-log');
}

function touches(hole: StoredHole, cause: { from: number; to: number }): boolean {
  return hole.from <= cause.to + causeMs && hole.to >= cause.from - causeMs;
}

function nameOf({ key, run, outlet }: Source): string {
  return `${key}.${run} ${outlet}`;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

function describe({ container, stream, from, to, reason }: StoredHole): string {
  return `hole of ${container} ${stream ?? 'both streams'} ${iso(from)} to ${iso(to)} (${reason})`;
}

/** All records in the order of their ids, a page at a time. */
export async function* readRecords(client: pg.Client): AsyncGenerator<StoredRow> {
  let after = '00000000-0000-0000-0000-000000000000';
  for (;;) {
    const { rows } = await client.query<{ id: string; message: string; stream: string | null; at: number }>(
      `select id, message, stream, extract(epoch from occurred_at)::float8 * 1000 as at
       from log_records where id > $1 order by id limit 20000`,
      [after],
    );
    for (const { message, stream, at } of rows) yield { message, stream, occurredAt: at };
    if (rows.length === 0) return;
    after = rows.at(-1)!.id;
  }
}

export async function readHoles(client: pg.Client): Promise<StoredHole[]> {
  const { rows } = await client.query<StoredHole>(
    `select container_id as "containerId", container, stream, reason,
       extract(epoch from from_at)::float8 * 1000 as "from", extract(epoch from to_at)::float8 * 1000 as "to"
     from coverage_holes order by id`,
  );
  return rows;
}
