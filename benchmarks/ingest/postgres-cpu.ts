// Processor time of a PostgreSQL server and all its processes, as Linux counts it.

import { readdirSync, readFileSync } from 'node:fs';

const ticksPerSecond = 100;

/** Seconds so far, of the postmaster's children that live and those that ended; undefined where /proc does not tell. */
export function postgresCpuSeconds(postmaster: number | undefined): number | undefined {
  if (postmaster === undefined) return undefined;
  try {
    let ticks = 0;
    for (const pid of readdirSync('/proc')) {
      if (!/^\d+$/.test(pid)) continue;
      const stat = statOf(pid);
      if (!stat) continue;
      // After the name: state, parent, … utime, stime, and both of the children that ended.
      if (Number(pid) === postmaster) ticks += stat[11]! + stat[12]! + stat[13]! + stat[14]!;
      else if (stat[1] === postmaster) ticks += stat[11]! + stat[12]!;
    }
    return ticks / ticksPerSecond;
  } catch {
    return undefined;
  }
}

function statOf(pid: string): number[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
  } catch {
    return undefined;
  }
}
