// A folder as a crash, a full disk or a bad sector left it -> what can be trusted: of every segment its whole frames, and
// cursors that cover nothing that is lost. Surprise: records after a damaged place are kept, but the cursors go back to
// that place, so that what is missing is read from Docker again; its event_ids make what is not missing harmless.

import { open, readdir, stat } from 'node:fs/promises';
import type { Hole } from '../types.ts';
import {
  type CursorRow,
  type Frame,
  frameTypes,
  type Head,
  type NoteRow,
  originOf,
  type Place,
  payloadOf,
  readFrames,
} from './frames.ts';
import { isDamage, reasonOf } from './log.ts';
import { ResumeState } from './resume-state.ts';
import { readSafePoint } from './safe-point.ts';
import { comparePlaces, Segment, segmentNumber } from './segment.ts';

/** Something that cannot be read. */
export interface Damage {
  segment: number;
  /** The file, or undefined when it is the file that is missing. */
  path: string | undefined;
  /** From where on it cannot be read. */
  offset: number;
  text: string;
  /** Records may be missing that were not acknowledged, and cursors went back. */
  matters: boolean;
}

export interface Recovered {
  /** In order. All hold a whole head at least. */
  segments: Segment[];
  acknowledged: Place;
  state: ResumeState;
  /** In order of the segments. What an earlier start found is not in it again. */
  damage: Damage[];
  /** Files that hold nothing at all that can be read. */
  useless: string[];
  nextSegment: number;
}

interface Scan {
  segment: Segment;
  head: Head | undefined;
  state: ResumeState;
  acknowledged: Place | undefined;
  /** Why reading stopped before the end. */
  failure: string | undefined;
}

/**
 * Reads all of it once, and changes nothing.
 * @throws when the folder cannot be listed, or was written by a later version.
 */
export async function recover(dir: string): Promise<Recovered> {
  const numbers = (await readdir(dir))
    .map(segmentNumber)
    .filter((number) => number !== undefined)
    .sort((a, b) => a - b);
  const scans: Scan[] = [];
  // Backwards: the newest head that can be read knows how much of every older segment counts.
  let older: Map<number, number> | undefined;
  for (const number of [...numbers].reverse()) {
    const scan = await scanSegment(new Segment(dir, number), older?.get(number));
    if (!older && scan.head) older = new Map(scan.head.older);
    scans.unshift(scan);
  }
  const acknowledged = lastOf(scans.flatMap((scan) => [scan.head?.acknowledged, scan.acknowledged]));
  const damage = findDamage(dir, scans, older ?? new Map(), acknowledged);
  const segments = scans.filter(({ head }) => head).map(({ segment }) => segment);
  for (const segment of segments) await leaveOutAcknowledged(segment, acknowledged);
  return {
    segments,
    acknowledged,
    state: await stateBefore(dir, damage, scans),
    damage,
    useless: scans.filter(({ head }) => !head).map(({ segment }) => segment.path),
    nextSegment: Math.max(numbers.at(-1) ?? 0, acknowledged.segment) + 1,
  };
}

/** @param limit how much of it counts; what follows was written again elsewhere, or found damaged before. */
async function scanSegment(segment: Segment, limit: number | undefined): Promise<Scan> {
  const scan: Scan = {
    segment,
    head: undefined,
    state: new ResumeState(),
    acknowledged: undefined,
    failure: undefined,
  };
  try {
    segment.fileBytes = (await stat(segment.path)).size;
    const end = Math.min(segment.fileBytes, limit ?? segment.fileBytes);
    const file = await open(segment.path, 'r');
    try {
      const { offset, damaged } = await readFrames(file, 0, end, (frame) => {
        const taken = takeFrame(scan, frame);
        if (taken) segment.length = frame.end;
        return taken;
      });
      if (offset < end || damaged) scan.failure = `is damaged at byte ${offset} of ${segment.fileBytes}`;
      else if (!scan.head) scan.failure = 'is empty';
      else if (limit !== undefined && offset < limit)
        scan.failure = `was cut to ${offset} bytes; it had ${limit}`;
    } finally {
      await file.close();
    }
  } catch (error) {
    if (!isDamage(error)) throw error;
    scan.failure = `cannot be read: ${reasonOf(error)}`;
  }
  return scan;
}

