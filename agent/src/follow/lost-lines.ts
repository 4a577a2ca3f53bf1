// Lines of a container's log that cannot be read -> the holes that declare them, and a warning.

import type { Hole, Stream } from '../types.ts';
import type { Log } from './log.ts';
import type { Reader } from './reader.ts';
import type { leftAt } from './resume.ts';

/** Why lines that a log had, or has, cannot be read. */
const reasons = {
  rotated: {
    detail: 'the log no longer holds these lines: it was rotated or truncated before they were read',
    told: 'lines were rotated away before they were read',
  },
  'corrupt-log': {
    detail: 'Docker gives nothing of what its log has here: a line of it was torn when Docker was killed',
    told: 'lines around a torn one cannot be read',
  },
} as const;

export interface LostLinesOptions {
  /** Of the container. */
  id: string;
  /** What is known of it by now. */
  seen(): { name: string; createdAt: string | undefined };
  hole(hole: Hole): void;
  log: Log;
}

export function createLostLines({ id, seen, hole, log }: LostLinesOptions) {
  function declare(reason: keyof typeof reasons, from: string, to: string, stream?: Stream): void {
    const { detail, told } = reasons[reason];
    const { name } = seen();
    hole({ containerId: id, container: name, stream, from, to, reason, detail });
    log.warn({ container: name, stream, from, to }, told);
  }

  return {
    declare,

    /** Lines from where these streams were left up to the first one that came. */
    before(
      firstAt: string,
      reason: keyof typeof reasons,
      left: ReturnType<typeof leftAt>,
      reading: Pick<Reader, 'heldSince'>,
    ): void {
      for (const { stream, at } of left) {
        // Docker writes the streams side by side: what stands below the first line may be a little older.
        const heldSince = reading.heldSince(stream) ?? firstAt;
        const from = at.startsWith('1970') ? (seen().createdAt ?? at) : at;
        declare(reason, from, heldSince < firstAt ? heldSince : firstAt, stream);
      }
    },
  };
}
