// Up to when everything chosen was followed, kept in the spool: after a restart, a container without a cursor of its own is
// read from there.

const key = 'watched-until';
/** It is written at most this often, in ms: being late only means reading a little more. */
const everyMs = 10_000;

export interface Watched {
  /** What was on disk at the start. */
  since(): string | undefined;
  /** From now on `watchedUntil` tells. */
  follow(watchedUntil: () => string | undefined): void;
  /** The note to write beside the cursors, or undefined when it is not yet time. */
  note(now: number): [key: string, value: string] | undefined;
}

export function createWatched(spool: { note(key: string): string | undefined }): Watched {
  const atStart = spool.note(key);
  let read: () => string | undefined = () => undefined;
  let writtenAt = 0;
  let written = atStart;
  return {
    since: () => atStart,
    follow(watchedUntil) {
      read = watchedUntil;
    },
    note(now) {
      const at = read();
      // The clock may be set back.
      if (at === undefined || at === written || Math.abs(now - writtenAt) < everyMs) return undefined;
      writtenAt = now;
      written = at;
      return [key, at];
    },
  };
}
