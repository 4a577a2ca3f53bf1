// What was read -> a UUID. The same line read again, or a hole declared again, gets the same id, so a repeat is
// harmless at the backend; that is why nothing here is random and no clock is asked. A record's begins with when its
// line was printed: the backend keeps millions of ids, and finds the place of those that come now in the same few pages.

import { hash } from 'node:crypto';
import type { Hole, Position, Stream } from '../types.ts';

/**
 * The `event_id` of a record.
 * @param containerId the container's full id, never its name: a name is given again, an id is not.
 * @param position where the entry's first line stands.
 * @param part which record of several made from that one entry (a long traceback sent in parts), from 0.
 * @returns a UUID of version 8 (RFC 9562, 5.8): 48 bits of milliseconds, as in version 7, and of a SHA-256 the 74 that the
 * layout leaves free.
 */
export function eventId(containerId: string, stream: Stream, position: Position, part = 0): string {
  const { at, ordinal } = position;
  return uuidOf(`record\0${containerId}\0${stream}\0${at}\0${ordinal}\0${part}`, millisecondsOf(at));
}

/** The `event_id` of what happened to a container: told again by Docker after a restart, it gets the same. */
export function lifeId(containerId: string, at: string, kind: string): string {
  return uuidOf(`life\0${containerId}\0${at}\0${kind}`);
}

/** The `event_id` of a hole, from the container, stream, both ends and the reason. The detail's wording does not count. */
export function holeId(hole: Hole): string {
  return uuidOf(`hole\0${hole.containerId}\0${hole.stream ?? ''}\0${hole.from}\0${hole.to}\0${hole.reason}`);
}

/** Twelve hexadecimal digits. Many lines share a millisecond; what is no time between 1970 and 10889 is as if it were 1970. */
function millisecondsOf(at: string): string {
  const text = at.slice(0, 23);
  if (text !== latest.text) {
    const ms = Date.parse(`${text}Z`);
    latest = { text, digits: (ms >= 0 && ms < 2 ** 48 ? ms : 0).toString(16).padStart(12, '0') };
  }
  return latest.digits;
}
let latest = { text: '', digits: '' };

const variants = '89ab';

/** @param first twelve hexadecimal digits that it begins with; left out, they are of the hash too. */
function uuidOf(name: string, first?: string): string {
  const hex = hash('sha256', name, 'hex');
  const begin = first ?? hex;
  // The two highest bits are 10. A letter's code is 87 above its value, a digit's 48.
  const digit = hex.charCodeAt(16);
  const variant = variants[(digit < 97 ? digit : digit + 9) & 3];
  return `${begin.slice(0, 8)}-${begin.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
