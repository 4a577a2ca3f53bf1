// Lets a loop sleep until something happens, a time is over, or it is told to stop.

export class Wakeup {
  #waiting = new Set<() => void>();

  wake(): void {
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const resolve of waiting) resolve();
  }

  /** Resolves at the next wake(), after `ms`, or when the signal aborts, whichever is first. Never rejects. */
  wait(options: { ms?: number; signal?: AbortSignal } = {}): Promise<void> {
    const { ms, signal } = options;
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        this.#waiting.delete(done);
        resolve();
      };
      const timer = ms === undefined ? undefined : setTimeout(done, ms);
      signal?.addEventListener('abort', done, { once: true });
      this.#waiting.add(done);
    });
  }
}
