// A load generator in as little processor time as Node can: the requests are bytes made beforehand, the sockets are bare,
// and of an answer only its status and length are read. It runs in a process of its own, on the same two cores.

import { connect } from 'node:net';
import { recordJson } from './records.ts';

export interface Load {
  port: number;
  connections: number;
  /** Requests in all. */
  requests: number;
  /** Records in a request; 0: one record that is no array. */
  batch: number;
  /** 1: all records differ; 100: one in a hundred does. */
  differentEach: number;
  /** Asks for the ids of a batch's records alone, as agents do. */
  isMinimal?: boolean;
  /** Tells this load's records from those of another. */
  name: string;
}

export interface LoadResult {
  seconds: number;
  cpuSeconds: number;
  records: number;
  /** Answers that were not 200. */
  failed: number;
  /** Of a request, in ms. */
  median: number;
  p99: number;
}

function requestOf(load: Load, n: number): Buffer {
  const { batch, differentEach, isMinimal, name } = load;
  const sender = `${name}-${n % 4}`;
  const body =
    batch === 0
      ? recordJson(sender, n, differentEach)
      : `[${Array.from({ length: batch }, (_, k) => recordJson(sender, n * batch + k, differentEach)).join(',')}]`;
  const prefer = isMinimal ? 'Prefer: return=minimal\r\n' : '';
  const head = `POST /api/logs HTTP/1.1\r\nHost: localhost\r\n${prefer}Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n`;
  return Buffer.from(head + body);
}

/** Makes the requests first, then sends them: `go` is awaited in between. */
export async function runLoad(load: Load, go: () => Promise<void>): Promise<LoadResult> {
  const requests = Array.from({ length: load.requests }, (_, n) => requestOf(load, n));
  await go();
  const started = performance.now();
  const cpu = process.cpuUsage();
  const times: number[] = [];
  let next = 0;
  let failed = 0;
  await Promise.all(
    Array.from(
      { length: load.connections },
      () =>
        new Promise<void>((done, fail) => {
          const socket = connect(load.port, '127.0.0.1');
          socket.setNoDelay(true);
          let sentAt = 0;
          let missing = -1;
          const send = () => {
            const request = requests[next++];
            if (!request) return void socket.end(() => done());
            sentAt = performance.now();
            socket.write(request);
          };
          socket.on('connect', send);
          socket.on('error', fail);
          let rest = '';
          socket.on('data', (chunk) => {
            if (missing > 0) missing -= chunk.length;
            else {
              rest += chunk.toString('latin1');
              const end = rest.indexOf('\r\n\r\n');
              if (end === -1) return;
              const length = Number(/\r\ncontent-length: (\d+)/i.exec(rest)?.[1]);
              if (!rest.startsWith('HTTP/1.1 200')) failed += 1;
              missing = length - (rest.length - end - 4);
            }
            if (missing > 0) return;
            rest = '';
            missing = -1;
            times.push(performance.now() - sentAt);
            send();
          });
        }),
    ),
  );
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  times.sort((a, b) => a - b);
  return {
    seconds,
    cpuSeconds: (user + system) / 1e6,
    records: load.requests * Math.max(1, load.batch),
    failed,
    median: times[times.length >> 1]!,
    p99: times[Math.floor(times.length * 0.99)]!,
  };
}
