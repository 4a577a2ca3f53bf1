// An hour of load, simulated, while the backend is away: the clock is a number, everything else (spool, disk, HTTP) is real.
// For a test and for benchmarks/spool.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { cursorOf, numberOf, range, recordOf } from './given.ts';
import { silent } from './log.ts';
import { createSender } from './send.ts';
import type { Spool } from './spool.ts';

export interface HourAway {
  printed: number;
  stored: number;
  /** Came again although it had been answered. */
  repeated: number;
  /** Came after a later one of the same container. */
  outOfOrder: number;
  spoolBytes: number;
  /** Tries during the hour. */
  attempts: number;
  /** From the backend's return until the last record was there. */
  drainMs: number;
  /** Of this process, the receiving server too, in bytes, sampled every simulated second: in that hour, and in all. */
  peakRssAway: number;
  peakRss: number;
}

/** @param spool an empty one. @param perSecond records that both of two containers print together. */
export async function hourAway(spool: Spool, perSecond: number): Promise<HourAway> {
  const containers = ['c1', 'c2'];
  // By its number, in a byte: the oracle must not weigh more than what it measures.
  const seen = new Uint8Array(3600 * perSecond);
  const lastOf = new Map<string, string>();
  const result: HourAway = {
    printed: 0,
    stored: 0,
    repeated: 0,
    outOfOrder: 0,
    spoolBytes: 0,
    attempts: 0,
    drainMs: 0,
    peakRssAway: 0,
    peakRss: 0,
  };
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const records = JSON.parse(
      String(request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body),
    ) as { event_id: string; container: string; occurred_at: string }[];
    for (const { container, occurred_at } of records) {
      const number = numberOf(occurred_at);
      if (seen[number]) result.repeated++;
      else result.stored++;
      seen[number] = 1;
      if (occurred_at <= (lastOf.get(container) ?? '')) result.outOfOrder++;
      lastOf.set(container, occurred_at);
    }
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ items: records.map((record) => ({ id: record.event_id, ...record })) }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));

  let now = 0;
  let alarms: { at: number; ring: () => void }[] = [];
  const stop = new AbortController();
  const sender = createSender({
    spool,
    url: `http://127.0.0.1:${port}/api/logs`,
    host: 'example.com',
    log: silent,
    now: () => now,
    sleep: (ms) => new Promise((ring) => alarms.push({ at: now + ms, ring })),
  });
  const running = sender.run(stop.signal);

  function passTo(time: number): void {
    now = time;
    for (const { at, ring } of alarms) if (at <= now) ring();
    alarms = alarms.filter(({ at }) => at > now);
    result.peakRss = Math.max(result.peakRss, process.memoryUsage.rss());
  }

  for (let second = 0; second < 3600; second++) {
    const records = range(0, perSecond).map((index) =>
      recordOf(second * perSecond + index, { containerId: containers[index % containers.length] }),
    );
    result.printed += records.length;
    await spool.append({
      records,
      cursors: containers.map((containerId) => cursorOf((second + 1) * perSecond - 1, { containerId })),
    });
    passTo((second + 1) * 1000);
  }
  result.spoolBytes = spool.stats().bytes;
  result.attempts = sender.stats().requests;
  result.peakRssAway = result.peakRss;

  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const backAt = performance.now();
  while (spool.stats().records > 0) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    passTo(now + 1000);
  }
  result.drainMs = performance.now() - backAt;
  stop.abort();
  for (const { ring } of alarms) ring();
  await running;
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  return result;
}
