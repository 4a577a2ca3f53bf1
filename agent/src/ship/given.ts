// Words that the tests of this folder set the scene with.

import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cursor, Hole, MatchedRecord, Stream } from '../types.ts';
import type { Batch } from './batch-reader.ts';
import { eventId } from './event-id.ts';
import { type Log, silent } from './log.ts';
import { openSpool, type Spool, type SpoolOptions } from './spool.ts';

const folders: string[] = [];
const spools: Spool[] = [];

export async function folder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'spool-'));
  folders.push(dir);
  return dir;
}

export async function spoolIn(dir: string, options: Partial<SpoolOptions> = {}): Promise<Spool> {
  const spool = await openSpool({
    dir,
    maxBytes: 64 * 1024 * 1024,
    whenFull: 'block',
    log: silent,
    ...options,
  });
  spools.push(spool);
  return spool;
}

export async function closeSpools(): Promise<void> {
  for (const spool of spools.splice(0)) await spool.close().catch(() => {});
}

/** For afterEach. */
export async function cleanUp(): Promise<void> {
  await closeSpools();
  for (const dir of folders.splice(0)) await rm(dir, { recursive: true, force: true });
}

/** The instant of a container's n-th line. */
export function instant(n: number): string {
  return `2026-11-22T10:00:00.${String(n).padStart(9, '0')}Z`;
}

export interface Numbered {
  containerId?: string;
  stream?: Stream;
  message?: string;
}

/** The record made from a container's n-th line. */
export function recordOf(
  n: number,
  { containerId = 'c1', stream = 'stdout', message = `ERROR number ${n}` }: Numbered = {},
): MatchedRecord {
  const position = { at: instant(n), ordinal: 0 };
  return {
    containerId,
    stream,
    first: position,
    last: position,
    record: {
      event_id: eventId(containerId, stream, position),
      host: 'example.com',
      container: `name-of-${containerId}`,
      message,
      severity: 'error',
      occurred_at: position.at,
      stream,
    },
  };
}

export function cursorOf(n: number, { containerId = 'c1', stream = 'stdout' }: Numbered = {}): Cursor {
  return { containerId, stream, position: { at: instant(n), ordinal: 0 } };
}

export function holeOf(n: number, containerId = 'c1'): Hole {
  return {
    containerId,
    container: `name-of-${containerId}`,
    from: instant(n),
    to: instant(n + 1),
    reason: 'rotated',
  };
}

/** Appends records `from` to `to` - 1, each with its cursor, `each` at a time. */
export async function appendNumbers(
  spool: Spool,
  from: number,
  to: number,
  options: Numbered & { each?: number } = {},
): Promise<void> {
  const { each = 1 } = options;
  for (let n = from; n < to; n += each) {
    const end = Math.min(n + each, to);
    const records = Array.from({ length: end - n }, (_, index) => recordOf(n + index, options));
    await spool.append({ records, cursors: [cursorOf(end - 1, options)] });
  }
}

export function numberOf(at: string): number {
  return Number(at.slice(20, 29));
}

/** When the line of a record in wire form was printed. */
export function atOf(json: Buffer): string {
  return (JSON.parse(json.toString()) as { occurred_at: string }).occurred_at;
}

/** The numbers of a batch's records. */
export function numbersOf(batch: Batch | undefined): number[] {
  return [...(batch?.records ?? [])].map((json) => numberOf(atOf(json)));
}

const everything = { maxRecords: 1_000_000, maxBytes: 1e9, lingerMs: 0 };

/** All that is not acknowledged, which it acknowledges only when told to. */
export async function drain(
  spool: Spool,
  { acknowledge = true, bounds = {} }: { acknowledge?: boolean; bounds?: Partial<typeof everything> } = {},
): Promise<{ numbers: number[]; holes: Hole[] }> {
  const numbers: number[] = [];
  const holes: Hole[] = [];
  while (spool.stats().records + spool.stats().holes > 0) {
    const batch = await spool.next({ ...everything, ...bounds }, AbortSignal.timeout(20_000));
    if (!batch) throw new Error(`the spool has ${spool.stats().records} records and gives none`);
    numbers.push(...numbersOf(batch));
    holes.push(...batch.holes.map(({ hole }) => hole));
    if (!acknowledge) break;
    spool.acknowledge(batch);
  }
  return { numbers, holes };
}

export async function segmentsIn(dir: string): Promise<string[]> {
  return (await readdir(dir)).filter((name) => name.endsWith('.seg')).sort();
}

/** A log that keeps its lines. */
export function listeningLog(): Log & { lines: string[] } {
  const lines: string[] = [];
  const say = (level: string) => (_fields: unknown, text: string) => void lines.push(`${level} ${text}`);
  return { lines, debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') };
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, index) => from + index);
}
