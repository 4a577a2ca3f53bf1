// What was read -> a UUID. The same line read again, or a hole declared again, gets the same id, so a repeat is
// harmless at the backend; that is why nothing here is random and no clock is asked.

import { hash } from 'node:crypto';
import type { Hole, Position, Stream } from '../types.ts';

/**
 * The `event_id` of a record.
 * @param containerId the container's full id, never its name: a name is given again, an id is not.
 * @param position where the entry's first line stands.
 * @param part which record of several made from that one entry (a long traceback sent in parts), from 0.
 * @returns a UUID of version 8 (RFC 9562, 5.8): the first 122 bits that the layout leaves free are of a SHA-256.
 */
export function eventId(containerId: string, stream: Stream, position: Position, part = 0): string {
  return uuidOf(`record\0${containerId}\0${stream}\0${position.at}\0${position.ordinal}\0${part}`);
}

/** The `event_id` of what happened to a container: told again by Docker after a restart, it gets the same. */
export function lifeId(containerId: string, at: string, kind: string): string {
  return uuidOf(`life\0${containerId}\0${at}\0${kind}`);
}

/** The `event_id` of a hole, from the container, stream, both ends and the reason. The detail's wording does not count. */
export function holeId(hole: Hole): string {
  return uuidOf(`hole\0${hole.containerId}\0${hole.stream ?? ''}\0${hole.from}\0${hole.to}\0${hole.reason}`);
}

const variants = '89ab';

function uuidOf(name: string): string {
  const hex = hash('sha256', name, 'hex');
  // The two highest bits are 10. A letter's code is 87 above its value, a digit's 48.
  const digit = hex.charCodeAt(16);
  const variant = variants[(digit < 97 ? digit : digit + 9) & 3];
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
