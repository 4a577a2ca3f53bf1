// A copy of the cursors in a file of its own, never ahead of a record that is not acknowledged: for the day when the
// segment is damaged that holds the beginning of it all.

import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Backlog } from './backlog.ts';
import { FrameWriter } from './frames.ts';
import { type ResumeState, readHead } from './resume-state.ts';

const everyMs = 10_000;

export class SafePoint {
  readonly #dir: string;
  #keptAt = 0;
  /** It is as the state was when this segment began; undefined: as it was when nothing waited. */
  #segment: number | undefined;

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** Renews it now and then: to the state as it is, when nothing waits; else as it was when the oldest segment began. */
  async keep(backlog: Backlog, state: ResumeState, now: number): Promise<void> {
    const oldest = backlog.isEmpty() ? undefined : backlog.segments[0];
    const isDue = Math.abs(now - this.#keptAt) > everyMs;
    if (!isDue || (oldest && oldest.number === this.#segment)) return;
    this.#keptAt = now;
    this.#segment = oldest?.number;
    try {
      const safe = oldest ? (await readHead(oldest.path))?.state : state;
      if (safe) await this.#write(safe);
    } catch {
      // The one before is as safe, only older.
    }
  }

  /** Whole or not at all. */
  async #write(state: ResumeState): Promise<void> {
    const path = pathIn(this.#dir);
    const frames = new FrameWriter();
    frames.head({
      version: 1,
      segment: 0,
      older: [],
      acknowledged: { segment: 0, offset: 0 },
      ...state.rows(),
    });
    const file = await open(`${path}.new`, 'w', 0o600);
    try {
      await file.writeFile(frames.take());
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(`${path}.new`, path);
  }
}

/** @returns undefined when there is none that can be read. */
export async function readSafePoint(dir: string): Promise<ResumeState | undefined> {
  return (await readHead(pathIn(dir)))?.state;
}

function pathIn(dir: string): string {
  return join(dir, 'safe-point');
}
