// One POST -> the answer, whole, or an error that says what went wrong. Redirects are not followed: an answer from
// elsewhere must not count as the backend's.

import type { ClientRequest, IncomingHttpHeaders } from 'node:http';
import { http } from '../node-http.ts';
import { codeOf } from './log.ts';

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

export interface PostOptions {
  /** Until the connection stands. */
  connectTimeoutMs: number;
  /** Without a byte in either direction. */
  readTimeoutMs: number;
  /** An answer may have so many bytes. */
  maxAnswerBytes: number;
  signal: AbortSignal;
}

/** No answer in time. A smaller body may do better. */
export class TooSlow extends Error {}

export interface Connection {
  /** @throws when there is no whole answer, whatever the reason. */
  post(body: Buffer, headers: Record<string, string>, options: PostOptions): Promise<Answer>;
  close(): void;
}

/** One kept-alive connection to one address. Credentials in the URL go out as basic authentication. */
export function connectTo(url: URL): Connection {
  const secure = url.protocol === 'https:';
  // Loaded when it is needed.
  const https = secure ? process.getBuiltinModule('node:https') : undefined;
  const agent = new (https?.Agent ?? http.Agent)({ keepAlive: true, maxSockets: 1 });
  const open = https?.request ?? http.request;

  function send(body: Buffer, headers: Record<string, string>, options: PostOptions): Promise<Answer> {
    let request: ClientRequest;
    return new Promise<Answer>((resolve, reject) => {
      const { connectTimeoutMs, readTimeoutMs, maxAnswerBytes, signal } = options;
      request = open(url, {
        method: 'POST',
        agent,
        signal,
        headers: { ...headers, 'content-length': String(body.length) },
      });
      // Nothing that dribbles on may hold the line for ever.
      const wholeMs = connectTimeoutMs + Math.max(60_000, 4 * readTimeoutMs);
      const whole = setTimeout(
        () => request.destroy(new TooSlow(`no whole answer within ${wholeMs} ms`)),
        wholeMs,
      );
      request.once('close', () => clearTimeout(whole));
      request.once('error', reject);
      request.once('socket', (socket) => {
        const quiet = () =>
          request.setTimeout(readTimeoutMs, () =>
            request.destroy(new TooSlow(`no answer within ${readTimeoutMs} ms (READ_TIMEOUT)`)),
          );
        if (!socket.connecting) return quiet();
        const connecting = setTimeout(
          () => request.destroy(noConnection(connectTimeoutMs)),
          connectTimeoutMs,
        );
        socket.once(secure ? 'secureConnect' : 'connect', () => {
          clearTimeout(connecting);
          quiet();
        });
        request.once('close', () => clearTimeout(connecting));
      });
      request.once('response', (response) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > maxAnswerBytes)
            request.destroy(new Error(`the answer is longer than ${maxAnswerBytes} bytes`));
          else chunks.push(chunk);
        });
        response.once('error', reject);
        response.once('end', () => {
          if (!response.complete) reject(new Error('the answer broke off'));
          else
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              body: Buffer.concat(chunks).toString('utf8'),
            });
        });
      });
      request.end(body);
    }).catch((error) => {
      // The backend closed the idle connection at the very moment; nothing is wrong, and a repeat is harmless.
      const wasClosed = request?.reusedSocket && ['ECONNRESET', 'EPIPE'].includes(codeOf(error) ?? '');
      if (wasClosed && !options.signal.aborted) return send(body, headers, options);
      throw error;
    });
  }

  return { post: send, close: () => agent.destroy() };
}

function noConnection(ms: number): Error {
  return Object.assign(new Error(`no connection within ${ms} ms (CONNECT_TIMEOUT)`), { code: 'ETIMEDOUT' });
}
