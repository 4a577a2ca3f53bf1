// A result -> the tables that a person reads, and the last line that a program reads.

import type { ChaosResult } from './chaos.ts';
import type { MailResult } from './mail-repeats.ts';
import { faultKinds } from './plan.ts';

export interface Report {
  title: string;
  rows: Record<string, string | number>[];
  notes: string[];
}

/** The section of benchmarks/results.md. */
export function reportOf(result: ChaosResult, command: string): Report {
  const { verdict, faults, recovery } = result;
  const total = [...faults.values()].reduce((sum, count) => sum + count, 0);
  const holes = Object.entries(verdict.holes).map(([reason, count]) => `${count} ${reason}`);
  return {
    title: `${total} random faults, ${verdict.printed} lines, ${verdict.lost} lost, ${verdict.repeated} repeated`,
    rows: faultKinds
      .filter((kind) => faults.has(kind))
      .map((kind) => ({
        fault: kind,
        times: faults.get(kind) ?? 0,
        'longest time to recover (s)': seconds(recovery.get(kind)),
      })),
    notes: [
      `\`${command}\`. Recovered: lines printed after the end of the fault are stored, of every container that prints all the time; other faults strike meanwhile, and their time is in it.`,
      `Lines printed: ${verdict.printed}; stored: ${verdict.stored}; stored twice: ${verdict.repeated}; lost: ${verdict.lost}; in declared holes: ${verdict.inHoles}; in another order than printed: ${verdict.outOfOrder}; with another text: ${verdict.corrupt}.`,
      `Holes declared: ${holes.join(', ') || 'none'}; of these without a missing line and without a cause: ${verdict.falseHoles}; stored lines that a hole declares as unread: ${verdict.storedInHoles}.`,
      `Killed in the middle of a line: ${verdict.fragments} pieces stored. Lost by Docker itself, whose daemon was killed before its own log had them (not counted above): ${verdict.lostByDocker}.`,
      `Printing took ${seconds(result.printingMs)} s; ${seconds(result.settlingMs)} s later all was stored.`,
    ],
  };
}

/** The last line of standard output. */
export function lastLine({ verdict, faults }: ChaosResult): string {
  return JSON.stringify({
    printed: verdict.printed,
    stored: verdict.stored,
    lost: verdict.lost,
    repeated: verdict.repeated,
    in_holes: verdict.inHoles,
    faults: [...faults.values()].reduce((sum, count) => sum + count, 0),
  });
}

export function mailLine({ records, mails, repeats, kills }: MailResult): string {
  return JSON.stringify({ records, mails, repeats, kills });
}

export function mailNote({ records, mails, repeats, kills }: MailResult): string {
  return `Mails while the backend is killed ${kills} times as they go out: ${records} records, each an issue of its own; ${mails} mails, of which ${repeats} are repeats, under the Message-ID of the first.`;
}

function seconds(ms: number | undefined): string {
  return ms === undefined ? 'never' : (ms / 1000).toFixed(1);
}
