// For the tests of this folder: lines from text, entries from lines, and the fixtures' own format.

import { readdirSync, readFileSync } from 'node:fs';
import type { Entry, Line, Stream } from '../types.ts';
import { createJoin, type JoinOptions } from './join.ts';

/** Lines with the same Docker time stamp, told apart by their ordinal: their index. */
export function linesOf(texts: readonly string[], stream: Stream = 'stdout'): Line[] {
  return texts.map((text, ordinal) => ({
    stream,
    position: { at: '2026-11-22T10:00:00.000000000Z', ordinal },
    text,
  }));
}

/** The entries that the lines make, all pushed at once. */
export function entriesOf(texts: readonly string[], options: JoinOptions = {}): Entry[] {
  const entries: Entry[] = [];
  const join = createJoin(options, (entry) => entries.push(entry));
  for (const line of linesOf(texts)) join.push(line, 0);
  join.flush(0);
  return entries;
}

/** First and last line of each entry, by index; blank lines at their ends do not count. */
export function rangesOf(entries: readonly Entry[], texts: readonly string[]): string[] {
  return entries
    .map(({ first, last }) => trimmedRange(first.ordinal, last.ordinal, texts))
    .filter((range) => range !== '');
}

/** `a-b` without blank lines at the ends, or nothing. */
export function trimmedRange(first: number, last: number, texts: readonly string[]): string {
  let [a, b] = [first, last];
  while (a <= b && texts[a]!.trim() === '') a++;
  while (b >= a && texts[b]!.trim() === '') b--;
  return a > b ? '' : `${a}-${b}`;
}

const folder = new URL('../../fixtures/traces/', import.meta.url);

export interface TraceFixture {
  name: string;
  lines: string[];
  /** The entries as a reader sees them, as ranges of line indices. */
  ranges: string[];
}

/** The files under fixtures/traces: lines as a program printed them, entries parted by a line `%%`. */
export function traceFixtures(): TraceFixture[] {
  return readdirSync(folder)
    .sort()
    .map((name) => {
      const entries = readFileSync(new URL(name, folder), 'utf8')
        .replace(/\n$/, '')
        .split(/^%%\n/m)
        .map((text) => text.replace(/\n$/, '').split('\n'));
      const lines = entries.flat();
      const ranges: string[] = [];
      let at = 0;
      for (const { length } of entries) {
        ranges.push(trimmedRange(at, at + length - 1, lines));
        at += length;
      }
      return { name, lines, ranges: ranges.filter((range) => range !== '') };
    });
}
