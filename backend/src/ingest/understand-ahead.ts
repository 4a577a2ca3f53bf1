// Messages of requests -> what they are instances of, found out before their transaction, while the database is busy with the
// one before. A cache of this process, by the hash of the message: what is missing is found out later.

import { type Understood, understand } from './fingerprint.ts';
import type { IncomingRecord } from './types.ts';

type Message = Pick<IncomingRecord, 'logHash' | 'message'>;

const ahead = new Map<string, Understood>();
const maxAhead = 5000;

/** Never throws: what fails here fails again where it can be told. */
export function understandAhead({ logHash, message }: Message): void {
  if (ahead.size >= maxAhead) ahead.clear();
  try {
    if (!ahead.has(logHash)) ahead.set(logHash, understand(message));
  } catch {}
}

/** As `understand`. */
export function understandNow({ logHash, message }: Message): Understood {
  const known = ahead.get(logHash);
  if (!known) return understand(message);
  ahead.delete(logHash);
  return known;
}
