import { afterEach, expect, it } from 'vitest';
import { cleanUp, folder, spoolIn } from './given.ts';
import { hourAway } from './hour-away.ts';

afterEach(cleanUp);

it('brings everything, in order and once, when the backend comes back after an hour', async () => {
  const spool = await spoolIn(await folder(), { maxBytes: 1024 ** 3, segmentBytes: 1024 * 1024 });
  const result = await hourAway(spool, 20);
  expect(result).toMatchObject({ printed: 72_000, stored: 72_000, repeated: 0, outOfOrder: 0 });
  // Fifteen seconds between tries at most, of which half is left to chance.
  expect(result.attempts).toBeLessThan(500);
  expect(spool.stats()).toMatchObject({ records: 0, droppedRecords: 0, setAside: 0 });
  expect(spool.stats().bytes).toBeLessThan(4 * 1024 * 1024);
});
