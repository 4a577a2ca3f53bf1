// Work that is done now and then -> left out once when its turn comes late. A process that was stopped, or kept from a
// processor, finds its timers due before it has read what came meanwhile: what waits for silence must not find it there.

/** Makes of `work`, which a timer calls every `everyMs`, one that passes over a turn that comes late by `lateMs`; never two in a row. */
export function punctual(
  work: () => void,
  {
    everyMs,
    lateMs = 2 * everyMs,
    now = () => performance.now(),
  }: { everyMs: number; lateMs?: number; now?: () => number },
): () => void {
  let dueAt = now() + everyMs;
  let hasPassed = false;
  return () => {
    const at = now();
    hasPassed = !hasPassed && at - dueAt > lateMs;
    dueAt = at + everyMs;
    if (!hasPassed) work();
  };
}
