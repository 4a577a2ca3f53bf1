import { describe, expect, it } from 'vitest';
import { receive } from './receive.ts';

/** How often others had their turn until it is done. */
async function turnsDuring(work: Promise<unknown>): Promise<number> {
  let turns = 0;
  let isDone = false;
  const count = () => {
    if (isDone) return;
    turns += 1;
    setImmediate(count);
  };
  setImmediate(count);
  await work.finally(() => {
    isDone = true;
  });
  return turns;
}

describe('a long body', () => {
  const records = Array.from({ length: 5000 }, (_, n) => ({ message: `ERROR ${n} ${'x'.repeat(3000)}` }));

  it.each([
    ['an array', 'application/json', JSON.stringify(records)],
    ['NDJSON', 'application/x-ndjson', records.map((record) => JSON.stringify(record)).join('\n')],
  ])('of %s lets others have their turn while it is read, and is read as ever', async (_what, type, text) => {
    const received = receive(type, Buffer.from(text));
    expect(await turnsDuring(received)).toBeGreaterThan(1);
    expect(await received).toEqual({ kind: 'batch', items: records.map((value) => ({ value })) });
  });
});
