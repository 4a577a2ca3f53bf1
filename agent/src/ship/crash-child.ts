// What spool-crash.test.ts kills: it appends numbered records from its cursor on, takes batches out at the other end, and
// writes down what it was promised in a journal that survives it.

import { openSync, writeSync } from 'node:fs';
import { cursorOf, numberOf, numbersOf, recordOf } from './given.ts';
import { silent } from './log.ts';
import { openSpool } from './spool.ts';

const [dir = '', journalPath = ''] = process.argv.slice(2);
const journal = openSync(journalPath, 'a');
const spool = await openSpool({
  dir,
  maxBytes: 200_000,
  segmentBytes: 20_000,
  whenFull: 'block',
  log: silent,
});

async function fill(): Promise<void> {
  const at = spool.cursor('c1', 'stdout')?.at;
  let n = at === undefined ? 0 : numberOf(at) + 1;
  for (;;) {
    // A few at once, so that they share a sync and a kill falls between them.
    const appends = [3, 1, 5, 2].map((count) => {
      const records = Array.from({ length: count }, () => recordOf(n++));
      const last = n - 1;
      return spool
        .append({ records, cursors: [cursorOf(last)] })
        .then(() => writeSync(journal, `durable ${last}\n`));
    });
    await Promise.all(appends);
  }
}

async function empty(): Promise<void> {
  const signal = new AbortController().signal;
  for (;;) {
    const batch = await spool.next({ maxRecords: 40, maxBytes: 1e6, lingerMs: 1 }, signal);
    if (!batch) return;
    writeSync(journal, `sent ${numbersOf(batch).join(' ')}\n`);
    spool.acknowledge(batch);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

writeSync(journal, 'started\n');
await Promise.all([fill(), empty()]);
