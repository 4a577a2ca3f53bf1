// Waiting: how long before trying again, and for what others do.

/** Doubles from 200 ms up to `maxMs`, with jitter so that many do not come at once. `attempt` counts from 0; `random` is in [0, 1). */
export function backoffMs(attempt: number, maxMs: number, random: number): number {
  const full = Math.min(maxMs, 200 * 2 ** Math.min(attempt, 20));
  return full * (0.5 + random / 2);
}

/** Waits; resolves early, and without an error, when the signal fires. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener('abort', end, { once: true });
  });
}

/** A promise that others resolve. (Promise.withResolvers came with Node 22.) */
export function defer(): { promise: Promise<void>; resolve(): void } {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
