// What a restart needs to know besides the records: the cursors, and notes, which are words that the agent keeps beside
// them (a container's name, until when it has looked). Every segment's head has it whole.

import { open } from 'node:fs/promises';
import type { Position, Stream } from '../types.ts';
import { type CursorRow, frameTypes, type Head, type NoteRow, payloadOf, readFrames } from './frames.ts';

export class ResumeState {
  readonly #containers = new Map<string, Partial<Record<Stream, Position>>>();
  readonly #notes = new Map<string, string>();

  static from({ cursors, notes }: Pick<Head, 'cursors' | 'notes'>): ResumeState {
    const state = new ResumeState();
    state.setCursors(cursors);
    state.setNotes(notes);
    return state;
  }

  cursor(containerId: string, stream: Stream): Position | undefined {
    return this.#containers.get(containerId)?.[stream];
  }

  note(key: string): string | undefined {
    return this.#notes.get(key);
  }

  containers(): string[] {
    return [...this.#containers.keys()];
  }

  setCursors(rows: readonly CursorRow[]): void {
    for (const [containerId, stream, at, ordinal] of rows) {
      const known = this.#containers.get(containerId);
      if (known) known[stream] = { at, ordinal };
      else this.#containers.set(containerId, { [stream]: { at, ordinal } });
    }
  }

  setNotes(rows: readonly NoteRow[]): void {
    for (const [key, value] of rows) this.#notes.set(key, value);
  }

  /** Drops a container's cursors, and the note under its id. */
  forget(containerId: string): void {
    this.#containers.delete(containerId);
    this.#notes.delete(containerId);
  }

  rows(): Pick<Head, 'cursors' | 'notes'> {
    const cursors: CursorRow[] = [];
    for (const [containerId, streams] of this.#containers)
      for (const [stream, position] of Object.entries(streams))
        cursors.push([containerId, stream as Stream, position.at, position.ordinal]);
    return { cursors, notes: [...this.#notes] };
  }
}

/** The first frame of a segment or a safe point. @returns undefined when it cannot be read. */
export async function readHead(path: string): Promise<{ head: Head; state: ResumeState } | undefined> {
  let head: Head | undefined;
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      await readFrames(file, 0, size, ({ type, payload }) => {
        if (type === frameTypes.head) head = payloadOf<Head>(payload);
        return false;
      });
    } finally {
      await file.close();
    }
  } catch {
    return undefined;
  }
  return head && { head, state: ResumeState.from(head) };
}
