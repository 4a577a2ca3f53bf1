// What a text costs that was made to be slow, against an ordinary one that is as long: for the agent, which looks at each line,
// and for the backend, which understands a message and masks it.

import { hostileLines, hostileMessages, hostilePieces } from '@log-detector/test-kit';
import { createJoin } from '../agent/src/detect/join.ts';
import { readAgent } from '../agent/src/detection.ts';
import type { Container } from '../agent/src/types.ts';
import { understand } from '../backend/src/ingest/fingerprint.ts';
import { mask, maxMaskedChars } from '../backend/src/ingest/mask.ts';
import { fastest } from './detect/fastest.ts';

type Row = Record<string, string | number>;

const container: Container = { id: 'c', name: 'shop', image: 'shop:1', labels: {}, tty: false };
const at = '2026-11-22T10:00:00.000000000Z';

/** @returns the table of `npm run bench hostile`. */
export async function run(): Promise<{ title: string; rows: Row[]; notes: string[] }> {
  const { detection } = await readAgent({});
  const detect = (lines: readonly string[]) => {
    const join = createJoin({ tracebackPattern: detection.traceback }, (entry, now) => {
      detection.match(entry, container, 'host', now);
    });
    lines.forEach((text, ordinal) => {
      join.push({ stream: 'stderr', position: { at, ordinal }, text }, 0);
    });
    join.flush(0);
  };
  const rows: Row[] = [];
  const compare = <T>(where: string, what: string, hostile: T, ordinary: T, work: (text: T) => unknown) => {
    const [slow, plain] = [fastest(() => work(hostile)), fastest(() => work(ordinary))];
    rows.push({
      where,
      what,
      KiB: Math.round([hostile].flat().join('').length / 1024),
      'CPU-ms': (slow * 1000).toFixed(1),
      'of an ordinary one': (plain * 1000).toFixed(1),
      times: (slow / plain).toFixed(1),
    });
  };
  for (const [what, lines] of hostileLines) {
    const ordinary = lines.map((line) => asLongAs(line, 'ERROR no room left '));
    compare('agent', what, lines, ordinary, detect);
  }
  for (const [what, message] of hostileMessages) {
    const lines = message.split('\n').map((line) => asLongAs(line, 'the job has ended. '));
    compare('backend', what, message, lines.join('\n'), understand);
  }
  const ordinary = asLongAs('x'.repeat(maxMaskedChars), 'job=12 took(34ms) ');
  for (const piece of hostilePieces) compare('mask', piece, asLongAs(ordinary, piece), ordinary, mask);
  return {
    title: 'Texts made to be slow',
    rows,
    notes: [
      'An ordinary text is as long, in as many lines. What grows with the square of a line would be thousands of times as slow.',
      'A message is cut for the mask at 4096 characters, so the last rows bound what one can cost.',
    ],
  };
}

function asLongAs(text: string, piece: string): string {
  return piece.repeat(Math.ceil(text.length / piece.length)).slice(0, text.length);
}
