import { expect, it } from 'vitest';
import { everyAligned } from './aligned.ts';
import { pause } from './follow/backoff.ts';

it('fires timers of several intervals together, though they began at different times', async () => {
  const turns: number[][] = [[], []];
  const timers = [];
  for (const [index, everyMs] of [20, 40].entries()) {
    timers.push(everyAligned(everyMs, () => turns[index]!.push(Math.round(performance.now()))));
    await pause(7);
  }
  while (turns[1]!.length < 5) await pause(5);
  for (const timer of timers) timer.stop();
  const counts = turns.map(({ length }) => length);
  await pause(100);
  expect(turns.map(({ length }) => length)).toEqual(counts);
  // Each of the slower one's turns is one of the faster one's, but for a stall of the machine.
  const together = turns[1]!.filter((at) => turns[0]!.some((other) => Math.abs(other - at) <= 3));
  expect(together.length).toBeGreaterThanOrEqual(3);
});
