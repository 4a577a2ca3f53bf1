// How long to wait before the same is tried again.

/**
 * @param attempts failed so far, from 1.
 * @param random from 0 to 1: half of the wait is left to it, so that agents that failed together come back apart.
 * @returns milliseconds: base, 2 base, 4 base ... up to the most, each shortened by up to a half.
 */
export function backoffMs(
  attempts: number,
  bounds: { baseMs: number; mostMs: number },
  random: number,
): number {
  const full = Math.min(bounds.mostMs, bounds.baseMs * 2 ** Math.min(attempts - 1, 30));
  return full / 2 + (full / 2) * random;
}

/** Reads a `Retry-After` header: seconds, or a date. @returns milliseconds from `now`, undefined when it says nothing. */
export function retryAfterMs(header: string | undefined, now: number): number | undefined {
  const text = header?.trim();
  if (!text) return undefined;
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}