class LaterVersion extends Error {}

function takeFrame(scan: Scan, { type, payload, start, end }: Frame): boolean {
  const { segment } = scan;
  if ((type === frameTypes.head) !== (start === 0)) return false;
  switch (type) {
    case frameTypes.head: {
      const head = payloadOf<Head>(payload);
      if (head.version !== 1)
        throw new LaterVersion(
          `${segment.path} was written by a later version of the agent (format ${head.version}); run that version until the spool is empty, or set SPOOL_DIR to another folder`,
        );
      if (head.segment !== segment.number) return false;
      scan.head = head;
      segment.headBytes = end;
      scan.state = ResumeState.from(head);
      break;
    }
    case frameTypes.record:
      segment.add(originOf(payload).count);
      break;
    case frameTypes.cursors:
      scan.state.setCursors(payloadOf<CursorRow[]>(payload));
      break;
    case frameTypes.notes:
      scan.state.setNotes(payloadOf<NoteRow[]>(payload));
      break;
    case frameTypes.hole:
      segment.holes.push(payloadOf<Hole>(payload));
      break;
    case frameTypes.forget:
      scan.state.forget(payloadOf<string>(payload));
      break;
    case frameTypes.acknowledged:
      scan.acknowledged = payloadOf<Place>(payload);
      break;
  }
  return true;
}

function lastOf(places: (Place | undefined)[]): Place {
  return places.reduce<Place>((last, place) => (place && comparePlaces(place, last) > 0 ? place : last), {
    segment: 0,
    offset: 0,
  });
}

function findDamage(dir: string, scans: Scan[], older: Map<number, number>, acknowledged: Place): Damage[] {
  const found = new Set(scans.map(({ segment }) => segment.number));
  const missing = [...older.keys()].filter((number) => !found.has(number) && number >= acknowledged.segment);
  return [
    ...missing.map((number) => {
      const { path } = new Segment(dir, number);
      return { segment: number, path: undefined, offset: 0, text: `${path} is missing`, matters: true };
    }),
    ...scans.flatMap(({ segment: { number, path, length }, failure }) =>
      failure === undefined
        ? []
        : {
            segment: number,
            path,
            offset: length,
            text: `${path} ${failure}`,
            matters: number >= acknowledged.segment,
          },
    ),
  ].sort((a, b) => a.segment - b.segment);
}

/** The newest cursors that cover nothing that is lost. */
async function stateBefore(dir: string, damage: Damage[], scans: Scan[]): Promise<ResumeState> {
  const first = damage.find(({ matters }) => matters)?.segment ?? Number.POSITIVE_INFINITY;
  const readable = scans.filter(({ head }) => head);
  const last = readable.findLast(({ segment }) => segment.number <= first);
  if (last) return last.state;
  // What the next segment began with is ahead of what is lost, but better than nothing.
  const next = readable[0]?.head;
  return (await readSafePoint(dir)) ?? (next ? ResumeState.from(next) : new ResumeState());
}

/** The scan counted every record; what is acknowledged is taken out again. */
async function leaveOutAcknowledged(segment: Segment, acknowledged: Place): Promise<void> {
  const all = segment.number < acknowledged.segment;
  if (!all && segment.number !== acknowledged.segment) return;
  const end = all ? segment.length : Math.min(acknowledged.offset, segment.length);
  if (all) {
    segment.records = 0;
    segment.backlog.clear();
    segment.holes.length = 0;
    return;
  }
  const file = await open(segment.path, 'r');
  try {
    await readFrames(file, 0, end, ({ type, payload }) => {
      if (type === frameTypes.record) segment.remove(originOf(payload).count);
      else if (type === frameTypes.hole) segment.holes.shift();
      return true;
    });
  } finally {
    await file.close();
  }
}
