// Timers that fire together: each at the multiples of its interval, so that the process wakes once for all that are due.

/** Calls `work` every `everyMs`, by the process's own clock. What comes late moves nothing that comes after it. */
export function everyAligned(everyMs: number, work: () => void): { stop(): void } {
  let timer: ReturnType<typeof setTimeout>;
  let dueAt = 0;
  function plan(): void {
    const now = performance.now();
    const next = (Math.floor(now / everyMs) + 1) * everyMs;
    // A timer may fire a fraction of a millisecond early.
    dueAt = next > dueAt ? next : dueAt + everyMs;
    timer = setTimeout(turn, dueAt - now);
  }
  function turn(): void {
    plan();
    work();
  }
  plan();
  return { stop: () => clearTimeout(timer) };
}
