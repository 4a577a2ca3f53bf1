// Clocks of several backends, which differ a little, and one that ran ahead until it was set right. Pure; all in ms since the
// epoch.

/** Furthest that the clocks of backends may differ: what was noted further ahead was noted by one that was wrong. */
export const mostAheadMs = 10_000;

export function isFarAhead(at: number, now: number): boolean {
  return at - now > mostAheadMs;
}

/** Also what is far ahead: nobody knows when that was. */
export function isLongAgo(at: number, ms: number, now: number): boolean {
  return now - at >= ms || isFarAhead(at, now);
}

/** `now`, but no step back from `last`, unless it is so long that `last` was wrong. */
export function steady(now: number, last: number): number {
  return now < last && !isFarAhead(last, now) ? last : now;
}
