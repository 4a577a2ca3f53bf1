// Records of containers that are starting or stopping -> whether an issue may be their noise: held back, unless it stays.
// What a container prints while it is restarted or replaced mostly means nothing; the agent marks it (fields.phase).

import type { StoredRecord } from '../ingest/types.ts';

/** Which containers brought the issue while they started, and in which starts; part of an issue's alert memory. */
export interface Noise {
  /** Ms since the epoch. */
  since: number;
  /** Host and container -> when it was started, the first few. */
  starts: Record<string, string[]>;
}

export interface NoiseVerdict {
  isNoise: boolean;
  noise?: Noise;
}

/** One container that brings it in so many starts, over more than this, is in a loop. */
const loopStarts = 3;
const loopMs = 60_000;
/** After so long it is counted anew: what is restarted each night is in no loop. */
const windowMs = 600_000;
const mostContainers = 50;

/** Whether the record was printed by a container that was starting or stopping. A sender's own field `phase` is none. */
export function hasPhase({ fields }: Pick<StoredRecord, 'fields'>): boolean {
  if (fields === null || (typeof fields.started_at !== 'string' && typeof fields.image_id !== 'string'))
    return false;
  return fields.phase === 'starting' || fields.phase === 'stopping';
}

/**
 * @param records of one issue and batch. @param together those that share an alert with them.
 * @param before what the issue remembers. @param now ms since the epoch
 */
export function judgeNoise(
  records: readonly StoredRecord[],
  together: readonly StoredRecord[],
  before: Noise | undefined,
  now: number,
): NoiseVerdict {
  if (!records.every(hasPhase) || !together.every(hasPhase)) return { isNoise: false };
  let noise = before && now - before.since <= windowMs ? before : { since: now, starts: {} };
  for (const { host, container, fields } of records) {
    if (fields!.phase !== 'starting' || typeof fields!.started_at !== 'string') continue;
    noise = withStart(noise, `${host}/${container}`, fields!.started_at.slice(0, 19).toWellFormed());
  }
  const isLoop = Object.values(noise.starts).some((starts) => starts.length >= loopStarts);
  return { isNoise: !(isLoop && now - noise.since > loopMs), noise };
}

function withStart(noise: Noise, container: string, startedAt: string): Noise {
  const known = noise.starts[container] ?? [];
  if (known.includes(startedAt) || known.length >= loopStarts) return noise;
  if (known.length === 0 && Object.keys(noise.starts).length >= mostContainers) return noise;
  return { ...noise, starts: { ...noise.starts, [container]: [...known, startedAt] } };
}
