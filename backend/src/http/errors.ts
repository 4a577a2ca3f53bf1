// Errors as the wire says them: {"detail": "words"}, or for a body or query that does not fit, 422 with
// {"detail": [{loc, msg, type}]}. Whatever else is thrown is a fault of ours: 500, logged, and not told to the client.

import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { isConnectError } from '../db/pool.ts';

/** One thing that does not fit: where it stands (`["body", "host"]`), in words, and as one word. */
export interface Misfit {
  loc: (string | number)[];
  msg: string;
  type: string;
}

/** Thrown by a route to answer with `status` and `detail`. */
export class HttpError extends Error {
  readonly status: number;
  readonly detail: string | Misfit[];
  readonly headers: Record<string, string>;
  constructor(status: number, detail: string | Misfit[], headers: Record<string, string> = {}) {
    super(
      typeof detail === 'string'
        ? detail
        : detail.map(({ loc, msg }) => `${loc.join('.')}: ${msg}`).join('; '),
    );
    this.status = status;
    this.detail = detail;
    this.headers = headers;
  }
}

export function notFound(what: string): HttpError {
  return new HttpError(404, `${what} not found`);
}

/** The sender shall come again in a while: 503 with Retry-After. */
export function comeAgain(why: string, retryAfterSeconds = 1): HttpError {
  return new HttpError(503, why, { 'retry-after': String(retryAfterSeconds) });
}

/** The error bodies, as the OpenAPI document defines them … */
export const errorSchemas = [
  Type.Object({ detail: Type.String() }, { $id: 'Error', title: 'Error' }),
  Type.Object(
    {
      detail: Type.Array(
        Type.Object({
          loc: Type.Array(Type.Union([Type.String(), Type.Integer()])),
          msg: Type.String(),
          type: Type.String(),
        }),
      ),
    },
    { $id: 'ValidationError', title: 'ValidationError' },
  ),
];

/** … and as routes name them. */
export const ErrorAnswer = Type.Unsafe<{ detail: string }>({ $ref: 'Error#' });
export const MisfitAnswer = Type.Unsafe<{ detail: Misfit[] }>({ $ref: 'ValidationError#' });

/** The database cannot be worked with now: it is away, or it is there and a person must let us work. */
export function isDatabaseAway(error: unknown): boolean {
  return comesBackByItself(error) || isConnectError(error) || isShut(error);
}

/** A refused login, a database or table that is gone, a right that was taken, a day without a partition. */
function isShut(error: unknown): boolean {
  const { code = '', constraint } = error as { code?: string; constraint?: string };
  return /^(28...|3D...|42501|42P01)$/.test(code) || (code === '23514' && constraint === undefined);
}

/** SQLSTATE classes and socket errors that say: waiting helps. */
export function comesBackByItself(error: unknown): boolean {
  const { code, message } = error as { code?: string; message?: string };
  if (code !== undefined) {
    if (
      /^(08|53|57|58)...$/.test(code) ||
      // 25P03, 25P04: the server ended a transaction that took longer than it allows.
      ['40001', '40P01', '55P03', '25006', '25P03', '25P04', 'XX000'].includes(code)
    )
      return true;
    if (
      /^E(CONN\w+|PIPE|NOENT|TIMEDOUT|HOSTUNREACH|NETUNREACH|AI_AGAIN|ACCES)$/.test(code) ||
      code === 'ENOTFOUND'
    )
      return true;
  }
  // What `pg` says of its own connections has no code.
  return /Connection terminated|connection timeout|timeout exceeded when trying to connect|Query read timeout|not queryable|Client was closed/i.test(
    message ?? '',
  );
}

/** Fastify's error handler. */
export function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const answer = toHttpError(error);
  if (answer) return reply.code(answer.status).headers(answer.headers).send({ detail: answer.detail });
  request.log.error({ err: error, route: request.routeOptions?.url }, 'bug: a request failed');
  return reply.code(500).send({ detail: 'Internal Server Error' });
}

const noHttp: Record<string, string> = {
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
};

/** Fastify's handler of what Node cannot read as HTTP, or what did not come to its end in time. */
export function answerNoHttp({ code }: NodeJS.ErrnoException, socket: Socket): void {
  if (code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const status = noHttp[code ?? ''] ?? '400 Bad Request';
  const body = JSON.stringify({ detail: status.slice(4) });
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
    () => socket.destroy(),
  );
}

function toHttpError(error: unknown): HttpError | undefined {
  if (error instanceof HttpError) return error;
  const { statusCode, code, message, misfits } = error as {
    statusCode?: number;
    code?: string;
    message?: string;
    misfits?: Misfit[];
  };
  if (misfits) return new HttpError(422, misfits);
  if (isDatabaseAway(error)) return comeAgain('the database is not available; try again', 1);
  // Fastify's own parser of JSON bodies.
  if (code === 'FST_ERR_CTP_INVALID_JSON_BODY' || error instanceof SyntaxError)
    return new HttpError(422, [{ loc: ['body'], msg: 'JSON decode error', type: 'json_invalid' }]);
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    const msg = 'Content-Type is not taken; send application/json';
    return new HttpError(422, [{ loc: ['header', 'content-type'], msg, type: 'value_error' }]);
  }
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return new HttpError(statusCode, message ?? 'Bad Request');
  return undefined;
}
