// Records within a time, in sixtieths of it: what a threshold remembers. Bounded, whatever comes, and at most a sixtieth
// of the time too generous.

/** `[number of the sixtieth since the epoch, records in it]`, ascending. */
export type Slots = readonly (readonly [number, number])[];

const parts = 60;

/** Adds so many records at `now`, and lets go of what is longer ago. */
export function addToSlots(slots: Slots, records: number, withinMs: number, now: number): Slots {
  const slotMs = withinMs / parts;
  const latest = slots.at(-1)?.[0] ?? Number.NEGATIVE_INFINITY;
  // A clock that stepped back counts on the latest one.
  const current = Math.max(Math.floor(now / slotMs), latest);
  const kept = slots.filter(([number]) => number >= current - parts && number < current);
  const before = latest === current ? slots.at(-1)![1] : 0;
  return [...kept, [current, before + records]];
}

export function sumOfSlots(slots: Slots): number {
  return slots.reduce((sum, [, records]) => sum + records, 0);
}
