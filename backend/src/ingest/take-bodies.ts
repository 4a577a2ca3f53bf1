// What senders post -> its bytes, read once: any content type, compressed or not, within the memory that all of their requests
// may hold together.

import type { IncomingMessage } from 'node:http';
import { limits } from '@log-detector/contract';
import { errorCodes, type FastifyRequest } from 'fastify';
import { HttpError } from '../http/errors.ts';
import type { App } from '../http/http.ts';
import { readBody } from './body.ts';
import type { Budget, Share } from './budget.ts';

/** Body of a request that was read, with the memory it holds: whoever answers gives it back. */
export interface Body {
  bytes: Buffer;
  share: Share;
}

/** In place of Fastify's own parsers, for all routes of the scope. */
export function takeBodies(scope: App, budget: Budget): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser(
    '*',
    async (request: FastifyRequest, payload: IncomingMessage): Promise<Body> => {
      // As everywhere (http.ts): a page of any site could send it.
      if (request.headers['content-type'] === undefined && request.headers.origin !== undefined)
        throw new errorCodes.FST_ERR_CTP_INVALID_MEDIA_TYPE();
      const share = budget.open();
      try {
        return { bytes: await readBody(request.headers, payload, limits.bodyBytes, share), share };
      } catch (error) {
        share.give();
        throw error;
      }
    },
  );
}

/** @throws {HttpError} 422 when the request has none. */
export function bodyOf(request: { body: unknown }): Body {
  const body = request.body as Body | undefined;
  if (!body) throw new HttpError(422, [{ loc: ['body'], msg: 'Field required', type: 'missing' }]);
  return body;
}
