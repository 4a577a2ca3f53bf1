import { cp, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { BatchReader } from './batch-reader.ts';
import {
  appendNumbers,
  cleanUp,
  closeSpools,
  drain,
  folder,
  numberOf,
  numbersOf,
  range,
  segmentsIn,
  spoolIn,
} from './given.ts';
import { recover } from './recover.ts';

afterEach(cleanUp);

/** What can be read of a spool, and how far its cursor says that it was read. */
async function look(dir: string): Promise<{ numbers: number[]; cursor: number }> {
  const { segments, acknowledged, state } = await recover(dir);
  const reader = new BatchReader();
  const { batch } = await reader.read(segments, acknowledged, { maxRecords: 1e6, maxBytes: 1e9 });
  await reader.close();
  const at = state.cursor('c1', 'stdout')?.at;
  return { numbers: numbersOf(batch), cursor: at === undefined ? -1 : numberOf(at) };
}

describe('recover', () => {
  it('reads a prefix of what was written, and a cursor that covers just that, at every cut and every flipped byte', async () => {
    const dir = await folder();
    // Three records for each cursor.
    await appendNumbers(await spoolIn(dir), 0, 6, { each: 3, message: 'E' });
    await closeSpools();
    const path = join(dir, (await segmentsIn(dir))[0]!);
    const whole = await readFile(path);
    expect(await look(dir)).toEqual({ numbers: range(0, 6), cursor: 5 });

    async function check(what: string): Promise<number> {
      const { numbers, cursor } = await look(dir);
      expect(numbers, what).toEqual(range(0, numbers.length));
      // Behind the last three of which all are there.
      expect(cursor, what).toBeLessThan(numbers.length);
      expect(cursor, what).toBeGreaterThanOrEqual(numbers.length - 4);
      return numbers.length;
    }
    let last = 6;
    for (let length = whole.length; length >= 0; length--) {
      await truncate(path, length);
      const count = await check(`cut to ${length} bytes`);
      expect(count).toBeLessThanOrEqual(last);
      last = count;
    }
    expect(last).toBe(0);
    for (let at = 0; at < whole.length; at++) {
      const bytes = Buffer.from(whole);
      bytes[at]! ^= 1 << (at % 8);
      await writeFile(path, bytes);
      expect(await check(`byte ${at} flipped`)).toBeLessThanOrEqual(6);
    }
  });

  it('puts the cursor before whatever is lost, wherever in many segments the damage is', async () => {
    const original = await folder();
    const options = { maxBytes: 1024 * 1024, segmentBytes: 2000 };
    const before = await spoolIn(original, options);
    await appendNumbers(before, 0, 80, { each: 4 });
    const acknowledged = await before.next(
      { maxRecords: 22, maxBytes: 1e9, lingerMs: 0 },
      AbortSignal.timeout(60_000),
    );
    before.acknowledge(acknowledged!);
    await closeSpools();
    const names = await segmentsIn(original);
    expect(names.length).toBeGreaterThan(5);

    const damage = fc.array(
      fc.record({
        segment: fc.nat(names.length - 1),
        at: fc.double({ min: 0, max: 1, noNaN: true }),
        kind: fc.constantFrom('flip', 'cut', 'zero', 'garbage', 'grow'),
        byte: fc.integer({ min: 1, max: 255 }),
      }),
      { minLength: 1, maxLength: 3 },
    );
    await fc.assert(
      fc.asyncProperty(damage, async (places) => {
        const dir = await folder();
        for (const name of [...names, 'safe-point']) await cp(join(original, name), join(dir, name));
        for (const { segment, at, kind, byte } of places) {
          const path = join(dir, names[segment]!);
          const bytes = await readFile(path);
          const offset = Math.floor(at * Math.max(0, bytes.length - 1));
          if (kind === 'flip' && bytes.length > 0) bytes[offset]! ^= byte;
          if (kind === 'zero') bytes.fill(0, offset, Math.min(bytes.length, offset + 100));
          if (kind === 'garbage') bytes.fill(byte, offset);
          const changed =
            kind === 'cut'
              ? bytes.subarray(0, offset)
              : kind === 'grow'
                ? Buffer.concat([bytes, Buffer.alloc(byte, byte)])
                : bytes;
          await writeFile(path, changed);
        }
        const spool = await spoolIn(dir, options);
        const at = spool.cursor('c1', 'stdout')?.at;
        const cursor = at === undefined ? -1 : numberOf(at);
        const { numbers } = await drain(spool, { acknowledge: false });
        expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
        const missing = range(22, 80).filter((n) => !numbers.includes(n));
        for (const n of missing) expect(n).toBeGreaterThan(cursor);
        // The agent reads again from the cursor on; then nothing is missing.
        await appendNumbers(spool, cursor + 1, 80);
        const received = new Set((await drain(spool)).numbers);
        for (const n of range(22, 80)) expect(received).toContain(n);
        await spool.close();
        expect(await look(dir)).toMatchObject({ numbers: [], cursor: 79 });
      }),
      { numRuns: 60 },
    );
  });
});
