// How many things are done at once, so that an agent that starts beside hundreds of containers does not flood the engine.

export type Limit = <T>(work: () => Promise<T>) => Promise<T>;

/** Runs at most `atOnce` works at a time; the rest wait in order. */
export function createLimit(atOnce: number): Limit {
  let free = atOnce;
  const queue: (() => void)[] = [];
  return async (work) => {
    if (free > 0) free--;
    else await new Promise<void>((resolve) => queue.push(resolve));
    try {
      return await work();
    } finally {
      const next = queue.shift();
      if (next) next();
      else free++;
    }
  };
}
