// How much is compared for nothing: the price of each text looked for, paid on every line of a log.

import { describe, expect, it } from 'vitest';
import { errorTexts } from './json-level.ts';
import { listOfObjects } from './json-trace.ts';
import { specialWords } from './ordinary.ts';
import { fillTexts, setsBytes, textBytes } from './teddy.ts';

const layout = { sets: 0, texts: 1024 };
const memory = Buffer.alloc(64 * 1024);
fillTexts(
  memory,
  layout,
  // What an agent looks for whose patterns are those of the contract.
  [
    'ERROR',
    'Traceback (most recent call last):',
    ...specialWords,
    'nhandled',
    'ncaught',
    '\\\\n',
    listOfObjects,
    ...errorTexts,
  ].map((text) => ({ text, value: 1 })),
);
const begins = Array.from(
  { length: 9 },
  (_, set) => (memory.readUInt32LE(setsBytes - 36 + 4 * set) - layout.texts) / textBytes,
);

/** How many texts a line is compared with. */
function comparedWith(line: string): number {
  const bytes = Buffer.from(line);
  let compared = 0;
  for (let at = 0; at + 2 < bytes.length; at++) {
    let sets = 0xff;
    for (let place = 0; place < 3; place++) {
      const byte = bytes[at + place]!;
      sets &= memory[16 * place + (byte & 15)]! & memory[16 * (3 + place) + (byte >> 4)]!;
    }
    for (let set = 0; set < 8; set++) if ((sets >> set) & 1) compared += begins[set + 1]! - begins[set]!;
  }
  return compared;
}

describe('texts that are looked for', () => {
  it.each([
    [20, '2026-01-05T10:00:00.123Z INFO request handled path=/api/orders/17 status=200 user=alice in 17 ms'],
    [
      20,
      '10.0.0.1 - - [05/May/2024:10:00:00 +0000] "GET /orders/17 HTTP/1.1" 200 17 "-" "Mozilla/5.0 (X11)"',
    ],
    [
      90,
      '{"level":"info","ts":1796059297.3,"caller":"a/b.go:17","msg":"handled","method":"GET","status":200}',
    ],
  ])('are no more than %i in a line that has none of them: %s', (most, line) => {
    expect(comparedWith(line)).toBeLessThanOrEqual(most);
    // As it stands in Docker's file.
    expect(comparedWith(JSON.stringify({ log: line, stream: 'stdout' }))).toBeLessThanOrEqual(2 * most);
  });
});
