// The records that the ingest benchmarks send: what twenty containers of a host would print. All different: numbers differ
// in every one, as in most logs. One in a hundred different: a failure that repeats itself. Their ids are as agents make them.

import { eventId } from '../../agent/src/ship/event-id.ts';

const kinds: ((n: number) => string)[] = [
  (n) => `ERROR cache miss storm on shard ${n}, falling back to the primary store`,
  (n) => `2026-11-22 10:00:00,123 ERROR app.jobs could not lease job ${n} from the queue: timed out`,
  (n) => `ERROR socket to 10.0.${n % 250}.${(n >> 8) % 250} closed by peer while sending request ${n}`,
  (n) => `ERROR index rebuild stopped after ${n} rows`,
  (n) => `[2026-11-22T10:00:00.123Z] ERROR session ${n} expired while the cart was open`,
  (n) => `ERROR ledger entry ${n} does not balance`,
  (n) => `ERROR upload of part ${n} refused with status 503 by https://store.example.com/parts/${n}`,
  (n) => `ERROR token of user ${n} has a wrong signature`,
  (n) => `ERROR worker ${n} ran out of file handles`,
  (n) => `ERROR no route for tenant ${n} in this region`,
];

const padding =
  ', request and response were dropped, the caller was told to come again later, and nothing else was done';

/** A message of about 300 bytes. */
function messageOf(n: number): string {
  const message = kinds[n % kinds.length]!(n);
  return `${message}${padding.repeat(3)}`.slice(0, 300);
}

/** The n-th record of a sender, as its JSON. @param differentEach 1: all differ; 100: one in a hundred does. */
export function recordJson(sender: string, n: number, differentEach: number): string {
  const container = `c-${Math.floor(n / differentEach / kinds.length) % 20}`;
  // Sixteen lines a millisecond.
  const ms = Date.UTC(2026, 10, 22, 10) + (n >> 4);
  const position = { at: `${new Date(ms).toISOString().slice(0, -1)}000000Z`, ordinal: n & 15 };
  return JSON.stringify({
    event_id: eventId(`${sender} ${container}`, 'stderr', position),
    host: `web-${sender}`,
    container,
    severity: 'error',
    message: messageOf(Math.floor(n / differentEach)),
    occurred_at: '2026-11-22T10:00:00.123456Z',
    stream: 'stderr',
    image: 'registry.example.com/shop/api:1.42.0',
  });
}
