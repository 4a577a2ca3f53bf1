// Any sequence of what an agent does with its spool, restarts and crashes among it, against lists in memory.

import { cp, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, expect, it } from 'vitest';
import { atOf, cleanUp, cursorOf, folder, holeOf, numberOf, recordOf, spoolIn } from './given.ts';
import type { Spool } from './spool.ts';

afterEach(cleanUp);

const containers = ['c1', 'c2', 'c3'] as const;
type Container = (typeof containers)[number];

type Step =
  | { do: 'append'; calls: { container: Container; records: number; hole: boolean }[] }
  | { do: 'acknowledge'; most: number }
  | { do: 'forget'; container: Container }
  | { do: 'restart' }
  | { do: 'crash' };

const container = fc.constantFrom(...containers);
const call = fc.record({ container, records: fc.nat(8), hole: fc.boolean() });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('append' as const), calls: fc.array(call, { maxLength: 6 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('acknowledge' as const), most: fc.integer({ min: 1, max: 30 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('forget' as const), container }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('crash' as const) }) },
);

const all = { maxRecords: 10_000, maxBytes: 1e9, lingerMs: 0 };

it('holds what was appended and not acknowledged, in order, whatever happens in between', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      let dir = await folder();
      // Small segments, so that all of it happens at their borders too.
      const options = { maxBytes: 10 * 1024 * 1024, segmentBytes: 1500 };
      let spool: Spool = await spoolIn(dir, options);
      /** Items in order: a record's event_id, or a hole's instant. */
      const items: string[] = [];
      const cursors = new Map<string, number>();
      /** Items before this are acknowledged, and a restart knows; those before the other were, and a crash may not know. */
      let surely = 0;
      let acknowledged = 0;
      let n = 0;

      async function contents(): Promise<{ records: string[]; holes: string[] }> {
        if (spool.stats().records + spool.stats().holes === 0) return { records: [], holes: [] };
        const batch = await spool.next(all, AbortSignal.timeout(60_000));
        return {
          records: [...batch!.records].map((json) => JSON.parse(json.toString()).event_id),
          holes: batch!.holes.map(({ hole }) => `hole ${hole.from}`),
        };
      }
      function split(from: number) {
        const rest = items.slice(from);
        return {
          records: rest.filter((item) => !item.startsWith('hole')),
          holes: rest.filter((item) => item.startsWith('hole')),
        };
      }
      async function check(): Promise<void> {
        expect(await contents()).toEqual(split(acknowledged));
        for (const id of containers) {
          const at = spool.cursor(id, 'stdout')?.at;
          expect(at && numberOf(at)).toBe(cursors.get(id));
        }
        expect(new Set(spool.containers())).toEqual(new Set(cursors.keys()));
      }

      for (const step of steps) {
        switch (step.do) {
          case 'append': {
            const writes = step.calls.map(({ container, records, hole }) => {
              const made = Array.from({ length: records }, () => recordOf(n++, { containerId: container }));
              const holes = hole ? [holeOf(n++, container)] : [];
              items.push(
                ...made.map(({ record }) => record.event_id),
                ...holes.map(({ from }) => `hole ${from}`),
              );
              cursors.set(container, n);
              return spool.append({
                records: made,
                holes,
                cursors: [cursorOf(n, { containerId: container })],
              });
            });
            await Promise.all(writes);
            break;
          }
          case 'acknowledge': {
            if (spool.stats().records + spool.stats().holes === 0) break;
            const batch = await spool.next({ ...all, maxRecords: step.most }, AbortSignal.timeout(60_000));
            spool.acknowledge(batch!);
            acknowledged += batch!.records.length + batch!.holes.length;
            break;
          }
          case 'forget':
            spool.forget(step.container);
            cursors.delete(step.container);
            await spool.append({ records: [], cursors: [cursorOf(1, { containerId: 'other' })] });
            spool.forget('other');
            break;
          case 'restart':
            await spool.close();
            surely = acknowledged;
            spool = await spoolIn(dir, options);
            break;
          case 'crash': {
            // What another process would find, had this one been killed now.
            const copy = await folder();
            for (const name of await readdir(dir))
              if (name !== 'lock')
                await cp(join(dir, name), join(copy, name), { recursive: true }).catch(() => {});
            await spool.close();
            dir = copy;
            spool = await spoolIn(dir, options);
            const { records, holes } = spool.stats();
            const known = items.length - records - holes;
            expect(known).toBeGreaterThanOrEqual(surely);
            expect(known).toBeLessThanOrEqual(acknowledged);
            acknowledged = known;
            surely = known;
            // A crash may lose that a container was forgotten, no more.
            for (const id of spool.containers()) if (!cursors.has(id)) spool.forget(id);
            await spool.append({ records: [], cursors: [cursorOf(1, { containerId: 'other' })] });
            spool.forget('other');
            break;
          }
        }
        await spool.append({ records: [], cursors: [] });
        if (step.do === 'forget' || step.do === 'crash') await settled(spool);
        await check();
      }
      await spool.close();
    }),
    { numRuns: 80 },
  );
});

/** Until what nobody waits for is written. */
async function settled(spool: Spool): Promise<void> {
  while (spool.containers().includes('other')) await new Promise((resolve) => setTimeout(resolve, 1));
}

it('gives or declares every record under drop-oldest, whatever happens in between', async () => {
  const dropStep = fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constant('append' as const),
        container,
        records: fc.integer({ min: 1, max: 12 }),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant('take' as const), most: fc.integer({ min: 1, max: 20 }) }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(dropStep, { minLength: 20, maxLength: 80 }), async (steps) => {
      const dir = await folder();
      const options = { maxBytes: 16_000, segmentBytes: 2000, whenFull: 'drop-oldest' as const };
      let spool = await spoolIn(dir, options);
      const printed: { container: Container; at: string }[] = [];
      const received: string[] = [];
      const holes: { containerId: string; from: string; to: string; records?: number }[] = [];
      let n = 0;
      let dropped = 0;

      async function take(most: number): Promise<void> {
        if (spool.stats().records + spool.stats().holes === 0) return;
        const batch = await spool.next({ ...all, maxRecords: most }, AbortSignal.timeout(60_000));
        received.push(...[...batch!.records].map(atOf));
        holes.push(...batch!.holes.map(({ hole }) => hole));
        spool.acknowledge(batch!);
      }
      for (const step of steps) {
        if (step.do === 'take') await take(step.most);
        if (step.do === 'append') {
          const records = Array.from({ length: step.records }, () =>
            recordOf(n++, { containerId: step.container }),
          );
          printed.push(...records.map(({ first }) => ({ container: step.container, at: first.at })));
          await spool.append({ records, cursors: [cursorOf(n - 1, { containerId: step.container })] });
        }
        if (step.do === 'restart') {
          dropped += spool.stats().droppedRecords;
          await spool.close();
          spool = await spoolIn(dir, options);
        }
      }
      while (spool.stats().records + spool.stats().holes > 0) await take(1000);
      dropped += spool.stats().droppedRecords;
      await spool.close();

      expect(received).toEqual([...new Set(received)].sort());
      const missing = printed.filter(({ at }) => !received.includes(at));
      expect(missing.length).toBe(dropped);
      for (const { container, at } of missing)
        expect(
          holes.some(({ containerId, from, to }) => containerId === container && from <= at && at <= to),
        ).toBe(true);
      expect(holes.reduce((sum, { records = 0 }) => sum + records, 0)).toBe(dropped);
    }),
    { numRuns: 25 },
  );
});
