// Stands between agent and backend and, on request, treats the agent as bad networks and bad servers do. In `pass` it
// hands on requests and answers as they are.

import {
  createServer,
  Agent as HttpAgent,
  type IncomingMessage,
  request as requestHttp,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Transform } from 'node:stream';

/**
 * What a request meets.
 * `cut`: the connection is reset in the middle of the request's body. `slow`: so many bytes a second each way.
 * `half-close`: half the body goes on, then both sides get an orderly end without an answer. `silence`: it is taken in and
 * never answered. `error-…`: the proxy answers by itself. `garbage`: 200 with a page of HTML, or with JSON cut short.
 * `lose-answer`: the backend gets everything and answers, then the connection is reset instead of passing that on.
 */
export type ProxyMode =
  | 'pass'
  | 'cut'
  | 'slow'
  | 'half-close'
  | 'silence'
  | 'error-500'
  | 'error-429'
  | 'error-401'
  | 'garbage'
  | 'lose-answer';

export interface ChaosProxy {
  readonly url: string;
  /** Takes effect at once: `cut` and `half-close` also end the connections that stand idle. */
  setMode(mode: ProxyMode): void;
  /** Requests that met each mode. */
  readonly met: Readonly<Record<string, number>>;
  close(): Promise<void>;
}

const slowBytesPerSecond = 64 * 1024;

/** @param target where the backend listens, `http://127.0.0.1:<port>`; it may be away. */
export async function startProxy(target: string): Promise<ChaosProxy> {
  const { hostname, port } = new URL(target);
  const upstream = new HttpAgent({ keepAlive: true });
  const sockets = new Set<Socket>();
  const met: Record<string, number> = {};
  let mode: ProxyMode = 'pass';

  /** Hands the request on; `through` may change the flow of its bytes, and of the answer's. */
  function forward(request: IncomingMessage, response: ServerResponse, through?: () => Transform) {
    const onward = requestHttp({
      agent: upstream,
      hostname,
      port,
      method: request.method,
      path: request.url,
      headers: request.headers,
    });
    onward.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      answer.on('error', () => response.destroy());
      (through ? answer.pipe(through()) : answer).pipe(response);
    });
    // The backend is away, or ended in the middle: the agent sees its connection end.
    onward.on('error', () => request.socket.destroy());
    response.on('close', () => onward.destroy());
    (through ? request.pipe(through()) : request).pipe(onward);
    return onward;
  }

  function answerItself(
    request: IncomingMessage,
    response: ServerResponse,
    status: number,
    headers: Record<string, string>,
    body: string,
  ): void {
    request.resume();
    request.on('end', () => {
      response.writeHead(status, headers);
      response.end(body);
    });
  }

  const json = { 'content-type': 'application/json' };
  const treat: Record<ProxyMode, (request: IncomingMessage, response: ServerResponse) => void> = {
    pass: (request, response) => void forward(request, response),
    slow: (request, response) => void forward(request, response, () => throttle(slowBytesPerSecond)),
    cut: (request) => {
      request.once('data', () => request.socket.resetAndDestroy());
      request.once('end', () => request.socket.resetAndDestroy());
    },
    'half-close': (request) => {
      const onward = requestHttp({
        hostname,
        port,
        method: request.method,
        path: request.url,
        headers: request.headers,
      });
      onward.on('error', () => {});
      const half = Math.floor(Number(request.headers['content-length'] ?? 2) / 2);
      let passed = 0;
      const end = () => {
        // The other side of the orderly end may take its time to notice; not for ever.
        setTimeout(() => onward.destroy(), 1000).unref();
        request.socket.end();
      };
      request.on('data', (chunk: Buffer) => {
        if (passed >= half) return;
        const reached = passed + chunk.length >= half;
        onward.write(chunk.subarray(0, half - passed), () => reached && onward.socket?.end());
        passed += chunk.length;
        if (reached) end();
      });
      request.on('end', end);
    },
    silence: (request) => void request.resume(),
    'error-500': (request, response) => answerItself(request, response, 500, json, '{"detail":"broken"}'),
    'error-429': (request, response) =>
      answerItself(request, response, 429, { ...json, 'retry-after': '1' }, '{"detail":"slow down"}'),
    'error-401': (request, response) =>
      answerItself(request, response, 401, json, '{"detail":"who are you?"}'),
    garbage: (request, response) =>
      (met.garbage ?? 0) % 2 === 0
        ? answerItself(
            request,
            response,
            200,
            { 'content-type': 'text/html' },
            '<html>Welcome to the hotel</html>',
          )
        : answerItself(request, response, 200, json, '{"items":[{"id":"0'),
    'lose-answer': (request, response) => {
      const onward = forward(request, response);
      onward.removeAllListeners('response');
      onward.on('response', (answer) => {
        answer.resume();
        answer.on('end', () => request.socket.resetAndDestroy());
      });
    },
  };

  const server = createServer({ keepAliveTimeout: 60_000, requestTimeout: 0 }, (request, response) => {
    met[mode] = (met[mode] ?? 0) + 1;
    request.on('error', () => {});
    response.on('error', () => {});
    treat[mode](request, response);
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    met,
    setMode(next) {
      // Whoever still waits for an answer that will not come has waited long enough when the silence ends.
      const endsSilence = mode === 'silence' && next !== 'silence';
      mode = next;
      for (const socket of sockets) {
        if (next === 'cut') socket.resetAndDestroy();
        else if (next === 'half-close') socket.end();
        else if (endsSilence) socket.destroy();
      }
    },
    close() {
      for (const socket of sockets) socket.destroy();
      upstream.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** Lets so many bytes a second through. */
function throttle(bytesPerSecond: number): Transform {
  return new Transform({
    highWaterMark: 1024,
    transform(chunk: Buffer, _encoding, done) {
      setTimeout(() => done(null, chunk), (chunk.length / bytesPerSecond) * 1000);
    },
  });
}
